//! `udpchat join` and `udpchat send` as processes: every exit code, and the message with it.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::process::Stdio;

use crate::common::{Process, Server, closed_port, home, path_in, receive, stranger, udpchat, udpchat_with};
use nix::sys::signal::Signal;

/// A server that does only what the test makes it do.
struct Puppet {
    socket: UdpSocket,
}

impl Puppet {
    fn new() -> Self {
        let socket = stranger();
        socket.set_read_timeout(Some(crate::common::PATIENCE)).unwrap();
        Self { socket }
    }

    fn name(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Receives a datagram and connects to its sender.
    fn accept(&self) -> String {
        let mut buffer = [0; 4096];
        let (len, peer) = self.socket.recv_from(&mut buffer).unwrap();
        self.socket.connect(peer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    fn say(&self, text: &str) {
        self.socket.send(text.as_bytes()).unwrap();
    }
}

fn join(args: &[&str]) -> Process {
    Process::start(udpchat_with(&["join", "--nick", "jack"]).args(args))
}

fn send(args: &[&str]) -> Process {
    Process::start(udpchat_with(&["send", "--nick", "bot"]).args(args))
}

#[track_caller]
fn ends(mut process: Process, code: i32, says: &str) -> Process {
    let ended = process.code();
    let said = process.stderr.to_end();
    assert_eq!(ended, code, "{said}");
    assert!(said.contains(says), "{said}");
    process
}

#[test]
fn nothing_listening_is_said_at_once() {
    let address = closed_port().to_string();
    let says = format!("udpchat: nothing listens on {address} (is the server running?");
    ends(join(&["-s", &address, "-t", "1h"]), 3, &says);
    ends(send(&["-s", &address, "-t", "1h", "hello"]), 3, &says);
}

#[test]
fn no_answer_is_an_error_that_says_what_was_tried_and_what_to_check() {
    let silent = Puppet::new();
    let says = format!(
        "no answer from {} within 300ms (is the server running? is UDP {} open?)",
        silent.name(),
        silent.port()
    );
    ends(join(&["-s", &silent.name(), "-t", "300ms"]), 3, &says);
    ends(send(&["-s", &silent.name(), "-t", "300ms", "hello"]), 5, &format!("not confirmed: {says}"));
}

#[test]
fn the_signup_is_repeated_while_no_answer_has_come() {
    let silent = Puppet::new();
    let process = join(&["-s", &silent.name(), "-t", "3s"]);
    for _ in 0..3 {
        assert_eq!(silent.accept(), "SIGNUP_TAG:jack\u{6}", "with the question for a session");
    }
    ends(process, 3, "no answer");
}

#[test]
fn a_name_that_does_not_resolve_is_said() {
    ends(join(&["-s", "no.such.host.invalid:9"]), 3, "cannot find the server no.such.host.invalid:9: ");
    ends(send(&["-s", "no.such.host.invalid", "x"]), 3, "(is the name right?)");
}

#[test]
fn a_line_that_does_not_come_back_is_not_confirmed() {
    let server = Puppet::new();
    let process = send(&["-s", &server.name(), "-t", "300ms", "hello"]);
    assert_eq!(server.accept(), "SIGNUP_TAG:bot\u{6}");
    server.say("bot joined!");
    assert_eq!(server.accept(), "bot: hello");
    server.say("bot: something else");
    let says = format!("not confirmed: 1 line did not come back from {} within 300ms", server.name());
    ends(process, 5, &says);
}

#[test]
fn a_piped_line_that_does_not_come_back_is_told_and_is_in_the_exit_code() {
    let server = Puppet::new();
    let mut process = join(&["-s", &server.name(), "-t", "300ms"]);
    process.enter("one\ntwo\n");
    process.close_input();
    server.accept();
    server.say("jack joined!");
    assert_eq!(server.accept(), "jack: one");
    assert_eq!(server.accept(), "jack: two");
    server.say("jack: two");
    let process = ends(process, 5, "not confirmed: jack: one\n");
    let said = process.stderr.to_end();
    assert!(said.contains("1 of 2 lines did not come back from"), "{said}");
    assert_eq!(process.stdout.to_end(), "jack joined!\njack: two\n");
}

#[test]
fn a_message_that_came_back_is_success_and_says_nothing() {
    let server = Server::start(&[]);
    let process = ends(send(&["-s", &server.name(), "hello"]), 0, "");
    assert_eq!((process.stdout.to_end(), process.stderr.to_end()), (String::new(), String::new()));
    assert_eq!(server.process.stdout.wait_for("bot: hello\n"), "bot: hello\n", "who only sends is not announced");
    let process = ends(send(&["--text", "-s", &server.name(), "again"]), 0, "");
    assert_eq!((process.stdout.to_end(), process.stderr.to_end()), (String::new(), String::new()));
    server.process.stdout.wait_for("SIGNUP_TAG:bot\nbot: again\n");
}

#[test]
fn a_message_of_several_lines_or_of_great_length_is_sent_as_several_and_told() {
    let server = Server::start(&[]);
    ends(send(&["-s", &server.name(), "one\ntwo"]), 0, "sent as 2 lines");
    assert!(server.process.stdout.wait_for("bot: two\n").contains("bot: one\n"));
    ends(send(&["-s", &server.name(), &"ж".repeat(1000)]), 0, "sent as 3 lines");
    ends(send(&["-s", &server.name(), "--text", &"ж".repeat(1000)]), 0, "sent as 2 lines");
}

#[test]
fn send_reads_stdin_only_for_a_dash_and_says_how_many_lines_were_confirmed() {
    let server = Server::start(&["--quiet", "--rate", "off"]);
    let mut process = send(&["-s", &server.name(), "-"]);
    process.enter(&(0..2000).map(|number| format!("line {number}\n")).collect::<String>());
    process.enter("the last, without an end");
    process.close_input();
    ends(process, 0, &format!("2001 of 2001 lines confirmed by {}", server.name()));

    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"not for send").unwrap();
    drop(writer);
    let mut command = udpchat_with(&["send", "-n", "bot", "-s", &server.name(), "hello"]);
    let status = command.stdin(reader.try_clone().unwrap()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let mut left = String::new();
    reader.read_to_string(&mut left).unwrap();
    assert_eq!(left, "not for send");
}

#[test]
fn who_sends_faster_than_the_servers_rate_waits_and_loses_nothing() {
    let server = Server::start(&["--quiet", "--rate", "40/s"]);
    let mut process = send(&["-s", &server.name(), "-"]);
    // A burst of 400, and then more lines than the server lets wait.
    process.enter(&(0..520).map(|number| format!("{number}\n")).collect::<String>());
    process.close_input();
    ends(process, 0, "520 of 520 lines confirmed");
}

#[test]
fn no_lines_at_all_are_confirmed_too() {
    let server = Server::start(&[]);
    let mut process = send(&["-s", &server.name(), "-"]);
    process.close_input();
    ends(process, 0, "0 of 0 lines confirmed");
}

#[test]
fn a_nick_is_needed_and_may_come_from_the_environment() {
    let server = Server::start(&[]);
    ends(
        Process::start(&mut udpchat_with(&["join", "-s", &server.name()])),
        2,
        "no nick: give --nick NICK, or set UDPCHAT_NICK",
    );
    ends(Process::start(&mut udpchat_with(&["send", "hello"])), 2, "--nick");
    let mut command = udpchat_with(&["send", "hello"]);
    command.env("UDPCHAT_NICK", "envbot").env("UDPCHAT_SERVER", server.name());
    ends(Process::start(&mut command), 0, "");
    server.process.stdout.wait_for("envbot: hello\n");
}

#[test]
fn every_address_of_a_name_is_tried() {
    // localhost is ::1 and 127.0.0.1 on most systems, in either order; the server is on one of them.
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start_on(bind, &[]);
        let name = format!("localhost:{}", server.address.port());
        let addresses: Vec<_> = std::net::ToSocketAddrs::to_socket_addrs(&name).unwrap().collect();
        if addresses.contains(&server.address) {
            ends(send(&["-s", &name, "hello"]), 0, "");
        } else {
            eprintln!("skipped: localhost is not {bind} here");
        }
    }
}

#[test]
fn piped_input_is_drained_and_then_it_leaves() {
    let server = Server::start(&[]);
    let mut jack = server.join("jack", &[]);
    jack.enter("one\ntwo\n");
    jack.close_input();
    let jack = ends(jack, 0, "");
    assert_eq!(jack.stdout.to_end(), "jack joined!\njack: one\njack: two\n");
}

#[test]
fn in_a_pipe_the_quitting_word_ends_the_input() {
    let server = Server::start(&[]);
    let mut jack = server.join("jack", &[]);
    jack.enter("one\n!q\nnever said\n");
    let jack = ends(jack, 0, "");
    assert_eq!(jack.stdout.to_end(), "jack joined!\njack: one\n");
}

#[test]
fn stdin_may_be_a_file_or_nothing_or_closed() {
    let server = Server::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = path_in(&dir, "lines");
    std::fs::write(&path, "from a file\nand more").unwrap();
    let joined = |stdin: Stdio| {
        let mut command = udpchat_with(&["join", "-n", "jack", "-s", &server.name()]);
        let output = command.stdin(stdin).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let shown = "jack joined!\njack: from a file\njack: and more\n";
    assert_eq!(joined(File::open(&path).unwrap().into()), (Some(0), shown.into()));
    assert_eq!(joined(Stdio::null()), (Some(0), "jack joined!\n".into()), "that it left is no news to it");
    let script = format!("exec {} join -n jack -s {} <&-", env!("CARGO_BIN_EXE_udpchat"), server.name());
    let mut command = std::process::Command::new("sh");
    let output = command.args(["-c", &script]).env("XDG_STATE_HOME", home()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(0), b"jack joined!\n".to_vec()));
}

#[test]
fn stdout_may_be_a_file_or_closed_or_full_or_left() {
    let server = Server::start(&[]);
    let program = env!("CARGO_BIN_EXE_udpchat");
    let dir = tempfile::tempdir().unwrap();
    let file = path_in(&dir, "shown").display().to_string();
    for (redirection, code, says) in [
        (format!(">{file}"), 0, ""),
        (">&-".into(), 0, ""),
        ("> /dev/null".into(), 0, ""),
        (">/dev/full".into(), 1, "udpchat: cannot write to stdout: "),
    ] {
        let script = format!("echo hey | {program} join -n jack -s {} {redirection}", server.name());
        let mut process =
            Process::start(std::process::Command::new("bash").args(["-c", &script]).env("XDG_STATE_HOME", home()));
        process.close_input();
        ends(process, code, says);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "jack joined!\njack: hey\n");
    // When its reader goes away, the client ends, and still reports whether all input was confirmed.
    let script =
        format!("{program} join -n jane --history 0 -s {} | head -n 1; exit ${{PIPESTATUS[0]}}", server.name());
    let mut process =
        Process::start(std::process::Command::new("bash").args(["-c", &script]).env("XDG_STATE_HOME", home()));
    process.stdout.wait_for("jane joined!");
    // It may take a moment until the reader has gone.
    while process.is_running() {
        process.enter("more\n");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    ends(process, 5, "not all of the input was read");
}

#[test]
fn a_line_that_is_not_utf8_is_told_by_its_number_and_the_others_are_sent() {
    let server = Server::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = path_in(&dir, "lines");
    std::fs::write(&path, b"one\nt\xffo\nthree\n").unwrap();
    for args in [&["join"][..], &["send", "-"]] {
        let mut command = udpchat();
        command.args(args).args(["-n", "jack", "-s", &server.name()]).stdin(File::open(&path).unwrap());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("line 2 of the input is not UTF-8: not sent"), "{said}");
        server.process.stdout.wait_for("jack: three\n");
    }
}

#[test]
fn many_lines_that_cannot_be_sent_hold_up_nothing() {
    let server = Server::start(&[]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = udpchat_with(&["join", "-n", "jack", "-s", &server.name()]);
    let mut child = command.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    // More lines than the client takes at once, in one read, and the pipe stays open.
    writer.write_all(&b"\xff\n".repeat(2000)).unwrap();
    writer.write_all(b"hello\n").unwrap();
    server.process.stdout.wait_for("jack: hello\n");
    drop(writer);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_long_line_is_cut_between_characters_and_told() {
    let server = Server::start(&[]);
    for args in [&[][..], &["--text"]] {
        let mut jack = server.join("jack", args);
        let text = "ж".repeat(800);
        jack.enter(&format!("{text}\n"));
        jack.close_input();
        let jack = ends(jack, 0, "the line was long: sent as 2 lines");
        let shown = jack.stdout.to_end();
        let said: String = shown.lines().filter_map(|line| line.strip_prefix("jack: ")).collect();
        assert_eq!(said, text);
    }
}

#[test]
fn on_a_terminal_it_asks_for_the_nick_until_it_is_one() {
    let server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-s", &server.name()]));
    jill.stdout.wait_for("NICKNAME:");
    jill.enter("\n");
    jill.stdout.wait_for("a nick has at least one character");
    jill.stdout.wait_for_count("NICKNAME:", 2);
    jill.enter("jill\n");
    jill.stdout.wait_for("jill joined!");
}

#[test]
fn on_a_terminal_each_way_of_leaving_leaves_at_once() {
    // The puppet never returns a line: the client must not wait for one.
    for (keys, code) in [("!q\n", 0), ("\x04", 0), ("\x03", 0)] {
        let server = Puppet::new();
        let mut jill =
            Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-t", "1h", "-s", &server.name()]));
        server.accept();
        server.say("jill joined!");
        jill.stdout.wait_for("jill joined!");
        jill.enter(keys);
        assert_eq!(jill.code(), code, "{keys:?}");
    }
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-s", "127.0.0.1:9"]));
    jill.stdout.wait_for("NICKNAME:");
    jill.enter("\x04");
    assert_eq!(jill.code(), 0, "also instead of a nick");
}

#[test]
fn on_a_terminal_it_says_that_it_waits_for_a_server_that_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-t", "3s", "-s", &address]));
    jill.stdout.wait_for(&format!("no answer from {address} yet"));
    let shown = jill.stdout.wait_for("within 3s");
    assert_eq!(shown.matches("yet").count(), 1, "{shown}");
    assert_eq!(jill.code(), 3);
}

#[test]
fn on_a_terminal_the_last_line_goes_out_before_it_leaves() {
    let server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    jill.enter("goodbye\n!q\n");
    assert_eq!(jill.code(), 0);
    server.process.stdout.wait_for("jill: goodbye\n");
}

#[test]
fn a_signal_before_it_is_done_is_its_own_code() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let silent = Puppet::new();
        let mut process = send(&["-t", "1h", "-s", &silent.name(), "hello"]);
        silent.accept();
        process.signal(signal);
        assert_eq!(process.code(), 130, "{signal}");
        let silent = Puppet::new();
        let mut process = join(&["-t", "1h", "-s", &silent.name()]);
        silent.accept();
        process.signal(signal);
        assert_eq!(process.code(), 130, "{signal}");
    }
}

#[test]
fn only_the_servers_address_is_listened_to() {
    let server = Puppet::new();
    let mut jack = join(&["-s", &server.name()]);
    let mut buffer = [0; 64];
    let (_, peer) = server.socket.recv_from(&mut buffer).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"jill: from elsewhere", peer).unwrap();
    server.socket.connect(peer).unwrap();
    server.say("jack joined!");
    jack.stdout.wait_for("jack joined!\n");
    jack.close_input();
    let jack = ends(jack, 0, "");
    assert_eq!(jack.stdout.to_end(), "jack joined!\n");
}

