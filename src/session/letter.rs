//! Private messages, sealed from key to key (PROTOCOL 2.19).
//!
//! Owns: Noise K with our prologue, what is sealed beside the text, the lengths to which messages are padded.
//! Must not know: rooms, whether a message was seen before, whom to trust.
//! Driven by: `client`.
//!
//! A message alone could be shown to its recipient again, in another room, or as somebody else's. So what it belongs to is in the
//! prologue: whoever changes any of that has something that does not open.

use zeroize::Zeroizing;

use super::handshake::build;
use super::keys::{Entropy, PublicKey, StaticKey};
use crate::wire::entry::{PRIVATE_MAX, SEALED_MAX, is_text};
use crate::wire::packet::TAG_LEN;
use crate::wire::{LogId, NICK_MAX, PostId};

/// PROTOCOL 2.19.
const PATTERN: &str = "Noise_K_25519_ChaChaPoly_BLAKE2s";

/// What the prologue begins with: no other use of the same keys has one like it.
const PURPOSE: &[u8] = b"udpchat private message 1";

/// What sealing adds: an ephemeral key, a tag.
const OVERHEAD: usize = super::keys::KEY_LEN + TAG_LEN;

/// The longest plaintext.
const PLAIN_MAX: usize = SEALED_MAX - OVERHEAD;

/// The lengths to which plaintexts are padded. Chosen: whoever sees the length learns two bits of it.
const STEPS: [usize; 5] = [64, 128, 256, 512, PLAIN_MAX];

/// Between the text and the zeros that follow it (ISO/IEC 7816-4).
const END: u8 = 0x80;

/// What a private message belongs to; its nicks have at most [`NICK_MAX`] bytes.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The log that it is in.
    pub log: LogId,
    /// The author's key.
    pub from: PublicKey,
    /// The recipient's key.
    pub to: PublicKey,
    /// The author's nick.
    pub nick: &'a str,
    /// The recipient's nick, as the author knows it.
    pub of: &'a str,
    /// The post.
    pub post: PostId,
}

/// A private message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The number of the message among those of its instance to this recipient, from 0 on; or that of the run that wrote it.
    pub number: u32,
    /// Whether the numbers of an instance have no holes, so that one shows that a message is missing.
    pub is_counted: bool,
    /// Whether it is an action, as in `* jack waves`.
    pub is_act: bool,
    /// The text: 1 to [`PRIVATE_MAX`] bytes, no control characters except for the tab.
    pub text: String,
}

