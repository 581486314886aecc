//! The client on a terminal, as a model of one shows it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests are allowed to

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use udpchat::net::tty::Tty;

use crate::common::screen::OnScreen;
use crate::common::{Process, at_home, new_home, serve_at_home, udpchat_with};

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

struct Room {
    home: tempfile::TempDir,
    server: Process,
    name: String,
    jill: PathBuf,
    jack: PathBuf,
}

impl Room {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        Self { home, server, name, jill: new_home(), jack: new_home() }
    }

    fn command(&self, home: &Path, args: &[&str]) -> Command {
        let mut command = udpchat_with(&[&["join", "--server", &self.name], args].concat());
        command.env("XDG_STATE_HOME", home);
        command
    }

    /// Starts jill's client on a terminal, and waits until it is in the room.
    fn jill(&self) -> Process {
        let jill = Process::start_on_screen(&mut self.command(&self.jill, &["--nick", "jill"]), COLUMNS, ROWS);
        shows(&jill, " here");
        jill
    }

    /// The same, as the model of a terminal that is shown everything as it comes.
    fn jill_on_screen(&self) -> OnScreen {
        let mut jill = OnScreen::start(&mut self.command(&self.jill, &["--nick", "jill"]), COLUMNS, ROWS);
        jill.shows(" here");
        jill
    }

    /// Returns what the room has, as `history` shows it.
    fn said(&self, args: &[&str]) -> String {
        let log = self.home.path().join("udpchat/room.db").display().to_string();
        let mut history = at_home(&self.jack, &[&["history", "--db", &log], args].concat());
        assert_eq!(history.code(), 0);
        history.stdout.to_end()
    }

    fn jack_says(&self, text: &str) {
        assert_eq!(at_home(&self.jack, &["send", "--nick", "jack", "--server", &self.name, text]).code(), 0);
    }
}

/// Returns what a terminal shows that was sent this.
fn screen(sent: &str) -> String {
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 1000);
    parser.process(sent.as_bytes());
    parser.screen().contents()
}

/// Waits until the screen has that text; returns the screen.
fn shows(process: &Process, text: &str) -> String {
    screen(&process.stdout.wait_until(text, |sent, _| screen(sent).contains(text)))
}

/// Waits until the last rows are these.
fn ends_with(process: &Process, rows: &[&str]) -> String {
    let is_it = |sent: &str| {
        let screen = screen(sent);
        let all: Vec<_> = screen.lines().collect();
        all.len() >= rows.len() && all[all.len() - rows.len()..].iter().zip(rows).all(|(row, end)| row.contains(end))
    };
    screen(&process.stdout.wait_until(&format!("{rows:?}"), |sent, _| is_it(sent)))
}

#[test]
fn a_half_typed_line_stays_whole_while_others_talk_and_keys_do_what_they_say() {
    let room = Room::new();
    let mut jill = room.jill();
    jill.enter("hello wrold");
    ends_with(&jill, &[" @ 127.0.0.1:", "> hello wrold"]);
    room.jack_says("first");
    room.jack_says("a 世界 and \u{1b}[31m colours");
    let shown = ends_with(&jill, &["jack: a 世界 and \\u{1b}[31m colours", " @ 127.0.0.1:", "> hello wrold"]);
    assert!(shown.contains("jack: first"), "{shown}");
    jill.enter("\x1b[D\x1b[D\x1b[D\x7f\x1b[Cr\x05!\r");
    let shown = shows(&jill, "jill: hello world!");
    assert!(!shown.contains("[D"), "{shown}");
    ends_with(&jill, &[" @ 127.0.0.1:", ">"]);
    jill.enter("\x1b[A");
    ends_with(&jill, &["> hello world!"]);
    jill.enter("\x15ja\t");
    jill.enter("\x15/hsitory 2\r");
    shows(&jill, "did you mean /history?");
    jill.enter("\x15\x04");
    assert_eq!(jill.code(), 0);
}

