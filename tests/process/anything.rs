//! The client on a terminal under random sequences of keys, messages and resizes.
//!
//! `UDPCHAT_SCREEN_SEEDS=10000 cargo test --test process anything::` runs more, `UDPCHAT_SCREEN_SEED=17` only that sequence.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, clippy::unwrap_in_result)] // tests are allowed to

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::common::screen::OnScreen;
use crate::common::seeds::failing;
use crate::common::{Process, at_home, new_home, serve_at_home, udpchat_with};

const SEEDS: u64 = 40;

/// Wide enough for each message and its time: a terminal that becomes narrower cuts off the rest of a row.
const COLUMNS_MIN: u16 = 22;

/// A pause between things that happen, so that some of them have an effect before the next.
const PAUSE: Duration = Duration::from_millis(2);

/// A pause before a key that has to be noticed: longer than for how long the program throws away what is typed ahead.
const LONG_PAUSE: Duration = Duration::from_millis(60);

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// The user types that.
    Keys(Vec<u8>),
    /// The user pastes that, which comes in pieces of so many bytes.
    Paste(String, usize),
    /// Somebody else says so many lines.
    Say(usize),
    Resize(u16, u16),
    /// The server stops for a while.
    Stall,
    /// Everything is shown before the rest happens.
    Wait,
}

/// How the user leaves.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Keys,
    Terminate,
    HangUp,
}

fn steps() -> impl Strategy<Value = (Vec<Step>, Leave)> {
    let keys = prop_oneof![
        8 => "[a-z/! ]{1,8}".prop_map(String::into_bytes),
        8 => prop::sample::select(KEYS).prop_map(|keys| keys.as_bytes().to_vec()),
        1 => prop::collection::vec(0_u8..0x80, 1..6),
    ];
    let step = prop_oneof![
        8 => keys.prop_map(Step::Keys),
        1 => ("[a-z/!\r\t\u{1b} ]{1,40}", 1_usize..50).prop_map(|(text, piece)| Step::Paste(text, piece)),
        4 => (1_usize..40).prop_map(Step::Say),
        // The model breaks with one row.
        3 => (COLUMNS_MIN..120, 2_u16..40).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => Just(Step::Stall),
        2 => Just(Step::Wait),
    ];
    let leave = prop_oneof![4 => Just(Leave::Keys), 1 => Just(Leave::Terminate), 1 => Just(Leave::HangUp)];
    (prop::collection::vec(step, 1..25), leave)
}

/// Keys with a meaning.
const KEYS: &[&str] = &[
    "\r",
    "\r",
    "\r",
    "\x1b\r",
    "\t",
    "\x7f",
    "\x1b\x7f",
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[H",
    "\x1b[F",
    "\x1b[3~",
    "\x1b[1;5D",
    "\x1b[1;3C",
    "\x01",
    "\x05",
    "\x15",
    "\x0b",
    "\x17",
    "\x19",
    "\x1bb",
    "\x1bf",
    "\x1bd",
    "\x12",
    "\x0c",
    "\x03",
    "\x1a",
    "\x1b",
    "/who\r",
    "/me waves\r",
    "/help\r",
    "/clear\r",
    "/seen\r",
    "/msg jack psst\r",
    "/m nobody psst\r",
    "hello jack\r",
    "//who\r",
    "/nick\r",
    "!qq\r",
];

/// A server with somebody who talks, used by one sequence after the other.
struct Room {
    server: Process,
    name: String,
    jack: Process,
    home: PathBuf,
}

impl Room {
    fn new() -> Self {
        let args = ["--db", ":memory:", "--rate", "off", "--signup-rate", "off", "--quiet"];
        let (server, name) = serve_at_home(&new_home(), "127.0.0.1:0", &args);
        let jack = at_home(&new_home(), &["join", "--nick", "jack", "--server", &name]);
        jack.stdout.wait_for("jack joined");
        Self { server, name, jack, home: new_home() }
    }

    fn jill(&self) -> OnScreen {
        let mut command = udpchat_with(&["join", "--nick", "jill", "--server", &self.name]);
        command.env("XDG_STATE_HOME", &self.home);
        OnScreen::start_in_shell(&mut command, 80, 24)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let end: String = self.jack.stdout.so_far().chars().rev().take(300).collect();
            println!("jack: {:?}, {:?}", self.jack.stderr.so_far(), end.chars().rev().collect::<String>());
            println!("server: {:?}", self.server.stderr.so_far());
        }
    }
}

