//! Sessions between real processes: output, messages and exit codes of join, send, ping and key.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm)]

use std::io;
use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{PATIENCE, Process, Server, at_home, path_in, receive, udpchat, udpchat_with};
use nix::sys::signal::Signal;
use udpchat::client::{Client, Config, Event, Identity};

use udpchat::log::{Draft, Memory, Opening, Outcome, Request, Store};
use udpchat::net::client::{ClientLoop, Driver, Source};
use udpchat::net::server::ServerLoop;
use udpchat::net::state::{make_key, random};
use udpchat::net::udp::ServerSocket;
use udpchat::server::{self};
use udpchat::time::Instant;

use udpchat::wire::{Instance, LogId};

#[track_caller]
fn ends(mut process: Process, code: i32, says: &str) -> Process {
    let ended = process.code();
    let said = process.stderr.to_end();
    assert_eq!(ended, code, "{said}");
    assert!(said.contains(says), "{said}");
    process
}

fn send(args: &[&str]) -> Process {
    Process::start(udpchat_with(&["send", "--nick", "bot"]).args(args))
}

#[test]
fn members_and_text_peers_talk_and_who_is_not_verified_is_marked() {
    let server = Server::start(&[]);
    // She has a home of her own that knows no server, because ports are reused.
    let home = tempfile::tempdir().unwrap();
    let mut jill = at_home(home.path(), &["join", "--nick", "jill", "--server", &server.name()]);
    jill.stdout.wait_for("jill joined!\n");
    let mut jack = server.join("jack", &["--text"]);
    jill.stdout.wait_for("(unverified) jack joined!\n");
    jack.enter("hey jill\n");
    jill.stdout.wait_for("(unverified) jack: hey jill\n");
    jill.enter("hi jack\n/me waves\n/nick jane\n");
    jack.stdout.wait_for("jill: hi jack\n* jill waves\njill is now jane\n");
    jill.stderr.wait_for("you are jane now");
    jill.close_input();
    ends(jill, 0, "first visit to");
    jack.stdout.wait_for("jane left\n");
    jack.close_input();
    ends(jack, 0, "");
    let shown = server.process.stdout.so_far();
    let all =
        "SIGNUP_TAG:jill\nSIGNUP_TAG:jack\njack: hey jill\njill: hi jack\n* jill waves\njill is now jane\njane left\n";
    assert_eq!(shown, all);
}

#[test]
fn every_way_of_ending_says_goodbye_at_once() {
    let server = Server::start(&[]);
    for (number, signal) in (0..).zip([Some(Signal::SIGINT), Some(Signal::SIGTERM), Some(Signal::SIGHUP), None]) {
        let nick = format!("jack{number}");
        let mut jack = server.join(&nick, &[]);
        jack.stdout.wait_for(&format!("{nick} joined!\n"));
        match signal {
            Some(signal) => jack.signal(signal),
            None => jack.close_input(),
        }
        jack.wait();
        server.process.stdout.wait_for(&format!("{nick} left\n"));
    }
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    jill.enter("bye\n!q\n");
    assert_eq!(jill.code(), 0);
    server.process.stdout.wait_for("jill: bye\njill left\n");
}

/// A user interface that panics at the first entry.
struct Breaks;

impl Driver for Breaks {
    fn event(&mut self, _: Instant, _: &Client, event: Event) -> io::Result<()> {
        match event {
            Event::Entry { .. } => panic!("a bug in what shows entries"),
            _ => Ok(()),
        }
    }

