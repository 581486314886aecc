//! Edge cases of honest use: empty, repeated, forgotten, cut or closed input does what people expect, with a message.
#![allow(clippy::unwrap_used)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::UdpSocket;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{PATIENCE, Process, Server, closed_port, new_home, path_in, receive, stranger, udpchat_with};

fn run(args: &[&str]) -> (i32, String, String) {
    let mut process = Process::start(&mut udpchat_with(args));
    process.close_input();
    (process.code(), process.stdout.to_end(), process.stderr.to_end())
}

#[test]
fn an_empty_line_is_nothing_to_send() {
    let server = Server::start(&[]);
    let name = server.name();
    let (code, _, said) = run(&["send", "--nick", "bot", "-s", &name, ""]);
    assert_eq!(code, 2);
    assert!(said.contains("the message is empty"), "{said}");
    let mut jack = server.join("jack", &[]);
    jack.enter("\n\nhey\n\n");
    jack.close_input();
    assert_eq!(jack.code(), 0);
    assert_eq!(run(&["send", "--nick", "bot", "-s", &name, "one\n\ntwo\n"]).0, 0);
    let mut lines = Process::start(&mut udpchat_with(&["send", "--nick", "bot", "-s", &name, "-"]));
    lines.enter("\nthree\n\n");
    lines.close_input();
    assert_eq!(lines.code(), 0);
    assert!(lines.stderr.to_end().contains("1 of 1 line confirmed"));
    let shown = server.process.stdout.wait_for("bot: three\n");
    let said: Vec<_> = shown.lines().filter(|line| line.contains(": ")).collect();
    assert_eq!(said, ["jack: hey", "bot: one", "bot: two", "bot: three"]);
}

#[test]
fn an_empty_line_of_an_original_client_reaches_everybody_as_its_server_has_it() {
    let server = Server::start(&[]);
    let original = server.socket();
    original.send(b"SIGNUP_TAG:jack").unwrap();
    assert_eq!(receive(&original), "jack joined!");
    original.send(b"jack: ").unwrap();
    assert_eq!(receive(&original), "jack: ");
}

#[test]
fn an_id_that_was_used_for_another_message_is_refused_and_the_same_message_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    let db = path_in(&folder, "room.db").display().to_string();
    let mut server = Server::start(&["--db", &db]);
    let send = |server: &Server, nick: &str, id: &str, text: &str| {
        let (code, _, said) = run(&["send", "--nick", nick, "-s", &server.name(), "--id", id, text]);
        (code, said)
    };
    let (same, other) =
        ("already there: nothing was sent again", "was used before, for another message or nick: 'bot: done'");
    for restarted in [false, true] {
        if restarted {
            let bound = server.address.to_string();
            drop(server);
            server = Server::start_on(&bound, &["--db", &db]);
        }
        let (code, said) = send(&server, "bot", "k1", "done");
        assert_eq!((code, said.contains(same)), (0, restarted), "{said}");
        let (code, said) = send(&server, "bot", "k1", "done");
        assert!(code == 0 && said.contains(same), "{said}");
        for (nick, text) in [("bot", "failed"), ("bob", "done"), ("bot", "failed\nand more")] {
            let (code, said) = send(&server, nick, "k1", text);
            assert!(code == 4 && said.contains(other), "{code} {said}");
        }
    }
    let (code, said) = send(&server, "bot", "k2", "one");
    assert_eq!((code, said.as_str()), (0, ""));
    let (code, said) = send(&server, "bot", "k2", "one\ntwo");
    assert!(code == 0 && said.contains("1 of 2 lines were there already; the others were sent"), "{said}");
    let mut history = Process::start(&mut udpchat_with(&["history", "--db", &db, "--json"]));
    let shown = history.stdout.to_end();
    assert_eq!(history.code(), 0);
    let texts: Vec<_> =
        shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].clone()).collect();
    assert_eq!(texts, ["done", "one", "two"]);
}

#[test]
fn of_two_messages_that_race_under_one_id_one_is_in_the_room_and_the_other_one_is_no_success() {
    let server = Server::start(&[]);
    for round in 0..5 {
        let id = format!("race {round}");
        let start = |text: &str| {
            let args = ["send", "--nick", "bot", "-s", &server.name(), "--id", &id, text];
            Process::start(&mut udpchat_with(&args))
        };
        let mut both = [start("one"), start("other")];
        let mut codes = both.each_mut().map(Process::code);
        codes.sort_unstable();
        // 5: the other's session replaced its own before it learnt the outcome of its message.
        let is_told = matches!(codes, [0, 4 | 5] | [4, 5]);
        assert!(is_told, "{codes:?} {} {}", both[0].stderr.to_end(), both[1].stderr.to_end());
    }
    assert_eq!(run(&["send", "--nick", "bot", "-s", &server.name(), "end"]).0, 0);
    let shown = server.process.stdout.wait_for("bot: end\n");
    assert_eq!(shown.matches("bot: o").count(), 5, "{shown}");
}

