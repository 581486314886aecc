//! Private messages as lines.
//!
//! Owns: how a private message looks, so that it looks like no line of the room: nicks do not begin with a bracket, and lines that do
//! have a mark.
//! Must not know: where it is shown.
//! Driven by: `cmd::join`, `cmd::history`.

use crate::client::{Private, Said, Trust};
use crate::ui::room;

/// Before private messages.
const PRIVATE: &str = "[private] ";

/// Before the user's own, and the nick of the recipient. No nick can be taken for a part of either.
const PRIVATE_TO: &str = "[private to] ";

/// Returns the line for a private message, not escaped; `None` if there is nothing to be shown of it.
pub(super) fn line(private: &Private) -> Option<String> {
    let mark = room::mark_of_private(matches!(private.trust, Trust::Changed(_)), &private.nick);
    let (nick, of) = (&private.nick, &private.of);
    Some(match &private.said {
        Said::Text { text, is_act: true, .. } => format!("{PRIVATE}{mark}* {nick} {text}"),
        Said::Text { text, is_act: false, .. } => format!("{PRIVATE}{mark}{nick}: {text}"),
        Said::Own(Some((text, true))) => format!("{PRIVATE_TO}{of}: * {nick} {text}"),
        Said::Own(Some((text, false))) => format!("{PRIVATE_TO}{of}: {text}"),
        Said::Own(None) => format!("{PRIVATE_TO}{of}: (you wrote this elsewhere)"),
        Said::Repeated | Said::Unreadable => return None,
    })
}