    fn flush(&mut self, _: &mio::Registry, _: bool) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_breaks_says_goodbye_too() {
    let server = Server::start(&[]);
    let identity = Identity::new(make_key(), Instance(random()), random());
    let config = Config {
        nick: "jill".parse().unwrap(),
        servers: vec![server.address],
        timeout: PATIENCE,
        stays: true,
        identity: Some(identity),
        is_secure: true,
    };
    let broken = std::panic::catch_unwind(|| {
        let mut client = ClientLoop::new(config, Source { input: None, leave_at_end: false, signals: &[] }).unwrap();
        client.run(&mut Breaks).map(|_| ())
    });
    assert!(broken.is_err());
    server.process.stdout.wait_for("SIGNUP_TAG:jill\njill left\n");
}

/// A log that panics at the second entry.
struct BreakingLog {
    log: Memory,
    submitted: u32,
}

impl Store for BreakingLog {
    fn open(&mut self) -> Opening {
        self.log.open()
    }

    fn submit(&mut self, draft: &Draft<'_>) {
        assert_eq!(self.submitted, 0, "a bug in what keeps the log");
        self.submitted += 1;
        self.log.submit(draft);
    }

    fn flush(&mut self) {
        self.log.flush();
    }

    fn request(&mut self, request: &Request) {
        self.log.request(request);
    }

    fn poll(&mut self) -> Option<Outcome<'_>> {
        self.log.poll()
    }
}

#[test]
fn a_server_that_breaks_tells_its_members_too() {
    let (told, address) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let config = server::Config::new(make_key(), random());
        let socket = ServerSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        told.send(socket.local()).unwrap();
        let log = |_| Ok::<_, io::Error>(BreakingLog { log: Memory::new(LogId(random())), submitted: 0 });
        ServerLoop::new(config, vec![socket], None, log).unwrap().run()
    });
    let address = address.recv().unwrap();
    let mut command = udpchat_with(&["join", "-n", "jill", "-s", &address.to_string()]);
    // The server has a key of its own: in the shared home, a later server on its port would seem to have changed its key.
    let home = tempfile::tempdir().unwrap();
    command.env("XDG_STATE_HOME", home.path());
    let mut jill = Process::start_on_terminal(&mut command);
    jill.stdout.wait_for("jill joined!");
    jill.enter("one too many\n");
    jill.stdout.wait_for(&format!("{address} shut down; retrying"));
    assert!(server.join().is_err());
}

#[test]
fn a_server_that_ends_tells_its_members_and_they_come_back_to_the_next_one() {
    let mut server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.code(), 0);
    jill.stdout.wait_for(&format!("udpchat: {} shut down; retrying", server.address));
    jill.enter("held until it is back\n");
    let again = Server::start_on(&server.name(), &[]);
    jill.stdout.wait_for(&format!("{} is back", server.address));
    jill.stdout.wait_for("has begun a new room: earlier messages are gone");
    assert_eq!(again.process.stdout.wait_for("is back\n"), "SIGNUP_TAG:jill\njill: held until it is back\n");
}

#[test]
fn a_server_that_is_killed_is_noticed_with_the_next_line_which_is_said_to_be_unconfirmed() {
    let mut server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    jill.enter("one\n");
    jill.stdout.wait_for("jill: one");
    server.process.signal(Signal::SIGKILL);
    server.process.wait();
    jill.enter("into the void\n");
    jill.stdout.wait_for("into the void");
    std::thread::sleep(Duration::from_millis(200));
    let again = Server::start_on(&server.name(), &[]);
    jill.stdout.wait_for("udpchat: not confirmed: into the void");
    jill.enter("and on\n");
    assert_eq!(again.process.stdout.wait_for("and on\n"), "SIGNUP_TAG:jill\njill: and on\n");
}

#[test]
fn a_server_that_says_nothing_is_noticed_and_its_return_too() {
    let server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    server.process.signal(Signal::SIGSTOP);
    jill.enter("anybody?\n");
    jill.stdout.wait_for(&format!("udpchat: no word from {} for 5s; retrying", server.address));
    server.process.signal(Signal::SIGCONT);
    jill.stdout.wait_for(&format!("udpchat: {} is back", server.address));
    jill.stdout.wait_for("jill: anybody?");
    assert_eq!(server.process.stdout.wait_for("anybody?\n"), "SIGNUP_TAG:jill\njill: anybody?\n");
}

