//! `udpchat history`
//!
//! Owns: which entries are selected, how they are shown.
//! Must not know: how a log is stored.
//! Driven by: `cmd`.

mod forget;
mod recorded;
mod remote;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::json::{Told, line};
use super::{Exit, Failure, entries, private};
use crate::cli::{Recorded as Args, Target};
use crate::log::sqlite::OpenError;
use crate::log::sqlite::history::Reader;
use crate::net::rooms::{self, Kept, RoomName};
use crate::net::state::{State, write_aside};
use crate::net::stdio::plain_stdout;
use crate::net::wall;
use crate::ui::when::Calendar;
use crate::ui::{notice, room, sanitize};
use crate::wire::entry::{Entry, is_silent};
use crate::wire::text::JOINED;
use crate::wire::{Seq, Timestamp};
use recorded::{Record, Recorded};
use remote::Remote;

/// The name that stands for stdout.
const STDOUT: &str = "-";

pub(super) fn run(args: Args) -> Result<(), Failure> {
    if let Some(server) = &args.server {
        let mut remote = Remote::open(&Target { server: server.clone(), timeout: args.timeout }, args.follow)?;
        let shown = show_all(&mut remote, &args);
        remote.close()?;
        return shown;
    }
    let path = log_of(&args)?;
    if let Some(name) = &args.forget {
        return forget::run(&path, name, args.yes);
    }
    show_all(&mut Reader::open(&path).map_err(failed)?, &args)
}

/// Shows or exports what the user asked for.
fn show_all(reader: &mut impl Recorded, args: &Args) -> Result<(), Failure> {
    let calendar = Calendar::local();
    let time = |name: &str, text: &Option<String>| {
        let parse = |text: &String| calendar.parse(text, wall());
        let time = text.as_ref().map(parse).transpose();
        time.map_err(|why| Failure::new(Exit::Usage, format!("--{name}: {why}")))
    };
    let (since, until) = (time("since", &args.since)?, time("until", &args.until)?);
    let (oldest, end) = reader.range()?;
    let from = since.map_or(Ok(oldest), |since| reader.first_since(since))?;
    let to = until.map_or(Ok(end), |until| reader.first_since(until))?;
    let from = match args.lines {
        Some(lines) => last(reader, (from, to), lines.get(), args)?,
        None => from,
    };
    let exported = args.export.as_ref().filter(|file| file.as_os_str() != STDOUT);
    if let Some(file) = exported {
        let unreadable = export(file, reader, (from, to), args)?;
        return all_was_read(unreadable, reader);
    }
    let stdout = plain_stdout();
    let mut shown = Shown {
        columns: room::columns_of(&stdout),
        keys: room::Keys::default(),
        out: BufWriter::new(stdout),
        calendar,
        day: None,
        json: args.json || args.export.is_some(),
        line: String::new(),
    };
    let done = show(&mut shown, reader, (from, to), args).and_then(|unreadable| {
        if args.follow {
            follow(&mut shown, reader, to, args)?;
        }
        shown.out.flush().map_err(cannot_write)?;
        Ok(unreadable)
    });
    match done {
        Err(Stop::NobodyReads) => Ok(()),
        Ok(unreadable) => all_was_read(unreadable, reader),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

fn all_was_read(unreadable: u64, reader: &impl Recorded) -> Result<(), Failure> {
    if unreadable == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Failure, format!("{} of {}", entries(unreadable), reader.name())))
}

fn failed(err: OpenError) -> Failure {
    Failure::new(Exit::Failure, err.to_string())
}

/// Returns the log that was asked for, or the only one stored here.
fn log_of(args: &Args) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.db {
        return Ok(path.clone());
    }
    let nowhere = "no room is kept here (does the server run as another user? --db FILE names a log)";
    let state = State::find().ok_or_else(|| Failure::new(Exit::Failure, nowhere))?;
    let kept = rooms::list(&state);
    if let Some(room) = &args.room {
        let path = room.log(&state);
        return if path.exists() { Ok(path) } else { Err(no_room(room, &kept)) };
    }
    match kept.as_slice() {
        [Kept::Room(room)] => Ok(room.log(&state)),
        [Kept::Old(path)] => Ok(path.clone()),
        [] => Err(Failure::new(Exit::Failure, nowhere)),
        kept => Err(Failure::new(Exit::Usage, format!("several rooms are kept here; choose one:{}", choices(kept)))),
    }
}

