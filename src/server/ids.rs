//! The names that the server gives.
//!
//! Owns: sockets and paths; members over text, authors and sessions by their places in their slabs; who said something.
//! Must not know: what is behind a name.
//! Driven by: the whole server.

use std::net::{IpAddr, SocketAddr};

/// One of the sockets of the driver, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SocketId(pub usize);

/// The way a datagram came, and so the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The socket that it came through.
    pub socket: SocketId,
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of ours that it was sent to, where the driver knows it: replies leave from there.
    pub local: Option<IpAddr>,
}

/// A place in a slab, as long as it is taken; may be given to another one afterwards.
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
    /// A running client, as the one that posts.
    AuthorId
);
slab_id!(
    /// A member's session.
    PeerId
);

/// Who said something: drafts of one source keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A member over text.
    Text(MemberId),
    /// An author with a session, or that had one.
    Session(AuthorId),
}

impl Source {
    /// A number that no other source has; small.
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

/// What the system says of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Nothing listens at its port.
    Port,
    /// There is no way to its host at the moment.
    Host,
}
