//! Completion with the Tab key: commands, and the nicks of those who are here.
//!
//! Owns: what can be completed where, which candidate is next.
//! Must not know: who is here.
//! Driven by: `cmd::join::terminal`.

/// See the module.
#[derive(Debug, Default)]
pub struct Completer {
    /// Where the word begins, what can stand there, which of it does, and what the line is like with that.
    at: Option<(usize, Vec<String>, usize, String)>,
}

impl Completer {
    /// Completes the word before the cursor, or replaces it with the next candidate if it was completed last. Returns where the word
    /// begins, and what is to stand there.
    pub fn complete<'a>(
        &mut self,
        before: &str,
        commands: impl Iterator<Item = &'a str>,
        nicks: impl Iterator<Item = &'a str>,
    ) -> Option<(usize, String)> {
        if let Some((start, candidates, index, line)) = &mut self.at
            && *line == before
        {
            *index = (*index + 1) % candidates.len();
            let candidate = candidates[*index].clone();
            *line = format!("{}{candidate}", &before[..*start]);
            return Some((*start, candidate));
        }
        let start = before.rfind([' ', '\n']).map_or(0, |blank| blank + 1);
        let word = &before[start..];
        let candidates: Vec<_> = if start == 0 && word.starts_with('/') {
            commands.filter(|command| command.starts_with(&word[1..])).map(|command| format!("/{command} ")).collect()
        } else if word.is_empty() {
            Vec::new()
        } else {
            let begins = |nick: &&str| nick.to_lowercase().starts_with(&word.to_lowercase());
            nicks.filter(begins).filter_map(|nick| in_place(nick, before)).collect()
        };
        let first = candidates.first()?.clone();
        self.at = Some((start, candidates, 0, format!("{}{first}", &before[..start])));
        Some((start, first))
    }
}

/// Returns a nick as it is written there: behind a command in quotation marks if it has a blank, at the beginning of a line with a colon. One
/// with a quotation mark of its own cannot be written behind a command.
fn in_place(nick: &str, before: &str) -> Option<String> {
    let is_named = before.starts_with('/');
    if is_named && nick.contains('"') {
        return None;
    }
    Some(if before.starts_with('/') && nick.contains(' ') {
        format!("\"{nick}\" ")
    } else if before.contains([' ', '\n']) {
        format!("{nick} ")
    } else {
        format!("{nick}: ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(completer: &mut Completer, before: &str) -> Option<String> {
        let (commands, nicks) = (["msg", "members", "me"], ["jill", "Jack", "jim b", "jo\" x"]);
        let (start, with) = completer.complete(before, commands.into_iter(), nicks.into_iter())?;
        Some(format!("{}{with}", &before[..start]))
    }

    #[test]
    fn nicks_and_commands_are_completed_and_tab_again_takes_the_next() {
        let mut completer = Completer::default();
        let line = completed(&mut completer, "ji").unwrap();
        assert_eq!(line, "jill: ");
        let line = completed(&mut completer, &line).unwrap();
        assert_eq!(line, "jim b: ");
        assert_eq!(completed(&mut completer, &line).unwrap(), "jill: ");
        assert_eq!(completed(&mut completer, "hey JA").unwrap(), "hey Jack ");
        assert_eq!(completed(&mut completer, "/msg jim").unwrap(), "/msg \"jim b\" ");
        assert_eq!(completed(&mut completer, "/msg jo"), None, "it would be somebody else's");
        assert_eq!(completed(&mut completer, "/me").unwrap(), "/members ");
        assert_eq!(completed(&mut completer, "x/me"), None);
        assert_eq!(completed(&mut completer, "hey "), None);
    }
}
