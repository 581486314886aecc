//! What the painter's bytes do to a terminal.

use proptest::prelude::*;
use udpchat::ui::screen::paint::{Painter, Pinned};
use udpchat::ui::screen::width::fit;

use crate::common::model::Model;

struct Screen {
    painter: Painter,
    model: Model,
}

impl Screen {
    fn new(columns: u16, rows: u16) -> Self {
        Self { painter: Painter::default(), model: Model::new(columns, rows) }
    }

    fn paint(&mut self, lines: &[String], input: &str, strip: usize) {
        let (columns, rows) = self.model.size();
        let room = usize::from(columns) - 1;
        let above = usize::from(rows).saturating_sub(2).min(strip);
        let rows = (0..above).map(|row| fit(&format!("# {row}"), room)).collect();
        let pinned = Pinned { rows, input: (fit(input, room), String::new()) };
        let bytes = self.painter.paint(lines, pinned);
        self.model.show(bytes.as_bytes());
    }
}

fn lines(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("m{number}.")).collect()
}

#[test]
fn messages_stand_above_the_pinned_rows_and_the_cursor_in_the_last_of_them() {
    let mut screen = Screen::new(20, 6);
    screen.paint(&lines(0..2), "typing", 1);
    assert_eq!(screen.model.contents(), "m0.\nm1.\n# 0\ntyping");
    assert_eq!(screen.model.screen().cursor_position(), (3, 6));
    screen.paint(&lines(2..9), "typing", 2);
    assert_eq!(screen.model.contents(), "m6.\nm7.\nm8.\n# 0\n# 1\ntyping");
    screen.paint(&[], "", 0);
    assert_eq!(screen.model.contents(), "m6.\nm7.\nm8.");
    assert!(screen.painter.paint(&[], Pinned::default()).is_empty(), "nothing has changed");
}

#[test]
fn a_long_message_is_one_line_for_the_terminal() {
    let mut screen = Screen::new(10, 5);
    screen.paint(&["0123456789abcdef".into()], "x", 1);
    assert_eq!(screen.model.contents(), "0123456789abcdef\n# 0\nx");
}

#[test]
fn what_is_ours_is_gone_in_the_end() {
    let mut screen = Screen::new(20, 6);
    screen.paint(&lines(0..2), "typing", 3);
    let bytes = screen.painter.remove();
    screen.model.show(bytes.as_bytes());
    assert_eq!(screen.model.contents(), "m0.\nm1.");
}

#[derive(Clone, Debug)]
enum Step {
    Say(usize),
    Type(String),
    Strip(usize),
    Resize(u16, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1_usize..5).prop_map(Step::Say),
        // The model breaks when it cuts a wide character in two.
        "[a-z ]{0,30}".prop_map(Step::Type),
        (0_usize..5).prop_map(Step::Strip),
        // A model without reflow loses what a narrower screen cuts off; the messages here fit the narrowest.
        (5_u16..60, 2_u16..20).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn no_message_is_lost_or_repeated_or_out_of_order_whatever_happens_to_the_screen(steps in steps()) {
        let mut screen = Screen::new(40, 10);
        let (mut said, mut input, mut strip) = (0, String::new(), 1);
        for step in steps {
            let from = said;
            match step {
                Step::Say(count) => said += count,
                Step::Type(text) => input = text,
                Step::Strip(count) => strip = count,
                Step::Resize(columns, rows) => screen.model.resize(columns, rows),
            }
            screen.paint(&lines(from..said), &input, strip);
        }
        let all = screen.model.all();
        let is_message = |word: &&str| word.starts_with('m') && word.ends_with('.') && word.len() > 2;
        let seen: Vec<_> = all.split_whitespace().filter(is_message).collect();
        let expected: Vec<_> = (0..said).map(|number| format!("m{number}.")).collect();
        prop_assert_eq!(seen, expected);
    }
}
