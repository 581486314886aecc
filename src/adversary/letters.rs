//! Private messages of a hostile server: those that somebody sealed for the client, and what the server makes of them.
//!
//! Owns: the messages, and how each is replayed, redirected, renamed, cut or moved.
//! Must not know: sessions, what the client does with them.
//! Driven by: `server`.

use arbitrary::{Result, Unstructured};

use super::grammar;
use crate::session::letter::{Envelope, Letter};
use crate::session::{Entropy, PublicKey, StaticKey};
use crate::wire::entry::{ENTRY_MAX, Entry, Tail};
use crate::wire::{Instance, LogId, PostId, Timestamp, Who};

/// The beginning of the texts that somebody wrote to the client, in this log, in this order.
pub const WRITTEN: &str = "letter ";

/// How many messages one running client of the author writes.
const OF_AN_INSTANCE: u32 = 20;

/// A message as it was posted.
#[derive(Clone, Debug)]
struct Posted {
    post: PostId,
    sealed: Vec<u8>,
}

/// See the module.
pub struct Letters {
    author: StaticKey,
    /// A key of the server's.
    other: StaticKey,
    client: PublicKey,
    log: LogId,
    entropy: Entropy,
    /// What the client was sent as it was written, and what it is still to be sent.
    written: Vec<Posted>,
    next: Option<Posted>,
}

impl Letters {
    /// Creates the correspondence with the client of that key, in that log.
    pub fn new(mut entropy: Entropy, client: PublicKey, log: LogId) -> Self {
        let (author, other) = (StaticKey::generate(&mut entropy), StaticKey::generate(&mut entropy));
        Self { author, other, client, log, entropy, written: Vec::new(), next: None }
    }

    fn write(&mut self, log: LogId, text: String) -> Posted {
        let number = u32::try_from(self.written.len()).unwrap_or_default();
        let instance = Instance([u8::try_from(number / OF_AN_INSTANCE % 256).unwrap_or_default(); 8]);
        let post = PostId { instance, counter: number.into() };
        let envelope = Envelope { log, from: self.author.public(), to: self.client, nick: "jack", of: "jill", post };
        let letter = Letter { number: number % OF_AN_INSTANCE, is_counted: true, is_act: false, text };
        let sealed = envelope.seal(&self.author, &mut self.entropy, &letter).unwrap_or_default();
        Posted { post, sealed }
    }

    /// Returns the next message to be sent.
    fn next(&mut self) -> Posted {
        let next = self.next.take().unwrap_or_else(|| self.write(self.log, format!("{WRITTEN}{}", self.written.len())));
        self.next.insert(next).clone()
    }

    /// Returns the next entry: a new message as it was written, or one that the server has tampered with.
    ///
    /// # Errors
    /// The bytes are used up.
    pub fn entry(&mut self, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let what = u.int_in_range(0..=9)?;
        if self.written.is_empty() || what < 3 {
            let posted = self.next();
            self.next = None;
            self.written.push(posted.clone());
            let author = self.author.public();
            return Ok(encoded((author.who(), self.client.who()), ("jack", "jill"), &posted, author));
        }
        // One that the client has seen, or one that it has yet to be sent.
        let mut posted = if u.arbitrary()? { u.choose(&self.written)?.clone() } else { self.next() };
        let (author, client) = (self.author.public(), self.client);
        let mut whos = (author.who(), client.who());
        let (mut key, mut nicks) = (author, ("jack", "jill"));
        match what {
            // As it was: a replay.
            3 => posted = u.choose(&self.written)?.clone(),
            4 => nicks = *u.choose(&[("ann", "jill"), ("jack", "ann"), ("", "jill"), ("jac", "kjill")])?,
            5 => posted.post.counter = grammar::number(u, posted.post.counter)?,
            6 => posted.post.instance = Instance(u.arbitrary()?),
            7 => {
                let at = u.choose_index(posted.sealed.len())?;
                if u.arbitrary()? {
                    posted.sealed.truncate(at);
                } else {
                    posted.sealed[at] ^= 1 << u.int_in_range(0..=7)?;
                }
            }
            8 => match u.int_in_range(0..=3)? {
                0 => whos.1 = Who(u.arbitrary()?),
                1 => (whos.0, key) = (self.other.public().who(), self.other.public()),
                2 => key = self.other.public(),
                _ => whos = (client.who(), author.who()),
            },
            // Written for another room, and never seen here.
            _ => posted = self.write(LogId([9; 16]), "elsewhere".into()),
        }
        // Somebody's own instance and counter again are no tampering.
        if matches!(what, 5 | 6) && self.written.iter().any(|other| other.post == posted.post) {
            posted.sealed.clear();
        }
        Ok(encoded(whos, nicks, &posted, key))
    }
}

fn encoded((who, to): (Who, Who), (nick, of): (&str, &str), posted: &Posted, author: PublicKey) -> Vec<u8> {
    let entry = Entry::Private { who, to, nick, of, post: posted.post, sealed: &posted.sealed };
    let mut encoded = [0; ENTRY_MAX];
    let len = entry.encode_with_tail(Timestamp(7), &Tail::Author(author.0), &mut encoded);
    encoded[..len.unwrap_or_default()].to_vec()
}
