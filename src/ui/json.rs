//! JSON that is safe to show on a terminal.
//!
//! Owns: the form of every `--json`: characters that `sanitize` escapes are escaped here too, in JSON's way.
//! Must not know: the contents.
//! Driven by: `cmd`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::sanitize::is_harmful;

/// Compact JSON without characters that could take over a terminal: JSON by itself leaves DEL, C1 and directional marks as they
/// are (RFC 8259 7).
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.contains(is_harmful) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if is_harmful(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Returns `value` as one line of JSON, without the line's end.
///
/// # Errors
/// If `value` cannot be JSON; none of ours.
pub fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut line, Harmless))?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_take_over_a_terminal_is_escaped_and_the_rest_is_as_it_was() {
        let text = "\u{9b}2J \u{7f} \u{202e}dab\u{2069} \u{1b}[1m \"ж\" 👋\t";
        let expected = r#""\u009b2J \u007f \u202edab\u2069 \u001b[1m \"ж\" 👋\t""#;
        assert_eq!(String::from_utf8(line(&text).unwrap()).unwrap(), expected);
        assert_eq!(line(&["a", "\u{85}"]).unwrap(), br#"["a","\u0085"]"#);
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_reads_back_and_has_nothing_harmful(text in any::<String>(), key in any::<String>()) {
            let value = std::collections::BTreeMap::from([(key, text)]);
            let line = String::from_utf8(line(&value).unwrap()).unwrap();
            prop_assert!(!line.contains(is_harmful), "{line:?}");
            prop_assert!(!line.contains('\t'));
            prop_assert_eq!(serde_json::from_str::<std::collections::BTreeMap<String, String>>(&line).unwrap(), value);
        }
    }
}
