//! Orders: what somebody with a right wants done, as the text of a post (PROTOCOL 2.18).
//!
//! Owns: [`Order`], its encoding, and how somebody is named in it ([`Whom`]).
//! Must not know: who may order what, whom a name means.
//! Driven by: `client`, which writes orders, and `server`, which reads them.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use blake2::{Blake2s256, Digest};

use super::entry::{Act, TEXT_MAX, WHY_MAX};
use super::limits::WHOM_MAX;
use super::{Who, hex, is_plain};

/// The secret of an invitation: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvitationToken(pub [u8; 16]);

impl InvitationToken {
    /// Returns what the log has of it: the first half of its BLAKE2s-256. The token has 128 random bits, so nobody finds it from
    /// that.
    pub fn hash(&self) -> [u8; 16] {
        let hash: [u8; 32] = Blake2s256::digest(self.0).into();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        half
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationToken")
    }
}

/// An act that somebody wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub act: Act,
    /// To whom: see [`Whom`]; for an invitation the nick that it is for. At most 64 bytes.
    pub whom: String,
    /// For how long, in whole seconds; none if without end.
    pub seconds: u64,
    /// How often an invitation may be used; the access mode.
    pub number: u64,
    /// The hash of an invitation's token, or the beginning of one.
    pub token: Vec<u8>,
    /// Whether an invitation is for an operator.
    pub is_op: bool,
    /// Why, or the topic: at most [`WHY_MAX`] bytes.
    pub why: String,
}

const _: () = assert!(10 + WHOM_MAX + 20 + 20 + 32 + 1 + WHY_MAX + 6 <= TEXT_MAX);

impl Order {
    /// Creates an order about nobody and nothing.
    pub const fn new(act: Act) -> Self {
        Self { act, whom: String::new(), seconds: 0, number: 0, token: Vec::new(), is_op: false, why: String::new() }
    }

    /// Writes it as the text of a post: its fields, with tabs between them.
    pub fn encode(&self) -> String {
        let Self { act, whom, seconds, number, token, is_op, why } = self;
        let token = hex(token);
        format!("{}\t{whom}\t{seconds}\t{number}\t{token}\t{}\t{why}", u32::from(*act), u8::from(*is_op))
    }

    /// Reads it; `None` if the text is no order.
    pub fn decode(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split('\t').collect();
        let [act, whom, seconds, number, token, is_op, why] = fields.as_slice() else { return None };
        let is_sound = whom.len() <= WHOM_MAX && why.len() <= WHY_MAX && is_plain(whom) && is_plain(why);
        if !is_sound {
            return None;
        }
        Some(Self {
            act: act.parse::<u32>().ok()?.into(),
            whom: (*whom).to_owned(),
            seconds: seconds.parse().ok()?,
            number: number.parse().ok()?,
            token: from_hex(token).filter(|token| token.len() <= 16)?,
            is_op: match *is_op {
                "0" => false,
                "1" => true,
                _ => return None,
            },
            why: (*why).to_owned(),
        })
    }

    /// Returns for how long it is meant; `None` if without end.
    pub fn duration(&self) -> Option<Duration> {
        (self.seconds > 0).then(|| Duration::from_secs(self.seconds))
    }
}

/// Reads bytes in hexadecimal, lower case.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes.filter(|_| rest.is_empty())
}

/// Longest fingerprint, in bytes.
const PRINT_MAX: usize = 16;

/// Somebody, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom<'a> {
    /// A text member's address, or the IPv6 network of 64 bits that it is in.
    Address(IpAddr),
    /// A whole key, and the nick that it is to be known by; often empty.
    Key {
        /// The key.
        key: [u8; 32],
        /// The nick.
        nick: &'a str,
    },
    /// A nick and, if several keys come into question, the beginning of the fingerprint; the nick may be empty then.
    Nick {
        /// The nick.
        nick: &'a str,
        /// The first bytes of the key's hash, at most 16; none if it does not matter.
        print: Vec<u8>,
    },
}

/// Returns whether the fingerprint of a key with that short name can begin like this: all that is known of it does.
pub fn may_begin(who: Who, print: &[u8]) -> bool {
    who.0.iter().zip(print).all(|(one, other)| one == other)
}

impl<'a> Whom<'a> {
    /// Reads who is meant: `10.0.0.5`, `fd00::/64`, a key of 43 characters, `ann` and that behind a `#`, `ann`, `ann#0123abcd`,
    /// `#0123abcd`; `None` if it can be nobody.
    pub fn parse(text: &'a str) -> Option<Self> {
        let address = text.strip_suffix("/64").unwrap_or(text);
        if let Ok(ip) = address.parse::<IpAddr>() {
            return Some(Self::Address(ip));
        }
        if let Some(key) = parse_key(text) {
            return Some(Self::Key { key, nick: "" });
        }
        let (nick, print) = text.split_once('#').unwrap_or((text, ""));
        if let Some(key) = parse_key(print) {
            return Some(Self::Key { key, nick });
        }
        // Fingerprints are shown in groups.
        let print: String = print.chars().filter(|character| !character.is_whitespace()).collect();
        let print = from_hex(&print.to_ascii_lowercase()).filter(|print| print.len() <= PRINT_MAX)?;
        let is_nobody = (nick.is_empty() && print.len() < 4) || (print.is_empty() && text.contains('#'));
        (!is_nobody).then_some(Self::Nick { nick, print })
    }
}