impl Envelope<'_> {
    fn prologue(&self) -> Vec<u8> {
        let mut prologue = PURPOSE.to_vec();
        prologue.extend(self.log.0);
        prologue.extend(self.from.0);
        prologue.extend(self.to.0);
        prologue.extend(self.post.instance.0);
        prologue.extend(self.post.counter.to_be_bytes());
        for nick in [self.nick, self.of] {
            debug_assert!(nick.len() <= NICK_MAX);
            prologue.extend(u32::try_from(nick.len()).unwrap_or(u32::MAX).to_be_bytes());
            prologue.extend(nick.as_bytes());
        }
        prologue
    }

    /// Seals a message with the author's key; `None` if its text is none that may be posted.
    pub fn seal(&self, key: &StaticKey, entropy: &mut Entropy, letter: &Letter) -> Option<Vec<u8>> {
        if !is_text(&letter.text) || letter.text.len() > PRIVATE_MAX {
            return None;
        }
        let mut plain = Zeroizing::new(vec![0; PLAIN_MAX]);
        let head = u64::from(letter.number) << 2 | u64::from(!letter.is_counted) << 1 | u64::from(letter.is_act);
        let start = postcard::to_slice(&head, &mut plain).ok()?.len();
        let end = start + letter.text.len();
        plain[start..end].copy_from_slice(letter.text.as_bytes());
        plain[end] = END;
        let len = STEPS.into_iter().find(|&step| step > end)?;
        let mut noise = build(PATTERN, (key, Some(&self.to)), Zeroizing::new(entropy.bytes()), &self.prologue(), true);
        let mut sealed = vec![0; OVERHEAD + len];
        let written = noise.write_message(&plain[..len], &mut sealed).ok()?;
        (written == sealed.len()).then_some(sealed)
    }

    /// Opens a message with the recipient's key; `None` if the author did not seal it for this envelope, or the text is none that
    /// may be posted.
    pub fn open(&self, key: &StaticKey, sealed: &[u8]) -> Option<Letter> {
        if sealed.len() > SEALED_MAX {
            return None;
        }
        let unused = Zeroizing::new([0; 32]);
        let mut noise = build(PATTERN, (key, Some(&self.from)), unused, &self.prologue(), false);
        let mut plain = Zeroizing::new(vec![0; SEALED_MAX]);
        let len = noise.read_message(sealed, &mut plain).ok()?;
        let (head, rest) = postcard::take_from_bytes::<u64>(&plain[..len]).ok()?;
        let end = rest.iter().rposition(|&byte| byte != 0).filter(|&end| rest[end] == END)?;
        let text = std::str::from_utf8(&rest[..end]).ok()?;
        let number = u32::try_from(head >> 2).ok()?;
        let is_sound = is_text(text) && text.len() <= PRIVATE_MAX;
        is_sound.then(|| Letter { number, is_counted: head & 2 == 0, is_act: head & 1 == 1, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Instance;

    fn letter(text: &str) -> Letter {
        Letter { number: 7, is_counted: true, is_act: false, text: text.to_owned() }
    }

    struct Two {
        jack: StaticKey,
        jill: StaticKey,
        entropy: Entropy,
    }

    fn two() -> Two {
        let mut entropy = Entropy::new([3; 32]);
        Two { jack: StaticKey::generate(&mut entropy), jill: StaticKey::generate(&mut entropy), entropy }
    }

    fn envelope(two: &Two) -> Envelope<'static> {
        let post = PostId { instance: Instance([5; 8]), counter: 300 };
        Envelope { log: LogId([1; 16]), from: two.jack.public(), to: two.jill.public(), nick: "jack", of: "jill", post }
    }

    #[test]
    fn the_recipient_opens_what_was_sealed_and_nobody_else_does() {
        let mut two = two();
        let envelope = envelope(&two);
        let sealed = envelope.seal(&two.jack, &mut two.entropy, &letter("hey")).unwrap();
        assert_eq!(envelope.open(&two.jill, &sealed), Some(letter("hey")));
        assert_eq!(envelope.open(&two.jack, &sealed), None, "not even the author");
        assert_ne!(envelope.seal(&two.jack, &mut two.entropy, &letter("hey")).unwrap(), sealed, "sealed anew");
        let waves = Letter { is_act: true, is_counted: false, number: u32::MAX, text: "waves".into() };
        let sealed = envelope.seal(&two.jack, &mut two.entropy, &waves).unwrap();
        assert_eq!(envelope.open(&two.jill, &sealed), Some(waves));
    }

    #[test]
    fn what_is_replayed_redirected_renamed_cut_or_changed_does_not_open() {
        let mut two = two();
        let right = envelope(&two);
        let sealed = right.seal(&two.jack, &mut two.entropy, &letter("hey")).unwrap();
        let other = StaticKey::generate(&mut two.entropy).public();
        let post = |instance, counter| PostId { instance: Instance([instance; 8]), counter };
        let wrong = [
            Envelope { log: LogId([2; 16]), ..right },
            Envelope { from: other, ..right },
            Envelope { to: other, ..right },
            Envelope { nick: "john", ..right },
            Envelope { of: "jane", ..right },
            Envelope { nick: "jackj", of: "ill", ..right },
            Envelope { post: post(5, 301), ..right },
            Envelope { post: post(6, 300), ..right },
        ];
        for envelope in wrong {
            assert_eq!(envelope.open(&two.jill, &sealed), None, "{envelope:?}");
        }
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(right.open(&two.jill, &changed), None, "changed at {position}");
            assert_eq!(right.open(&two.jill, &sealed[..position]), None, "cut at {position}");
        }
        assert_eq!(right.open(&two.jill, &vec![0; SEALED_MAX + 1]), None);
    }

    #[test]
    fn its_length_tells_only_the_step_and_the_longest_text_fits() {
        let mut two = two();
        let envelope = envelope(&two);
        let mut len = |text: &str| {
            envelope.seal(&two.jack, &mut two.entropy, &Letter { number: u32::MAX, ..letter(text) }).map(|it| it.len())
        };
        assert_eq!(len("x"), Some(OVERHEAD + 64));
        assert_eq!(len(&"x".repeat(58)), Some(OVERHEAD + 64));
        assert_eq!(len(&"x".repeat(59)), Some(OVERHEAD + 128));
        assert_eq!(len(&"x".repeat(PRIVATE_MAX)), Some(SEALED_MAX));
        assert_eq!([len(&"x".repeat(PRIVATE_MAX + 1)), len(""), len("a\nb")], [None; 3]);
    }

    #[test]
    fn a_text_that_nobody_may_post_does_not_open_whoever_sealed_it() {
        let mut two = two();
        let envelope = envelope(&two);
        for plain in
            [&b"\x02\x1b[1m\x80"[..], b"\x02\x80", b"\x02hey", b"", b"\x02\xff\x80", b"\xff\xff\xff\xff\xff\x7fx\x80"]
        {
            let seed = Zeroizing::new(two.entropy.bytes());
            let mut noise = build(PATTERN, (&two.jack, Some(&envelope.to)), seed, &envelope.prologue(), true);
            let mut sealed = vec![0; OVERHEAD + plain.len()];
            noise.write_message(plain, &mut sealed).unwrap();
            assert_eq!(envelope.open(&two.jill, &sealed), None, "{plain:?}");
        }
    }
}
