//! What the screen looks like, from the first visit to the last key.
//!
//! `INSTA_UPDATE=always cargo test --test process views::` rewrites the views, `UDPCHAT_WRITE_PICTURE=1 cargo test --test process
//! views::` the README's pictures.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests are allowed to

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::common::screen::OnScreen;
use crate::common::{Process, at_home, new_home, serve_at_home, svg, udpchat_with};

/// A room whose keys are always the same: so are fingerprints and colours.
struct Room {
    server: Process,
    name: String,
    jill: PathBuf,
    others: PathBuf,
}

fn home_with_keys(letter: char) -> PathBuf {
    let home = new_home();
    std::fs::create_dir_all(home.join("udpchat")).unwrap();
    for (number, name) in ["client.key", "server.key", "owner.key"].into_iter().enumerate() {
        write_key(&home.join("udpchat").join(name), letter, number);
    }
    home
}

/// Writes a secret key: 32 bytes in base64.
fn write_key(path: &Path, letter: char, number: usize) {
    use std::os::unix::fs::OpenOptionsExt;
    let key = format!("{number}{}A=\n", letter.to_string().repeat(41));
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, key.as_bytes()).unwrap();
}

/// Returns whether a text has that form, in which `d` is a digit.
fn is_like(text: &[char], form: &str) -> bool {
    text.iter().zip(form.chars()).all(|(have, want)| if want == 'd' { have.is_ascii_digit() } else { *have == want })
}

impl Room {
    fn new() -> Self {
        let (server, name) = serve_at_home(&home_with_keys('s'), "127.0.0.1:0", &[]);
        Self { server, name, jill: home_with_keys('j'), others: new_home() }
    }

    fn jill(&self, columns: u16, rows: u16) -> OnScreen {
        let mut jill = OnScreen::start(&mut self.command(), columns, rows);
        jill.show_until("a prompt", |jill| jill.model.contents().contains("\n>"));
        jill
    }

    fn command(&self) -> Command {
        let mut command = udpchat_with(&["join", "--nick", "jill", "--server", &self.name]);
        command.env("XDG_STATE_HOME", &self.jill).env("TZ", "UTC");
        command
    }

    /// Has somebody say something.
    fn says(&self, nick: &str, args: &[&str]) {
        let home = self.others.join(nick);
        if !home.exists() {
            std::fs::create_dir_all(home.join("udpchat")).unwrap();
            write_key(&home.join("udpchat/client.key"), nick.chars().next_back().unwrap(), nick.len());
        }
        let code = at_home(&home, &[&["send", "--nick", nick, "--server", &self.name], args].concat()).code();
        assert_eq!(code, 0, "{nick}: {args:?}");
    }

    /// Has somebody come in and stay.
    fn joins(&self, nick: &str, args: &[&str]) -> Process {
        let member =
            at_home(&self.others.join(nick), &[&["join", "--nick", nick, "--server", &self.name], args].concat());
        member.stdout.wait_for(&format!("{nick} joined"));
        member
    }

    /// Returns a row without what is different in each run: the port, and times.
    fn same(&self, row: &str) -> String {
        let port = self.name.rsplit(':').next().unwrap();
        let row = row.replace(&format!(":{port}"), ":9999");
        let characters: Vec<_> = row.chars().collect();
        let mut same = String::new();
        let mut at = 0;
        while at < characters.len() {
            if at + 10 <= characters.len() && is_like(&characters[at..at + 10], "dddd-dd-dd") {
                same.push_str("2026-11-23");
                at += 10;
            } else if at + 5 <= characters.len() && is_like(&characters[at..at + 5], "dd:dd") {
                same.push_str("14:05");
                at += 5;
            } else {
                same.push(characters[at]);
                at += 1;
            }
        }
        same
    }

    fn view(&self, screen: &OnScreen) -> String {
        screen.model.contents().lines().map(|row| self.same(row) + "\n").collect()
    }
}

/// Where the README's pictures are.
const PICTURES: [(&str, svg::Theme); 2] = [("docs/screen-light.svg", svg::LIGHT), ("docs/screen-dark.svg", svg::DARK)];