#[test]
fn nothing_that_is_pasted_or_typed_ahead_is_carried_out_by_the_room_or_by_the_shell() {
    let room = Room::new();
    let program = env!("CARGO_BIN_EXE_udpchat");
    let script = format!(
        "stty -g; {program} join --nick jill --server {}; stty -g; while IFS= read -r -t 0.5 line; do echo \"SHELL GOT $line\"; done; \
         echo THE END",
        room.name
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).env("XDG_STATE_HOME", &room.jill);
    let mut shell = Process::start_on_screen(&mut shell, COLUMNS, ROWS);
    shows(&shell, " here");
    // Three lines are inserted at once, more are asked about.
    shell.enter("\x1b[200~!q\r/nick jane\rrm -rf x\x1b[201~");
    ends_with(&shell, &["> !q↵/nick jane↵rm -rf x"]);
    shell.enter("\r");
    shows(&shell, "jill: rm -rf x");
    shell.enter("\x1b[200~a\rb\rc\rd\r\x1b[201~");
    ends_with(&shell, &["insert 4 lines?", ">"]);
    shell.enter("n");
    ends_with(&shell, &[" @ 127.0.0.1:", ">"]);
    shell.enter("!q\recho carried out\recho and this\r");
    let shown = shell.stdout.wait_for("THE END");
    assert!(!shown.contains("SHELL GOT"), "{shown}");
    let modes: Vec<_> = shown.lines().filter(|line| line.matches(':').count() > 20).collect();
    let modes: Vec<_> = modes.iter().map(|line| line.trim_start_matches("\r").trim()).collect();
    assert_eq!(modes.len(), 2, "{shown}");
    assert!(modes[1].ends_with(modes[0]), "{modes:?}");
    let said = room.said(&[]);
    assert!(said.contains("jill: !q") && said.contains("jill: /nick jane") && !said.contains("is now"), "{said}");
}

#[test]
fn a_line_is_on_its_way_until_the_room_has_it_and_is_printed_once() {
    let room = Room::new();
    let mut jill = room.jill();
    room.server.signal(Signal::SIGSTOP);
    jill.enter("on its way\r");
    ends_with(&jill, &["… on its way", " @ 127.0.0.1:", ">"]);
    room.server.signal(Signal::SIGCONT);
    let shown = ends_with(&jill, &["jill: on its way", " @ 127.0.0.1:", ">"]);
    assert_eq!(shown.matches("on its way").count(), 1, "{shown}");
}

#[test]
fn a_private_message_that_is_refused_can_be_taken_back_and_is_still_private() {
    let room = Room::new();
    let mut jill = room.jill();
    jill.enter("/msg nobody the secret\r");
    ends_with(&jill, &["! /msg nobody the secret: the room knows no key", "Enter takes", ">"]);
    jill.enter("\r");
    ends_with(&jill, &["> /msg nobody the secret"]);
    jill.enter("\r");
    ends_with(&jill, &["! /msg nobody the secret: the room knows no key", "Enter takes", ">"]);
    assert!(!room.said(&[]).contains("secret"));
}

#[test]
fn a_private_line_that_is_not_quite_one_becomes_no_public_one() {
    let room = Room::new();
    let mut jill = room.jill();
    jill.enter(" /msg jack the secret\r");
    shows(&jill, "not sent: it begins with a blank");
    ends_with(&jill, &[">  /msg jack the secret"]);
    jill.enter("\x15/msg jack the secret\x1b\rof two lines\r");
    shows(&jill, "not sent: a command is one line");
    ends_with(&jill, &["> /msg jack the secret↵of two lines"]);
    // What was pasted stays text, whatever keeps it from being sent.
    jill.enter("\x03\x1b[200~/nick jane\x1b[201~\r");
    shows(&jill, "jill: /nick jane");
    assert!(!room.said(&[]).contains("secret"));
}

#[test]
fn the_next_visit_knows_the_lines_of_the_last_one_and_a_signal_leaves_a_clean_terminal() {
    let room = Room::new();
    let mut jill = room.jill();
    jill.enter("a line\r");
    shows(&jill, "jill: a line");
    jill.enter("half typed");
    ends_with(&jill, &["> half typed"]);
    jill.signal(Signal::SIGTERM);
    jill.wait();
    let shown = screen(&jill.stdout.so_far());
    assert!(
        shown.contains("jill: a line") && !shown.contains("half typed") && !shown.contains(" @ 127.0.0.1:"),
        "{shown}"
    );
    let mut again = room.jill();
    again.enter("\x1b[A");
    ends_with(&again, &["> a line"]);
    again.enter("\x15\x03");
    ends_with(&again, &["leave?", ">"]);
    again.enter("x");
    ends_with(&again, &[" @ 127.0.0.1:", "> x"]);
    again.enter("\x03\x03\x03");
    assert_eq!(again.code(), 0);
}

