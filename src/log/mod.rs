//! The room's log: drafts of entries, the part of the log in memory, and where it is stored.
//!
//! Owns: drafts (`draft`), pages of encoded entries (`page`), the window in memory (`window`), the contract of backends
//! (`store`), what backends have in common (`answers`), and the backends.
//! Must not know: members, sessions, sockets; who reads it, and why.
//! Driven by: the server, through [`Store`].

pub(crate) mod answers;
mod draft;
mod memory;
mod page;
pub mod sqlite;
mod store;
mod window;

pub use draft::{Draft, DraftId, Rejection};
pub use memory::Memory;
pub use page::{PAGE, Page, Reader};
pub use store::{Appended, Known, Opening, Outcome, Request, RequestId, Start, State, Store, Waker};
pub use window::{Window, write_gap};
