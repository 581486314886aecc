//! Keys and randomness.
//!
//! Owns: [`StaticKey`], [`PublicKey`], [`Entropy`]; secrets are wiped when dropped and never printed.
//! Must not know: where keys are stored, where the seed comes from.
//! Driven by: `handshake`, `token_key`, `server` and `client`.

use std::fmt;

use blake2::{Blake2s256, Digest};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use zeroize::Zeroizing;

use crate::wire::{Fingerprint, Who};

/// The length of X25519 keys, in bytes (RFC 7748 5).
pub const KEY_LEN: usize = 32;

/// The source of all randomness of one end, expanded from a seed: the system's, or a simulation's.
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// Creates a source as good, and as secret, as the seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Returns the next `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Returns the next random number.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Returns a separate generator, seeded by this one.
    pub fn child(&mut self) -> Self {
        Self::new(self.bytes())
    }

    /// Returns `of`, randomly up to a quarter shorter or longer, so that many ends do not act at the same time.
    pub fn jittered(&mut self, of: std::time::Duration) -> std::time::Duration {
        of * 3 / 4 + of.mul_f64(f64::from(self.next_u32()) / f64::from(u32::MAX)) / 2
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(secret)")
    }
}

/// The public half of an end's static key: its identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; KEY_LEN]);

impl PublicKey {
    /// Returns its short name (PROTOCOL 2.7).
    pub fn who(&self) -> Who {
        let hash = self.hash();
        let mut who = [0; 8];
        who.copy_from_slice(&hash[..8]);
        Who(who)
    }
}

impl PublicKey {
    /// Returns its BLAKE2s-256.
    pub fn hash(&self) -> [u8; 32] {
        Blake2s256::digest(self.0).into()
    }

    /// Returns its long name.
    pub fn print(&self) -> Fingerprint {
        let hash = self.hash();
        let mut print = [0; 16];
        print.copy_from_slice(&hash[..16]);
        Fingerprint(print)
    }

    /// Returns its long name as people compare it: hexadecimal, in groups.
    pub fn fingerprint(&self) -> String {
        let print = self.print().0;
        let groups: Vec<_> = print.chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
        groups.join(" ")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An end's static key.
#[derive(Clone)]
pub struct StaticKey {
    secret: Zeroizing<[u8; KEY_LEN]>,
    public: PublicKey,
}

impl StaticKey {
    /// Returns the key whose secret half is `secret`.
    pub fn from_secret(secret: Zeroizing<[u8; KEY_LEN]>) -> Self {
        let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow is built with 25519");
        dh.set(secret.as_slice());
        let mut public = [0; KEY_LEN];
        public.copy_from_slice(dh.pubkey());
        Self { secret, public: PublicKey(public) }
    }

    /// Generates a new key.
    pub fn generate(entropy: &mut Entropy) -> Self {
        Self::from_secret(Zeroizing::new(entropy.bytes()))
    }

    /// Returns the public half.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    pub(super) fn secret(&self) -> &[u8] {
        self.secret.as_slice()
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticKey({:?}, secret)", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_is_what_the_ladder_of_rfc_7748_gives() {
        // Secret 00 01 .. 1f; the public key was computed independently of this code, after RFC 7748 5.
        let mut secret = [0; KEY_LEN];
        secret.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        let key = StaticKey::from_secret(Zeroizing::new(secret));
        let expected = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f";
        assert_eq!(format!("{:?}", key.public()), expected);
    }

    #[test]
    fn a_fingerprint_begins_with_the_short_name() {
        let key = StaticKey::generate(&mut Entropy::new([7; 32])).public();
        let fingerprint = key.fingerprint();
        assert_eq!((fingerprint.len(), fingerprint.split(' ').count()), (39, 8));
        assert!(fingerprint.replace(' ', "").starts_with(&key.who().to_string()));
    }

    #[test]
    fn secrets_are_never_printed() {
        let mut entropy = Entropy::new([7; 32]);
        let key = StaticKey::generate(&mut entropy);
        let printed = format!("{key:?} {entropy:?}");
        let secret: String = key.secret().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!printed.contains(&secret[..8]), "{printed}");
        assert!(printed.contains("secret"));
    }

    #[test]
    fn the_same_seed_gives_the_same_key_and_another_one_another() {
        let public = |seed| StaticKey::generate(&mut Entropy::new([seed; 32])).public();
        assert_eq!(public(1), public(1));
        assert_ne!(public(1), public(2));
        assert_ne!(public(1).who(), public(2).who());
    }
}
