//! The line that a user is editing.
//!
//! Owns: its text, where the cursor is, what was cut out last, the search through earlier lines.
//! Must not know: what the line means, how it is painted.
//! Driven by: `cmd::join::terminal`, with keys.
//!
//! The keys are those of readline. The cursor stands between graphemes, never within one.

use super::keys::Key;
use super::past::Past;
use super::width::{columns, fit, graphemes};
use crate::ui::sanitize::is_harmful;

/// Longest text, in bytes: more becomes no single line of the client.
pub const TEXT_MAX: usize = 32 * 1024;

/// What the end of a line within the text looks like.
const LINE_END: &str = "↵";

/// See the module.
#[derive(Debug, Default)]
pub struct Editor {
    text: String,
    /// In bytes.
    at: usize,
    /// Whether the line is text, whatever it begins with: its beginning was pasted.
    is_text: bool,
    /// What was cut out last, and whether it was such a beginning.
    cut: (String, bool),
    past: Past,
    search: Option<Search>,
}

/// A search through earlier lines.
#[derive(Debug)]
struct Search {
    wanted: String,
    /// The place of the line that is shown, if there is one.
    place: Option<usize>,
    /// What the user had typed before, and whether it was text.
    draft: (String, bool),
}

impl Editor {
    /// Creates an empty line, with these earlier ones.
    pub fn new(past: Past) -> Self {
        Self { past, ..Self::default() }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before the cursor.
    pub fn before(&self) -> &str {
        &self.text[..self.at]
    }

    /// Returns the earlier lines.
    pub const fn past(&self) -> &Past {
        &self.past
    }

    /// Returns whether the line is text, whatever it begins with: what was pasted is no command.
    pub const fn is_text(&self) -> bool {
        self.is_text
    }

    /// Replaces the text; the cursor is behind it.
    pub fn set(&mut self, text: String, is_text: bool) {
        self.at = text.len();
        self.is_text = is_text && !text.is_empty();
        self.text = text;
        self.past.leave();
        self.search = None;
    }

    /// Replaces what is between a place and the cursor.
    pub fn replace_from(&mut self, start: usize, with: &str) {
        if start <= self.at && self.text.is_char_boundary(start) {
            self.text.replace_range(start..self.at, with);
            self.at = start + with.len();
        }
    }

    /// Takes the text away, as a line that was entered. What is text comes back from the past as text.
    pub fn take(&mut self) -> String {
        self.search = None;
        self.at = 0;
        let text = std::mem::take(&mut self.text);
        let is_text = std::mem::take(&mut self.is_text);
        let is_like_a_command = text.starts_with('/') && !text.contains('\n');
        self.past.push(if is_text && is_like_a_command { format!("/{text}") } else { text.clone() });
        text
    }

    /// Writes something at the cursor. Returns false if there is no room for all of it; then nothing was written.
    fn insert(&mut self, text: &str, is_text: bool) -> bool {
        if self.text.len() + text.len() > TEXT_MAX {
            return false;
        }
        if self.at == 0 {
            self.is_text = is_text;
        }
        self.text.insert_str(self.at, text);
        self.at += text.len();
        // What was typed may have become one grapheme with what follows.
        self.at = self.boundary_from(self.at);
        true
    }

    /// Does what a key does to the line. Returns false if it has no meaning here, or nothing to do.
    pub fn key(&mut self, key: &Key) -> bool {
        if self.search.is_some() && self.key_in_search(key) {
            return true;
        }
        let has_effect = self.edit(key);
        self.is_text &= !self.text.is_empty();
        has_effect
    }

    fn edit(&mut self, key: &Key) -> bool {
        let before = (self.text.len(), self.at);
        match key {
            Key::Text(character) => return self.insert(character.encode_utf8(&mut [0; 4]), false),
            Key::Paste(text) => return self.insert(&harmless(text), true),
            Key::LineEnd => return self.insert("\n", false),
            Key::Left | Key::Control('b') => self.at = self.left(),
            Key::Right | Key::Control('f') => self.at = self.right(),
            Key::WordLeft | Key::Alt('b') => self.at = self.word_left(),
            Key::WordRight | Key::Alt('f') => self.at = self.word_right(),
            Key::Home | Key::Control('a') => self.at = self.line_start(),
            Key::End | Key::Control('e') => self.at = self.line_end(),
            Key::Backspace | Key::Control('h') => self.remove(self.left()),
            Key::Delete | Key::Control('d') => self.remove(self.right()),
            Key::BackspaceWord | Key::Control('w') => self.cut_to(self.word_left()),
            Key::Alt('d') => self.cut_to(self.word_right()),
            Key::Control('u') => self.cut_to(0),
            Key::Control('k') => self.cut_to(self.text.len()),
            Key::Control('y') => {
                let (cut, is_text) = self.cut.clone();
                return self.insert(&cut, is_text);
            }
            Key::Up | Key::Control('p') => return self.look(Past::older),
            Key::Down | Key::Control('n') => return self.look(Past::newer),
            Key::Control('r') => return self.begin_search(),
            Key::Enter | Key::Tab | Key::Escape | Key::Control(_) | Key::Alt(_) => {}
        }
        before != (self.text.len(), self.at)
    }

    /// Returns what the user is searching for among earlier lines.
    pub fn searching(&self) -> Option<&str> {
        self.search.as_ref().map(|search| search.wanted.as_str())
    }

    /// Returns the text in that many columns, before and behind the cursor; the cursor is always in sight.
    pub fn view(&self, room: usize) -> (String, String) {
        let shown = |text: &str| -> String {
            let character = |character: char| match character {
                '\t' => ' ',
                // What would turn the row around, or be no character of it.
                _ if character != '\n' && is_harmful(character) => char::REPLACEMENT_CHARACTER,
                _ => character,
            };
            text.chars().map(character).collect::<String>().replace('\n', LINE_END)
        };
        let (before, behind) = (shown(self.before()), shown(&self.text[self.at..]));
        // A column for the cursor itself.
        let mut left = room.saturating_sub(1);
        let mut start = before.len();
        for grapheme in graphemes(&before).rev() {
            let wide = columns(grapheme);
            if wide > left {
                break;
            }
            left -= wide;
            start -= grapheme.len();
        }
        (before[start..].to_owned(), fit(&behind, left))
    }

    fn look(&mut self, which: impl FnOnce(&mut Past, (String, bool)) -> Option<(String, bool)>) -> bool {
        let shown = (self.text.clone(), self.is_text);
        let Some((line, is_text)) = which(&mut self.past, shown) else { return false };
        self.is_text = is_text;
        self.at = line.len();
        self.text = line;
        true
    }

    fn begin_search(&mut self) -> bool {
        self.search = Some(Search { wanted: String::new(), place: None, draft: (self.text.clone(), self.is_text) });
        true
    }

    /// Does what a key does in a search. Returns false if the key ends the search, and means what it always does.
    fn key_in_search(&mut self, key: &Key) -> bool {
        let Some(search) = &mut self.search else { return false };
        match key {
            Key::Text(character) => search.wanted.push(*character),
            Key::Backspace | Key::Control('h') => {
                search.wanted.pop();
                search.place = None;
            }
            Key::Control('r') => {
                let before = search.place.unwrap_or(usize::MAX);
                self.find_before(before);
                self.at = self.text.len();
                return true;
            }
            Key::Escape | Key::Control('g' | 'c') => {
                self.text = std::mem::take(&mut search.draft.0);
                self.is_text = search.draft.1;
                self.at = self.text.len();
                self.search = None;
                return true;
            }
            Key::Enter => {
                self.search = None;
                return true;
            }
            Key::Control(_)
            | Key::Alt(_)
            | Key::Paste(_)
            | Key::LineEnd
            | Key::BackspaceWord
            | Key::Delete
            | Key::Left
            | Key::Right
            | Key::Up
            | Key::Down
            | Key::WordLeft
            | Key::WordRight
            | Key::Home
            | Key::End
            | Key::Tab => {
                self.search = None;
                return false;
            }
        }
        let from = search.place.map_or(usize::MAX, |place| place + 1);
        self.find_before(from);
        true
    }

    /// Shows the newest line before that place that the user is searching for, if there is one.
    fn find_before(&mut self, before: usize) {
        let Some(search) = &mut self.search else { return };
        let Some((place, line)) = self.past.find(&search.wanted, before) else { return };
        search.place = Some(place);
        self.text = line.to_owned();
        self.is_text = false;
        self.at = self.text.len();
    }

    fn remove(&mut self, to: usize) {
        let (start, end) = (self.at.min(to), self.at.max(to));
        self.text.replace_range(start..end, "");
        self.at = start;
    }

    fn cut_to(&mut self, to: usize) {
        let (start, end) = (self.at.min(to), self.at.max(to));
        if start < end {
            self.cut = (self.text[start..end].to_owned(), self.is_text && start == 0);
            self.remove(to);
        }
    }

    fn left(&self) -> usize {
        graphemes(self.before()).next_back().map_or(0, |grapheme| self.at - grapheme.len())
    }

    fn right(&self) -> usize {
        graphemes(&self.text[self.at..]).next().map_or(self.at, |grapheme| self.at + grapheme.len())
    }

    /// Returns the first place between graphemes from there on.
    fn boundary_from(&self, at: usize) -> usize {
        let mut place = 0;
        for grapheme in graphemes(&self.text) {
            if place >= at {
                break;
            }
            place += grapheme.len();
        }
        place
    }

    fn word_left(&self) -> usize {
        let mut at = self.at;
        let mut in_word = false;
        for grapheme in graphemes(self.before()).rev() {
            let is_word = grapheme.chars().any(char::is_alphanumeric);
            if in_word && !is_word {
                break;
            }
            in_word |= is_word;
            at -= grapheme.len();
        }
        at
    }

    fn word_right(&self) -> usize {
        let mut at = self.at;
        let mut in_word = false;
        for grapheme in graphemes(&self.text[self.at..]) {
            let is_word = grapheme.chars().any(char::is_alphanumeric);
            if in_word && !is_word {
                break;
            }
            in_word |= is_word;
            at += grapheme.len();
        }
        at
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |end| end + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |end| self.at + end)
    }
}

