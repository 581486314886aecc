//! Stdin and stdout in a loop that must not stop.
//!
//! Owns: [`Input`], bytes from stdin; [`Output`], lines to stdout. Either may be a terminal, a pipe, a file, `/dev/null`
//! or closed.
//! Must not know: what they are about.
//! Driven by: the loops.
//!
//! The descriptors are shared with whoever started us, so that they are never made non-blocking: the poll, or one look
//! with poll(2), says first that a read or a short write will not block.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::register_fd;
use crate::ui::sanitize;

/// What is read at once, in bytes.
const READ_MAX: usize = 4096;

/// What stdout may be behind, in bytes, before lines are left out. Chosen: minutes of a busy room.
const BEHIND_MAX: usize = 1024 * 1024;

/// The memory that is kept when nothing waits, in bytes.
const BEHIND_KEPT: usize = 64 * 1024;

/// What a pipe that is writable takes without blocking, in bytes: pipe(7), `PIPE_BUF`.
const WRITE_MAX: usize = 4096;

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
    /// The stdin of the process.
    ///
    /// # Errors
    /// The system's, if the descriptor cannot be duplicated.
    pub fn stdin() -> io::Result<Self> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { file, ended: false, polled: false, ready: true })
    }

    /// Whether a person is at the other end.
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Asks the poll for readiness, if it can tell.
    ///
    /// # Errors
    /// The system's.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.polled = register_fd(registry, self.file.as_raw_fd(), token, Interest::READABLE)?;
        self.ready = !self.polled;
        Ok(())
    }

    /// The poll says that there is something to read.
    pub const fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Whether [`Input::read`] will not block.
    pub const fn is_ready(&self) -> bool {
        self.ready && !self.ended
    }

    /// Reads once, and gives `feed` what came, or `None` at the end. Blocks only if it is not ready.
    ///
    /// # Errors
    /// The system's.
    pub fn read(
        &mut self,
        registry: Option<(&Registry, Token)>,
        mut feed: impl FnMut(Option<&[u8]>),
    ) -> io::Result<()> {
        let mut buffer = [0; READ_MAX];
        match self.file.read(&mut buffer) {
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
            // The event comes once until all is read, and what is left cannot be known: ask anew (epoll(7), edge).
            self.ready = false;
            registry.reregister(&mut SourceFd(&self.file.as_raw_fd()), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Whether everything was read.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }
}

/// The stdout of the process for who writes all of it in one go and may wait for its reader.
pub fn plain_stdout() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

/// Lines to stdout; see the module.
#[derive(Debug)]
pub struct Output {
    file: File,
    waiting: Vec<u8>,
    written: usize,
    left_out: u64,
    state: OutputState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputState {
    Writable,
    /// The poll will say when it is writable again.
    Blocked,
    /// Nobody reads it any more, or it takes nothing more.
    Broken,
}

impl Output {
    /// The stdout of the process.
    ///
    /// # Errors
    /// The system's, if the descriptor cannot be duplicated.
    pub fn stdout() -> io::Result<Self> {
        let file = own_description(&io::stdout())?;
        Ok(Self { file, waiting: Vec::new(), written: 0, left_out: 0, state: OutputState::Writable })
    }

    /// Writes a line of `parts`, escaped, as soon as [`Output::flush`] can.
    pub fn push_line(&mut self, parts: &[&str]) {
        if self.state == OutputState::Broken {
            return;
        }
        if self.waiting.len() > BEHIND_MAX {
            self.left_out += 1;
            return;
        }
        parts.iter().for_each(|part| sanitize::push_escaped(&mut self.waiting, part));
        self.waiting.push(b'\n');
    }

    /// Whether it is not so far behind that more should wait elsewhere.
    pub fn has_place(&self) -> bool {
        self.waiting.len() - self.written < BEHIND_KEPT
    }

    /// The poll says that it is writable.
    pub fn set_writable(&mut self, registry: &Registry) {
        if self.state == OutputState::Blocked {
            // It may have been unregistered by the system already; either way it is not asked for now.
            let _ = registry.deregister(&mut SourceFd(&self.file.as_raw_fd()));
            self.state = OutputState::Writable;
        }
    }

    /// Writes a line as it is: nothing in it can do harm.
    pub fn push_plain_line(&mut self, line: &[u8]) {
        if self.state != OutputState::Broken && self.waiting.len() <= BEHIND_MAX {
            self.waiting.extend_from_slice(line);
            self.waiting.push(b'\n');
        }
    }

    /// Lines that were left out since the last call, because stdout did not take them in time.
    pub const fn take_left_out(&mut self) -> u64 {
        std::mem::replace(&mut self.left_out, 0)
    }

    /// Writes what can be written without blocking, and asks the poll for more where needed.
    ///
    /// # Errors
    /// The system's, once; afterwards everything is thrown away. `BrokenPipe`: nobody reads any more.
    pub fn flush(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        while self.state == OutputState::Writable && self.written < self.waiting.len() {
            if !self.write_some(PollTimeout::ZERO)? {
                if register_fd(registry, self.file.as_raw_fd(), token, Interest::WRITABLE)? {
                    self.state = OutputState::Blocked;
                }
                break;
            }
        }
        Ok(())
    }

    /// Writes what can be written without blocking, so that what is said elsewhere comes behind it.
    pub fn flush_some(&mut self) {
        while self.state == OutputState::Writable
            && self.written < self.waiting.len()
            && self.write_some(PollTimeout::ZERO).is_ok_and(|written| written)
        {}
    }

    /// Whether everything was written.
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && self.state != OutputState::Broken
    }

    /// Writes the rest, waiting for at most about a second for a reader that is slow.
    pub fn finish(&mut self) {
        while self.state != OutputState::Broken
            && self.written < self.waiting.len()
            && self.write_some(PollTimeout::from(1000u16)).is_ok_and(|written| written)
        {}
        if self.written < self.waiting.len() {
            log::warn!("stdout does not take the last {} bytes", self.waiting.len() - self.written);
        }
    }

    /// Writes a piece; false if it would block for longer than `timeout`.
    fn write_some(&mut self, timeout: PollTimeout) -> io::Result<bool> {
        if !takes_more(&self.file, timeout) {
            return Ok(false);
        }
        let end = self.waiting.len().min(self.written + WRITE_MAX);
        match self.file.write(&self.waiting[self.written..end]) {
            Ok(len) => self.written += len,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(err) => {
                self.state = OutputState::Broken;
                self.waiting = Vec::new();
                self.written = 0;
                return Err(err);
            }
        }
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.waiting.shrink_to(BEHIND_KEPT);
            self.written = 0;
        } else if self.written > BEHIND_MAX / 2 {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
        Ok(true)
    }
}

/// Stdout or stderr to write to without blocking for long. A terminal that is writable may still block in the middle of a
/// write: it is opened anew, as a description of our own that does not.
fn own_description(stream: &(impl IsTerminal + AsFd)) -> io::Result<File> {
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

/// Whether `file` takes something within `timeout`, or has an error to tell.
fn takes_more(file: &File, timeout: PollTimeout) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    nix::poll::poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
}

/// Stderr for the log of a server: what would block is left out, so that nobody who stops reading it stops the room.
#[derive(Debug)]
pub struct LogOutput {
    file: File,
    left_out: u64,
}

impl LogOutput {
    /// The stderr of the process.
    ///
    /// # Errors
    /// The system's, if the descriptor cannot be duplicated.
    pub fn stderr() -> io::Result<Self> {
        Ok(Self { file: own_description(&io::stderr())?, left_out: 0 })
    }
}

impl Write for LogOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !takes_more(&self.file, PollTimeout::ZERO) {
            self.left_out += 1;
            return Ok(bytes.len());
        }
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            writeln!(self.file, "({left_out} lines of the log were left out: stderr was not read)")?;
        }
        let _ = self.file.write(&bytes[..bytes.len().min(WRITE_MAX)])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
