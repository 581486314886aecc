//! udpchat: a chat room over UDP.
//!
//! One program, `udpchat`, around one single-threaded poll loop. This library is everything but `main`, so that tests and
//! benchmarks drive the same parts. The map:
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | what the user typed |
//! | [`cmd`] | one file for each subcommand: configuration in, run the loop, exit code out |
//! | [`net`] | the shell: the only sockets, clock, stdin, stdout and signals |
//! | [`ui`] | what people see |
//! | [`server`] | the server's core: a room is a log, a peer is a cursor |
//! | [`mod@log`] | the room's log: drafts, pages, the window in memory, the backends |
//! | [`session`] | one encrypted, reliable conversation; the same code at both ends |
//! | [`client`] | the client's core: find out what the server speaks, post, learn the outcome |
//! | `web` | what a browser is served: the page, and a WebSocket for each tab |
//! | [`sim`] | the laboratory: server and clients in a simulated network |
//! | [`mod@bench`] | what `udpchat bench` measures |
//! | [`policy`] | who is who: which nicks look alike |
//! | [`wire`] | bytes to values and back |
//! | [`time`] | time as the core knows it |
//! | [`work`] | counts what the core does, so that the simulator can limit it |
//!
//! `server`, `log`, `client` and `wire` are sans-IO: time and bytes are handed in, bytes and events come out. The arrows go one
//! way: cmd -> net, ui -> server, client -> log -> wire. `docs/ARCHITECTURE.md` explains why.

#![cfg_attr(test, allow(clippy::cast_possible_truncation))] // small numbers of the tests' own

#[cfg(feature = "adversary")]
pub mod adversary;
pub mod bench;
pub mod cli;
pub mod client;
pub mod cmd;
#[cfg(feature = "adversary")]
pub mod fuzzing;
pub mod log;
pub mod net;
pub mod policy;
pub mod server;
pub mod session;
pub mod sim;
pub mod time;
pub mod ui;
#[cfg(feature = "web")]
pub mod web;
pub mod wire;
pub mod work;
