//! The room's log: what is to become an entry, what the server has of it in memory, and where it is kept.
//!
//! Owns: drafts (`draft`), pages of encoded entries (`page`), the window in memory (`window`), the contract of backends
//! (`store`) and the backends.
//! Must not know: members, sessions, sockets; who reads it, and why.
//! Driven by: the server, through [`store::Store`].

mod draft;
mod memory;
mod page;
mod request;
pub mod sqlite;
pub mod store;
mod window;

pub use draft::{Draft, DraftId, EntryKind, Rejection};
pub use memory::Memory;
pub use page::{PAGE, Page};
pub use request::{Beginning, Known, Request, Start};
pub(crate) use window::Recent;