#[test]
fn a_resize_repaints_and_loses_no_message() {
    let room = Room::new();
    let mut jill = room.jill();
    for (number, (columns, rows)) in [(40, 10), (20, 5), (100, 30), (80, 24)].into_iter().enumerate() {
        jill.resize(columns, rows);
        room.jack_says(&format!("message {number}"));
        jill.enter(&format!("{number}"));
    }
    let shown = ends_with(&jill, &["> 0123"]);
    for number in 0..4 {
        assert_eq!(shown.matches(&format!("jack: message {number}")).count(), 1, "{shown}");
    }
}

#[test]
fn nothing_that_is_typed_is_lost_and_too_much_is_said_once() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    // The line discipline of a terminal holds 4,095 bytes of a line.
    let typed: String = (0..5000).map(|number| char::from(b'a' + u8::try_from(number % 26).unwrap())).collect();
    jill.enter(typed.as_bytes());
    jill.shows("6 messages");
    jill.enter(b"\r");
    jill.show_until("six messages", |jill| jill.model.all().matches("jill: ").count() == 6);
    let said = room.said(&["--json"]);
    let texts = said.split("\"text\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    assert_eq!(texts.filter(|text| text.len() >= 50).collect::<String>(), typed);

    jill.enter(format!("\x1b[200~{}\x1b[201~", "x".repeat(32 * 1024)).as_bytes());
    jill.shows("35 messages");
    jill.enter(b"more");
    jill.shows("-- the line is as long as it can be");
    jill.enter(b"\x7fy and more");
    jill.show_until("two notices", |jill| jill.model.all().matches("as long as it can be").count() == 2);
    jill.enter(b"\x03");
    jill.show_until("an empty line", |jill| jill.model.contents().trim_end().ends_with("\n>"));
}

#[test]
fn whoever_is_suspended_gives_the_terminal_back_and_goes_on_where_it_was() {
    let room = Room::new();
    let mut jill = OnScreen::start_in_shell(&mut room.command(&room.jill, &["--nick", "jill"]), COLUMNS, ROWS);
    jill.shows(" here");
    jill.enter(b"half");
    jill.shows("> half");
    for time in 1..=3 {
        jill.enter(b"\x1a");
        jill.show_until("the shell", |jill| jill.suspensions() == time);
        room.jack_says(&format!("message {time}."));
        jill.shows(&format!("jack: message {time}."));
    }
    // The end of the paste is thrown away with what was typed ahead; there are keys all the same.
    jill.enter(b"\x1a\x1b[200~lost\x1b[201~");
    jill.show_until("the shell", |jill| jill.suspensions() == 4);
    jill.shows("> half");
    jill.enter(b" typed");
    jill.shows("> half typed");
    let all = jill.model.all();
    assert!((1..=3).all(|time| all.matches(&format!("message {time}.")).count() == 1), "{all}");
    jill.enter(b"\x03\x04");
    assert_eq!(jill.code(), 0);
    assert_eq!(jill.changed(), None);
}

#[test]
fn without_a_shell_that_would_have_it_go_on_nothing_is_suspended() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    jill.enter(b"\x1a");
    jill.shows("-- not suspended: no shell is there");
    jill.enter(b"typed");
    jill.shows("> typed");
}

#[test]
fn a_stuck_terminal_does_not_keep_the_client_from_ending() {
    let room = Room::with(&["--rate", "off"]);
    let mut jill = room.jill_on_screen();
    let mut jack = at_home(&room.jack, &["send", "--nick", "jack", "--server", &room.name, "-"]);
    jack.enter(&"a line that takes its place\n".repeat(10_000));
    jack.close_input();
    assert_eq!(jack.code(), 0);
    jill.signal(Signal::SIGTERM);
    jill.wait_unread();
}

