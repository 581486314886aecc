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

/// See the module.
#[derive(Debug, Default)]
pub struct Keys {
    parser: Parser,
}

impl Keys {
    /// Takes bytes; returns the keys that are complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.parser.parse(bytes, true);
        self.keys()
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

    proptest! {
        #[test]
        fn any_bytes_are_some_keys(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            all(&bytes);
        }
    }
}