#[test]
fn what_is_not_confirmed_when_one_leaves_is_said_and_is_in_the_exit_code() {
    let server = Server::start(&[]);
    let mut jill = Process::start_on_terminal(&mut udpchat_with(&["join", "-n", "jill", "-s", &server.name()]));
    jill.stdout.wait_for("jill joined!");
    server.process.signal(Signal::SIGSTOP);
    jill.enter("one\ntwo\n!q\n");
    jill.stdout.wait_for(&format!("2 of 2 lines not confirmed by {}", server.address));
    assert_eq!(jill.code(), 5);
    let process = send(&["-s", &server.name(), "-t", "300ms", "hello"]);
    ends(process, 5, "not confirmed: no answer from");
    server.process.signal(Signal::SIGCONT);
}

#[test]
fn a_script_that_is_not_confirmed_in_time_says_so() {
    let server = Server::start(&[]);
    let mut script =
        Process::start(udpchat_with(&["send", "-n", "bot", "-t", "500ms", "-s", &server.name(), "-"]).args([""; 0]));
    script.enter("one\n");
    server.process.stdout.wait_for("bot: one\n");
    server.process.signal(Signal::SIGSTOP);
    script.enter("two\n");
    script.close_input();
    let script = ends(script, 5, "1 of 2 lines confirmed by");
    script.stderr.wait_for("not confirmed");
    server.process.signal(Signal::SIGCONT);
}

#[test]
fn a_changed_key_stops_the_client_until_it_is_told_to_forget_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let (home, key) = (path_in(&dir, "home"), path_in(&dir, "server.key"));
    let keyed = ["--key", key.to_str().unwrap()];
    let mut server = Server::start(&keyed);
    let name = server.name();
    let hello = ["send", "-n", "bot", "-s", &name, "hello"];
    ends(at_home(&home, &hello), 0, "");
    server.process.signal(Signal::SIGTERM);
    server.process.wait();
    // The same key: no message.
    let mut server = Server::start_on(&name, &keyed);
    ends(at_home(&home, &hello), 0, "");
    server.process.signal(Signal::SIGTERM);
    server.process.wait();
    std::fs::remove_file(&key).unwrap();
    let server = Server::start_on(&name, &keyed);
    for args in [&hello[..], &["join", "-n", "jill", "-s", &name], &["ping", "-c", "1", &name]] {
        let refused = ends(at_home(&home, args), 4, &format!("the key of {name} has changed: it is "));
        assert!(refused.stderr.to_end().contains(&format!("udpchat key forget {name}")));
    }
    assert_eq!(server.process.stdout.so_far(), "");
    let known = ends(at_home(&home, &["key"]), 0, "").stdout.to_end();
    assert!(known.contains(&format!("  {name}\n")) && known.contains("client.key\n"), "{known}");
    ends(at_home(&home, &["key", "forget", &name]), 0, "");
    ends(at_home(&home, &["key", "forget", &name]), 1, "no key of");
    ends(at_home(&home, &hello), 0, "");
}

#[test]
fn a_key_that_cannot_be_kept_is_said_loudly_and_a_named_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = path_in(&dir, "a-file");
    std::fs::write(&nowhere, "").unwrap();
    let serve = |args: &[&str]| {
        let mut command = udpchat_with(&["serve", "--bind", "127.0.0.1:0", "--db", ":memory:"]);
        command.args(args).env("XDG_STATE_HOME", &nowhere);
        Process::start(&mut command)
    };
    let server = serve(&[]);
    let shown = server.stderr.wait_for("to join on this machine");
    assert!(shown.contains("THIS SERVER'S IDENTITY WILL NOT LAST"), "{shown}");
    let file = path_in(&dir, "a-file/server.key");
    ends(serve(&["--key", file.to_str().unwrap()]), 1, "cannot write");
    ends(serve(&["--key", nowhere.to_str().unwrap()]), 1, "is damaged");
    let listening = shown.lines().find(|line| line.contains("listening on ")).unwrap();
    let address = listening.rsplit(' ').next().unwrap();
    let script =
        ends(at_home(&nowhere, &["send", "-n", "bot", "-s", address, "hello"]), 0, "this run uses a temporary key");
    assert!(script.stderr.to_end().contains("cannot write"));
    server.stdout.wait_for("bot: hello\n");
}

