//! Tests with real processes: over loopback, on pipes and terminals, in network namespaces.
//!
//! One binary, so that the library is linked once; `cargo test --test process interop::` runs one part of it.

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod access;
mod anything;
mod bench;
mod clients;
mod devices;
mod edges;
mod faults;
mod history;
mod hostile;
mod identity;
mod interop;
mod kills;
mod lab;
mod letters;
mod members;
mod namespace;
mod outbox;
mod programs;
mod python;
mod reading;
mod receipts;
mod screen;
mod serve;
mod sim;
mod views;
#[cfg(feature = "web")]
mod web;
