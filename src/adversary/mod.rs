//! Hostile peers that speak the protocol: well-formed datagrams and frames with arbitrary values, biased towards the edges.
//!
//! Owns: the grammar ([`grammar`]), a hostile member ([`member`]), a hostile server ([`server`]), the limits of the work that
//! one datagram may cause ([`limits`]).
//! Must not know: the source of the choices (a seed's bytes in the simulator, a fuzzer's in `fuzz/`).
//! Driven by: `sim`, `fuzzing` and the tests; part of the library only with the feature `adversary`.
//!
//! The commit that adds a frame, entry or datagram adds it to `grammar` as well.

pub mod grammar;
pub mod letters;
pub mod limits;
pub mod member;
pub mod server;