/// Starts an original server that answers `times` datagrams; returns its address, and a thread that returns the datagrams.
fn original_answers(times: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let socket = crate::common::stranger();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = socket.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let mut heard = Vec::new();
        while heard.len() < times {
            let mut buffer = [0; 2048];
            let Ok((len, peer)) = socket.recv_from(&mut buffer) else { break };
            let line = String::from_utf8(buffer[..len].to_vec()).expect("an original is sent text only");
            let answer =
                line.strip_prefix("SIGNUP_TAG:").map_or_else(|| line.clone(), |nick| format!("{nick} joined!"));
            socket.send_to(answer.as_bytes(), peer).unwrap();
            heard.push(line);
        }
        heard
    });
    (name, thread)
}

#[test]
fn the_fall_back_to_text_is_said_once_and_secure_does_not_fall_back() {
    let (name, thread) = original_answers(2);
    let process = ends(send(&["-s", &name, "hello"]), 0, "");
    assert_eq!(process.stderr.to_end(), "udpchat: original server: plain text, best effort\n");
    assert_eq!(thread.join().unwrap(), ["SIGNUP_TAG:bot\u{6}", "bot: hello"]);
    let (name, thread) = original_answers(2);
    ends(send(&["--text", "-s", &name, "hello"]), 0, "");
    assert_eq!(thread.join().unwrap(), ["SIGNUP_TAG:bot", "bot: hello"]);
    let (name, _thread) = original_answers(9);
    let says = "answers in plain text only, and --secure does not speak that";
    ends(send(&["--secure", "-t", "500ms", "-s", &name, "hello"]), 4, says);
}

#[test]
fn a_known_server_that_answers_in_text_is_not_spoken_to_in_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]);
    let name = server.name();
    ends(at_home(dir.path(), &["send", "-n", "bot", "-s", &name, "hello"]), 0, "");
    server.process.signal(Signal::SIGTERM);
    server.process.wait();
    let socket = UdpSocket::bind(&name).unwrap();
    let script = at_home(dir.path(), &["send", "-n", "bot", "-t", "800ms", "-s", &name, "secret"]);
    let mut buffer = [0; 64];
    let (_, peer) = socket.recv_from(&mut buffer).unwrap();
    socket.send_to(b"bot\x06 joined!", peer).unwrap();
    let script = ends(script, 4, "answers in plain text: ignored, for a session is required");
    assert!(script.stderr.to_end().contains("is known by its key"));
    socket.set_nonblocking(true).unwrap();
    while let Ok(len) = socket.recv(&mut buffer) {
        assert!(buffer[..len].starts_with(b"SIGNUP_TAG:bot"), "nothing of the message went out");
    }
}

#[test]
fn a_nick_that_is_taken_is_refused_with_its_own_code() {
    let server = Server::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let jill = server.join("jill", &[]);
    jill.stdout.wait_for("jill joined!");
    for args in [&["join"][..], &["send", "hello"]] {
        let mut args = args.to_vec();
        let name = server.name();
        args.extend(["-n", "jill", "-s", &name]);
        ends(at_home(dir.path(), &args), 4, "the nick jill is taken at");
    }
    // The same user may join twice, and run a script as well.
    ends(Process::start(&mut udpchat_with(&["send", "-n", "jill", "-s", &server.name(), "me too"])), 0, "");
    jill.stdout.wait_for("jill: me too\n");
}

