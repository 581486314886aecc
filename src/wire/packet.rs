//! Datagrams of the session protocol: their clear part (PROTOCOL 2.2).
//!
//! Owns: [`Datagram`], reading and writing.
//! Must not know: keys, sessions; sealed parts stay bytes.
//! Driven by: `server`, `client` and `session`.

use super::SessionId;

/// Longest datagram, in bytes of UDP payload: every path carries it (RFC 9000 14.1).
pub const DATAGRAM_MAX: usize = 1200;

/// Version of the protocol.
pub const VERSION: u8 = 2;

/// Length of a token, in bytes: no longer than the shortest probe, `SIGNUP_TAG:` and [`PROBE`] (PROTOCOL 2.3).
pub const TOKEN_LEN: usize = 12;

/// Last character of a probe and first of a token: ACK, which terminals do not show (PROTOCOL 2.3).
pub const PROBE: char = '\u{6}';

/// Length of a hello's head, which is the handshake's prologue: type, version, id, token.
pub const PROLOGUE_LEN: usize = 2 + 4 + TOKEN_LEN;

/// Length of the first Noise message: an ephemeral key.
pub const NOISE_1_LEN: usize = 32;

/// Length of a packet's head: type, id, number.
pub const PACKET_HEAD: usize = 1 + 4 + 8;

/// Length of the authentication tag at the end of everything sealed (RFC 8439 2.8).
pub const TAG_LEN: usize = 16;

/// Most plaintext in a packet, in bytes.
pub const PLAIN_MAX: usize = DATAGRAM_MAX - PACKET_HEAD - TAG_LEN;

/// Length of an *unknown* datagram; shorter than any packet, so that it amplifies nothing.
pub const UNKNOWN_LEN: usize = PACKET_HEAD;

const HELLO: u8 = 0xf8;
const ANSWER: u8 = 0xf9;
const FINISH: u8 = 0xfa;
const PACKET: u8 = 0xfb;
const UNKNOWN: u8 = 0xfc;
const OTHER_VERSION: u8 = 0xfd;
const KNOCK: u8 = 0xfe;

const _: () = assert!(TOKEN_LEN <= super::text::SIGNUP_TAG.len() + 1);
const _: () = assert!(UNKNOWN_LEN < PACKET_HEAD + TAG_LEN);

/// A token in its form on the wire.
pub type Token = [u8; TOKEN_LEN];

/// A datagram of the session protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A client wants a session.
    Hello {
        /// The version of the protocol.
        version: u8,
        /// The client's id for the session.
        client: SessionId,
        /// The proof of its address.
        token: &'a Token,
        /// The head of the datagram.
        prologue: &'a [u8; PROLOGUE_LEN],
        /// The first Noise message.
        noise: &'a [u8; NOISE_1_LEN],
    },
    /// The server's half of the handshake.
    Answer {
        /// The client's id for the session.
        client: SessionId,
        /// The second Noise message.
        noise: &'a [u8],
    },
    /// The client's last part of the handshake.
    Finish {
        /// The server's id for the session.
        server: SessionId,
        /// The third Noise message.
        noise: &'a [u8],
    },
    /// A packet of a session.
    Packet {
        /// The receiver's id for the session.
        receiver: SessionId,
        /// The packet number.
        number: u64,
        /// Ciphertext and tag.
        sealed: &'a [u8],
    },
    /// The receiver of a packet does not know its session.
    Unknown {
        /// The unknown id.
        id: SessionId,
        /// The packet's number.
        number: u64,
    },
    /// The server has restarted, and asks whether the client is still there.
    Knock,
    /// The server speaks another version.
    OtherVersion {
        /// The client's id for the session.
        client: SessionId,
        /// The version that the server speaks.
        version: u8,
    },
}

/// Returns whether the bytes are a session datagram rather than text (PROTOCOL 2.1).
pub fn is_session(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|&first| first >= HELLO)
}

/// Returns the token that the bytes are, if they are one.
pub fn token(bytes: &[u8]) -> Option<&Token> {
    let token: &Token = bytes.try_into().ok()?;
    let is_base64url = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (char::from(token[0]) == PROBE && token[1..].iter().all(is_base64url)).then_some(token)
}

/// Reads a datagram; `None` if it is not a valid one of this protocol.
pub fn parse(bytes: &[u8]) -> Option<Datagram<'_>> {
    if bytes.len() > DATAGRAM_MAX {
        return None;
    }
    let (&kind, rest) = bytes.split_first()?;
    match kind {
        HELLO if bytes.len() == DATAGRAM_MAX => {
            let (&version, rest) = rest.split_first()?;
            let (client, rest) = id(rest)?;
            let (token, rest) = rest.split_first_chunk::<TOKEN_LEN>()?;
            Some(Datagram::Hello { version, client, token, prologue: bytes.first_chunk()?, noise: rest.first_chunk()? })
        }
        ANSWER => id(rest).map(|(client, noise)| Datagram::Answer { client, noise }),
        FINISH => id(rest).map(|(server, noise)| Datagram::Finish { server, noise }),
        PACKET => {
            let (receiver, rest) = id(rest)?;
            let (number, sealed) = rest.split_first_chunk::<8>()?;
            let number = u64::from_be_bytes(*number);
            (sealed.len() >= TAG_LEN).then_some(Datagram::Packet { receiver, number, sealed })
        }
        UNKNOWN => {
            let (id, rest) = id(rest)?;
            Some(Datagram::Unknown { id, number: u64::from_be_bytes(rest.try_into().ok()?) })
        }
        KNOCK if rest.is_empty() => Some(Datagram::Knock),
        OTHER_VERSION => {
            let (client, rest) = id(rest)?;
            let &[version] = rest else { return None };
            Some(Datagram::OtherVersion { client, version })
        }
        _ => None,
    }
}

