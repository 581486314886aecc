//! How wide text is on a terminal.
//!
//! Owns: graphemes, and the most columns that a terminal uses for one.
//! Must not know: where the text is shown.
//! Driven by: the rest of `screen`.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns what a user takes for a character each (Unicode TR 29).
pub fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// Returns the most columns that a terminal uses for a grapheme: terminals disagree about ambiguous characters and joined emoji.
pub fn columns(grapheme: &str) -> usize {
    let apart: usize = grapheme.chars().map(|character| character.width_cjk().unwrap_or(1)).sum();
    grapheme.width().max(apart).max(1)
}

/// Returns the most columns that a terminal uses for a text.
pub fn columns_of(text: &str) -> usize {
    graphemes(text).map(columns).sum()
}

/// Cuts a text so that it fits so many columns, with an ellipsis where something is left out.
pub fn fit(text: &str, room: usize) -> String {
    if columns_of(text) <= room {
        return text.to_owned();
    }
    let mut fitted = String::new();
    // In some terminals the ellipsis has two columns.
    let mut left = room.saturating_sub(2);
    for grapheme in graphemes(text) {
        let wide = columns(grapheme);
        if wide > left {
            break;
        }
        left -= wide;
        fitted.push_str(grapheme);
    }
    if room >= 2 {
        fitted.push('…');
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_family_is_one_grapheme_and_wide_characters_have_two_columns() {
        let family = "👨‍👩‍👧";
        assert_eq!(graphemes(family).count(), 1);
        assert!(columns(family) >= 2);
        assert_eq!((columns_of("世界"), columns_of("jill"), columns_of("e\u{301}")), (4, 4, 1));
        assert_eq!((fit("jill", 4), fit("jilly", 4)), ("jill".into(), "ji…".into()));
        assert_eq!(fit("世界世界", 5), "世…");
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(text in any::<String>(), room in 0_usize..40) {
            prop_assert!(columns_of(&fit(&text, room)) <= room);
        }
    }
}
