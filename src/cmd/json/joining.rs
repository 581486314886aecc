//! How a tab of the page begins: its first object (docs/JSON.md).
//!
//! Owns: the names of its fields, what they may be.
//! Must not know: what becomes of them.
//! Driven by: `cmd::web`.

use serde::Deserialize;

use crate::net::kept::{Kept, log_of};
use crate::policy::names;
use crate::wire::frame::History;
use crate::wire::{LogId, Nick, Seq};

/// The most entries that a tab may begin with.
const HISTORY_MAX: u64 = 1000;

/// How many it begins with if it does not say so.
const HISTORY: u64 = 100;

/// The object as it is written.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Form {
    Join { nick: Option<String>, kept: Option<Kept>, place: Option<PlaceForm>, history: Option<u64> },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceForm {
    log: String,
    next: u64,
}

/// What a tab is.
#[derive(Debug)]
pub(crate) struct Joining {
    /// Its nick, if it has one.
    pub(crate) nick: Option<Nick>,
    /// What it has kept.
    pub(crate) kept: Option<Kept>,
    /// The log, and the next number that it wants.
    pub(crate) place: Option<(LogId, Seq)>,
    /// How many entries it wants to begin with if it has no place.
    pub(crate) history: History,
}

impl Joining {
    /// Reads the object.
    ///
    /// # Errors
    /// It is none, for whoever wrote the page; or its nick may be none, for its user: a code and why.
    pub(crate) fn read(line: &str) -> Result<Self, (&'static str, String)> {
        let malformed = |why: String| ("malformed", why);
        let form = serde_json::from_str(line);
        let form = form.map_err(|err| malformed(format!("expected {{\"do\":\"join\"}}: {err}")))?;
        let Form::Join { nick, kept, place, history } = form;
        let nick = nick.as_deref().map(names::wanted).transpose().map_err(|why| ("bad-nick", why))?;
        let place = match place {
            Some(PlaceForm { log, next }) => {
                let log = log_of(&log).ok_or_else(|| malformed("log is 32 hex digits".into()))?;
                Some((log, Seq(next)))
            }
            None => None,
        };
        let history = history.unwrap_or(HISTORY);
        if history > HISTORY_MAX {
            return Err(malformed(format!("history is at most {HISTORY_MAX}")));
        }
        Ok(Self { nick, kept, place, history: History::Last(history) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_says_who_it_is_and_what_it_has_kept() {
        let first = Joining::read(r#"{"do":"join","nick":"jack"}"#).unwrap();
        assert_eq!((first.nick.unwrap().as_str(), first.history, first.place), ("jack", History::Last(100), None));
        let log = "0f".repeat(16);
        let kept = r#"{"instance":"00000000000000ff","log":null,"next":9,"numbers":[],"posts":[{"post":8,"kind":0,"text":"hey","ref":"a"}],"waiting":[]}"#;
        let again = format!(r#"{{"do":"join","place":{{"log":"{log}","next":7}},"kept":{kept},"history":5}}"#);
        let again = Joining::read(&again).unwrap();
        let (instance, outbox, waiting) = again.kept.unwrap().read().unwrap();
        assert_eq!((instance.0[7], outbox.next, outbox.posts[0].text.as_str()), (255, 9, "hey"));
        assert!(waiting.is_empty() && again.nick.is_none());
        assert_eq!(again.place, Some((LogId([15; 16]), Seq(7))));
    }

    #[test]
    fn what_a_tab_cannot_be_is_refused() {
        for (line, why) in [
            ("", "expected {\"do\":\"join\"}"),
            (r#"{"do":"say","text":"x"}"#, "expected {\"do\":\"join\"}"),
            (r#"{"do":"join","nick":""}"#, "a nick"),
            (r#"{"do":"join","place":{"log":"7","next":7}}"#, "log is"),
            (r#"{"do":"join","history":1001}"#, "history is"),
            (r#"{"do":"join","more":1}"#, "expected"),
        ] {
            let (_, wrong) = Joining::read(line).unwrap_err();
            assert!(wrong.starts_with(why), "{line}: {wrong}");
        }
        let kept = |next: u64, post: u64, text: &str, instance: &str| {
            let kept = format!(
                r#"{{"instance":"{instance}","log":null,"next":{next},"numbers":[],"posts":[{{"post":{post},"kind":0,"text":"{text}"}}],"waiting":[]}}"#
            );
            serde_json::from_str::<Kept>(&kept).unwrap().read().map(drop)
        };
        let instance = "00000000000000ff";
        assert_eq!(kept(9, 8, "x", instance), Ok(()));
        assert!(kept(9, 9, "x", instance).is_err(), "it is not below next");
        assert!(kept(1 << 40, 0, "x", instance).is_err(), "all between them would be remembered");
        assert!(kept(u64::MAX, u64::MAX - 1, "x", instance).is_err());
        assert!(kept(9, 8, &"x".repeat(991), instance).is_err());
        assert!(kept(9, 8, "x", "ff").is_err());
    }
}
