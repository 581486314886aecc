//! The keys of a session, and the two ciphers for which they can be (PROTOCOL 2.5).
//!
//! Owns: [`Cipher`], how its keys follow from a handshake, [`Transport`], which seals and opens packets in place.
//! Must not know: what is in packets, which cipher a processor is good at.
//! Driven by: `handshake`, which makes the keys, and the session.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::wire::packet::{DATAGRAM_MAX, TAG_LEN};

/// The length of both ciphers' keys, in bytes.
const KEY_LEN: usize = 32;

/// Separates the keys of AES-256-GCM from those of any other use of the handshake's result (the *info* of RFC 5869).
const AES_LABEL: &[u8] = b"udpchat 2 AES-256-GCM";

/// The bit with which a server says that its processor does AES (PROTOCOL 2.4).
pub const OFFERS_AES: u32 = 1;

/// A cipher for packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cipher {
    /// ChaCha20-Poly1305 (RFC 8439), with the handshake's own keys: every program speaks it.
    #[default]
    ChaChaPoly,
    /// AES-256-GCM (NIST SP 800-38D): three times as fast where both processors have instructions for it.
    AesGcm,
}

impl Cipher {
    /// Returns the cipher with that code in the client's payload; `None` if there is none.
    pub const fn of(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::ChaChaPoly),
            1 => Some(Self::AesGcm),
            _ => None,
        }
    }

    /// Returns its code.
    pub const fn code(self) -> u32 {
        match self {
            Self::ChaChaPoly => 0,
            Self::AesGcm => 1,
        }
    }

    /// Returns what a client takes of a server that offers `ciphers`.
    pub const fn best(has_aes: bool, ciphers: u32) -> Self {
        if has_aes && ciphers & OFFERS_AES != 0 { Self::AesGcm } else { Self::ChaChaPoly }
    }

    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::ChaChaPoly => &CHACHA20_POLY1305,
            Self::AesGcm => &AES_256_GCM,
        }
    }

    /// Returns the key for one direction; `split` is what Noise gives for it.
    fn key(self, split: &[u8; KEY_LEN]) -> LessSafeKey {
        let mut derived = Zeroizing::new([0; KEY_LEN]);
        let key = match self {
            Self::ChaChaPoly => split,
            Self::AesGcm => {
                let secret = Salt::new(HKDF_SHA256, &[]).extract(split);
                let filled =
                    secret.expand(&[AES_LABEL], Length).and_then(|expanded| expanded.fill(derived.as_mut_slice()));
                filled.expect("a key is short");
                &*derived
            }
        };
        LessSafeKey::new(UnboundKey::new(self.algorithm(), key).expect("the key has the cipher's length"))
    }

    /// Returns the nonce for a packet: its number, as Noise encodes it for that cipher.
    fn nonce(self, number: u64) -> Nonce {
        let number = match self {
            Self::ChaChaPoly => number.to_le_bytes(),
            Self::AesGcm => number.to_be_bytes(),
        };
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - number.len()..].copy_from_slice(&number);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The length of a derived key.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_LEN
    }
}

struct Keys {
    cipher: Cipher,
    seals: LessSafeKey,
    opens: LessSafeKey,
}

/// The keys of one end of a session.
#[derive(Clone)]
pub struct Transport(Arc<Keys>);

impl Transport {
    /// Creates the keys of the end that seals with the first of what Noise gives for the two directions, and opens with the second.
    pub(super) fn new(cipher: Cipher, seals: &[u8; KEY_LEN], opens: &[u8; KEY_LEN]) -> Self {
        Self(Arc::new(Keys { cipher, seals: cipher.key(seals), opens: cipher.key(opens) }))
    }

    /// Returns the cipher.
    pub fn cipher(&self) -> Cipher {
        self.0.cipher
    }

    /// Appends `plain`, sealed under `number`, to `into`.
    pub(super) fn seal(&self, number: u64, plain: &[u8], into: &mut Vec<u8>) {
        let start = into.len();
        into.reserve(plain.len() + TAG_LEN);
        into.extend_from_slice(plain);
        let Keys { cipher, seals, .. } = &*self.0;
        let tag = seals.seal_in_place_separate_tag(cipher.nonce(number), Aad::empty(), &mut into[start..]);
        // Otherwise the packet would go out unsealed.
        into.extend_from_slice(tag.expect("a packet is short").as_ref());
    }

    /// Opens what the other end sealed under `number`; returns `None` if it did not.
    pub fn open<'a>(&self, number: u64, sealed: &[u8], into: &'a mut [u8; DATAGRAM_MAX]) -> Option<&'a [u8]> {
        let buffer = into.get_mut(..sealed.len())?;
        buffer.copy_from_slice(sealed);
        let Keys { cipher, opens, .. } = &*self.0;
        let plain = opens.open_in_place(cipher.nonce(number), Aad::empty(), buffer).ok()?;
        Some(plain)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({:?}, secret)", self.0.cipher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; KEY_LEN] = [1; KEY_LEN];
    const OTHER: [u8; KEY_LEN] = [2; KEY_LEN];

    #[test]
    fn each_cipher_opens_what_the_other_end_sealed_and_nothing_else() {
        for cipher in [Cipher::ChaChaPoly, Cipher::AesGcm] {
            let (here, there) = (Transport::new(cipher, &ONE, &OTHER), Transport::new(cipher, &OTHER, &ONE));
            let (mut sealed, mut opened) = (b"head".to_vec(), [0; DATAGRAM_MAX]);
            here.seal(7, b"hey", &mut sealed);
            assert_eq!((sealed.len(), &sealed[..4]), (4 + 3 + TAG_LEN, &b"head"[..]));
            let sealed = &mut sealed[4..];
            assert_eq!(there.open(7, sealed, &mut opened), Some(&b"hey"[..]));
            assert_eq!(there.open(8, sealed, &mut opened), None, "the number is the nonce");
            assert_eq!(here.open(7, sealed, &mut opened), None, "each direction has its own key");
            sealed[0] ^= 1;
            assert_eq!(there.open(7, sealed, &mut opened), None, "changed on the way");
            assert_eq!(there.open(7, &[0; DATAGRAM_MAX + 1], &mut opened), None, "longer than a datagram");
        }
    }

    #[test]
    fn no_key_is_used_with_two_ciphers() {
        let ends = [Cipher::ChaChaPoly, Cipher::AesGcm].map(|cipher| Transport::new(cipher, &ONE, &OTHER));
        let [chacha, aes] = ends.each_ref().map(|end| {
            let mut sealed = Vec::new();
            end.seal(0, &[0; 64], &mut sealed);
            sealed
        });
        assert_ne!(chacha, aes);
        // AES under the handshake's own key would give this.
        let raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &ONE).unwrap());
        let mut plain = vec![0; 64];
        raw.seal_in_place_append_tag(Cipher::AesGcm.nonce(0), Aad::empty(), &mut plain).unwrap();
        assert_ne!(plain, aes);
    }

    #[test]
    fn aes_is_taken_only_where_both_ends_have_it() {
        assert_eq!(Cipher::best(true, OFFERS_AES | 6), Cipher::AesGcm);
        assert_eq!([Cipher::best(true, 6), Cipher::best(false, OFFERS_AES)], [Cipher::ChaChaPoly; 2]);
        assert_eq!([0, 1, 2].map(Cipher::of), [Some(Cipher::ChaChaPoly), Some(Cipher::AesGcm), None]);
        assert!([Cipher::ChaChaPoly, Cipher::AesGcm].iter().all(|cipher| Cipher::of(cipher.code()) == Some(*cipher)));
    }
}
