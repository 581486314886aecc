//! Stdin and stdout in a loop that must not block.
//!
//! Owns: [`Input`], bytes from stdin; [`Output`], lines to stdout, or held for another reader. Stdin and stdout may be a terminal, a pipe, a file,
//! `/dev/null` or closed.
//! Must not know: what the bytes mean.
//! Driven by: the loops.
//!
//! The descriptors are shared with the process that started us, so they are never made non-blocking. Instead the poll, or one
//! call of poll(2), first confirms that a read or a short write will not block.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::register_fd;
use crate::ui::{room, sanitize};

/// Most bytes read at once.
const READ_MAX: usize = 4096;

/// Most bytes by which stdout may lag behind before lines are left out. Chosen: minutes of a busy room.
const BEHIND_MAX: usize = 1024 * 1024;

/// Memory kept when nothing waits, in bytes.
const BEHIND_KEPT: usize = 64 * 1024;

/// The most lines that are held for a reader before more output waits elsewhere. Chosen: a few packets' worth of entries.
const HELD_MAX: usize = 64;

/// Bytes that a writable pipe takes without blocking: pipe(7), `PIPE_BUF`.
pub(super) const WRITE_MAX: usize = 4096;

/// Bytes from stdin; see the module.
#[derive(Debug)]
pub struct Input {
    file: File,
    ended: bool,
    /// Whether the poll can tell when there is something to read.
    polled: bool,
    ready: bool,
}

