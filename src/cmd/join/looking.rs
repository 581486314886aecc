//! What a visitor does to look at the room's history.
//!
//! Owns: when it can be asked for.
//! Must not know: how anything is shown.
//! Driven by: `visit`, with commands and once a turn.

use super::taken::Wrong;
use super::visit::Visit;
use crate::client::Client;
use crate::time::Instant;
use crate::ui::command::Command;
use crate::wire::frame::Watched;

impl Visit {
    /// Begins to look at something.
    ///
    /// # Errors
    /// There is nothing, or it cannot be asked.
    pub(super) fn look(&mut self, now: Instant, client: &mut Client, command: &Command<'_>) -> Result<(), Wrong> {
        if client.is_text() {
            return Err(Wrong::in_text("plain text has no history"));
        }
        if let Command::History(count) = command {
            let id = client.fetch_back(now, *count);
            let id = id.ok_or_else(|| Wrong::new("no-effect", "there is nothing before that (or not yet)"))?;
            self.looks.ask_history(id);
        } else if let Command::Search(words) = command {
            self.looks.look_for(words);
        } else if let Command::Seen = command {
            let newest = self.looks.newest();
            let newest = newest.ok_or_else(|| Wrong::new("no-effect", "you have not said anything yet"))?;
            self.looks.wants_names = true;
            client.watch(now, newest, Watched::Names);
        }
        Ok(())
    }

    /// Asks for the next page of a search.
    pub(super) fn look_further(&mut self, now: Instant, client: &mut Client) {
        if let Some((spot, count)) = self.looks.wants()
            && let Ok(id) = client.fetch(now, spot, count)
        {
            self.looks.asked(id);
        }
    }
}
