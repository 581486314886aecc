//! Values in encoded entries, as the oracle reads them.
//!
//! Owns: varints and strings (PROTOCOL 2.6).
//! Must not know: anything of the core.
//! Driven by: `oracle`, `nicks`.

/// Reads a string. Returns it and what follows.
pub(super) fn string(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = number(bytes)?;
    let (text, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// Reads an integer. Returns it and what follows.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}