#[test]
fn what_strangers_send_cannot_forge_a_line_or_take_over_the_terminal() {
    let server = Puppet::new();
    let mut jack = join(&["-s", &server.name()]);
    server.accept();
    server.say("jill: hi\nmary: forged\x1b[2J");
    server.socket.send(b"\xff\xfe").unwrap();
    server.socket.send(b"").unwrap();
    server.say("end");
    jack.stdout.wait_for("end\n");
    jack.close_input();
    let jack = ends(jack, 0, "");
    assert_eq!(jack.stdout.to_end(), "jill: hi\\nmary: forged\\x1b[2J\nend\n");
}

#[test]
fn a_server_that_went_away_and_came_back_is_joined_again() {
    let mut server = Server::start(&[]);
    let mut jack = server.join("jack", &["--text"]);
    jack.stdout.wait_for("jack joined!");
    server.process.signal(Signal::SIGTERM);
    server.process.wait();
    jack.enter("into the void\n");
    jack.stderr.wait_for(&format!("nothing listens on {}", server.address));
    jack.stderr.wait_for("trying to join again");
    jack.stderr.wait_for("not confirmed: jack: into the void");
    jack.enter("held until it is back\n");
    let again = Server::start_on(&server.name(), &[]);
    jack.stderr.wait_for(&format!("{} is back", server.address));
    jack.stdout.wait_for("jack: held until it is back\n");
    assert_eq!(again.process.stdout.wait_for("is back\n"), "SIGNUP_TAG:jack\njack: held until it is back\n");
}

