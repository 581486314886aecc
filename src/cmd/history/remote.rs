//! What another server has logged, read page by page in a session of the user's key.
//!
//! Owns: the session, the one answer that is waited for.
//! Must not know: which entries the user wants, how they are shown.
//! Driven by: `cmd::history`.
//!
//! The session is not present: nobody is told that somebody reads.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use super::recorded::{FOLLOW_PAUSE, Record, Recorded, Slice};
use crate::cli::{Dialects, Target};
use crate::client::{Client, Dialect, Event, NoPage, Unreachable};
use crate::cmd::talk::{Known, Wanted, over, prepare};
use crate::cmd::{Exit, Failure};
use crate::net::client::{ClientLoop, Driver, End, Source, Ticked};
use crate::time::Instant;
use crate::ui::notice;
use crate::wire::entry::Entry;
use crate::wire::frame::{FETCH_MAX, GapReason, Spot};
use crate::wire::{Seq, Timestamp};

/// A session in which earlier entries are read; see the module.
pub(super) struct Remote {
    client: ClientLoop,
    reader: Reader,
    timeout: Duration,
}

/// What is waited for, and what has come of it.
struct Reader {
    known: Known,
    failed: Vec<(SocketAddr, Unreachable)>,
    /// The number of the outstanding request, then its answer.
    asked: Option<u64>,
    answer: Option<Result<Event, NoPage>>,
    /// The number behind the newest entry.
    end: Seq,
    has_news: bool,
    /// Whether the server has begun a new log.
    is_another: bool,
    /// Whether to come back as soon as there is news, or it is this late.
    until: Option<Instant>,
}

impl Remote {
    /// Begins a session with the server; if it `stays`, it waits for a server that goes away.
    ///
    /// # Errors
    /// There is none to be had.
    pub(super) fn open(target: &Target, stays: bool) -> Result<Self, Failure> {
        let target = Target { server: target.server.clone().without_token(), timeout: target.timeout };
        let dialects = Dialects { secure: true, text: false };
        let known = Known::look_up(&target.server)?;
        let who = known.own_key()?.public().who();
        let nick = format!("history {who}").parse().map_err(|why: String| Failure::new(Exit::Failure, why))?;
        let wanted = Wanted { nick, stays, present: false, unnamed: true, instance: None, key: None, server: None };
        let (config, known) = prepare(&target, dialects, wanted)?;
        let client = ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] })?;
        let reader = Reader {
            known,
            failed: Vec::new(),
            asked: None,
            answer: None,
            end: Seq(0),
            has_news: false,
            is_another: false,
            until: None,
        };
        Ok(Self { client, reader, timeout: target.timeout })
    }

    /// Says goodbye.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        Ok(self.client.part()?)
    }

    /// Asks for entries and waits for them.
    fn page(&mut self, spot: Spot, count: u32) -> Result<(Seq, Seq, Vec<Event>), Failure> {
        let now = self.client.now();
        // Nothing else is asked meanwhile.
        self.reader.asked = self.client.port.client.fetch(now, spot, count).ok();
        self.talk()?;
        let server = self.reader.known.server();
        match self.reader.answer.take() {
            Some(Ok(Event::Page { from, oldest, entries, .. })) => Ok((from, oldest, entries)),
            Some(Err(NoPage::AnotherLog)) => Err(self.another()),
            Some(_) | None => {
                let within = humantime::format_duration(self.timeout);
                let message = format!("{server} sent no earlier entries within {within} (is it an older version?)");
                Err(Failure::new(Exit::Unreachable, message))
            }
        }
    }

    fn another(&self) -> Failure {
        let server = self.reader.known.server();
        Failure::new(Exit::Failure, format!("{server} has begun a new room meanwhile: start again"))
    }

    /// Runs the loop until what is waited for has come.
    fn talk(&mut self) -> Result<(), Failure> {
        let end = self.client.talk(&mut self.reader)?;
        let client = &self.client.port.client;
        match end {
            End::Done | End::Quit => Ok(()),
            End::Interrupted => Err(Failure::silent(Exit::Interrupted)),
            End::Over(why) => Err(over(why, &self.reader.known, client.nick(), &self.reader.failed, self.timeout)),
        }
    }
}