/// Returns a pasted text without control characters, but for tabs and the ends of lines.
fn harmless(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::new(Past::new(["first line", "second line"].map(String::from)));
        editor.set(text.into(), false);
        editor
    }

    fn after(text: &str, keys: &[Key]) -> String {
        let mut editor = typed(text);
        for key in keys {
            editor.key(key);
        }
        format!("{}|{}", editor.before(), &editor.text()[editor.before().len()..])
    }

    #[test]
    fn the_keys_of_readline_do_what_they_do_there() {
        use Key::{Alt, Backspace, Control, Delete, Down, End, Home, Left, LineEnd, Right, Text, Up};
        for (keys, expected) in [
            (&[Control('a')][..], "|one two three"),
            (&[Home, Control('e')], "one two three|"),
            (&[Left, Left, Backspace], "one two th|ee"),
            (&[Left, Left, Delete], "one two thr|e"),
            (&[Alt('b')], "one two |three"),
            (&[Alt('b'), Alt('b'), Alt('f')], "one two| three"),
            (&[Control('w')], "one two |"),
            (&[Control('w'), Control('w'), Control('y')], "one two |"),
            (&[Home, Alt('d')], "| two three"),
            (&[Alt('b'), Control('k')], "one two |"),
            (&[Alt('b'), Control('u')], "|three"),
            (&[Alt('b'), Control('u'), End, Control('y')], "threeone two |"),
            (&[Up], "second line|"),
            (&[Up, Up, Up], "first line|"),
            (&[Up, Down], "one two three|"),
            (&[Up, Text('!'), Up, Down], "second line!|"),
            (&[Up, Text('!'), Up, Down, Down], "one two three|"),
            (&[LineEnd, Text('x'), Control('a'), Control('k')], "one two three\n|"),
            (&[LineEnd, Control('u')], "|"),
            (&[Right, Delete, Down], "one two three|"),
            (&[Control('r'), Text('f'), Text('i')], "first line|"),
            (&[Control('r'), Text('l'), Control('r'), Key::Enter], "first line|"),
            (&[Control('r'), Text('l'), Key::Escape], "one two three|"),
            (&[Control('r'), Text('l'), Control('a'), Text('x')], "x|second line"),
        ] {
            assert_eq!(after("one two three", keys), expected, "{keys:?}");
        }
    }

    #[test]
    fn the_cursor_never_stands_within_a_grapheme() {
        let family = "👨‍👩‍👧";
        let text = format!("a{family}e\u{301}世");
        assert_eq!(after(&text, &[Key::Left]), format!("a{family}e\u{301}|世"));
        assert_eq!(after(&text, &[Key::Left, Key::Left, Key::Backspace]), "a|e\u{301}世");
        assert_eq!(after(&text, &[Key::Backspace, Key::Backspace, Key::Backspace]), "a|");
        assert_eq!(after("e", &[Key::Text('\u{301}'), Key::Backspace]), "|");
    }

    #[test]
    fn the_cursor_is_in_sight_in_any_room_and_nothing_is_wider_than_that() {
        let mut editor = typed("世界 hello 👨‍👩‍👧 and a line\nof two");
        for room in 1..50 {
            for _ in 0..40 {
                let (before, behind) = editor.view(room);
                assert!(
                    super::super::width::columns_of(&before) + super::super::width::columns_of(&behind) < room.max(1)
                );
                editor.key(&Key::Left);
            }
            editor.key(&Key::End);
        }
        assert_eq!(typed("a\nb\u{202e}").view(10).0, "a↵b\u{fffd}");
    }

    #[test]
    fn a_paste_is_text_and_too_much_of_it_is_refused_whole() {
        assert_eq!(after("", &[Key::Paste("/quit\n\x1b[2J\tx".into())]), "/quit\n[2J\tx|");
        let mut editor = typed("x");
        assert!(!editor.key(&Key::Paste("y".repeat(TEXT_MAX))));
        assert_eq!(editor.text(), "x");
    }

    #[test]
    fn what_was_pasted_is_text_until_it_is_replaced_and_comes_back_as_text() {
        let is_text = |keys: &[Key]| {
            let mut editor = typed("");
            for key in keys {
                editor.key(key);
            }
            editor.is_text()
        };
        let paste = || Key::Paste("/nick jane".into());
        assert!(is_text(&[paste()]) && is_text(&[paste(), Key::Text('x')]));
        assert!(!is_text(&[paste(), Key::Up]), "this was typed");
        assert!(is_text(&[paste(), Key::Up, Key::Down]), "this was pasted");
        assert!(!is_text(&[paste(), Key::Control('r'), Key::Text('l')]), "so was this");
        assert!(is_text(&[paste(), Key::Control('r'), Key::Text('l'), Key::Escape]), "the draft again");
        assert!(!is_text(&[paste(), Key::Control('u')]) && !is_text(&[Key::Text('x'), paste()]));
        assert!(is_text(&[paste(), Key::Control('u'), Key::Control('y')]), "cut out, and inserted again");
        assert!(!is_text(&[paste(), Key::Home, Key::Text('/')]));
        let mut editor = typed("");
        editor.key(&paste());
        assert_eq!(editor.take(), "/nick jane");
        editor.key(&Key::Up);
        assert_eq!(editor.text(), "//nick jane");
    }

    proptest! {
        #[test]
        fn whatever_is_done_to_a_line_it_stays_one(keys in prop::collection::vec(any_key(), 0..60)) {
            let mut editor = typed("one 世界");
            for key in &keys {
                editor.key(key);
                prop_assert!(editor.text.is_char_boundary(editor.at));
                editor.view(20);
            }
        }
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            any::<char>().prop_map(Key::Text),
            "[abdefhknpruwy]".prop_map(|text| Key::Control(text.chars().next().unwrap())),
            "[bfd]".prop_map(|text| Key::Alt(text.chars().next().unwrap())),
            any::<String>().prop_map(Key::Paste),
            Just(Key::Up),
            Just(Key::Down),
            Just(Key::Left),
            Just(Key::Right),
            Just(Key::Backspace),
            Just(Key::LineEnd),
            Just(Key::Enter),
        ]
    }
}