#[test]
fn a_script_whose_server_dies_ends_within_the_timeout_however_much_it_has_to_say() {
    for (command, dialect) in [("send", "--text"), ("join", "--text"), ("send", "--secure"), ("join", "--secure")] {
        let mut server = Server::start(&["--rate", "off"]);
        let mut args = vec![command, "-n", "bot", dialect, "-t", "500ms", "-s"];
        let name = server.name();
        args.push(&name);
        if command == "send" {
            args.push("-");
        }
        let mut script = Process::start(&mut udpchat_with(&args));
        script.enter("one\n");
        server.process.stdout.wait_for("bot: one\n");
        server.process.signal(Signal::SIGKILL);
        server.process.wait();
        script.enter(&"more\n".repeat(5000));
        ends(script, 5, "not all of the input was read");
    }
}

#[test]
fn on_a_terminal_one_can_leave_also_when_very_much_waits_for_a_server_that_is_away() {
    let mut server = Server::start(&[]);
    let mut command = udpchat_with(&["join", "--text", "-n", "jill", "-s", &server.name()]);
    let mut jill = Process::start_on_terminal(&mut command);
    jill.stdout.wait_for("jill joined!");
    server.process.signal(Signal::SIGKILL);
    server.process.wait();
    jill.enter("hello?\n");
    jill.stdout.wait_for("trying to join again");
    for _ in 0..80 {
        jill.enter("hello?\n");
    }
    jill.stdout.wait_for("not sent: too many lines are waiting for the server");
    jill.enter("!q\n");
    assert_eq!(jill.code(), 0);
}

