//! The Python originals and our programs in every pairing, on real terminals: each shows what it would show among originals.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use crate::common::{Process, Server, original, original_server, receive, udpchat_with};
use nix::sys::signal::Signal;

/// The byte after the nick of our signups that asks for a session; terminals do not show it.
const QUESTION: char = '\u{6}';

/// Our client's message about an original server.
const FALLS_BACK: &str = "udpchat: original server: plain text, best effort\r\n";

/// The implementation of one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ours,
    Original,
}

use Kind::{Original, Ours};

enum AnyServer {
    Ours(Server),
    Original(Process, u16),
}

impl AnyServer {
    fn start(kind: Kind) -> Option<Self> {
        match kind {
            Ours => Some(Self::Ours(Server::start(&[]))),
            Original => original_server().map(|(process, port)| Self::Original(process, port)),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Ours(server) => server.address.port(),
            Self::Original(_, port) => *port,
        }
    }

    fn process(&self) -> &Process {
        match self {
            Self::Ours(server) => &server.process,
            Self::Original(process, _) => process,
        }
    }

    fn client(&self, kind: Kind) -> Option<Process> {
        let server = format!("127.0.0.1:{}", self.port());
        Some(Process::start_on_terminal(&mut match kind {
            // With our server, in text: sessions look the same, except for `left` and the marks of unverified members.
            Ours if matches!(self, Self::Ours(_)) => udpchat_with(&["join", "--text", "--server", &server]),
            // The port may have been our server's before, so use a home that has no key for it.
            Ours => {
                let mut command = udpchat_with(&["join", "--server", &server]);
                command.env("XDG_STATE_HOME", crate::common::new_home());
                command
            }
            Original => original("client.py", self.port())?,
        }))
    }
}

/// The output of everybody in a conversation.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    server: String,
    jill: String,
    jack: String,
}

/// Waits until each terminal shows the whole line; blanks of prompts around it do not count.
fn wait_for_line(terminals: &[&Process], line: &str) {
    for terminal in terminals {
        terminal.stdout.wait_until(line, |shown, _| {
            let whole = shown.rsplit_once("\r\n").map_or("", |(whole, _)| whole);
            whole.split("\r\n").any(|shown| shown.replace(QUESTION, "").trim_matches(' ') == line)
        });
    }
}

/// Runs the tutorial's conversation. Each step waits until everybody has seen the previous one, so that the order is fixed.
fn conversation(server: Kind, jill: Kind, jack: Kind) -> Option<Seen> {
    let server = AnyServer::start(server)?;
    let mut jill = server.client(jill)?;
    jill.stdout.wait_for("NICKNAME:");
    jill.enter("jill\n");
    wait_for_line(&[&jill], "jill joined!");
    let mut jack = server.client(jack)?;
    jack.stdout.wait_for("NICKNAME:");
    jack.enter("jack\n");
    wait_for_line(&[&jill, &jack], "jack joined!");
    jill.enter("hey jack\n");
    wait_for_line(&[&jill, &jack], "jill: hey jack");
    jack.enter("hi jill\n");
    wait_for_line(&[&jill, &jack], "jack: hi jill");
    jill.enter("ä ж 世界 👋\n");
    wait_for_line(&[&jill, &jack], "jill: ä ж 世界 👋");
    for client in [&mut jill, &mut jack] {
        client.enter("!q\n");
        client.stdout.wait_for("!q\r\n");
        assert_eq!(client.code(), 0);
    }
    let shown = server.process().stdout.wait_for("jill: ä ж 世界 👋\n");
    Some(Seen { server: shown, jill: jill.stdout.so_far(), jack: jack.stdout.so_far() })
}

/// Returns everybody's output when originals talk to an original, and the two threads of each client take turns as they
/// usually do.
fn model() -> Seen {
    let server = "SIGNUP_TAG:jill\nSIGNUP_TAG:jack\njill: hey jack\njack: hi jill\njill: ä ж 世界 👋\n";
    let jill = "NICKNAME:jill\r\n jill joined!\r\njack joined!\r\nhey jack\r\n jill: hey jack\r\njack: hi jill\r\n\
                ä ж 世界 👋\r\n jill: ä ж 世界 👋\r\n!q\r\n";
    let jack = "NICKNAME:jack\r\n jack joined!\r\njill: hey jack\r\nhi jill\r\n jack: hi jill\r\n\
                jill: ä ж 世界 👋\r\n!q\r\n";
    Seen { server: server.into(), jill: jill.into(), jack: jack.into() }
}