fn no_room(room: &RoomName, kept: &[Kept]) -> Failure {
    let others = if kept.is_empty() { String::new() } else { format!("; there are:{}", choices(kept)) };
    Failure::new(Exit::Failure, format!("no room '{room}' is kept here{others}"))
}

fn choices(kept: &[Kept]) -> String {
    let mut choices = String::new();
    for kept in kept {
        choices += &match kept {
            Kept::Room(room) => format!("\n  --room {room}"),
            Kept::Old(path) => format!("\n  --db '{}'", path.display()),
        };
    }
    choices
}

/// Why the output ends early.
enum Stop {
    /// The reader has closed the pipe, as in `history | head`.
    NobodyReads,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn cannot_write(err: io::Error) -> Stop {
    if err.kind() == io::ErrorKind::BrokenPipe {
        return Stop::NobodyReads;
    }
    Stop::Failed(Failure::new(Exit::Failure, format!("cannot write to stdout: {err}")))
}

/// Returns whether the user asked for this entry.
fn is_meant(record: &Record, args: &Args) -> bool {
    if let Some(private) = &record.private {
        let by_nick =
            args.from.as_ref().is_none_or(|nick| private.nick == nick.as_str() || private.of == nick.as_str());
        let line = private::line(private);
        return by_nick && line.is_some_and(|line| args.grep.as_ref().is_none_or(|regex| regex.is_match(&line)));
    }
    let Some(entry) = Entry::decode(&record.entry).filter(|_| !is_silent(&record.entry)) else { return false };
    // What somebody has set for itself is nobody else's business.
    if matches!(entry, Entry::Acted { act, .. } if act.is_own()) {
        return false;
    }
    let by_nick = args.from.as_ref().is_none_or(|nick| concerns(&entry, nick.as_str()));
    by_nick
        && args.grep.as_ref().is_none_or(|regex| {
            let mut line = String::new();
            entry.render(&mut line);
            regex.is_match(&line)
        })
}

/// Returns whether an entry concerns somebody with this nick; text members are known only by how their lines begin.
fn concerns(entry: &Entry<'_>, name: &str) -> bool {
    match *entry {
        Entry::Line { text } => {
            let rest = text.strip_prefix(name).or_else(|| text.strip_prefix("* ")?.strip_prefix(name));
            rest.is_some_and(|rest| {
                rest == JOINED || rest.starts_with(": ") || (text.starts_with("* ") && rest.starts_with(' '))
            })
        }
        Entry::Said { nick, .. } | Entry::Did { nick, .. } | Entry::Joined { nick, .. } | Entry::Left { nick, .. } => {
            nick == name
        }
        Entry::Renamed { nick, to, .. } => nick == name || to == name,
        Entry::Acted { nick, of, .. } | Entry::Private { nick, of, .. } => nick == name || of == name,
    }
}

/// Returns the number of the entry that begins the last `lines` of those selected.
fn last(reader: &mut impl Recorded, (from, to): (Seq, Seq), lines: usize, args: &Args) -> Result<Seq, Failure> {
    let (mut end, mut left) = (to, lines);
    while end > from {
        let start = Seq(end.0.saturating_sub(reader.slice_len())).max(from);
        let records = reader.slice(start, end)?.records;
        let meant = records.iter().rev().filter(|record| is_meant(record, args));
        let mut count = 0;
        for record in meant {
            count += 1;
            if count == left {
                return Ok(record.seq);
            }
        }
        left -= count;
        end = start;
    }
    Ok(from)
}

/// Passes the selected entries to `take`. Returns how many entries cannot be read.
fn each<E: From<Failure>>(
    reader: &mut impl Recorded,
    (mut from, to): (Seq, Seq),
    args: &Args,
    mut take: impl FnMut(&Record) -> Result<(), E>,
) -> Result<u64, E> {
    let mut unreadable = 0;
    while from < to {
        let end = to.min(from + reader.slice_len());
        let slice = reader.slice(from, end)?;
        for record in slice.records.iter().filter(|record| is_meant(record, args)) {
            take(record)?;
        }
        unreadable += slice.unreadable;
        from = end;
    }
    Ok(unreadable)
}

/// Where the output goes, and its form.
struct Shown<W: Write> {
    out: BufWriter<W>,
    calendar: Calendar,
    /// The day of the last line.
    day: Option<Date>,
    json: bool,
    line: String,
    keys: room::Keys,
    /// How many columns there are, on a terminal.
    columns: Option<usize>,
}

impl<W: Write> Shown<W> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        if self.json {
            return write_json(&mut self.out, record);
        }
        if let Some(private) = &record.private {
            self.new_day(record.at)?;
            let line = private::line(private).unwrap_or_default();
            return self.write(format!("{} {}", self.calendar.hour(record.at), sanitize::escaped(&line)));
        }
        let Some(entry) = Entry::decode(&record.entry) else { return Ok(()) };
        self.new_day(record.at)?;
        if let Some(seam) = self.keys.seam(&entry) {
            self.write(format!("--- {seam} ---"))?;
        }
        entry.render(&mut self.line);
        let (hour, mark) = (self.calendar.hour(record.at), room::mark(&entry));
        self.write(format!("{hour} {mark}{}", sanitize::escaped(&self.line)))
    }

    fn write(&mut self, line: String) -> io::Result<()> {
        let mut line = line.into_bytes();
        if let Some(columns) = self.columns {
            room::wrap(&mut line, 0, columns);
        }
        line.push(b'\n');
        self.out.write_all(&line)
    }

    fn new_day(&mut self, at: Timestamp) -> io::Result<()> {
        let date = self.calendar.date(at);
        if self.day.replace(date) == Some(date) {
            return Ok(());
        }
        writeln!(self.out, "--- {} ---", self.calendar.day(at))
    }
}