#[test]
fn a_member_hears_what_the_others_send_in_the_order_of_the_room() {
    let server = Server::start(&["--quiet"]);
    let jack = server.join("jack", &[]);
    jack.stdout.wait_for("jack joined!\n");
    let bot = |number| udpchat_with(&["send", "-n", &format!("bot{number}"), "-s", &server.name(), "-"]);
    let mut bots: Vec<_> = (0..3).map(|number| Process::start(&mut bot(number))).collect();
    for bot in &mut bots {
        bot.enter(&(0..80).map(|number| format!("{number}\n")).collect::<String>());
        bot.close_input();
    }
    for bot in bots {
        ends(bot, 0, "80 of 80 lines confirmed");
    }
    let shown = jack.stdout.wait_until("all lines", |shown, _| shown.matches("bot").count() >= 240);
    for bot in 0..3 {
        let prefix = format!("bot{bot}: ");
        let lines: Vec<_> = shown.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        let expected: Vec<_> = (0..80).map(|number| number.to_string()).collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn help_and_version_work_and_nothing_at_all_shows_the_help() {
    let shown = |args: &[&str]| {
        let output = udpchat_with(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(shown(&["--version"]), (Some(0), format!("udpchat {}\n", env!("CARGO_PKG_VERSION"))));
    for args in [&["--help"][..], &["serve", "--help"], &["join", "-h"], &["send", "-h"]] {
        let (code, text) = shown(args);
        assert!(code == Some(0) && text.contains("Usage: udpchat"), "{text}");
    }
    let (code, text) = shown(&[]);
    assert!(code == Some(2) && text.contains("Usage: udpchat"), "{text}");
}

#[test]
fn the_puppet_hears_what_the_original_would_send_and_nothing_more() {
    let server = Puppet::new();
    let mut jack = join(&["-s", &server.name()]);
    assert_eq!(server.accept(), "SIGNUP_TAG:jack\u{6}");
    server.say("jack\u{6} joined!");
    jack.stdout.wait_for("jack joined!");
    for line in ["hey", "with a \ttab", "SIGNUP_TAG:x"] {
        // Our client does not send empty lines; the original does.
        jack.enter(&format!("\n{line}\n"));
        assert_eq!(receive(&server.socket), format!("jack: {line}"));
    }
}
