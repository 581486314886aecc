//! The secret that a page must know.
//!
//! Owns: its form, how it is compared.
//! Must not know: where it is stored, who has it.
//! Driven by: `gate`, `net::gateway`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// Length of the secret, in bytes. Chosen: nobody guesses it.
pub const TOKEN_LEN: usize = 16;

/// A secret, as text that can stand in an address and in `Sec-WebSocket-Protocol` (RFC 9110 5.6.2, token).
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Returns the token of these random bytes.
    pub fn new(bytes: [u8; TOKEN_LEN]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a token that was written as text; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_LEN).then(|| Self(text.to_owned()))
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether `offered` is this token. Takes as long wherever they differ.
    pub fn is(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_again_and_nothing_else_is_taken_for_it() {
        let token = Token::new([0x5b; TOKEN_LEN]);
        assert_eq!(Token::parse(token.as_str()), Some(token.clone()));
        assert!(token.is(token.as_str()));
        for other in ["", "x", &token.as_str()[1..], &format!("{}A", token.as_str()), &token.as_str().to_lowercase()] {
            assert!(!token.is(other), "{other}");
        }
        assert_eq!((Token::parse(""), Token::parse("AAAA"), Token::parse("!")), (None, None, None));
        assert!(!format!("{token:?}").contains(token.as_str()));
    }
}