#[test]
fn text_that_was_pasted_never_makes_something_private_public() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    let mut tries = |keys: &str, shown: &str| {
        jill.enter(keys.as_bytes());
        jill.shows(shown);
        jill.enter(b"\x15");
        jill.show_until("an empty line", |jill| jill.model.contents().trim_end().ends_with("\n>"));
    };
    // Something private is among what was entered before.
    tries("/msg nobody the secret\r", "! /msg nobody the secret: ");
    tries("\r", "> /msg nobody the secret");
    // Recalled, it is what it was, also if something was pasted before.
    tries("\x1b[200~foo\x1b[201~\x1b[A\r", "! /msg nobody the secret: ");
    tries("\r", "> /msg nobody the secret");
    tries("\x1b[200~/msg jack \x1b[201~the secret\r", "-- not sent: everybody would read it");
    tries("hi\x1b\r/msg jack the secret\r", "> hi↵/msg jack the secret");
    // A key that is no answer to a question is a key.
    tries("\x03/msg nobody the secret\r", "! /msg nobody the secret: ");
    tries("\r", "> /msg nobody the secret");
    tries("\x03yes\r", "jill: yes");
    // What was pasted and sent as text is text when it is recalled.
    tries("\x1b[200~/nick jane\x1b[201~\r", "jill: /nick jane");
    tries("\x1b[A", "> //nick jane");
    let said = room.said(&[]);
    assert!(!said.contains("secret") && !said.contains("is now"), "{said}");
}

#[test]
fn an_answer_goes_to_whom_it_was_begun_for_or_nowhere() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    let mut jack = at_home(&room.jack, &["join", "--nick", "jack", "--server", &room.name]);
    jack.stdout.wait_for("jack joined");
    let mut mallory = at_home(&new_home(), &["join", "--nick", "jamie", "--server", &room.name]);
    mallory.stdout.wait_for("jamie joined");
    jill.enter(b"/reply to nobody yet");
    jill.shows("> /reply to nobody yet");
    jack.enter("/msg jill tell me\n");
    jill.shows("[private] jack: tell me");
    jill.enter(b"\r");
    jill.shows("-- not sent: jack has written since you began to answer (Enter");
    jill.enter(b"\x15");
    jill.enter(b"/reply the secret");
    jill.shows("private, to jack · ");
    mallory.enter("/msg jill hello\n");
    jill.shows("[private] jamie: hello");
    jill.enter(b"\r");
    jill.shows("-- not sent: jamie has written since you began to answer jack");
    jill.shows("private, to jamie · ");
    jill.enter(b"\x15/msg jack the secret\r");
    jill.shows("[private to] jack: the secret");
    jack.stdout.wait_for("jill: the secret");
    // Whoever spoke last is completed first.
    jill.enter(b"ja\t");
    jill.shows("> jamie: ");
    jill.enter(b"\t");
    jill.shows("> jack: ");
    assert!(!mallory.stdout.so_far().contains("secret"));
}

#[test]
fn somebody_who_is_sent_out_while_typing_types_nothing_into_the_shell() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    jill.enter(b"half a line");
    jill.shows("> half a line");
    assert_eq!(at_home(room.home.path(), &["kick", "--server", &room.name, "jill"]).code(), 0);
    jill.shows("press Enter to leave");
    jill.enter(b" and the rest\r");
    assert_ne!(jill.code(), 0);
    let all = jill.model.all();
    assert!(all.contains("-- not sent: half a line") && !all.contains("rest"), "{all}");
    assert_eq!(jill.changed(), None);
}

