//! Invitations as people pass them on, and servers as they are named on the command line.
//!
//! Owns: [`Link`] and its form, [`ServerName`].
//! Must not know: what an invitation is good for.
//! Driven by: `cli` and `cmd`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::HostPort;
use crate::session::PublicKey;
use crate::wire::order::{InvitationToken, key_in_link, parse_key, parse_token, token_text};

/// What a link begins with.
const SCHEME: &str = "udpchat://";

/// An invitation: `udpchat://HOST:PORT/#KEY.TOKEN` (PROTOCOL 2.18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The server.
    pub server: HostPort,
    /// Its whole key.
    pub key: PublicKey,
    /// The secret.
    pub token: InvitationToken,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, key, token } = self;
        write!(f, "{SCHEME}{server}/#{}.{}", key_in_link(&key.0), token_text(token))
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or("an invitation begins with udpchat://")?;
        let broken = "the invitation is not whole: expected udpchat://HOST:PORT/#KEY.TOKEN";
        let (server, secret) = rest.split_once("/#").ok_or(broken)?;
        let (key, token) = secret.split_once('.').ok_or(broken)?;
        let server = server.parse::<HostPort>()?;
        let key = PublicKey(parse_key(key).ok_or(broken)?);
        Ok(Self { server, key, token: parse_token(token).ok_or(broken)? })
    }
}

/// A server as somebody names it: by its address, or by an invitation to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    host: HostPort,
    /// The invitation, if it is one.
    pub link: Option<Link>,
}

impl FromStr for ServerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().starts_with(SCHEME) {
            return text.parse::<Link>().map(Self::from);
        }
        Ok(Self { host: text.parse()?, link: None })
    }
}

impl ServerName {
    /// Returns the server without the invitation's secret, for who does not want to use that up: its key counts all the same.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        if let Some(link) = &mut self.link {
            link.token = InvitationToken([0; 16]);
        }
        self
    }
}

impl From<Link> for ServerName {
    fn from(link: Link) -> Self {
        Self { host: link.server.clone(), link: Some(link) }
    }
}

impl Deref for ServerName {
    type Target = HostPort;

    fn deref(&self) -> &HostPort {
        &self.host
    }
}

impl fmt::Display for ServerName {
    /// Writes the address only: the rest is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_read_back_and_shown_without_its_secret() {
        let link = Link {
            server: "chat.example:7".parse().unwrap(),
            key: PublicKey([0xf5; 32]),
            token: InvitationToken([0x3c; 16]),
        };
        let text = link.to_string();
        assert_eq!(text.len(), "udpchat://chat.example:7/#".len() + 43 + 1 + 22);
        assert_eq!(text.parse(), Ok(link.clone()));
        let named: ServerName = format!(" {text}\n").parse().unwrap();
        assert_eq!((named.to_string(), named.link), ("chat.example:7".into(), Some(link)));
        assert_eq!("chat.example".parse::<ServerName>().unwrap().link, None);
    }

    #[test]
    fn a_link_that_was_cut_is_said_to_be() {
        let link = Link { server: "h:7".parse().unwrap(), key: PublicKey([1; 32]), token: InvitationToken([2; 16]) };
        let text = link.to_string();
        for end in SCHEME.len()..text.len() {
            assert!(text[..end].parse::<ServerName>().is_err(), "{}", &text[..end]);
        }
        for wrong in ["http://h:7/#a.b", "udpchat://:7/#a.b", "udpchat://h:0/#a.b"] {
            assert!(wrong.parse::<Link>().is_err(), "{wrong}");
        }
    }
}