#[test]
fn a_message_that_looks_like_a_command_is_sent_as_it_stands_and_that_is_said() {
    let server = Server::start(&[]);
    let (code, _, said) = run(&["send", "--nick", "bot", "-s", &server.name(), "/me waves"]);
    assert!(code == 0 && said.contains("commands are for join"), "{said}");
    let (code, _, said) = run(&["send", "--nick", "bot", "-s", &server.name(), "/usr/bin is full"]);
    assert_eq!((code, said.as_str()), (0, ""));
    server.process.stdout.wait_for("bot: /me waves\nbot: /usr/bin is full\n");
}

#[test]
fn ping_reports_as_json_also_when_nothing_answers() {
    let (closed, silent) = (closed_port(), UdpSocket::bind("127.0.0.1:0").unwrap());
    for address in [closed, silent.local_addr().unwrap()] {
        let (code, shown, said) = run(&["ping", "--json", "-t", "300ms", &address.to_string()]);
        assert_eq!(code, 3, "{said}");
        let report: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(report["server"], address.to_string());
        assert_eq!(
            (&report["dialect"], &report["received"], &report["rtt_ms"]),
            (&Value::Null, &0.into(), &Value::Null)
        );
    }
}

#[test]
fn sigusr1_does_nothing_to_clients() {
    let server = Server::start(&[]);
    let mut jack = server.join("jack", &[]);
    jack.stdout.wait_for("jack joined!");
    let follows = Process::start(&mut udpchat_with(&["ping", "-c", "1000", &server.name()]));
    follows.stdout.wait_for("speaks sessions");
    for process in [&jack, &follows] {
        process.signal(Signal::SIGUSR1);
        process.signal(Signal::SIGUSR1);
    }
    jack.enter("still here\n");
    jack.stdout.wait_for("jack: still here");
    // Two more answers; on a busy machine one may come too late to count.
    let before = follows.stdout.so_far().matches(" ms").count();
    follows.stdout.wait_until("more answers", |all, _| all.matches(" ms").count() >= before + 2);
    jack.close_input();
    assert_eq!(jack.code(), 0);
}

#[test]
fn a_send_that_an_original_cannot_take_is_announced_there_once() {
    let original = stranger();
    original.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = original.local_addr().unwrap().to_string();
    let mut process =
        Process::start(&mut udpchat_with(&["send", "--nick", "bot", "--secure", "-t", "2s", "-s", &name, "hey"]));
    let mut buffer = [0; 2048];
    let (len, peer) = original.recv_from(&mut buffer).unwrap();
    let signup = String::from_utf8(buffer[..len].to_vec()).unwrap();
    let announced = format!("{} joined!", signup.strip_prefix("SIGNUP_TAG:").unwrap());
    original.send_to(announced.as_bytes(), peer).unwrap();
    assert_eq!(process.code(), 4);
    assert!(process.stderr.to_end().contains("answers in plain text only"));
    original.set_nonblocking(true).unwrap();
    assert!(original.recv_from(&mut buffer).is_err(), "nothing more was sent");
}

#[test]
fn forget_overwrites_what_one_key_posted_under_whatever_nick_and_asks_whose_if_there_are_several() {
    let folder = tempfile::tempdir().unwrap();
    let db = path_in(&folder, "room.db").display().to_string();
    let server = Server::start(&["--db", &db]);
    let say = |home: &std::path::Path, nick: &str, text: &str| {
        let mut command = udpchat_with(&["send", "--nick", nick, "-s", &server.name(), text]);
        assert_eq!(Process::start(command.env("XDG_STATE_HOME", home)).code(), 0);
    };
    let (one, other) = (new_home(), new_home());
    say(&one, "jill", "by one");
    say(&one, "jane", "by one too");
    say(&other, "jill", "by another");
    let history = |args: &[&str]| run(&[&["history", "--db", &db], args].concat());
    let (code, _, said) = history(&["--forget", "nobody"]);
    assert!(code == 1 && said.contains("there are no entries of 'nobody'"), "{said}");
    let (code, _, said) = history(&["--forget", "jill"]);
    assert!(code == 2 && said.contains("several have used the nick 'jill'; choose one:"), "{said}");
    let line = said.lines().find(|line| line.contains("as 'jane', 'jill'")).unwrap();
    let choice = line.split('\'').nth(1).unwrap();
    let (code, _, said) = history(&["--forget", choice]);
    assert!(code == 2 && said.contains("nobody can be asked (--yes overwrites 2 entries"), "{said}");
    let (code, _, said) = history(&["--forget", choice, "--yes"]);
    assert!(code == 0 && said.contains("2 entries permanently overwritten"), "{said}");
    let (_, shown, _) = history(&[]);
    assert!(!shown.contains("by one") && shown.contains("jill: by another"), "{shown}");
    let (code, _, _) = history(&["--forget", choice]);
    assert_eq!(code, 1, "there is nothing of it any more");
}