#[test]
fn a_terminal_that_took_nothing_for_a_while_is_brought_up_to_date() {
    let room = Room::with(&["--rate", "off"]);
    let mut jill = room.jill_on_screen();
    let mut jack = at_home(&room.jack, &["send", "--nick", "jack", "--server", &room.name, "-"]);
    let lines: String = (0..20_000).map(|number| format!("m{number}.\n")).collect();
    jack.enter(&lines);
    jack.close_input();
    assert_eq!(jack.code(), 0);
    // Nobody has read the terminal meanwhile: it takes nothing.
    std::thread::sleep(Duration::from_millis(1500));
    jill.show_until("the newest message", |jill| jill.model.contents().contains("jack: m19999."));
    let all = jill.model.all();
    let shown =
        all.split_whitespace().filter_map(|word| word.strip_prefix('m')?.strip_suffix('.')?.parse::<u32>().ok());
    let shown: Vec<_> = shown.collect();
    assert!(shown.is_sorted_by(|one, next| one < next) && shown[0] == 0, "in their order, each once");
    let mut parts: Vec<_> = all.split(" messages skipped").collect();
    assert!(parts.len() > 1, "none is skipped");
    parts.pop();
    let skipped = parts.iter().map(|before| before.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(shown.len() + skipped.sum::<usize>(), 20_000);
}

#[test]
fn a_paste_is_one_wherever_the_terminal_splits_it() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    let paste = b"\x1b[200~!q\r\xe4\xb8\x96/who\x1b[201~";
    for split in 1..paste.len() {
        // Whoever is too slow after an Escape has typed one: a busy machine may be.
        let is_one = (0..10).any(|_| {
            jill.enter_until_taken(&paste[..split]);
            jill.enter_until_taken(&paste[split..]);
            // Behind it, so that it is shown when this is.
            jill.enter(b".");
            jill.show_until("what was pasted", |jill| jill.model.contents().trim_end().ends_with('.'));
            let is_one = jill.model.contents().trim_end().ends_with("\n> !q↵世/who.");
            jill.enter(b"\x03");
            jill.show_until("an empty line", |jill| jill.model.contents().trim_end().ends_with("\n>"));
            is_one
        });
        assert!(is_one, "split at {split}: {}", jill.model.contents());
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_client_and_the_next_one_says_what_it_had_not() {
    let room = Room::new();
    let mut jill = room.jill_on_screen();
    room.server.signal(Signal::SIGSTOP);
    jill.enter(b"on its way\r");
    jill.shows("… on its way");
    jill.hang_up();
    jill.code();
    room.server.signal(Signal::SIGCONT);
    let again = room.jill();
    let shown = shows(&again, "jill: on its way");
    assert_eq!(shown.matches("on its way").count(), 1, "{shown}");
}

#[test]
fn whoever_waits_or_leaves_is_told_for_what() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = silent.local_addr().unwrap().to_string();
    let mut waiting = OnScreen::start(&mut udpchat_with(&["join", "--nick", "jill", "--server", &name]), COLUMNS, ROWS);
    waiting.shows(&format!("-- no answer from {name} yet"));
    waiting.enter(b"\x04");
    waiting.code();
    assert_eq!(waiting.changed(), None);

    let room = Room::new();
    let mut jill = room.jill_on_screen();
    room.server.signal(Signal::SIGSTOP);
    jill.enter(b"one\rtwo\r\x04");
    jill.shows("leaving: 2 lines are not confirmed yet");
    room.server.signal(Signal::SIGCONT);
    assert_eq!(jill.code(), 0);
    let all = jill.model.all();
    assert!(all.contains("jill: one\n") && all.contains("jill: two") && !all.contains("leaving"), "{all}");
}

#[test]
fn the_log_goes_above_the_pinned_rows() {
    let room = Room::new();
    let mut command = room.command(&room.jill, &["--nick", "jill"]);
    let mut jill = OnScreen::start(command.env("RUST_LOG", "mio=trace"), COLUMNS, ROWS);
    jill.shows(" here");
    jill.enter(b"typed");
    jill.shows("> typed");
    room.jack_says("first");
    jill.shows("jack: first");
    let shown = jill.model.contents();
    assert!(shown.contains("-- [20") && shown.contains("TRACE mio::poll"), "{shown}");
    assert_eq!(shown.matches("> typed").count(), 1, "{shown}");
    let pinned: Vec<_> = shown.lines().rev().take(2).collect();
    assert!(pinned[0].starts_with("> typed") && pinned[1].contains(" here"), "{shown}");
}

/// Run by the next test, on a terminal.
#[test]
#[ignore = "it panics"]
fn breaks_while_it_has_the_terminal() {
    let mut tty = Tty::open().unwrap();
    tty.rescue_in_panic().unwrap();
    tty.begin().unwrap();
    panic!("broken on purpose");
}

#[test]
fn a_panic_is_reported_on_a_terminal_as_it_was_before() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "screen::breaks_while_it_has_the_terminal", "--nocapture"]);
    let mut broken = OnScreen::start(&mut command, COLUMNS, ROWS);
    broken.shows("broken on purpose");
    assert_ne!(broken.code(), 0);
    assert_eq!(broken.changed(), None);
    let written = String::from_utf8_lossy(&broken.written).into_owned();
    let (taken, given) = (written.find("\x1b[?2004h").unwrap(), written.find("\x1b[?2004l").unwrap());
    let told = written.find("broken on purpose").unwrap();
    assert!(taken < given && given < told, "{written:?}");
}