/// Rooms that nobody uses at the moment.
static ROOMS: Mutex<Vec<Room>> = Mutex::new(Vec::new());

/// Runs a sequence. Returns what is wrong, if anything.
fn run(seed: u64, steps: &[Step], leave: Leave) -> Result<(), String> {
    let free = ROOMS.lock().unwrap().pop();
    let mut room = free.unwrap_or_else(Room::new);
    let mut jill = room.jill();
    jill.shows(" here");
    let mut said = 0;
    for step in steps {
        if jill.ended().is_some() {
            break;
        }
        match step {
            Step::Keys(keys) => jill.enter(keys),
            Step::Paste(text, piece) => {
                let paste = format!("\x1b[200~{text}\x1b[201~");
                paste.as_bytes().chunks(*piece).for_each(|piece| jill.enter(piece));
            }
            Step::Say(count) => {
                (said..said + count).for_each(|number| room.jack.enter(&format!("{}\n", message(seed, number))));
                said += count;
            }
            Step::Resize(columns, rows) => jill.resize(*columns, *rows),
            Step::Stall => {
                room.server.signal(Signal::SIGSTOP);
                jill.show_until_silence(PAUSE);
                room.server.signal(Signal::SIGCONT);
            }
            Step::Wait => jill.show_until_silence(PAUSE),
        }
    }
    let last = said.checked_sub(1).map(|number| message(seed, number));
    jill.show_until("everything that was said", |jill| {
        let is_all = last.as_ref().is_none_or(|last| jill.model.all().contains(last));
        is_all || jill.ended().is_some()
    });
    let has_left = jill.ended().is_some();
    // Whatever the user was doing: it is ended, and then left. Once may be too early: the shell may have the terminal.
    jill.show_until("the end", |jill| {
        match leave {
            _ if jill.ended().is_some() => return true,
            Leave::Keys => jill.enter(b"\x03"),
            Leave::Terminate => jill.signal(Signal::SIGTERM),
            Leave::HangUp => jill.signal(Signal::SIGHUP),
        }
        jill.show_until_silence(LONG_PAUSE);
        false
    });
    let code = jill.code();
    check(seed, said, has_left, code, &mut jill)?;
    ROOMS.lock().unwrap().push(room);
    Ok(())
}

fn message(seed: u64, number: usize) -> String {
    format!("s{seed}m{number}.")
}

fn check(seed: u64, said: usize, has_left: bool, code: i32, jill: &mut OnScreen) -> Result<(), String> {
    let all = jill.model.all();
    let prefix = format!("s{seed}m");
    let seen: Vec<_> = all.split_whitespace().filter(|word| word.starts_with(&prefix)).collect();
    let expected: Vec<_> = (0..said).map(|number| message(seed, number)).collect();
    // Whoever leaves early has seen the beginning.
    let is_right = seen == expected || (has_left && expected.len() > seen.len() && seen[..] == expected[..seen.len()]);
    if !is_right {
        return Err(format!("of {said} messages these were shown: {seen:?}\n{all}"));
    }
    let written = String::from_utf8_lossy(&jill.written);
    if written.contains("panicked") || ![0, 4, 5, 130].contains(&code) {
        return Err(format!("it ends with {code}: {written}"));
    }
    jill.changed().map_or(Ok(()), |changed| Err(format!("of the terminal is changed: {changed}")))
}

fn holds(seed: u64) -> bool {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let (steps, leave) = steps().new_tree(&mut runner).unwrap().current();
    let done = std::panic::catch_unwind(|| run(seed, &steps, leave));
    let wrong = match done {
        Ok(Ok(())) => return true,
        Ok(Err(wrong)) => wrong,
        Err(_) => "see above".into(),
    };
    println!("UDPCHAT_SCREEN_SEED={seed}: {wrong}\n{steps:?}, then {leave:?}");
    false
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

#[test]
fn whatever_is_typed_no_message_is_lost_or_shown_twice_and_the_terminal_is_left_as_it_was() {
    let seeds = match number("UDPCHAT_SCREEN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("UDPCHAT_SCREEN_SEEDS").unwrap_or(SEEDS),
    };
    let failed = failing(seeds, holds);
    ROOMS.lock().unwrap().clear();
    assert_eq!(failed, [0; 0], "in these sequences something is wrong");
}
