//! What a client has said and not heard the outcome of, on the disk before it is sent.
//!
//! Owns: the file beside a client's place, which only that running client writes: its form, when it is written anew.
//! Must not know: how posts are sent, what became of them.
//! Driven by: `cmd::join`, once a turn.
//!
//! ```text
//!   places/HOST:PORT/NICK.0.outbox   JSON, an object a line: first what there is, then what happens
//!     {"instance":"..","log":"..","next":7,"numbers":[["..",2]]}
//!     {"posts":[{"post":7,"kind":0,"text":"hey"}],"waiting":[]}     these may be sent from now on, and nothing waits for a session
//!     {"done":7}                                                    it has an outcome
//! ```
//! A line that was being written when the machine went down ends the file. If the file cannot be written it is removed: then the next run
//! is another instance, which repeats no number.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::kept::{Head, PostLine, WaitingLine};
use super::state::{random, write_aside};
use crate::client::outbox::{Outbox, STORED_MAX, Stored, Waiting};
use crate::session::PublicKey;
use crate::wire::{Instance, LogId};

/// The length from which on a file without an open post is written anew. Chosen: some hundred lines.
const LONG: u64 = 64 * 1024;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head(Head),
    /// One line, so that what waited and is posted now is never in both lists, or in none.
    Now {
        posts: Vec<PostLine>,
        waiting: Vec<WaitingLine>,
    },
    Done {
        done: u64,
    },
}

/// See the module.
#[derive(Debug)]
pub struct OutboxFile {
    path: PathBuf,
    file: File,
    len: u64,
    instance: Instance,
    log: Option<LogId>,
    next: u64,
    posts: BTreeMap<u64, Stored>,
    waiting: Vec<Waiting>,
    numbers: Vec<(PublicKey, u32)>,
}

impl OutboxFile {
    /// Opens the file, which nobody else has open; one that is not there, or cannot be read, is that of a new instance.
    ///
    /// # Errors
    /// It cannot be written: then nothing is to be stored.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut outbox = Self {
            path: path.to_owned(),
            file: File::options().create(true).append(true).mode(0o600).open(path)?,
            len: 0,
            instance: Instance(random()),
            log: None,
            next: 0,
            posts: BTreeMap::new(),
            waiting: Vec::new(),
            numbers: Vec::new(),
        };
        let text = fs::read(path)?;
        let mut lines = text.split(|&byte| byte == b'\n').map_while(|line| serde_json::from_slice(line).ok());
        if let Some(Line::Head(head)) = lines.next()
            && let Some(instance) = head.instance()
        {
            outbox.instance = instance;
            (outbox.log, outbox.next, outbox.numbers) = (head.log(), head.next, head.numbers());
            lines.for_each(|line| outbox.take(line));
        }
        outbox.rewrite()?;
        Ok(outbox)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Head(_) => {}
            Line::Now { posts, waiting } => {
                posts.into_iter().for_each(|post| self.take_post(post));
                self.waiting = waiting.into_iter().take(STORED_MAX).filter_map(WaitingLine::read).collect();
            }
            Line::Done { done } => {
                self.posts.remove(&done);
            }
        }
    }

    fn take_post(&mut self, line: PostLine) {
        self.next = self.next.max(line.post.saturating_add(1));
        if let Some(post) = line.read().filter(|_| self.posts.len() < STORED_MAX) {
            self.posts.insert(post.counter, post);
        }
    }

    /// Returns the lines that waited for a session when the last run ended.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Returns the instance that owns the posts.
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// Returns the counter of the next post.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Returns what earlier runs have left.
    pub fn get(&self) -> Outbox {
        let posts = self.posts.values().cloned().collect();
        Outbox { log: self.log, next: self.next, posts, numbers: self.numbers.clone() }
    }

    /// Stores posts, and what waits now: when this returns, it is on the disk.
    ///
    /// # Errors
    /// It is not. The file is gone, or at least of no use any more: the next run is another instance.
    pub fn add(&mut self, posts: Vec<Stored>, waiting: Vec<Waiting>) -> io::Result<()> {
        if posts.is_empty() && waiting == self.waiting {
            return Ok(());
        }
        let mut line = Vec::new();
        let now = Line::Now {
            posts: posts.iter().map(PostLine::from).collect(),
            waiting: waiting.iter().map(WaitingLine::from).collect(),
        };
        push(&mut line, &now)?;
        self.waiting = waiting;
        for post in posts {
            self.next = self.next.max(post.counter + 1);
            self.posts.insert(post.counter, post);
        }
        self.append(&line).and_then(|()| self.file.sync_data()).or_else(|err| self.fail(err))
    }

    /// Notes that a post has an outcome. After a crash it may be asked about once more, which changes nothing.
    ///
    /// # Errors
    /// As for [`OutboxFile::add`].
    pub fn done(&mut self, counter: u64, log: Option<LogId>, numbers: Vec<(PublicKey, u32)>) -> io::Result<()> {
        let was_private = self.posts.remove(&counter).is_some_and(|post| post.to.is_some());
        let is_changed = self.log != log || (was_private && self.numbers != numbers);
        self.log = log;
        self.numbers = numbers;
        if is_changed || (self.posts.is_empty() && self.len > LONG) {
            return self.rewrite().or_else(|err| self.fail(err));
        }
        let mut line = Vec::new();
        push(&mut line, &Line::Done { done: counter })?;
        self.append(&line).or_else(|err| self.fail(err))
    }

    /// Returns how many posts have no outcome.
    pub fn len(&self) -> usize {
        self.posts.len()
    }

    /// Whether each post has an outcome.
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Forgets what has been said, at the end of a run: the rest is kept for the next one.
    ///
    /// # Errors
    /// As for [`OutboxFile::add`].
    pub fn close(mut self) -> io::Result<()> {
        self.rewrite().or_else(|err| self.fail(err))
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.len += lines.len() as u64;
        Ok(())
    }

    /// Writes the file anew, with what there is and nothing of what there was.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        push(&mut lines, &Line::Head(Head::new(self.instance, self.log, self.next, &self.numbers)))?;
        let now = Line::Now {
            posts: self.posts.values().map(PostLine::from).collect(),
            waiting: self.waiting.iter().map(WaitingLine::from).collect(),
        };
        push(&mut lines, &now)?;
        write_aside(&self.path, |out| out.write_all(&lines))?;
        self.file = File::options().append(true).open(&self.path)?;
        self.len = lines.len() as u64;
        Ok(())
    }

    fn fail(&self, err: io::Error) -> io::Result<()> {
        // On a full disk a file can be removed, or at least emptied.
        if fs::remove_file(&self.path).is_err() {
            self.file.set_len(0)?;
        }
        Err(err)
    }
}

