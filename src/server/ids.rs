//! The ids that the server assigns.
//!
//! Owns: sockets and paths; members over text, authors and sessions by their places in their slabs; the sources of items.
//! Must not know: what an id stands for.
//! Driven by: the whole server.

use std::net::{IpAddr, SocketAddr};

/// One of the sockets of the driver, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SocketId(pub usize);

/// The path that a datagram took, and its answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The socket that it came through.
    pub socket: SocketId,
    /// Its sender.
    pub peer: SocketAddr,
    /// Our address to which it was sent, if the driver knows it: replies leave from there.
    pub local: Option<IpAddr>,
}

/// A place in a slab while it is taken; another one may get it afterwards.
macro_rules! slab_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            pub(crate) fn of(key: usize) -> Self {
                Self(u32::try_from(key).expect("there are fewer than addresses"))
            }

            pub(crate) const fn key(self) -> usize {
                self.0 as usize
            }
        }
    };
}

slab_id!(
    /// A member over text.
    MemberId
);
slab_id!(
    /// A running client as an author of posts.
    AuthorId
);
slab_id!(
    /// A member's session.
    PeerId
);

/// The source of an item: drafts of one source keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A member over text.
    Text(MemberId),
    /// An author that has or had a session.
    Session(AuthorId),
}

impl Source {
    /// Returns a small number that no other source has.
    pub(crate) const fn key(self) -> usize {
        match self {
            Self::Text(id) => id.key() * 2,
            Self::Session(id) => id.key() * 2 + 1,
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Text(MemberId::default())
    }
}

/// What the system reports about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nothing listens at its port.
    Port,
    /// Its host cannot be reached at the moment.
    Host,
}