fn id(bytes: &[u8]) -> Option<(SessionId, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    Some((SessionId(u32::from_be_bytes(*id)), rest))
}

/// Returns the head of a hello, which the first Noise message and zeros follow.
pub fn prologue(client: SessionId, token: &Token) -> [u8; PROLOGUE_LEN] {
    let mut head = [0; PROLOGUE_LEN];
    head[0] = HELLO;
    head[1] = VERSION;
    head[2..6].copy_from_slice(&client.0.to_be_bytes());
    head[6..].copy_from_slice(token);
    head
}

/// Returns a whole hello.
pub fn hello(prologue: &[u8; PROLOGUE_LEN], noise: &[u8; NOISE_1_LEN]) -> Box<[u8]> {
    let mut hello = vec![0; DATAGRAM_MAX].into_boxed_slice();
    hello[..PROLOGUE_LEN].copy_from_slice(prologue);
    hello[PROLOGUE_LEN..PROLOGUE_LEN + NOISE_1_LEN].copy_from_slice(noise);
    hello
}

/// Returns a whole answer.
pub fn answer(client: SessionId, noise: &[u8]) -> Box<[u8]> {
    with_id(ANSWER, client, noise)
}

/// Returns a whole finish.
pub fn finish(server: SessionId, noise: &[u8]) -> Box<[u8]> {
    with_id(FINISH, server, noise)
}

/// Returns an *unknown* for this packet.
pub fn unknown(id: SessionId, number: u64) -> [u8; UNKNOWN_LEN] {
    numbered(UNKNOWN, id, number)
}

/// Returns a *knock*.
pub const fn knock() -> [u8; 1] {
    [KNOCK]
}

/// Returns a *version*, which names the only version spoken.
pub fn other_version(client: SessionId) -> Box<[u8]> {
    with_id(OTHER_VERSION, client, &[VERSION])
}

/// Returns the head of a packet, which ciphertext and tag follow.
pub fn packet_head(receiver: SessionId, number: u64) -> [u8; PACKET_HEAD] {
    numbered(PACKET, receiver, number)
}

fn with_id(kind: u8, id: SessionId, rest: &[u8]) -> Box<[u8]> {
    [&[kind][..], &id.0.to_be_bytes(), rest].concat().into_boxed_slice()
}

fn numbered(kind: u8, id: SessionId, number: u64) -> [u8; PACKET_HEAD] {
    let mut head = [0; PACKET_HEAD];
    head[0] = kind;
    head[1..5].copy_from_slice(&id.0.to_be_bytes());
    head[5..].copy_from_slice(&number.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: SessionId = SessionId(0x0102_0304);
    const TOKEN: &Token = b"\x06abcdefghi-_";

    #[test]
    fn every_datagram_is_read_back() {
        let head = prologue(ID, TOKEN);
        assert_eq!(head[..6], [0xf8, 2, 1, 2, 3, 4]);
        let whole = hello(&head, &[9; NOISE_1_LEN]);
        let hello =
            Datagram::Hello { version: VERSION, client: ID, token: TOKEN, prologue: &head, noise: &[9; NOISE_1_LEN] };
        assert_eq!(parse(&whole), Some(hello));
        assert_eq!(parse(&answer(ID, b"x")), Some(Datagram::Answer { client: ID, noise: b"x" }));
        assert_eq!(parse(&finish(ID, b"x")), Some(Datagram::Finish { server: ID, noise: b"x" }));
        assert_eq!(parse(&unknown(ID, 7)), Some(Datagram::Unknown { id: ID, number: 7 }));
        assert_eq!(parse(&knock()), Some(Datagram::Knock));
        assert_eq!(parse(&[KNOCK, 0]), None);
        assert_eq!(parse(&other_version(ID)), Some(Datagram::OtherVersion { client: ID, version: VERSION }));
        let packet = [&packet_head(ID, 7)[..], &[5; TAG_LEN]].concat();
        assert_eq!(parse(&packet), Some(Datagram::Packet { receiver: ID, number: 7, sealed: &[5; TAG_LEN] }));
    }

    #[test]
    fn what_is_one_byte_too_short_or_too_long_is_none() {
        let whole = hello(&prologue(ID, TOKEN), &[9; NOISE_1_LEN]);
        assert_eq!(parse(&whole[..DATAGRAM_MAX - 1]), None);
        assert_eq!(parse(&[&whole[..], &[0]].concat()), None);
        let packet = [&packet_head(ID, 7)[..], &[5; TAG_LEN - 1]].concat();
        assert_eq!(parse(&packet), None);
        assert_eq!(parse(&unknown(ID, 7)[..UNKNOWN_LEN - 1]), None);
        let packet = [&packet_head(ID, 7)[..], &[5; DATAGRAM_MAX - PACKET_HEAD]].concat();
        assert!(parse(&packet).is_some());
        assert_eq!(parse(&[&packet[..], &[5]].concat()), None);
    }

    #[test]
    fn a_token_is_ack_and_11_characters_of_base64url() {
        assert_eq!(token(TOKEN), Some(TOKEN));
        for other in [&b"\x06abcdefghi-"[..], b"\x06abcdefghi-_x", b"aabcdefghi-_", b"\x06abcdefghi+/", b"jill joined!"]
        {
            assert_eq!(token(other), None);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_ever_taken_for_a_session_datagram_and_no_bytes_panic(
            text in "\\PC{1,40}", bytes in prop::collection::vec(any::<u8>(), 0..1300)
        ) {
            prop_assert!(!is_session(text.as_bytes()));
            prop_assert!(parse(text.as_bytes()).is_none());
            let _ = parse(&bytes);
        }
    }
}
