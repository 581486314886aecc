//! What a terminal sends, as keys.
//!
//! Owns: which bytes are which key; termina's parser, which waits for the rest of a sequence.
//! Must not know: what a key does.
//! Driven by: `cmd::join::terminal`, with bytes as they come, and with silence.

use termina::Parser;
use termina::event::{Event, KeyCode, KeyEventKind, Modifiers};

/// A key, or what was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Text that was typed.
    Text(char),
    /// A character with Control, in lower case.
    Control(char),
    /// A character with Alt, in lower case.
    Alt(char),
    /// What was pasted at once, with `\n` for the end of a line.
    Paste(String),
    /// Enter.
    Enter,
    /// Enter with Alt or Shift: a line's end within the text.
    LineEnd,
    /// Backspace.
    Backspace,
    /// Backspace with Alt or Control: a word.
    BackspaceWord,
    /// Delete.
    Delete,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow with Control or Alt.
    WordLeft,
    /// An arrow with Control or Alt.
    WordRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Tab.
    Tab,
    /// Escape.
    Escape,
}

/// Before and behind what is pasted (xterm, bracketed paste mode).
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

const CONTROL_C: &[u8] = b"\x03";

/// See the module.
#[derive(Debug, Default)]
pub struct Keys {
    parser: Parser,
    /// Whether the end of a paste has to come yet.
    is_pasting: bool,
    /// The last bytes, which may be the beginning of a mark.
    last: Vec<u8>,
}

impl Keys {
    /// Takes bytes; returns the keys that are complete. A Ctrl-C that comes alone ends a paste: its end does not come.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = if self.is_pasting && bytes == CONTROL_C { self.end_paste() } else { Vec::new() };
        self.follow_paste(bytes);
        self.parser.parse(bytes, true);
        keys.extend(self.keys());
        keys
    }

    /// Returns whether the end of a paste has to come yet: until then there are no keys.
    pub const fn is_pasting(&self) -> bool {
        self.is_pasting
    }

    /// Ends a paste whose end does not come.
    pub fn end_paste(&mut self) -> Vec<Key> {
        self.take(PASTE_ENDS)
    }

    fn follow_paste(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
        let find = |mark: &[u8]| self.last.windows(mark.len()).rposition(|part| part == mark);
        match (find(PASTE_BEGINS), find(PASTE_ENDS)) {
            (Some(begin), end) => self.is_pasting = end.is_none_or(|end| end < begin),
            (None, Some(_)) => self.is_pasting = false,
            (None, None) => {}
        }
        let rest = self.last.len().saturating_sub(PASTE_ENDS.len() - 1);
        self.last.drain(..rest);
    }

    /// Notes that nothing has come for a while: what could be the beginning of a sequence is none.
    pub fn silence(&mut self) -> Vec<Key> {
        self.parser.parse(b"", false);
        self.keys()
    }

    #[allow(clippy::wildcard_enum_match_arm)] // reports of the terminal, and whatever else the parser knows, are no keys
    fn keys(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        while let Some(event) = self.parser.pop() {
            match event {
                Event::Key(event) if event.kind != KeyEventKind::Release => {
                    keys.extend(key(event.code, event.modifiers))
                }
                Event::Paste(text) => keys.push(Key::Paste(lines(&text))),
                _ => {}
            }
        }
        keys
    }
}

/// Returns a paste with the same line ends: terminals send CR, LF or both.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[allow(clippy::wildcard_enum_match_arm)] // keys that mean nothing here
fn key(code: KeyCode, modifiers: Modifiers) -> Option<Key> {
    let (control, alt) = (modifiers.contains(Modifiers::CONTROL), modifiers.contains(Modifiers::ALT));
    let shift = modifiers.contains(Modifiers::SHIFT);
    Some(match code {
        // A line that was typed before the terminal sent keys has its end as Ctrl-J.
        KeyCode::Char('j' | 'm') if control => Key::Enter,
        KeyCode::Char(character) if control => Key::Control(character.to_ascii_lowercase()),
        KeyCode::Char(character) if alt => Key::Alt(character.to_ascii_lowercase()),
        KeyCode::Char(character) => Key::Text(character),
        KeyCode::Enter if alt || shift => Key::LineEnd,
        KeyCode::Enter => Key::Enter,
        KeyCode::Backspace if alt || control => Key::BackspaceWord,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Left if alt || control => Key::WordLeft,
        KeyCode::Left => Key::Left,
        KeyCode::Right if alt || control => Key::WordRight,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Tab,
        KeyCode::Escape => Key::Escape,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        let mut all = keys.take(bytes);
        all.extend(keys.silence());
        all
    }

    #[test]
    fn the_keys_of_a_terminal_are_read() {
        for (bytes, expected) in [
            (&b"a"[..], vec![Key::Text('a')]),
            ("ж👋".as_bytes(), vec![Key::Text('ж'), Key::Text('👋')]),
            (b"\r", vec![Key::Enter]),
            (b"\x1b\r", vec![Key::LineEnd]),
            (b"a\n", vec![Key::Text('a'), Key::Enter]),
            (b"\x7f", vec![Key::Backspace]),
            (b"\x1b\x7f", vec![Key::BackspaceWord]),
            (b"\t", vec![Key::Tab]),
            (b"\x01\x05\x17", vec![Key::Control('a'), Key::Control('e'), Key::Control('w')]),
            (b"\x1bb\x1bf", vec![Key::Alt('b'), Key::Alt('f')]),
            (b"\x1b[D\x1b[C\x1b[A\x1b[B", vec![Key::Left, Key::Right, Key::Up, Key::Down]),
            (b"\x1bOD\x1b[H\x1b[F\x1b[3~", vec![Key::Left, Key::Home, Key::End, Key::Delete]),
            (b"\x1b[1;5D\x1b[1;3C", vec![Key::WordLeft, Key::WordRight]),
            (b"\x1b", vec![Key::Escape]),
            (b"\x1b[?2026;2$y", vec![]),
        ] {
            assert_eq!(all(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_is_one_whatever_is_in_it_and_wherever_it_is_split() {
        let bytes = b"x\x1b[200~/quit\r!q\r\nls \xe4\xb8\x96\n\x1b[201~y";
        let expected = [Key::Text('x'), Key::Paste("/quit\n!q\nls 世\n".into()), Key::Text('y')];
        for split in 0..bytes.len() {
            let mut keys = Keys::default();
            let mut all = keys.take(&bytes[..split]);
            all.extend(keys.take(&bytes[split..]));
            assert_eq!(all, expected, "{split}");
        }
    }

    #[test]
    fn a_paste_without_an_end_can_be_ended() {
        let mut keys = Keys::default();
        assert_eq!(keys.take(b"a\x1b[20"), [Key::Text('a')]);
        assert!(!keys.is_pasting());
        assert_eq!(keys.take(b"0~one\r\x03"), []);
        assert!(keys.is_pasting());
        assert_eq!(keys.end_paste(), [Key::Paste("one\n\u{3}".into())]);
        assert!(!keys.is_pasting());
        keys.take(b"\x1b[200~three");
        assert_eq!(keys.take(b"\x03"), [Key::Paste("three".into()), Key::Control('c')]);
        assert_eq!(keys.take(b"\x1b[200~two\x1b[201~x"), [Key::Paste("two".into()), Key::Text('x')]);
        assert!(!keys.is_pasting());
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_keys(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            all(&bytes);
        }
    }
}