#[test]
fn the_screen_of_a_visitor_looks_like_this() {
    let room = Room::new();
    let mut jill = room.jill(80, 16);
    jill.shows("1 here");
    jill.shows("jill joined");
    insta::assert_snapshot!("first visit", room.view(&jill));
    jill.enter(b"\x04");
    assert_eq!(jill.code(), 0);

    room.says("jack", &["is anybody looking at the build?"]);
    room.says("ann", &["I am: https://ci.example/udpchat/1745"]);
    let mut jill = room.jill(80, 16);
    jill.shows("--- now ---");
    insta::assert_snapshot!("coming back", room.view(&jill));

    // Those who come within three seconds are in one line.
    jill.shows("jill joined");
    // Private messages, actions, mentions, somebody in plain text; the user's own lines and their receipts.
    let mut jack = room.joins("jack", &[]);
    let others: Vec<_> = ["cleo", "dan"].into_iter().map(|nick| room.joins(nick, &[])).collect();
    let old = room.joins("old", &["--text"]);
    jack.enter("/me looks at the log\n");
    jack.stdout.wait_for("* jack looks at the log");
    room.says("ann", &["--to", "jill", "it is the flaky test again"]);
    room.says("bot", &["build 1746 is green"]);
    jack.enter("jill: can you release it?\n");
    jill.shows("can you release it?");
    room.server.signal(Signal::SIGSTOP);
    jill.enter("on it, five minutes\r".as_bytes());
    jill.enter("and then to the st".as_bytes());
    jill.shows("> and then to the st");
    insta::assert_snapshot!("busy", room.view(&jill));
    check_pictures(&room, &jill);
    room.server.signal(Signal::SIGCONT);
    jill.shows("received 3/3");
    insta::assert_snapshot!("received", room.view(&jill));
    drop((others, old));
}

/// Holds the README's pictures against the screen, or writes them.
fn check_pictures(room: &Room, screen: &OnScreen) {
    for (name, theme) in PICTURES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let now = svg::picture(&screen.model, theme, "A room in udpchat join, on a terminal", |row| room.same(row));
        if std::env::var_os("UDPCHAT_WRITE_PICTURE").is_some() {
            std::fs::write(&path, &now).unwrap();
        } else {
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                before == now,
                "{name} is stale: UDPCHAT_WRITE_PICTURE=1 cargo test --test process views:: writes it"
            );
        }
    }
}

#[test]
fn what_the_user_is_asked_and_told_looks_like_this() {
    let room = Room::new();
    let mut jill = room.jill(60, 12);
    jill.shows("jill joined");
    let view = |jill: &mut OnScreen, name: &str, keys: &str, shown: &str| {
        jill.enter(keys.as_bytes());
        jill.shows(shown);
        insta::assert_snapshot!(name, room.view(jill));
    };
    view(&mut jill, "a message that nobody gets", "/msg nobody the secret\r", "! /msg nobody");
    view(&mut jill, "taken back", "\r", "> /msg nobody the secret");
    view(&mut jill, "pasted", "\x03\x1b[200~a\rb\rc\rd\x1b[201~", "insert 4 lines?");
    view(&mut jill, "several lines", "y", "> a↵b↵c↵d");
    view(&mut jill, "searching", "\x03\x12nob", "(search: nob)");
    view(&mut jill, "leaving", "\x03\x03", "leave?");
    view(&mut jill, "help", "/help keys\r", "paint again");
    for (name, columns, rows) in [("narrow", 30, 8), ("very narrow", 14, 5)] {
        jill.enter(b"\x04");
        assert_eq!(jill.code(), 0);
        jill = room.jill(columns, rows);
        jill.shows("joined");
        jill.shows("1 here");
        view(&mut jill, name, "世界 is wide, and this is long", "long");
        jill.enter(b"\x03");
        jill.show_until("an empty line", |jill| jill.model.contents().trim_end().ends_with("\n>"));
    }
}
