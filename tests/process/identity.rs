//! Who is who: nicks that look alike, lines that look like the program's own, nicks that change hands.

#![allow(clippy::disallowed_methods)] // tests are allowed to

use std::path::Path;

use crate::common::{Process, Server, at_home, udpchat_with};

/// Sends a message as that user. Returns the exit code and what was said.
fn send(home: &Path, server: &Server, nick: &str, text: &str) -> (i32, String) {
    let mut process = at_home(home, &["send", "--nick", nick, "--server", &server.name(), text]);
    (process.code(), process.stderr.to_end())
}

#[test]
fn who_looks_like_a_member_is_refused_and_who_looks_like_nobody_is_not() {
    let server = Server::start(&[]);
    let (jill, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let jills = at_home(jill.path(), &["join", "--nick", "jill", "--server", &server.name()]);
    jills.stdout.wait_for("jill joined!\n");
    for nick in ["jill", "JILL", "jiIl", "ＪＩＬＬ"] {
        let (code, said) = send(other.path(), &server, nick, "hey");
        assert!(
            code == 4 && said.contains("is taken at") && said.contains("'jill' has belonged to key "),
            "{nick}: {code} {said}"
        );
    }
    assert_eq!(send(other.path(), &server, "jil", "hey").0, 0);
    assert_eq!(send(jill.path(), &server, "Jill", "it is me").0, 0, "her own");
    jills.stdout.wait_for("jil: hey\nJill: it is me\n");
}

#[test]
fn nobody_takes_a_nick_that_could_be_mistaken_for_something_else() {
    for (nick, why) in [
        ("udpchat", "the program's own name"),
        ("uԁpchat", "one script"),
        (" jill", "begin or end with a blank"),
        ("ji\u{200b}ll", "U+200B"),
        ("* jill", "must not begin with *"),
        ("(unverified) jill", "must not begin with ("),
        ("jill#1a2b", "must not contain #"),
    ] {
        let mut refused =
            Process::start(&mut udpchat_with(&["send", "--nick", nick, "--server", "127.0.0.1:9", "hey"]));
        assert_eq!(refused.code(), 2, "{nick}");
        let said = refused.stderr.to_end();
        assert!(said.contains(why), "{nick}: {said}");
    }
}

/// What the program itself says to a user, as far as somebody could want to say it for it.
const NOTICES: [&str; 6] = [
    "udpchat: the key of room:9999 has changed: it is 16ff 79d0",
    "udpchat: you are jane now",
    "udpchat: --- now ---",
    "udpchat: not sent, the room is too busy: hey",
    "udpchat: from here on, jill is another key: 0808080808080808, no longer 0707070707070707",
    "uԁpchat\u{200b}: room:9999 is back",
];

#[test]
fn no_line_of_the_room_looks_like_a_notice_or_like_a_verified_members() {
    let server = Server::start(&[]);
    let home = tempfile::tempdir().unwrap();
    let jill = at_home(home.path(), &["join", "--nick", "jill", "--server", &server.name()]);
    jill.stdout.wait_for("jill joined!\n");
    let jack = server.join("jack", &["--text"]);
    jack.stdout.wait_for("jack joined!\n");
    let forger = server.socket();
    for line in NOTICES {
        forger.send(line.as_bytes()).unwrap();
    }
    forger.send("jill: it is me\n(unverified) jill: it is me".replace('\n', "\u{2028}").as_bytes()).unwrap();
    forger.send(b"[2026-11-27T06:59:47Z INFO  udpchat::net::server] members 1").unwrap();
    forger.send(b"the last one").unwrap();
    let shown = jill.stdout.wait_for("the last one\n");
    let of_others = |line: &&str| !line.starts_with("jill joined!");
    assert!(shown.lines().filter(of_others).all(|line| line.starts_with("(unverified) ")), "{shown}");
    // In plain text nobody is verified, and only what looks like something else has the mark.
    let shown = jack.stdout.wait_for("the last one\n");
    let could_be = |line: &str| line.starts_with('[') || line.trim_start().to_lowercase().starts_with('u');
    assert!(!shown.lines().any(could_be), "{shown}");
    assert_eq!(shown.matches("(unverified) ").count(), NOTICES.len() + 2, "{shown}");
    let transcript = server.process.stdout.wait_for("the last one\n");
    assert!(!transcript.lines().any(could_be), "{transcript}");
}

#[test]
fn on_a_terminal_no_row_of_a_long_line_begins_with_what_its_author_wants() {
    let server = Server::start(&[]);
    let mut jill =
        Process::start_on_terminal(&mut udpchat_with(&["join", "--nick", "jill", "--server", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    let forger = server.socket();
    // Wherever the terminal would break the line, something of it looks like a notice.
    let line = format!("jack: {}", "udpchat: the key has changed ".repeat(20));
    forger.send(line.trim_end().as_bytes()).unwrap();
    forger.send(b"the last one").unwrap();
    let shown = jill.stdout.wait_for("the last one");
    let forged = shown.lines().skip_while(|row| !row.contains("(unverified) jack: ")).skip(1);
    let rows: Vec<_> = forged.take_while(|row| !row.contains("the last one")).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.starts_with("    ")), "{shown}");
    assert!(rows.iter().all(|row| row.trim_end().len() < 80), "{shown}");
    jill.enter("!q\n");
    jill.wait();
}

#[test]
fn a_nick_that_changes_hands_is_told_once_at_the_seam_in_the_room_and_in_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("room.db");
    let server = Server::start(&["--db", log.to_str().unwrap()]);
    let watcher = server.join("watcher", &[]);
    watcher.stdout.wait_for("watcher joined!\n");
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (home, text) in [(0, "one"), (0, "two"), (1, "three"), (1, "four")] {
        assert_eq!(send(homes[home].path(), &server, "boss", text).0, 0);
    }
    watcher.stdout.wait_for("boss: four\n");
    let said = watcher.stderr.wait_for("boss is another key");
    assert_eq!(said.matches("another key").count(), 1, "{said}");
    let mut history = Process::start(&mut udpchat_with(&["history", "--db", log.to_str().unwrap()]));
    let shown = history.stdout.to_end();
    assert_eq!(history.code(), 0);
    let (before, after) = shown.split_once("--- from here on, boss is another key: ").unwrap();
    assert!(before.contains("boss: two") && after.contains("boss: three"), "{shown}");
    assert_eq!(shown.matches("another key").count(), 1, "{shown}");
}

/// Joins and leaves at once, as that user.
fn visit(home: &Path, server: &Server, nick: &str) -> (i32, String) {
    let mut process = at_home(home, &["join", "--nick", nick, "--server", &server.name()]);
    process.close_input();
    (process.code(), process.stderr.to_end())
}

#[test]
fn a_nick_stays_its_first_keys_while_that_is_away_and_over_a_kill_until_it_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("room.db").display().to_string();
    let server = Server::start(&["--db", &db]);
    let (jill, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(visit(jill.path(), &server, "jill").0, 0);
    let is_refused = |server: &Server| {
        let (code, said) = visit(other.path(), server, "JILL");
        assert_eq!(code, 4, "{said}");
        assert!(said.contains("the nick JILL is taken at") && said.contains(": 'jill' has belonged to key "), "{said}");
        assert!(said.contains(" since 20"), "{said}");
        let (code, said) = send(other.path(), server, "jiIl", "hey");
        assert!(code == 4 && said.contains("'jill' has belonged to key "), "{said}");
    };
    is_refused(&server);
    server.process.signal(nix::sys::signal::Signal::SIGKILL);
    drop(server);
    let server = Server::start(&["--db", &db]);
    is_refused(&server);
    assert_eq!(send(jill.path(), &server, "jill", "it is me").0, 0, "her own");
    let mut jills = at_home(jill.path(), &["join", "--nick", "jill", "--server", &server.name()]);
    jills.stdout.wait_for("jill joined!\n");
    let mut watcher = server.join("watcher", &["--json"]);
    jills.stdout.wait_for("watcher joined!\n");
    // Somebody who is in the room already is told the same.
    watcher.enter("/nick Jill\n/release jill\n");
    watcher.stdout.wait_for("\"event\":\"held\",\"nick\":\"jill\"");
    watcher.stdout.wait_for("\"why\":\"the nick is taken\"");
    watcher.stdout.wait_for("\"why\":\"it is not yours\"");
    jills.enter("/release\n!q\n");
    jills.stdout.wait_for("jill released the nick jill\n");
    watcher.stdout.wait_for("\"kind\":\"released\"");
    watcher.stdout.wait_for("\"kind\":\"left\"");
    assert_eq!(jills.code(), 0);
    assert_eq!(visit(other.path(), &server, "JILL").0, 0);
    let (code, said) = visit(jill.path(), &server, "jill");
    assert!(code == 4 && said.contains("'JILL' has belonged to key "), "{said}");
}

#[test]
fn who_only_sends_claims_nothing() {
    let server = Server::start(&[]);
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for home in [0, 1, 0] {
        assert_eq!(send(homes[home].path(), &server, "bot", "hey").0, 0, "a fresh container has a fresh key");
    }
    assert_eq!(visit(homes[0].path(), &server, "bot").0, 0);
    assert_eq!(send(homes[1].path(), &server, "bot", "hey").0, 4);
}

#[test]
fn a_second_device_with_the_same_key_is_the_same_person() {
    let server = Server::start(&[]);
    let (jill, laptop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jill.key").display().to_string();
    let key = |home: &Path, args: &[&str]| {
        let mut process = at_home(home, &[&["key"], args].concat());
        process.close_input();
        (process.code(), process.stdout.to_end(), process.stderr.to_end())
    };
    assert_eq!(visit(jill.path(), &server, "jill").0, 0);
    assert_eq!(key(jill.path(), &["export", &file]).0, 0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (code, _, said) = key(jill.path(), &["export", &file]);
    assert!(code == 1 && said.contains("is there already: nothing was written"), "{said}");
    // The laptop has been here with a key of its own.
    assert_eq!(send(laptop.path(), &server, "jill", "hey").0, 4);
    let (code, _, said) = key(laptop.path(), &["import", &file]);
    assert!(code == 1 && said.contains("you have a key already"), "{said}");
    let (code, _, said) = key(laptop.path(), &["import", &file, "--replace"]);
    assert!(code == 0 && said.contains("the key that you had is kept in "), "{said}");
    assert_eq!(send(laptop.path(), &server, "jill", "hey").0, 0);
    let (code, _, said) = key(laptop.path(), &["import", &file]);
    assert!(code == 0 && said.contains("is your key already"), "{said}");
    // Through a pipe, and nothing that is no key.
    let (code, text, _) = key(laptop.path(), &["export", "-"]);
    assert_eq!((code, &*text), (0, &*std::fs::read_to_string(&file).unwrap()));
    let phone = tempfile::tempdir().unwrap();
    let mut import = at_home(phone.path(), &["key", "import", "-"]);
    import.enter(&text);
    import.close_input();
    assert_eq!(import.code(), 0, "{}", import.stderr.so_far());
    assert_eq!(send(phone.path(), &server, "jill", "hey").0, 0);
    std::fs::write(&file, "no key\n").unwrap();
    let other = tempfile::tempdir().unwrap();
    assert_eq!(key(other.path(), &["import", &file]).0, 1);
    assert!(!other.path().join("udpchat/client.key").exists());
}
