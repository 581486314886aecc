//! A look into packets before they are sealed.
//!
//! Owns: [`Tap`].
//! Must not know: why somebody looks.
//! Driven by: the session; given to it by `sim` only, for a trace that says what is in a packet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::wire::SessionId;

type Packets = BTreeMap<(SessionId, u64), Box<[u8]>>;

/// The packets that are looked into, by the session's name at their receiver and their number.
#[derive(Clone, Debug, Default)]
pub struct Tap {
    plain: Rc<RefCell<Packets>>,
}

impl Tap {
    pub(super) fn sealed(&self, receiver: SessionId, number: u64, plain: &[u8]) {
        self.plain.borrow_mut().insert((receiver, number), plain.into());
    }

    /// What is in a packet, if it was tapped.
    pub fn plain(&self, receiver: SessionId, number: u64) -> Option<Box<[u8]>> {
        self.plain.borrow().get(&(receiver, number)).cloned()
    }
}