#[test]
fn a_message_with_an_id_is_in_the_room_once_however_often_it_is_sent() {
    let server = Server::start(&[]);
    for _ in 0..3 {
        ends(send(&["-s", &server.name(), "--id", "build 42", "done\nand dusted"]), 0, "sent as 2 lines");
    }
    ends(send(&["-s", &server.name(), "--id", "build 43", "done"]), 0, "");
    server.process.stdout.wait_until("all", |shown, _| shown.matches("done").count() == 2);
    assert_eq!(server.process.stdout.so_far(), "bot: done\nbot: and dusted\nbot: done\n");
    ends(send(&["-s", &server.name(), "--id", "x", "-"]), 2, "--id is for one message");
}

#[test]
fn commands_are_carried_out_and_what_is_none_is_said_and_not_sent() {
    let server = Server::start(&[]);
    let mut jack = server.join("jack", &["--text"]);
    jack.stdout.wait_for("jack joined!");
    let mut jill = server.join("jill", &[]);
    jill.stdout.wait_for("jill joined!");
    jill.enter("/who\n");
    let shown = jill.stderr.wait_for(", jack (unverified)\n");
    assert!(shown.contains("2 here: jill ("), "{shown}");
    jill.enter("/help\n");
    jill.stderr.wait_for("/nick NAME");
    jill.enter("/frobnicate\n/nick\n/nick jill\u{7}\n/me\n//who is there?\n");
    jill.stdout.wait_for("jill: /who is there?\n");
    jill.stderr.wait_for("/frobnicate is not a command, and nothing was sent");
    jill.close_input();
    ends(jill, 1, "");
    jack.enter("/who\n/me waves\n");
    jack.stdout.wait_for("* jack waves\n");
    jack.enter("/nick al\nhey\n");
    jack.stderr.wait_for("cannot say who is here");
    jack.stdout.wait_for("al: hey\n");
    jack.close_input();
    ends(jack, 1, "you are al now");
    let shown = server.process.stdout.wait_for("al: hey\n");
    let all =
        "SIGNUP_TAG:jack\nSIGNUP_TAG:jill\njill: /who is there?\njill left\n* jack waves\nSIGNUP_TAG:al\nal: hey\n";
    assert_eq!(shown, all);
}

#[test]
fn json_tells_every_event_on_a_line_of_its_own() {
    let server = Server::start(&[]);
    let mut jill = server.join("jill", &["--json"]);
    jill.stdout.wait_for("\"event\":\"line\"");
    jill.enter("a \"quoted\" line\n/who\n/nope\n");
    jill.stdout.wait_for("\"people\"");
    jill.stdout.wait_for("\"wrong\"");
    jill.close_input();
    let jill = ends(jill, 1, "");
    let told: Vec<serde_json::Value> =
        jill.stdout.to_end().lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |event: &str| told.iter().filter(|told| told["event"] == event).collect::<Vec<_>>();
    assert_eq!((&of("joined")[0]["dialect"], &of("joined")[0]["nick"]), (&"session".into(), &"jill".into()));
    let lines: Vec<_> = of("line").iter().map(|line| (line["seq"].as_u64(), line["kind"].clone())).collect();
    assert_eq!(lines, [(Some(1), "joined".into()), (Some(2), "said".into())]);
    assert_eq!(of("line")[1]["text"], "a \"quoted\" line");
    assert_eq!(of("confirmed")[0]["seq"], 2);
    assert_eq!(of("people")[0]["people"][0]["nick"], "jill");
    assert_eq!((&of("end")[0]["exit"], told.len()), (&1.into(), 7));
}

#[test]
fn a_reader_that_stops_for_a_while_misses_nothing() {
    let server = Server::start(&["--quiet", "--rate", "off"]);
    let (reader, writer) = io::pipe().unwrap();
    let mut command = udpchat_with(&["join", "-n", "jill", "-s", &server.name()]);
    let mut jill = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    server.wait_for_counters("members 1");
    let mut bot = send(&["-s", &server.name(), "-"]);
    let line = "x".repeat(200);
    bot.enter(&(0..8000).map(|number| format!("{number} {line}\n")).collect::<String>());
    bot.close_input();
    ends(bot, 0, "8000 of 8000 lines confirmed");
    server.wait_for_counters("members 1");
    let read = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader};
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("bot: ")?.split(' ').next()?.parse::<u32>().ok()).collect::<Vec<_>>()
    });
    // All lines come only if the client goes on once it is read again: at the end of its input it first shows what is left.
    std::thread::sleep(Duration::from_millis(300));
    drop(jill.stdin.take());
    let output = jill.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("left out"), "{said}");
    let shown = read.join().unwrap();
    assert!(shown.iter().copied().eq(0..shown.len() as u32), "in order, without a hole");
    assert!(shown.len() > 4000, "{}", shown.len());
}

