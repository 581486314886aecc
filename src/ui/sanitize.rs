//! Makes text of strangers safe to show.
//!
//! Owns: which characters could forge a line or take over a terminal, and how they are written instead.
//! Must not know: where the text goes.
//! Driven by: whatever writes to a screen or to stdout. Never what stores or sends.

/// Appends `text` to `into`, writing control characters (except for the tab), line and paragraph separators and bidirectional
/// marks and overrides as escapes: `\n`, `\x1b`, `\u{202e}`.
pub fn push_escaped(into: &mut Vec<u8>, text: &str) {
    if !text.chars().any(is_harmful) {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        if is_harmful(character) {
            push_escape(into, character);
        } else {
            into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// Returns the text of [`push_escaped`] as a new string.
pub fn escaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    push_escaped(&mut bytes, text);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a text as one word of a shell's command line, harmless to show. One with characters that have to be escaped is not that text
/// any more, and is no other command either.
pub fn quoted(text: &str) -> String {
    let text = escaped(text);
    let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '-');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns whether a character could forge a line or take over a terminal.
pub const fn is_harmful(character: char) -> bool {
    match character {
        '\t' => false,
        // C0, DEL, C1
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        // Directional marks and overrides (Unicode TR 9), line and paragraph separators.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

fn push_escape(into: &mut Vec<u8>, character: char) {
    let code = u32::from(character);
    let escape = match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        _ if code < 0x100 => format!("\\x{code:02x}"),
        _ => format!("\\u{{{code:x}}}"),
    };
    into.extend_from_slice(escape.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        for text in ["jill: hey jack", "привет, 世界 👋🏽", "a\tb", "back\\slash", "שלום", ""] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn what_could_forge_a_line_or_take_over_a_terminal_is_written_out() {
        assert_eq!(escaped("hi\njack: forged\r"), "hi\\njack: forged\\r");
        assert_eq!(escaped("\x1b[2J\x07\0\x7f\u{9b}"), "\\x1b[2J\\x07\\x00\\x7f\\x9b");
        assert_eq!(escaped("\u{202e}dab\u{2069}\u{2028}"), "\\u{202e}dab\\u{2069}\\u{2028}");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_ever_left(text in any::<String>()) {
            prop_assert!(!escaped(&text).chars().any(is_harmful));
        }
    }

    #[test]
    fn a_nick_in_a_command_is_one_word_of_it() {
        assert_eq!(["jill", "ж.x-y_z"].map(quoted), ["jill", "ж.x-y_z"]);
        assert_eq!(["", "-rf", "a b", "$(x)", "it's"].map(quoted), ["''", "'-rf'", "'a b'", "'$(x)'", "'it'\\''s'"]);
    }
}