/// Returns how an address is named in entries: an IPv4 address, or an IPv6 network of 64 bits, which one household has.
pub fn address_name(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Returns an address as the terms of an act have it, in place of a key: the IPv6 address, IPv4 mapped (RFC 4291 2.5.5.2), and zeros;
/// of an IPv6 address its network of 64 bits.
pub fn address_key(ip: IpAddr) -> [u8; 32] {
    let mut key = [0; 32];
    let bits = match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let mut network = v6.octets();
            network[8..].fill(0);
            network
        }
    };
    key[..16].copy_from_slice(&bits);
    key
}

/// Returns the name of an address in the terms of an act; `None` if there is none.
pub fn address_in(key: &[u8; 32]) -> Option<String> {
    let (bits, rest) = key.split_first_chunk::<16>()?;
    let is_one = *bits != [0; 16] && rest.iter().all(|&byte| byte == 0);
    is_one.then(|| address_name(std::net::Ipv6Addr::from(*bits).into()))
}

/// Writes a key as people pass it on: 43 characters, of which the first is none that begins an option.
pub fn key_text(key: &[u8; 32]) -> String {
    STANDARD_NO_PAD.encode(key)
}

/// Writes a key as it stands in a link (RFC 4648 5).
pub fn key_in_link(key: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Reads a key of 43 characters, in either alphabet.
pub fn parse_key(text: &str) -> Option<[u8; 32]> {
    let bytes = STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
    bytes.ok()?.try_into().ok()
}

/// Writes a token: 22 characters.
pub fn token_text(token: &InvitationToken) -> String {
    URL_SAFE_NO_PAD.encode(token.0)
}

/// Reads a token of 22 characters.
pub fn parse_token(text: &str) -> Option<InvitationToken> {
    Some(InvitationToken(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NICK_MAX;

    #[test]
    fn an_order_is_read_back_and_what_is_none_is_refused() {
        let order = Order {
            act: Act::Invite,
            whom: "jill".into(),
            seconds: 3600,
            number: 5,
            token: vec![0, 9, 0xff],
            is_op: true,
            why: "for the course".into(),
        };
        assert_eq!(order.encode(), "12\tjill\t3600\t5\t0009ff\t1\tfor the course");
        assert_eq!(Order::decode(&order.encode()), Some(order));
        let longest = Order { whom: "w".repeat(WHOM_MAX), why: "y".repeat(WHY_MAX), ..Order::new(Act::Ban) };
        assert_eq!(Order::decode(&longest.encode()), Some(longest.clone()));
        let long_why = Order { why: "y".repeat(WHY_MAX + 1), ..longest.clone() };
        let long_whom = Order { whom: "y".repeat(WHOM_MAX + 1), ..longest };
        let wrong = [
            "",
            "1",
            "1\tann\t0\t0\t\t0",
            "1\tann\t0\t0\t\t0\twhy\tmore",
            "x\tann\t0\t0\t\t0\twhy",
            "1\tann\t-1\t0\t\t0\twhy",
            "1\tann\t0\t0\t\t2\twhy",
            "1\tann\t0\t0\t0\t0\twhy",
            "1\tann\t0\t0\tGG\t0\twhy",
            "1\tann\t0\t0\t0000000000000000000000000000000000\t0\twhy",
        ];
        for text in wrong.into_iter().map(str::to_owned).chain([long_why.encode(), long_whom.encode()]) {
            assert_eq!(Order::decode(&text), None, "{text}");
        }
    }

    #[test]
    fn somebody_is_an_address_a_key_or_a_nick_with_or_without_its_key() {
        let nick = |nick, print: &[u8]| Some(Whom::Nick { nick, print: print.to_vec() });
        assert_eq!(Whom::parse("ann"), nick("ann", &[]));
        assert_eq!(Whom::parse("ann#01aB"), nick("ann", &[0x01, 0xab]));
        assert_eq!(Whom::parse("#0123 4567"), nick("", &[0x01, 0x23, 0x45, 0x67]));
        for (text, name) in [
            ("10.0.0.5", "10.0.0.5"),
            ("::ffff:10.0.0.5", "10.0.0.5"),
            ("fd00:1:2:3:4::5", "fd00:1:2:3::/64"),
            ("fd00:1:2:3::/64", "fd00:1:2:3::/64"),
        ] {
            let Some(Whom::Address(ip)) = Whom::parse(text) else { panic!("{text} is an address") };
            assert_eq!((address_name(ip), address_in(&address_key(ip))), (name.to_owned(), Some(name.to_owned())));
        }
        assert_eq!((address_in(&[0; 32]), address_in(&[7; 32])), (None, None));
        assert_eq!(Whom::parse(&key_text(&[7; 32])), Some(Whom::Key { key: [7; 32], nick: "" }));
        let named = format!("ann#{}", key_text(&[7; 32]));
        assert_eq!(Whom::parse(&named), Some(Whom::Key { key: [7; 32], nick: "ann" }));
        for nobody in ["", "#", "#01", "ann#", "ann#xy", "ann#0123456789abcdef0123456789abcdef01"] {
            assert_eq!(Whom::parse(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn the_longest_name_of_an_address_is_as_long_as_a_nick_may_be() {
        let ip = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        assert!(address_name(ip).len() <= NICK_MAX, "{}", address_name(ip));
    }

    #[test]
    fn keys_and_tokens_are_read_back() {
        let token = InvitationToken([0xf5; 16]);
        assert_eq!((key_text(&[0xf5; 32]).len(), token_text(&token).len()), (43, 22));
        for key in [[0xf5; 32], [0xfb; 32], [0xff; 32]] {
            assert_eq!((parse_key(&key_text(&key)), parse_key(&key_in_link(&key))), (Some(key), Some(key)));
            assert!(!key_text(&key).starts_with('-'), "it is no option on a command line");
        }
        assert_eq!(parse_token(&token_text(&token)), Some(token));
        assert_eq!((parse_key("short"), parse_token("short")), (None, None));
    }
}
