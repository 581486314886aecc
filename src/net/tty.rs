//! The terminal of the process, for a client that reads keys instead of lines.
//!
//! Owns: its modes, which are as before when the client ends, is suspended or breaks; how large it is.
//! Must not know: what keys mean, what is shown.
//! Driven by: `cmd::join::terminal`.
//!
//! A process that is killed cannot restore anything: `stty sane`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{
    FlushArg, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgid, getpgrp, getppid, getsid};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use terminal_size::{Height, Width, terminal_size_of};

use super::stdio::{own_description, takes_more};

/// The signals that a terminal's client has to know of.
pub const SIGNALS: &[i32] = &[SIGWINCH, SIGTSTP, SIGCONT];

/// Bracketed paste, and the cursor shown: for a client, and as it was.
const BEGIN: &[u8] = b"\x1b[?2004h";
const END: &[u8] = b"\x1b[?2004l\x1b[?25h\x1b[0m";

/// For how long nothing may come before what was typed ahead counts as all. Chosen: a paste comes in pieces closer than that.
const SILENCE: Duration = Duration::from_millis(30);

/// How long a terminal may take nothing before what it has not shown is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most pieces that are thrown away, so that a terminal that never stops does not hold up the end.
const PIECES_MAX: usize = 1000;

/// See the module.
#[derive(Debug)]
pub struct Tty {
    input: File,
    output: File,
    before: Termios,
    is_raw: bool,
}

impl Tty {
    /// Opens the terminal at stdin and stdout.
    ///
    /// # Errors
    /// It is none.
    pub fn open() -> io::Result<Self> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let output = own_description(&io::stdout())?;
        let before = tcgetattr(&input)?;
        Ok(Self { input, output, before, is_raw: false })
    }

    /// Has the terminal send each key as it is typed, and mark what is pasted.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn begin(&mut self) -> io::Result<()> {
        let mut raw = self.before.clone();
        // What is written is still put into rows, so that a message of another program is readable.
        raw.input_flags &=
            !(InputFlags::ICRNL | InputFlags::INLCR | InputFlags::IGNCR | InputFlags::IXON | InputFlags::ISTRIP);
        raw.local_flags &= !(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG | LocalFlags::IEXTEN);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&self.input, SetArg::TCSADRAIN, &raw)?;
        self.is_raw = true;
        self.output.write_all(BEGIN)
    }

    /// Makes the terminal what it was. What was typed or pasted ahead is thrown away: the shell would carry it out.
    pub fn end(&mut self) {
        if !std::mem::take(&mut self.is_raw) {
            return;
        }
        if !takes_more(&self.output, PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO)) {
            self.discard_output();
        }
        let _ = self.output.write_all(END);
        self.drain();
        let _ = tcflush(&self.input, FlushArg::TCIFLUSH);
        let _ = tcsetattr(&self.input, SetArg::TCSANOW, &self.before);
    }

    /// Throws away what a terminal that is stuck has not shown.
    pub fn discard_output(&self) {
        let _ = tcflush(&self.output, FlushArg::TCOFLUSH);
    }

    /// Waits until the user presses Enter, Ctrl-C or Ctrl-D, or the terminal is gone, or a signal comes.
    pub fn wait_for_enter(&mut self) {
        let mut buffer = [0; 4096];
        // A signal ends the poll, which would not end a read.
        while poll(&mut [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).is_ok()
            && let Ok(len @ 1..) = self.input.read(&mut buffer)
            && !buffer[..len].iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0x03 | 0x04))
        {}
    }

    /// From now on, makes the terminal what it was before a panic is reported: what is said of it is to be read.
    ///
    /// # Errors
    /// Returns the system's error if the descriptor cannot be duplicated.
    pub fn rescue_in_panic(&self) -> io::Result<()> {
        let (input, output) = (self.input.try_clone()?, self.output.try_clone()?);
        let rescue = Mutex::new(Self { input, output, before: self.before.clone(), is_raw: true });
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |what| {
            rescue.lock().unwrap_or_else(PoisonError::into_inner).end();
            previous(what);
        }));
        Ok(())
    }

    /// Returns how many columns and rows it has; the usual numbers if it does not say.
    pub fn size(&self) -> (usize, usize) {
        let size = terminal_size_of(&self.output).filter(|(Width(columns), Height(rows))| *columns > 0 && *rows > 0);
        size.map_or((80, 24), |(Width(columns), Height(rows))| (columns.into(), rows.into()))
    }

    /// Stops this process, as the terminal's key for that does; returns when it goes on. Returns false, and does nothing, if nobody is there
    /// who would have it go on.
    ///
    /// # Errors
    /// Returns the system's error.
    pub fn suspend(&mut self) -> io::Result<bool> {
        if !has_job_control() {
            return Ok(false);
        }
        self.end();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
        // The shell may have changed it meanwhile.
        self.before = tcgetattr(&self.input)?;
        self.begin()?;
        Ok(true)
    }

    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..PIECES_MAX {
            if !is_readable(self.input.as_fd()) || !self.input.read(&mut buffer).is_ok_and(|len| len > 0) {
                return;
            }
        }
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.end();
    }
}

/// Returns whether this process was started by a shell that lets its processes go on again: it is in this session, and in another process
/// group (POSIX 2.4.3, orphaned process groups). Behind `ssh -t HOST udpchat join` there is none.
fn has_job_control() -> bool {
    let parent = Some(getppid());
    match (getpgid(parent), getsid(parent), getsid(None)) {
        (Ok(group), Ok(session), Ok(own)) => group != getpgrp() && session == own,
        _ => false,
    }
}

fn is_readable(input: BorrowedFd<'_>) -> bool {
    let timeout = PollTimeout::try_from(SILENCE).unwrap_or(PollTimeout::ZERO);
    let mut fds = [PollFd::new(input, PollFlags::POLLIN)];
    poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
        && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN))
}
