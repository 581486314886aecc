//! Colours.
//!
//! Owns: which colours a terminal is given, the colour of a key, which can be read on black and on white.
//! Must not know: what is coloured.
//! Driven by: `cmd::join::terminal`.

use std::fmt::Write;
use std::sync::LazyLock;

use crate::wire::Who;

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// None, or the user wants none: bold and reverse are left.
    None,
    /// Those that every terminal has.
    Sixteen,
    /// xterm's.
    Many,
}

/// What a piece of text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A nick: bold, in the colour of its key.
    Nick(Option<Who>),
    /// What is not in the foreground: times, notices.
    Faint,
    /// What is not to be taken for anything else.
    Mark,
    /// What needs the user.
    Alarm,
}

/// Of the sixteen, those that can be read on black and on white in xterm's colours: the contrast is 3:1 at least.
const OF_SIXTEEN: [u8; 5] = [31, 35, 91, 94, 95];

/// Of xterm's, likewise.
static OF_MANY: LazyLock<Vec<u8>> = LazyLock::new(|| (16..=231).filter(|&color| is_readable(color)).collect());

impl Palette {
    /// Returns what the environment says: `NO_COLOR` (no-color.org), `TERM`, `COLORTERM`.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let has = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let many =
            |name: &str| variable(name).is_some_and(|value| value.contains("256") || value.contains("truecolor"));
        if has("NO_COLOR") {
            Self::None
        } else if many("TERM") || has("COLORTERM") {
            Self::Many
        } else {
            Self::Sixteen
        }
    }

    /// Appends harmless text in a style.
    pub fn push(self, into: &mut String, style: Style, text: &str) {
        let code: String = match (style, self) {
            (Style::Nick(Some(who)), Self::Sixteen) => {
                format!("1;{}", OF_SIXTEEN[index(who) % OF_SIXTEEN.len()])
            }
            (Style::Nick(Some(who)), Self::Many) => format!("1;38;5;{}", OF_MANY[index(who) % OF_MANY.len()]),
            (Style::Nick(_), _) => "1".into(),
            (Style::Faint, _) => "2".into(),
            (Style::Mark, _) => "7".into(),
            (Style::Alarm, Self::None) => "1;7".into(),
            (Style::Alarm, Self::Sixteen | Self::Many) => "1;31".into(),
        };
        let _ = write!(into, "\x1b[{code}m{text}\x1b[0m");
    }
}

/// Returns a number that is the same for a key everywhere, and evenly distributed.
fn index(Who(who): Who) -> usize {
    usize::from(u16::from_be_bytes([who[0], who[1]]))
}

/// Returns whether a colour of xterm's cube has a contrast of 3:1 at least on black and on white (WCAG 2.2, 1.4.3), and is no grey:
/// that is for what is faint.
fn is_readable(color: u8) -> bool {
    let [red, green, blue] = steps(color);
    if red == green && green == blue {
        return false;
    }
    let luminance = luminance(color);
    (luminance + 0.05) / 0.05 >= 3.0 && 1.05 / (luminance + 0.05) >= 3.0
}

/// Returns the relative luminance of a colour of xterm's cube.
fn luminance(color: u8) -> f64 {
    let part = |step: u8| {
        let level = if step == 0 { 0.0 } else { f64::from(55 + 40 * u16::from(step)) / 255.0 };
        if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = steps(color);
    0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue)
}

/// Returns how much red, green and blue a colour of xterm's cube has, of 5.
const fn steps(color: u8) -> [u8; 3] {
    let cube = color - 16;
    [cube / 36, cube / 6 % 6, cube % 6]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_colour_that_can_be_read_on_black_and_on_white() {
        assert!(OF_MANY.len() >= 40, "{}", OF_MANY.len());
        assert!(!OF_MANY.contains(&16) && !OF_MANY.contains(&231) && OF_MANY.contains(&196));
        let shown = |palette: Palette, who: u8| {
            let mut text = String::new();
            palette.push(&mut text, Style::Nick(Some(Who([who; 8]))), "jill");
            text
        };
        assert_eq!(shown(Palette::Many, 7), shown(Palette::Many, 7));
        assert_ne!(shown(Palette::Many, 7), shown(Palette::Many, 8));
        assert_eq!(shown(Palette::None, 7), "\x1b[1mjill\x1b[0m");
    }

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        let palette = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            Palette::detect(move |name| set.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()))
        };
        assert_eq!(palette(&[("TERM", "xterm-256color")]), Palette::Many);
        assert_eq!(palette(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Palette::None);
        assert_eq!(palette(&[("TERM", "linux"), ("NO_COLOR", "")]), Palette::Sixteen);
        assert_eq!(palette(&[("TERM", "screen"), ("COLORTERM", "truecolor")]), Palette::Many);
    }
}
