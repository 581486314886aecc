//! A program on a terminal: what it writes goes into a model of one, as it comes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::PATIENCE;
use super::model::Model;

/// How long to wait before looking once more.
const PAUSE: Duration = Duration::from_millis(1);

/// A running program and its terminal. It is killed when dropped.
pub struct OnScreen {
    child: Child,
    master: File,
    /// Held, so that the terminal outlives the program.
    slave: File,
    before: Termios,
    pub model: Model,
    /// Everything that it wrote.
    pub written: Vec<u8>,
    /// What the modes of the terminal were whenever the shell had it.
    modes: Option<tempfile::NamedTempFile>,
}

/// Runs a program in the foreground, and again whenever it is suspended. Signals are for the program.
const SHELL: &str = "set -m; trap '' HUP INT QUIT TERM TSTP; modes=$1; shift; stty -g > $modes; \"$@\"; code=$?; \
    while [ $code = 147 ] || [ $code = 148 ]; do stty -g >> $modes; fg > /dev/null; code=$?; done; stty -g >> $modes; exit $code";

impl OnScreen {
    /// Starts it from a shell, which has it go on as soon as it is suspended, and notes the terminal's modes whenever it has the terminal.
    pub fn start_in_shell(command: &mut Command, columns: u16, rows: u16) -> Self {
        let modes = tempfile::NamedTempFile::new().unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-c", SHELL, "bash"]).arg(modes.path());
        super::append(&mut shell, command);
        let mut started = Self::start(&mut shell, columns, rows);
        started.modes = Some(modes);
        started
    }

    /// Starts it on a terminal of that size, which controls it.
    pub fn start(command: &mut Command, columns: u16, rows: u16) -> Self {
        command.env_remove("UDPCHAT_PLAIN").env_remove("NO_COLOR").env("TERM", "xterm-256color");
        let (master, slave_end) = pty(columns, rows);
        let slave = || Stdio::from(slave_end.try_clone().unwrap());
        let before = tcgetattr(&slave_end).unwrap();
        let mut session = super::in_a_session(command);
        let child = session.stdin(slave()).stdout(slave()).stderr(slave()).spawn();
        Self {
            child: child.unwrap_or_else(|err| panic!("cannot start {session:?}: {err}")),
            master,
            slave: slave_end,
            before,
            model: Model::new(columns, rows),
            written: Vec::new(),
            modes: None,
        }
    }

    /// Types something.
    pub fn enter(&mut self, bytes: &[u8]) {
        // The program takes keys slowly while it writes much: both go on.
        for piece in bytes.chunks(256) {
            self.show();
            self.master.write_all(piece).unwrap();
        }
    }

    /// Types something, and waits until the program has taken it.
    pub fn enter_until_taken(&mut self, bytes: &[u8]) {
        self.enter(bytes);
        let slave = self.slave.try_clone().unwrap();
        self.show_until("the keys to be taken", |_| rustix::io::ioctl_fionread(&slave).unwrap() == 0);
    }

    /// Shows what was written so far.
    pub fn show(&mut self) {
        let mut buffer = [0; 4096];
        while is_readable(&self.master, Duration::ZERO) {
            match self.master.read(&mut buffer) {
                Ok(len @ 1..) => {
                    self.model.show(&buffer[..len]);
                    self.written.extend_from_slice(&buffer[..len]);
                }
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Shows what is written until there is a pause as long as that.
    pub fn show_until_silence(&mut self, pause: Duration) {
        while is_readable(&self.master, pause) {
            self.show();
        }
    }

    /// Shows what is written until the terminal is as wanted.
    pub fn show_until(&mut self, what: &str, mut is_it: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_it(self) {
            assert!(Instant::now() < deadline, "waited for {what}, saw {}", self.model.contents());
            if is_readable(&self.master, PAUSE) {
                self.show();
            } else {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Shows what is written until the screen has that text.
    pub fn shows(&mut self, text: &str) {
        self.show_until(text, |screen| screen.model.contents().contains(text));
    }

    /// Becomes larger or smaller, and tells the program.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.show();
        self.model.resize(columns, rows);
        set_size(&self.master, columns, rows);
    }

    /// Takes the terminal away, as when its window is closed.
    pub fn hang_up(&mut self) {
        self.slave = File::open("/dev/null").unwrap();
        self.master = File::open("/dev/null").unwrap();
    }

    /// Sends a signal to whatever is in the foreground, if that has not ended meanwhile.
    pub fn signal(&self, signal: Signal) {
        let group = rustix::termios::tcgetpgrp(&self.master).unwrap();
        let _ = kill(Pid::from_raw(-group.as_raw_nonzero().get()), signal);
    }

    /// Returns how often the shell has had the terminal while the program was suspended.
    pub fn suspensions(&self) -> usize {
        self.modes.as_ref().map_or(0, |modes| std::fs::read_to_string(modes.path()).unwrap().lines().count() - 1)
    }

    /// Returns how it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended, without reading what it writes.
    pub fn wait_unread(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.ended().is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until it has ended, and shows the rest. Returns its exit code, or 128 plus the signal's number.
    pub fn code(&mut self) -> i32 {
        self.show_until("the end", |screen| screen.ended().is_some());
        self.show();
        let status = self.ended().unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }

    /// Returns what of the terminal is not as before, if anything.
    pub fn changed(&self) -> Option<String> {
        let now = tcgetattr(&self.slave).unwrap();
        if now != self.before {
            return Some(format!("modes: {now:?} instead of {:?}", self.before));
        }
        if let Some(modes) = &self.modes {
            let all = std::fs::read_to_string(modes.path()).unwrap();
            let mut each = all.lines();
            let first = each.next();
            if each.any(|modes| Some(modes) != first) {
                return Some(format!("modes while the shell had it: {all}"));
            }
        }
        let screen = self.model.screen();
        let is_plain =
            !screen.bold() && !screen.dim() && !screen.inverse() && screen.fgcolor() == vt100::Color::Default;
        let count = |sequence: &[u8]| self.written.windows(sequence.len()).filter(|part| *part == sequence).count();
        if screen.bracketed_paste() {
            Some("pastes are marked".into())
        } else if screen.hide_cursor() {
            Some("no cursor".into())
        } else if screen.alternate_screen() {
            Some("the other screen".into())
        } else if !is_plain {
            Some("a style".into())
        } else if count(b"\x1b[?2026h") != count(b"\x1b[?2026l") {
            Some("an update has no end".into())
        } else {
            None
        }
    }
}

impl Drop for OnScreen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns both ends of a new terminal, which no other process inherits: it would keep it from hanging up.
fn pty(columns: u16, rows: u16) -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let mut options = File::options();
    options.read(true).write(true).custom_flags(nix::libc::O_NOCTTY);
    let slave = options.open(name.to_str().unwrap()).unwrap();
    set_size(&master, columns, rows);
    (File::from(master), slave)
}

fn set_size(master: impl AsFd, columns: u16, rows: u16) {
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(master, size).unwrap();
}

fn is_readable(file: &impl AsFd, within: Duration) -> bool {
    let timeout = PollTimeout::try_from(within).unwrap();
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
        && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN))
}
