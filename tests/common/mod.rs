//! Shared by the tests with real processes: start a program on pipes or on a terminal, wait for its output, and make sure that
//! it ends.
//!
//! Waiting is bounded by [`PATIENCE`], which does not measure speed: it only turns a hang into a failure.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test uses its part
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::unwrap_in_result)]
#![allow(clippy::print_stderr)]

pub mod model;
pub mod objects;
pub mod screen;
pub mod seeds;
pub mod svg;
pub mod world;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for something before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Returns a command for the program under test.
pub fn udpchat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_udpchat"));
    // The environment of the person who runs the tests must not affect them.
    command.env_remove("UDPCHAT_SERVER").env_remove("UDPCHAT_NICK").env_remove("RUST_LOG");
    command.env("XDG_STATE_HOME", home());
    // Those that are about the screen say so.
    command.env("UDPCHAT_PLAIN", "1");
    command
}

/// Returns the tests' own folder for keys and places; that of an earlier run is deleted. All servers have one key, because
/// ports are reused.
pub fn home() -> &'static Path {
    static HOME: LazyLock<&Path> = LazyLock::new(|| {
        let home = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");
        let _ = std::fs::remove_dir_all(home);
        Path::new(home)
    });
    &HOME
}

/// Creates an empty folder for keys and logs.
pub fn new_home() -> PathBuf {
    tempfile::Builder::new().prefix("home-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep()
}

/// Returns a command for the program with these arguments.
pub fn udpchat_with(args: &[&str]) -> Command {
    let mut command = udpchat();
    command.args(args);
    command
}

/// Starts the program as a user whose keys are in `home`.
pub fn at_home(home: &Path, args: &[&str]) -> Process {
    let mut command = udpchat_with(args);
    command.env("XDG_STATE_HOME", home);
    Process::start(&mut command)
}

/// Starts a server that keeps its key and log in `home`; returns it and the address that it listens on.
pub fn serve_at_home(home: &Path, bind: &str, args: &[&str]) -> (Process, String) {
    let server = at_home(home, &[&["serve", "--bind", bind], args].concat());
    let said = server
        .stderr
        .wait_until("the address", |all, _| all.split("listening on ").nth(1).is_some_and(|rest| rest.contains('\n')));
    let name = said.split("listening on ").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    (server, name)
}

/// Returns a command for a Python original on this port; without Python, `None` with a notice, or a failure in CI.
pub fn original(script: &str, port: u16) -> Option<Command> {
    let there = Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "python3 is missing, and CI is to have it");
        eprintln!("skipped: python3 is missing");
        return None;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/legacy").join(script);
    let mut command = Command::new("python3");
    command.arg(path).arg(port.to_string());
    Some(command)
}

/// Returns a UDP port that nothing listens on: one of ::1, where few tests have sockets, so that it is unlikely to be taken.
pub fn closed_port() -> SocketAddr {
    UdpSocket::bind("[::1]:0").unwrap().local_addr().unwrap()
}

/// Binds a socket that poses as a server which the tests' home does not know.
pub fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    forget(socket.local_addr().unwrap());
    socket
}

/// Removes this address from the tests' home: one of our servers may have had the port before, and a client that has a key
/// pinned for an address does not speak text with it.
fn forget(address: SocketAddr) {
    let _ = std::fs::remove_file(home().join("udpchat/servers").join(address.to_string()));
}

/// The bytes so far, whether that is the end, and the JSON objects among them.
type Bytes = (Vec<u8>, bool, objects::Objects);

/// The output of a process, as it comes.
#[derive(Clone, Default)]
pub struct Shown(Arc<(Mutex<Bytes>, Condvar)>);