impl Recorded for Remote {
    fn range(&mut self) -> Result<(Seq, Seq), Failure> {
        let (end, oldest, _) = self.page(Spot::Before(Seq(u64::MAX)), 0)?;
        Ok((oldest, end))
    }

    fn first_since(&mut self, at: Timestamp) -> Result<Seq, Failure> {
        // Times never go back.
        let (mut low, mut high) = self.range()?;
        while low < high {
            let middle = Seq(u64::midpoint(low.0, high.0));
            match self.time_from(middle, high)? {
                Some((seq, time)) if time < at => low = seq + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    fn slice(&mut self, from: Seq, to: Seq) -> Result<Slice, Failure> {
        let count = u32::try_from(to.since(from)).unwrap_or(FETCH_MAX);
        let (_, _, entries) = self.page(Spot::Before(to), count)?;
        let mut slice = Slice::default();
        for event in entries {
            if let Event::Entry { seq, encoded } = event {
                let at = Entry::decode_with_time(&encoded).and_then(|(_, at)| at).unwrap_or_default();
                slice.records.push(Record { seq, at, entry: encoded.into(), private: None });
            } else if let Event::Private(private) = event {
                let (seq, at) = (private.seq, private.at);
                slice.records.push(Record { seq, at, entry: Vec::new(), private: Some(private) });
            } else if let Event::Gap { count, why: GapReason::Unreadable, .. } = event {
                slice.unreadable += count;
            }
            // What is gone leaves nothing to be shown, as in a log on this machine.
        }
        Ok(slice)
    }

    fn slice_len(&self) -> u64 {
        FETCH_MAX.into()
    }

    fn wait(&mut self) -> Result<(), Failure> {
        while !std::mem::take(&mut self.reader.has_news) {
            self.reader.until = Some(self.client.now() + FOLLOW_PAUSE);
            self.talk()?;
            if self.reader.is_another {
                return Err(self.another());
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("{} cannot be read: its log is damaged", self.reader.known.server())
    }
}

impl Remote {
    /// Returns the first entry from `from` on and before `to` that the user may see, and its time.
    fn time_from(&mut self, mut from: Seq, to: Seq) -> Result<Option<(Seq, Timestamp)>, Failure> {
        while from < to {
            let end = to.min(from + u64::from(FETCH_MAX));
            if let Some(record) = self.slice(from, end)?.records.first() {
                return Ok(Some((record.seq, record.at)));
            }
            from = end;
        }
        Ok(None)
    }
}

impl Driver for Reader {
    #[allow(clippy::wildcard_enum_match_arm)] // it reads, and nothing else happens to it
    fn event(&mut self, _: Instant, client: &Client, event: Event) -> io::Result<()> {
        if let Some(end) = event.end() {
            self.end = self.end.max(end);
            self.has_news = true;
        }
        match event {
            Event::Failed(address, why) => self.failed.push((address, why)),
            Event::Barred { until, by, why } => self.known.barred(until, &by, &why),
            Event::Joined(Dialect::Session { key, .. }) => {
                self.known.met(key).iter().for_each(|what| log::info!("{what}"));
            }
            Event::AnotherLog => self.is_another = true,
            Event::TextIgnored => {
                let server = client.server();
                notice(format_args!("{server} answers in plain text: ignored, for it has no earlier entries"));
            }
            Event::Page { id, .. } if self.asked == Some(id) => self.answer = Some(Ok(event)),
            Event::NoPage { id, why } if self.asked == Some(id) => self.answer = Some(Err(why)),
            _ => {}
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant, _: &mut Client) -> Ticked {
        if self.answer.is_some() {
            self.asked = None;
            return Ticked::Done;
        }
        match self.until.filter(|_| self.asked.is_none()) {
            Some(until) if self.has_news || until <= now => {
                self.until = None;
                Ticked::Done
            }
            Some(until) => Ticked::At(until),
            None => Ticked::Never,
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.reader.known.server())
    }
}