/// Strips the blanks of prompts. The original prints its prompt in one thread and received lines in another: the blank may
/// stand at the end of a line or before the next one instead.
fn without_prompts(terminal: &str) -> String {
    terminal.replace(QUESTION, "").trim_end().lines().map(|line| line.trim_matches(' ')).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_pairing_shows_what_original_with_original_shows() {
    let model = model();
    for server in [Original, Ours] {
        for (jill, jack) in [(Original, Original), (Ours, Ours), (Ours, Original), (Original, Ours)] {
            let Some(seen) = conversation(server, jill, jack) else { return };
            let who = format!("server {server:?}, jill {jill:?}, jack {jack:?}");
            assert_eq!(seen.server.replace(QUESTION, ""), model.server, "{who}");
            for (kind, seen, model) in [(jill, seen.jill, &model.jill), (jack, seen.jack, &model.jack)] {
                match kind {
                    Ours => assert_eq!(&seen.replace(FALLS_BACK, ""), model, "{who}"),
                    Original => assert_eq!(without_prompts(&seen), without_prompts(model), "{who}"),
                }
            }
        }
    }
}

#[test]
fn our_server_keeps_serving_originals_after_a_datagram_that_kills_the_original() {
    let server = AnyServer::start(Ours).unwrap();
    let Some(mut jill) = server.client(Original) else { return };
    jill.stdout.wait_for("NICKNAME:");
    jill.enter("jill\n");
    jill.stdout.wait_for("jill joined!");
    let rogue = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in [&b"\xff\xfe"[..], b"", b"SIGNUP_TAG:\xc3", &[b'x'; 5000]] {
        rogue.send_to(bytes, ("127.0.0.1", server.port())).unwrap();
    }
    jill.enter("still here\n");
    jill.stdout.wait_for("jill: still here");
    assert_eq!(server.process().stdout.wait_for("still here\n"), "SIGNUP_TAG:jill\njill: still here\n");
}

#[test]
fn our_one_shot_is_confirmed_by_the_originals_server() {
    let Some((server, port)) = original_server() else { return };
    let address = format!("127.0.0.1:{port}");
    let mut send = udpchat_with(&["send", "--nick", "bot", "--server", &address, "hello"]);
    let mut send = Process::start(send.env("XDG_STATE_HOME", crate::common::new_home()));
    assert_eq!(send.code(), 0, "{}", send.stderr.so_far());
    assert_eq!(server.stdout.wait_for("hello\n"), "SIGNUP_TAG:bot\u{6}\nbot: hello\n");
    assert_eq!(send.stderr.to_end(), FALLS_BACK.replace('\r', ""), "once");
}

#[test]
fn our_piped_client_is_confirmed_by_the_originals_server() {
    let Some((_server, port)) = original_server() else { return };
    let mut join = udpchat_with(&["join", "-n", "jack", "-s", &format!("localhost:{port}")]);
    let mut join = Process::start(join.env("XDG_STATE_HOME", crate::common::new_home()));
    join.enter("one\ntwo\n");
    join.close_input();
    assert_eq!(join.code(), 0, "{}", join.stderr.so_far());
    assert_eq!(join.stdout.to_end(), "jack joined!\njack: one\njack: two\n");
}

#[test]
fn an_original_that_was_killed_leaves_the_room_as_soon_as_somebody_talks() {
    if cfg!(any(not(target_os = "linux"), feature = "plain")) {
        eprintln!("skipped: closed ports are not reported here");
        return;
    }
    let server = AnyServer::start(Ours).unwrap();
    let Some(mut jill) = server.client(Original) else { return };
    jill.stdout.wait_for("NICKNAME:");
    jill.enter("jill\n");
    jill.stdout.wait_for("jill joined!");
    // setsid does not pass signals on: end the client as its user would.
    jill.enter("!q\n");
    jill.wait();
    let AnyServer::Ours(server) = server else { unreachable!() };
    let jack = server.socket();
    // The system limits how often it reports a closed port: talk until it does.
    let alone = |shown: &str| shown.lines().next_back().is_some_and(|line| line.contains("members 1, "));
    for _ in 0..1000 {
        jack.send(b"jack: anybody?").unwrap();
        receive(&jack);
        let before = server.process.stderr.so_far().lines().count();
        server.process.signal(Signal::SIGUSR1);
        let shown = server.process.stderr.wait_until("counters", |shown, _| shown.lines().count() > before);
        if alone(&shown) {
            return;
        }
    }
    panic!("jill is still a member: {}", server.process.stderr.so_far());
}
