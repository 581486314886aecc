//! What a browser is served: the page, and a WebSocket for each tab.
//!
//! Owns: which requests are answered and how ([`gate`]), the token that opens the socket ([`token`]), the WebSocket's framing and its limits
//! ([`socket`]), the page itself ([`page`]).
//! Must not know: TCP, the clock, rooms; what a message on the socket means.
//! Driven by: `net::gateway`, with the bytes of each connection.

pub mod gate;
pub mod page;
pub mod socket;
pub mod token;