fn write_json(out: &mut impl Write, record: &Record) -> io::Result<()> {
    let line = match &record.private {
        Some(private) => line::of_private(private),
        None => match line::line(record.seq.0, &record.entry) {
            Some(line) => line,
            None => return Ok(()),
        },
    };
    out.write_all(&crate::ui::json::line(&Told::Line(Box::new(line)))?)?;
    writeln!(out)
}

fn show<W: Write>(
    shown: &mut Shown<W>,
    reader: &mut impl Recorded,
    range: (Seq, Seq),
    args: &Args,
) -> Result<u64, Stop> {
    each(reader, range, args, |record| shown.record(record).map_err(cannot_write))
}

fn follow<W: Write>(shown: &mut Shown<W>, reader: &mut impl Recorded, mut next: Seq, args: &Args) -> Result<(), Stop> {
    loop {
        shown.out.flush().map_err(cannot_write)?;
        reader.wait()?;
        let end = reader.range()?.1.max(next);
        show(shown, reader, (next, end), args)?;
        next = end;
    }
}

/// Writes the selected entries to `file`. Returns how many cannot be read.
fn export(file: &Path, reader: &mut impl Recorded, range: (Seq, Seq), args: &Args) -> Result<u64, Failure> {
    let cannot = |err: io::Error| Failure::new(Exit::Failure, format!("cannot write {}: {err}", file.display()));
    let (mut count, mut unreadable, mut failure) = (0, 0, None);
    let written = write_aside(file, |out| {
        let read = each(reader, range, args, |record| {
            count += 1;
            write_json(out, record).map_err(Exporting::Write)
        });
        match read {
            Ok(count) => unreadable = count,
            Err(Exporting::Write(err)) => return Err(err),
            Err(Exporting::Read(why)) => {
                failure = Some(why);
                return Err(io::Error::other("not everything could be read"));
            }
        }
        Ok(())
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    written.map_err(cannot)?;
    notice(format_args!("{} in {}", entries(count), file.display()));
    Ok(unreadable)
}

enum Exporting {
    Write(io::Error),
    Read(Failure),
}

impl From<Failure> for Exporting {
    fn from(failure: Failure) -> Self {
        Self::Read(failure)
    }
}
