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

/// A private message, without what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter<'a> {
    pub(super) who: [u8; 8],
    pub(super) to: [u8; 8],
    pub(super) nick: &'a str,
    pub(super) post: ([u8; 8], u64),
    pub(super) at: u64,
}

/// Reads a private message: variant 7, the two keys, two nicks, the post, the sealed bytes and the time.
pub(super) fn letter(entry: &[u8]) -> Option<Letter<'_>> {
    let (&who, rest) = entry.strip_prefix(&[7])?.split_first_chunk::<8>()?;
    let (&to, rest) = rest.split_first_chunk::<8>()?;
    let (nick, rest) = string(rest)?;
    let (_, rest) = string(rest)?;
    let (&instance, rest) = rest.split_first_chunk::<8>()?;
    let (counter, rest) = number(rest)?;
    let (len, rest) = number(rest)?;
    let (_, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some(Letter { who, to, nick, post: (instance, counter), at: number(rest)?.0 })
}

/// Returns the two keys that alone are to see an entry: those of a private message, or twice the one whose own setting it is (variant 6,
/// acts 16 and 17).
pub(super) fn parties(entry: &[u8]) -> Option<[[u8; 8]; 2]> {
    if let Some(letter) = letter(entry) {
        return Some([letter.who, letter.to]);
    }
    let (&who, rest) = entry.strip_prefix(&[6])?.split_first_chunk::<8>()?;
    let (_, rest) = string(rest)?;
    matches!(number(rest)?.0, 16 | 17).then_some([who; 2])
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