#[test]
fn ping_tells_what_is_there_and_how_far_away() {
    let server = Server::start(&[]);
    let shown = ends(Process::start(&mut udpchat_with(&["ping", "-c", "3", "-i", "20ms", &server.name()])), 0, "");
    let shown = shown.stdout.to_end();
    assert!(shown.contains("speaks sessions, version 2; udpchat ") && shown.contains("; key "), "{shown}");
    assert!(shown.contains("3 of 3 came back, 0 % lost; round trip "), "{shown}");
    let json = ends(Process::start(&mut udpchat_with(&["ping", "--json", "-c", "1", &server.name()])), 0, "");
    let json: serde_json::Value = serde_json::from_str(&json.stdout.to_end()).unwrap();
    assert_eq!(
        (&json["dialect"], &json["received"], &json["lost_percent"]),
        (&"session".into(), &1.into(), &0.0.into())
    );
    assert!(json["rtt_ms"]["median"].as_f64().unwrap() > 0.0 && json["software"].as_str().unwrap().contains("udpchat"));
    assert_eq!(server.process.stdout.so_far(), "", "who pings is not announced");

    let (name, thread) = original_answers(3);
    let shown = ends(Process::start(&mut udpchat_with(&["ping", "-c", "2", "-i", "20ms", &name])), 0, "");
    assert!(shown.stdout.to_end().contains("speaks plain text, as the original does"));
    assert!(shown.stdout.to_end().contains("2 of 2 came back"));
    assert_eq!(thread.join().unwrap(), ["SIGNUP_TAG:\u{6}", "SIGNUP_TAG:", "SIGNUP_TAG:"]);

    let closed = crate::common::closed_port().to_string();
    ends(Process::start(&mut udpchat_with(&["ping", &closed])), 3, "nothing listens on");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    ends(Process::start(&mut udpchat_with(&["ping", "-t", "200ms", &silent])), 3, "no answer from");
}

#[test]
fn a_stray_datagram_of_the_old_owner_of_a_port_does_not_make_a_server_an_original() {
    // A text member that left silently leaves its address to a new client, which first receives lines meant for that member.
    let server = Server::start(&[]);
    let jack = server.socket();
    jack.send(b"SIGNUP_TAG:jack").unwrap();
    receive(&jack);
    let puppet = crate::common::stranger();
    puppet.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = puppet.local_addr().unwrap().to_string();
    let script = send(&["-s", &name, "-t", "2s", "hello"]);
    let mut buffer = [0; 2048];
    let (_, peer) = puppet.recv_from(&mut buffer).unwrap();
    puppet.send_to(b"jack: not for you", peer).unwrap();
    puppet.send_to(b"\x06abcdefghijk", peer).unwrap();
    let mut hellos = 0;
    while let Ok((len, _)) = puppet.recv_from(&mut buffer)
        && hellos == 0
    {
        hellos += usize::from(buffer[..len].first() == Some(&0xf8));
        assert!(!buffer[..len].starts_with(b"bot: "), "the message did not go out as text");
    }
    ends(script, 5, "no session began within 2s");
}

#[test]
fn help_of_the_new_commands_works() {
    for args in [&["ping", "--help"][..], &["key", "-h"], &["key", "forget", "-h"]] {
        let output = udpchat().args(args).output().unwrap();
        assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains("Usage: udpchat"));
    }
}