#[test]
fn forget_asks_the_person_at_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let db = path_in(&folder, "room.db").display().to_string();
    let server = Server::start(&["--db", &db]);
    assert_eq!(run(&["send", "--nick", "jill", "-s", &server.name(), "a secret"]).0, 0);
    let forget = |args: &[&str]| {
        Process::start_on_terminal(udpchat_with(&["history", "--db", &db, "--forget", "jill"]).args(args))
    };
    for (answer, code) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let mut process = forget(&[]);
        process.stdout.wait_for("for ever (1 entry, ");
        process.enter(answer);
        assert_eq!(process.code(), code, "{answer:?}");
    }
    assert_eq!(run(&["send", "--nick", "jill", "-s", &server.name(), "another"]).0, 0);
    assert_eq!(forget(&["--yes"]).code(), 0);
    assert_eq!(run(&["history", "--db", &db]).1, "");
}

#[test]
fn export_to_a_dash_is_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let db = path_in(&folder, "room.db").display().to_string();
    let server = Server::start(&["--db", &db]);
    assert_eq!(run(&["send", "--nick", "jill", "-s", &server.name(), "hey"]).0, 0);
    let (code, shown, _) = run(&["history", "--db", &db, "--export", "-", "--since", "today"]);
    assert_eq!((code, serde_json::from_str::<Value>(&shown).unwrap()["text"].clone()), (0, "hey".into()));
}

#[test]
fn ctrl_c_in_the_middle_of_a_line_leaves_the_shells_prompt_a_line_of_its_own() {
    let server = Server::start(&[]);
    let mut jack = Process::start_on_terminal(&mut udpchat_with(&["join", "--nick", "jack", "-s", &server.name()]));
    jack.stdout.wait_for("jack joined!");
    jack.enter("half a li");
    jack.stdout.wait_for("half a li");
    jack.signal(Signal::SIGINT);
    assert_eq!(jack.code(), 0);
    let shown = jack.stdout.to_end();
    assert!(shown.ends_with("half a li\r\n"), "{shown:?}");
}

#[test]
fn clients_work_on_terminals_that_can_do_little() {
    let server = Server::start(&[]);
    for (term, locale, nick) in [("dumb", "C", "jack"), ("", "C.UTF-8", "jill"), ("xterm", "de_DE.ISO-8859-1", "jane")]
    {
        let mut command = udpchat_with(&["join", "--nick", nick, "-s", &server.name(), "--history", "0"]);
        command.env("TERM", term).env("LC_ALL", locale).env("COLUMNS", "20");
        let mut client = Process::start_on_terminal(&mut command);
        client.stdout.wait_for(&format!("{nick} joined!"));
        client.enter("gr\u{fc}\u{df}e, and more than fits twenty columns\n");
        client.stdout.wait_for(&format!("{nick}: gr\u{fc}\u{df}e, and more than fits twenty columns"));
        client.enter("!q\n");
        assert_eq!(client.code(), 0, "TERM={term}, LC_ALL={locale}");
        // One that can do something is asked for an empty row, and for nothing else.
        let shown = client.stdout.to_end();
        assert_eq!(shown.contains("\r\u{1b}[K"), term == "xterm", "{shown:?}");
        assert!(!shown.replace("\r\u{1b}[K", "").contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn bytes_of_a_terminal_that_is_not_utf_8_are_refused_and_the_next_line_is_sent() {
    let server = Server::start(&[]);
    let mut command = udpchat_with(&["join", "--nick", "jack", "-s", &server.name()]);
    let mut shell = std::process::Command::new("sh");
    let line =
        format!("printf 'gr\\374n\\nplain\\n' | {} join --nick jack -s {}", command_name(&mut command), server.name());
    let mut jack = Process::start(shell.args(["-c", &line]));
    assert_eq!(jack.code(), 1);
    let said = jack.stderr.to_end();
    assert!(said.contains("line 1 of the input is not UTF-8: not sent"), "{said}");
    server.process.stdout.wait_for("jack: plain\n");
}

fn command_name(command: &mut std::process::Command) -> String {
    command.get_program().to_str().unwrap().to_owned()
}

#[test]
fn a_closed_stdin_is_the_end_of_input_and_a_closed_stdout_is_an_error_that_is_said() {
    let server = Server::start(&[]);
    let mut command = udpchat_with(&["join", "--nick", "jack", "-s", &server.name()]);
    let mut jack = Process::start(command.stdin(Stdio::null()));
    jack.close_input();
    assert_eq!(jack.code(), 0);
    let program = command_name(&mut command);
    for (what, code) in [
        (format!("{program} join --nick jack -s {} <&-", server.name()), 0),
        (format!("{program} send --nick jack -s {} hey <&- >&-", server.name()), 0),
        (format!("{program} history --db /nowhere.db >&-"), 1),
    ] {
        let mut shell = std::process::Command::new("sh");
        // With the same key: the nick is its.
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut process = Process::start(shell.args(["-c", &what]));
        process.close_input();
        assert_eq!(process.code(), code, "{what}: {}", process.stderr.so_far());
    }
    server.process.stdout.wait_for("jack: hey\n");
}
