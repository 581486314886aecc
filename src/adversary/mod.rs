//! Somebody hostile who speaks the protocol: well-formed datagrams and frames of any values, biased to the edges.
//!
//! Owns: the grammar ([`grammar`]), a hostile member ([`member`]) and a hostile server ([`server`]), what a datagram may cost at
//! the most ([`limits`]).
//! Must not know: where its choices come from: a seed's bytes in the simulator, a fuzzer's in `fuzz/`.
//! Driven by: `sim`, `fuzzing` and the tests; part of the library only with the feature `adversary`.
//!
//! A new frame, entry or datagram is taught to `grammar` in the commit that adds it.

pub mod grammar;
pub mod limits;
pub mod member;
pub mod server;