impl Shown {
    fn read_from(mut source: impl Read + Send + 'static) -> Self {
        let shown = Self::default();
        let theirs = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let len = source.read(&mut buffer).unwrap_or(0); // reading from a closed terminal fails with EIO
                let (lock, condition) = &*theirs.0;
                let mut state = lock.lock().unwrap_or_else(PoisonError::into_inner);
                state.0.extend_from_slice(&buffer[..len]);
                state.2.take(&buffer[..len]);
                state.1 = len == 0;
                condition.notify_all();
                if len == 0 {
                    return;
                }
            }
        });
        shown
    }

    /// Waits until `enough` accepts the output so far and whether it has ended; returns the output.
    pub fn wait_until(&self, what: &str, mut enough: impl FnMut(&str, bool) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let (lock, condition) = &*self.0;
        let mut state = lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text = String::from_utf8_lossy(&state.0).into_owned();
            if enough(&text, state.1) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !state.1, "waited for {what}, saw {text:?}");
            state = condition.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until `text` was shown; returns all output so far.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?}"), |shown, _| shown.contains(text))
    }

    /// Waits until `text` was shown `count` times.
    pub fn wait_for_count(&self, text: &str, count: usize) -> String {
        self.wait_until(&format!("{count} times {text:?}"), |shown, _| shown.matches(text).count() >= count)
    }

    /// Waits until the output ends; returns all of it.
    pub fn to_end(&self) -> String {
        self.wait_until("the end", |_, ended| ended)
    }

    /// Returns the output so far.
    pub fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap_or_else(PoisonError::into_inner).0).into_owned()
    }
}

/// A running program. It is killed when dropped, so that no test leaves one behind.
pub struct Process {
    child: Child,
    input: Option<File>,
    pub stdout: Shown,
    pub stderr: Shown,
}