fn push(lines: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, line)?;
    lines.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::PostKind;

    fn post(counter: u64, text: &str) -> Stored {
        Stored { counter, kind: PostKind::Say, text: text.into(), to: None, label: Some("mine".into()) }
    }

    fn private(counter: u64) -> Stored {
        let to = Some((PublicKey([7; 32]), "jill".parse().unwrap(), true));
        Stored { counter, kind: PostKind::Private, text: "waves".into(), to, label: None }
    }

    fn waiting() -> Waiting {
        Waiting { kind: PostKind::Private, text: "d".into(), to: Some(("ann".into(), false)), label: Some("7".into()) }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jack.0.outbox");
        (folder, path)
    }

    #[test]
    fn the_next_run_is_the_same_instance_and_finds_what_has_no_outcome() {
        let (_folder, path) = file();
        let mut first = OutboxFile::open(&path).unwrap();
        first.add(vec![post(0, "a"), post(1, "b"), private(2)], vec![waiting()]).unwrap();
        first.add(vec![post(3, "d")], Vec::new()).unwrap();
        first.done(1, Some(LogId([5; 16])), vec![(PublicKey([7; 32]), 3)]).unwrap();
        // Killed: nothing is closed.
        let second = OutboxFile::open(&path).unwrap();
        assert_eq!((second.instance(), second.waiting()), (first.instance(), &[][..]), "it has been posted");
        let expected = Outbox {
            log: Some(LogId([5; 16])),
            next: 4,
            posts: vec![post(0, "a"), private(2), post(3, "d")],
            numbers: vec![(PublicKey([7; 32]), 3)],
        };
        assert_eq!(second.get(), expected);
        second.close().unwrap();
        assert_eq!(OutboxFile::open(&path).unwrap().get(), expected);
    }

    #[test]
    fn what_waited_for_a_session_waits_again() {
        let (_folder, path) = file();
        let mut outbox = OutboxFile::open(&path).unwrap();
        outbox.add(Vec::new(), vec![waiting()]).unwrap();
        assert_eq!(OutboxFile::open(&path).unwrap().waiting(), [waiting()]);
        assert_eq!(OutboxFile::open(&path).unwrap().waiting(), [waiting()], "also in a file that was written anew");
    }

    #[test]
    fn what_is_said_does_not_stay_on_the_disk_once_it_is_settled_and_the_run_has_ended() {
        let (_folder, path) = file();
        let mut outbox = OutboxFile::open(&path).unwrap();
        outbox.add(vec![post(0, "a secret")], Vec::new()).unwrap();
        outbox.done(0, None, Vec::new()).unwrap();
        outbox.close().unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains("secret"));
        assert_eq!(OutboxFile::open(&path).unwrap().get(), Outbox { next: 1, ..Outbox::default() });
    }

    #[test]
    fn wherever_the_file_ends_no_number_is_used_twice_by_one_instance() {
        let (_folder, path) = file();
        let mut outbox = OutboxFile::open(&path).unwrap();
        let instance = outbox.instance();
        outbox.add(vec![post(0, "a")], Vec::new()).unwrap();
        let whole = fs::read(&path).unwrap();
        for len in 0..=whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let again = OutboxFile::open(&path).unwrap();
            let has_it = again.get().next == 1;
            // A post that is not whole was never sent.
            assert_eq!(again.instance() == instance && has_it, len + 1 >= whole.len(), "{len} of {}", whole.len());
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_no_instances_any_more() {
        let (_folder, path) = file();
        let mut outbox = OutboxFile::open(&path).unwrap();
        // A file that cannot be appended to.
        outbox.file = File::open(&path).unwrap();
        assert!(outbox.add(vec![post(0, "a")], Vec::new()).is_err());
        assert!(!path.exists());
    }
}
