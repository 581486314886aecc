//! The proof of address (PROTOCOL 2.3).
//!
//! Owns: making tokens and checking them.
//! Must not know: which client asked.
//! Driven by: `server`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blake2::Blake2sMac256;
use blake2::digest::Mac;
use zeroize::Zeroizing;

use crate::session::keys::Entropy;
use crate::time::Instant;
use crate::wire::packet::{PROBE, TOKEN_LEN, Token};

/// How long all tokens of an address are the same (PROTOCOL 2.3).
const SLOT: Duration = Duration::from_secs(60);

/// The token secret of one running server.
pub struct TokenKey {
    secret: Zeroizing<[u8; 32]>,
}

impl TokenKey {
    /// Creates a token key with a fresh secret.
    pub fn new(entropy: &mut Entropy) -> Self {
        Self { secret: Zeroizing::new(entropy.bytes()) }
    }

    /// Returns the token for `address` at `now`.
    pub fn token(&self, now: Instant, address: SocketAddr) -> Token {
        self.of_slot(slot(now), address)
    }

    /// Returns whether `token` was made for `address` in this slot or the one before.
    pub fn is_good(&self, now: Instant, address: SocketAddr, token: &Token) -> bool {
        let slot = slot(now);
        // A token is not secret once it is sent, and is good for one address only, so that a comparison in constant time is not
        // needed. It costs nothing, so we do it all the same.
        let same = |good: Token| good.iter().zip(token).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        let now = same(self.of_slot(slot, address));
        let before = slot.checked_sub(1).is_some_and(|slot| same(self.of_slot(slot, address)));
        now || before
    }

    fn of_slot(&self, slot: u64, address: SocketAddr) -> Token {
        let mut mac = Blake2sMac256::new_from_slice(self.secret.as_slice()).expect("BLAKE2s takes keys of 32 bytes");
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        mac.update(&slot.to_be_bytes());
        mac.update(&ip.octets());
        mac.update(&address.port().to_be_bytes());
        let mac = mac.finalize().into_bytes();
        let mut text = [0; TOKEN_LEN];
        URL_SAFE_NO_PAD.encode_slice(&mac[..9], &mut text).expect("9 bytes are 12 characters");
        let mut token = [0; TOKEN_LEN];
        token[0] = PROBE as u8;
        token[1..].copy_from_slice(&text[..TOKEN_LEN - 1]);
        token
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(secret)")
    }
}

const fn slot(now: Instant) -> u64 {
    now.saturating_since(Instant::ZERO).as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn a_token_is_good_for_its_address_in_its_slot_and_the_next_and_no_longer() {
        let minter = TokenKey::new(&mut Entropy::new([1; 32]));
        let address: SocketAddr = "10.0.0.1:5".parse().unwrap();
        let token = minter.token(at(59), address);
        assert_eq!(packet::token(&token), Some(&token));
        for good in [0, 59, 60, 119] {
            assert!(minter.is_good(at(good), address, &token), "{good}");
        }
        assert!(!minter.is_good(at(120), address, &token));
        for other in ["10.0.0.1:6", "10.0.0.2:5", "[::1]:5"] {
            assert!(!minter.is_good(at(59), other.parse().unwrap(), &token), "{other}");
        }
        let restarted = TokenKey::new(&mut Entropy::new([2; 32]));
        assert!(!restarted.is_good(at(59), address, &token), "another running server");
    }
}