impl Process {
    /// Starts it on pipes.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|err| panic!("cannot start {command:?}: {err}"));
        Self {
            input: child.stdin.take().map(|stdin| File::from(OwnedFd::from(stdin))),
            stdout: Shown::read_from(child.stdout.take().unwrap()),
            stderr: Shown::read_from(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Starts it on a terminal of its own, which shows stdout and stderr alike and echoes the input.
    pub fn start_on_terminal(command: &mut Command) -> Self {
        Self::start_on(command, nix::pty::openpty(None, None).unwrap())
    }

    /// The same on a terminal that can be painted on, of that size.
    pub fn start_on_screen(command: &mut Command, columns: u16, rows: u16) -> Self {
        command.env_remove("UDPCHAT_PLAIN").env_remove("NO_COLOR").env("TERM", "xterm-256color");
        let size = nix::pty::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        Self::start_on(command, nix::pty::openpty(Some(&size), None).unwrap())
    }

    fn start_on(command: &mut Command, pty: nix::pty::OpenptyResult) -> Self {
        let mut session = in_a_session(command);
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = session.stdin(slave()).stdout(slave()).stderr(slave()).spawn();
        let shown = Shown::read_from(File::from(pty.master.try_clone().unwrap()));
        Self {
            child: child.unwrap_or_else(|err| panic!("cannot start {session:?}: {err}")),
            input: Some(File::from(pty.master)),
            stdout: shown.clone(),
            stderr: shown,
        }
    }

    /// Types `text`, or writes it to the pipe.
    pub fn enter(&mut self, text: &str) {
        self.input.as_mut().expect("the input is open").write_all(text.as_bytes()).unwrap();
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Changes the size of its terminal, which it is told.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(self.input.as_ref().unwrap(), size).unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Returns whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "does not end; stdout {:?}, stderr {:?}",
                self.stdout.so_far(),
                self.stderr.so_far()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it has ended; returns its exit code, or 128 plus the signal's number.
    pub fn code(&mut self) -> i32 {
        let status = self.wait();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let state = self.stdout.0.0.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(state.2.wrong.is_none(), "not as docs/json.schema.json says: {}", state.2.wrong.as_ref().unwrap());
        }
    }
}

/// Returns a command that runs the other in a session of its own, which the terminal at its stdin controls: Ctrl-C and Ctrl-D
/// have their usual effect.
fn in_a_session(command: &Command) -> Command {
    let mut session = Command::new("setsid");
    session.args(["--ctty", "--wait"]);
    append(&mut session, command);
    session
}

/// Appends a command to another one that runs it, and gives it its environment.
fn append(to: &mut Command, command: &Command) {
    to.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// A server of ours on a free port of 127.0.0.1.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(args: &[&str]) -> Self {
        Self::start_on("127.0.0.1:0", args)
    }

    pub fn start_on(bind: &str, args: &[&str]) -> Self {
        // Ports are reused: a test that wants a log names it.
        let db: &[&str] = if args.contains(&"--db") { &[] } else { &["--db", ":memory:"] };
        let process = Process::start(udpchat_with(&["serve", "--bind", bind]).args(db).args(args));
        let shown = process.stderr.wait_until("the address", |shown, _| {
            shown.split_once("listening on ").is_some_and(|(_, rest)| rest.contains('\n'))
        });
        let (_, rest) = shown.split_once("listening on ").unwrap();
        let address = rest.lines().next().unwrap().trim().parse().unwrap();
        Self { process, address }
    }

    /// Returns the server's address as an argument.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// Starts our client for this server, on pipes.
    pub fn join(&self, nick: &str, args: &[&str]) -> Process {
        Process::start(udpchat_with(&["join", "--nick", nick, "--server", &self.name()]).args(args))
    }

    /// Opens a plain socket that talks to this server.
    pub fn socket(&self) -> UdpSocket {
        let socket = UdpSocket::bind((self.address.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.address).unwrap();
        socket
    }

    /// Asks for the counters until `text` is in the log.
    pub fn wait_for_counters(&self, text: &str) {
        self.wait_for_counters_while(text, || {});
    }

    /// Asks for the counters until `text` is in the log, and calls `act` in between.
    pub fn wait_for_counters_while(&self, text: &str, mut act: impl FnMut()) {
        let deadline = Instant::now() + PATIENCE;
        while !self.process.stderr.so_far().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.process.stderr.so_far());
            act();
            self.process.signal(nix::sys::signal::Signal::SIGUSR1);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Receives one datagram as text.
pub fn receive(socket: &UdpSocket) -> String {
    let mut buffer = [0; 65_536];
    let len = socket.recv(&mut buffer).expect("a datagram");
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

/// Starts a Python original as server; it chooses its port itself.
pub fn original_server() -> Option<(Process, u16)> {
    let process = Process::start(original("server.py", 0)?.env("PYTHONUNBUFFERED", "1"));
    let shown = process.stderr.wait_for("\n");
    let port = shown.trim().rsplit(' ').next().unwrap().parse().unwrap();
    forget(SocketAddr::from(([127, 0, 0, 1], port)));
    Some((process, port))
}

/// Runs a shell script in a network namespace of its own with loopback up; `None` if none can be created.
pub fn in_namespace(script: &str) -> Option<Process> {
    in_namespaces("-n", script)
}

/// The same, with a mount namespace as well.
pub fn in_namespace_with_mounts(script: &str) -> Option<Process> {
    in_namespaces("-nm", script)
}

fn in_namespaces(flags: &str, script: &str) -> Option<Process> {
    // Without root, as root of a new user namespace.
    let root: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["-r"] };
    let works = Command::new("unshare")
        .args(root)
        .args([flags, "ip", "link", "set", "lo", "up"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI is to be able to make namespaces, with unshare and ip");
        eprintln!("skipped: no namespace can be made here");
        return None;
    }
    let script = format!("set -e; ip link set lo up; udpchat={}; {script}", env!("CARGO_BIN_EXE_udpchat"));
    Some(Process::start(Command::new("unshare").args(root).args([flags, "bash", "-c", &script])))
}

/// Returns the path of a file in the test's own directory.
pub fn path_in(dir: &tempfile::TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}