impl Input {
    /// Opens the stdin of the process.
    ///
    /// # Errors
    /// Returns the system's error if the descriptor cannot be duplicated.
    pub fn stdin() -> io::Result<Self> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { file, ended: false, polled: false, ready: true })
    }

    /// Returns whether a person is at the other end.
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Asks the poll for readiness, if it can tell.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.polled = register_fd(registry, self.file.as_raw_fd(), token, Interest::READABLE)?;
        self.ready = !self.polled;
        Ok(())
    }

    /// Records that the poll reports something to read.
    pub const fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Returns whether [`Input::read`] will not block.
    pub const fn is_ready(&self) -> bool {
        self.ready && !self.ended
    }

    /// Reads once, and calls `feed` with the bytes, or with `None` at the end. Blocks only without a registry.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn read(
        &mut self,
        registry: Option<(&Registry, Token)>,
        mut feed: impl FnMut(Option<&[u8]>),
    ) -> io::Result<()> {
        let mut buffer = [0; READ_MAX];
        let read = match registry {
            // What a terminal had to read may be gone: to the shell, while this process was suspended.
            Some(_) if self.file.is_terminal() && !has_more(&self.file) => Err(io::ErrorKind::WouldBlock.into()),
            Some(_) | None => self.file.read(&mut buffer),
        };
        match read {
            Ok(0) => self.ended = true,
            Ok(len) => feed(Some(&buffer[..len])),
            Err(err) if matches!(err.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            // A terminal that is gone reads as EIO: the end.
            Err(err) if err.raw_os_error() == Some(nix::libc::EIO) => self.ended = true,
            Err(err) => return Err(err),
        }
        if self.ended {
            feed(None);
        }
        if let Some((registry, token)) = registry.filter(|_| self.polled && !self.ended) {
            // The event comes once until everything is read, and how much is left is unknown: register again (epoll(7), edge).
            self.ready = false;
            registry.reregister(&mut SourceFd(&self.file.as_raw_fd()), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Returns whether everything was read.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }
}

/// Returns whether a read will not block.
fn has_more(input: &File) -> bool {
    let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    nix::poll::poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// Returns the stdout of the process, for callers that write everything in one go and may wait for the reader.
pub fn plain_stdout() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

/// Where lines go.
#[derive(Debug)]
enum To {
    Stdout(File),
    /// Nowhere: [`Output::pop_line`] takes them.
    Held,
}

/// Lines to stdout; see the module.
#[derive(Debug)]
pub struct Output {
    to: To,
    waiting: Vec<u8>,
    written: usize,
    left_out: u64,
    state: OutputState,
    is_terminal: bool,
    /// What makes a terminal's row empty, before each line: what its user has typed so far would shift the line, and its end would
    /// begin a row.
    fresh_row: &'static [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputState {
    Writable,
    /// The poll will report when it is writable again.
    Blocked,
    /// Nobody reads it any more, or it accepts nothing more.
    Broken,
}

impl Output {
    /// Opens the stdout of the process.
    ///
    /// # Errors
    /// Returns the system's error if the descriptor cannot be duplicated.
    pub fn stdout() -> io::Result<Self> {
        let file = own_description(&io::stdout())?;
        let is_terminal = file.is_terminal();
        Ok(Self { is_terminal, ..Self::to(To::Stdout(file)) })
    }

    /// Creates an output whose lines are held until [`Output::pop_line`] takes them.
    pub const fn held() -> Self {
        Self::to(To::Held)
    }

    const fn to(to: To) -> Self {
        Self {
            to,
            waiting: Vec::new(),
            written: 0,
            left_out: 0,
            state: OutputState::Writable,
            is_terminal: false,
            fresh_row: b"",
        }
    }

    /// Takes the oldest line that is held, without its end.
    pub fn pop_line(&mut self) -> Option<Vec<u8>> {
        let rest = &self.waiting[self.written..];
        let len = rest.iter().position(|&byte| byte == b'\n')?;
        let line = rest[..len].to_vec();
        self.note_written(len + 1);
        Some(line)
    }

    /// Returns whether the stdout of the process is a terminal.
    pub fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// From now on, has a terminal empty its row before each line, if it can.
    pub fn begin_lines_in_fresh_rows(&mut self) {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if self.is_terminal && !is_dumb {
            self.fresh_row = b"\r\x1b[K";
        }
    }

    /// Queues a line of `parts`, escaped and broken for a terminal's columns, for [`Output::flush`]; only counts it if stdout lags too far behind.
    pub fn push_line(&mut self, parts: &[&str]) {
        if self.state == OutputState::Broken {
            return;
        }
        if self.waiting.len() > BEHIND_MAX {
            self.left_out += 1;
            return;
        }
        self.waiting.extend_from_slice(self.fresh_row);
        let start = self.waiting.len();
        parts.iter().for_each(|part| sanitize::push_escaped(&mut self.waiting, part));
        if let To::Stdout(file) = &self.to
            && self.is_terminal
            && let Some(columns) = room::columns_of(file)
        {
            room::wrap(&mut self.waiting, start, columns);
        }
        self.waiting.push(b'\n');
    }

    /// Returns whether stdout keeps up, so that more output need not wait elsewhere.
    pub fn has_place(&self) -> bool {
        let waiting = &self.waiting[self.written..];
        let lines = || waiting.iter().filter(|&&byte| byte == b'\n').count();
        waiting.len() < BEHIND_KEPT && (matches!(self.to, To::Stdout(_)) || lines() < HELD_MAX)
    }

    /// Records that the poll reports stdout writable.
    pub fn set_writable(&mut self, registry: &Registry) {
        if let To::Stdout(file) = &self.to
            && self.state == OutputState::Blocked
        {
            // The system may have unregistered it already; either way its readiness is not wanted now.
            let _ = registry.deregister(&mut SourceFd(&file.as_raw_fd()));
            self.state = OutputState::Writable;
        }
    }

    /// Queues a line unchanged, which must not contain anything harmful. Whoever calls this stops when there is no place
    /// ([`Output::has_place`]).
    pub fn push_plain_line(&mut self, line: &[u8]) {
        self.push_bytes(line);
        self.push_bytes(b"\n");
    }

    /// Queues bytes unchanged, for a terminal. Whoever calls this stops when there is no place ([`Output::has_place`]).
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        if self.state != OutputState::Broken {
            self.waiting.extend_from_slice(bytes);
        }
    }

    /// The same for a line that nothing can hold back: only counts it if stdout lags too far behind.
    pub fn push_plain_line_if_place(&mut self, line: &[u8]) {
        if self.waiting.len() > BEHIND_MAX {
            self.left_out += 1;
        } else {
            self.push_plain_line(line);
        }
    }

    /// Returns how many lines were left out since the last call, because stdout did not take them in time.
    pub const fn take_left_out(&mut self) -> u64 {
        std::mem::replace(&mut self.left_out, 0)
    }

    /// Writes what can be written without blocking, and asks the poll to report when more can be, if necessary.
    ///
    /// # Errors
    /// Returns the system's error, once; afterwards all output is discarded. `BrokenPipe`: nobody reads any more.
    pub fn flush(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        while self.state == OutputState::Writable && self.written < self.waiting.len() {
            if !self.write_some(PollTimeout::ZERO)? {
                if let To::Stdout(file) = &self.to
                    && register_fd(registry, file.as_raw_fd(), token, Interest::WRITABLE)?
                {
                    self.state = OutputState::Blocked;
                }
                break;
            }
        }
        Ok(())
    }

    /// Writes what can be written without blocking, so that output to other places appears after it.
    pub fn flush_some(&mut self) {
        while self.state == OutputState::Writable
            && self.written < self.waiting.len()
            && self.write_some(PollTimeout::ZERO).is_ok_and(|written| written)
        {}
    }

    /// Returns whether everything was written.
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && self.state != OutputState::Broken
    }

    /// Writes the rest; waits at most a second for a slow reader before each piece. Returns whether everything was written, or is held.
    pub fn finish(&mut self) -> bool {
        if let To::Held = self.to {
            return true;
        }
        while self.state != OutputState::Broken
            && self.written < self.waiting.len()
            && self.write_some(PollTimeout::from(1000u16)).is_ok_and(|written| written)
        {}
        if self.written < self.waiting.len() {
            log::warn!("stdout did not accept the last {} bytes", self.waiting.len() - self.written);
        }
        self.written >= self.waiting.len() && self.state != OutputState::Broken
    }

    /// Gives up what was not written, and everything that comes.
    pub fn give_up(&mut self) {
        self.state = OutputState::Broken;
        self.waiting = Vec::new();
        self.written = 0;
    }

    /// Writes a piece; returns false if that would block for longer than `timeout`.
    fn write_some(&mut self, timeout: PollTimeout) -> io::Result<bool> {
        let To::Stdout(file) = &mut self.to else { return Ok(false) };
        if !takes_more(file, timeout) {
            return Ok(false);
        }
        let end = self.waiting.len().min(self.written + WRITE_MAX);
        match file.write(&self.waiting[self.written..end]) {
            Ok(len) => self.note_written(len),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(err) => {
                self.give_up();
                return Err(err);
            }
        }
        Ok(true)
    }

    /// Records that so many bytes more are where they belong.
    fn note_written(&mut self, len: usize) {
        let (kept, most) = match self.to {
            To::Stdout(_) => (BEHIND_KEPT, BEHIND_MAX / 2),
            // There may be hundreds of these.
            To::Held => (0, BEHIND_KEPT),
        };
        self.written += len;
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.waiting.shrink_to(kept);
            self.written = 0;
        } else if self.written > most {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Returns stdout or stderr as a file on which writes do not block for long. A writable terminal may still block in the middle
/// of a write, so it is opened again, as a non-blocking description of our own.
pub(super) fn own_description(stream: &(impl IsTerminal + AsFd)) -> io::Result<File> {
    let fd = stream.as_fd();
    if stream.is_terminal() {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let path = format!("/dev/fd/{}", fd.as_raw_fd());
        if let Ok(file) = File::options().write(true).custom_flags(flags).open(path) {
            return Ok(file);
        }
    }
    Ok(File::from(fd.try_clone_to_owned()?))
}

/// Returns whether `file` takes something within `timeout`, or has an error to report.
pub(super) fn takes_more(file: &File, timeout: PollTimeout) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    nix::poll::poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
}
