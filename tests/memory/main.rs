//! Tests without a server process and sockets: wire, room and clients in memory, the simulator with its oracle, the log's file.
//!
//! One binary, so that the library is linked once; `cargo test --test memory simulation::` runs one part of it.

#[path = "../common/mod.rs"]
mod common;

mod adversary;
mod architecture;
mod claims;
mod corpus;
mod cost;
mod generated;
mod hostile;
mod letters;
mod log;
mod painter;
mod rights;
mod room;
mod sessions;
mod simulation;
mod vectors;
