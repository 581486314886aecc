//! The gateway of the page, as other programs meet it: bad requests, strange sockets, tabs that come back. What the page does in a browser is
//! in tests/browser.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::unwrap_in_result)]
#![allow(clippy::cast_possible_truncation)] // of lengths that fit

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::objects::Objects;
use crate::common::{PATIENCE, Process, at_home, new_home, serve_at_home};

/// A gateway, and how to reach it.
struct Gateway {
    process: Process,
    address: SocketAddr,
    token: String,
}

fn start(home: &Path, server: &str, listen: &str, more: &[&str]) -> Gateway {
    let process = at_home(home, &[&["web", "--server", server, "--listen", listen], more].concat());
    let said = process.stdout.wait_until("the address", |all, _| all.contains('\n'));
    let (host, token) = said.trim().strip_prefix("http://").unwrap().split_once("/#").unwrap();
    Gateway { process, address: host.parse().unwrap(), token: token.into() }
}

/// A server and a gateway, each at home.
fn room() -> (Process, String, PathBuf, Gateway) {
    let (server, address) =
        serve_at_home(&new_home(), "127.0.0.1:0", &["--quiet", "--rate", "off", "--db", ":memory:"]);
    let home = new_home();
    let gateway = start(&home, &address, "127.0.0.1:0", &[]);
    (server, address, home, gateway)
}

impl Gateway {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes, and returns the answer until its end.
    fn answer(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn upgrade(&self, origin: &str, token: &str) -> String {
        let host = self.address;
        format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}Sec-WebSocket-Protocol: udpchat.1, {token}\r\n\r\n"
        )
    }

    fn our_origin(&self) -> String {
        format!("Origin: http://{}\r\n", self.address)
    }

    /// Opens a socket.
    fn socket(&self) -> Tab {
        let mut stream = self.connect();
        stream.write_all(self.upgrade(&self.our_origin(), &self.token).as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Tab { stream, checked: Some(Objects::default()), next: 0 }
    }

    /// Opens the socket of a tab that comes in with this.
    fn tab(&self, join: &str) -> Tab {
        let mut tab = self.socket();
        tab.say(join);
        tab
    }
}

/// A WebSocket, as a page has it (RFC 6455).
struct Tab {
    stream: TcpStream,
    /// Holds what comes against the schema, if it is not too much.
    checked: Option<Objects>,
    /// The counter below which everything is stored.
    next: u64,
}

impl Tab {
    fn frame(&mut self, head: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![head];
        match payload.len() {
            len @ ..126 => frame.push(0x80 | len as u8),
            len @ ..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame)
    }

    fn say(&mut self, object: &str) {
        self.frame(0x81, object.as_bytes()).unwrap();
    }

    /// Returns the next frame: its first byte, and its payload.
    fn hear_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.stream.read_exact(&mut len).ok()?;
                u64::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                self.stream.read_exact(&mut len).ok()?;
                u64::from_be_bytes(len)
            }
            len => len.into(),
        };
        let mut payload = vec![0; len as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    /// Returns the next message as text, or the code with which the socket is closed.
    fn hear(&mut self) -> Result<String, u16> {
        let mut text = Vec::new();
        loop {
            let (head, payload) = self.hear_frame().ok_or(0u16)?;
            match head & 0x0f {
                0 | 1 => text.extend(payload),
                8 => return Err(u16::from_be_bytes([payload[0], payload[1]])),
                9 => {
                    let _ = self.frame(0x8a, &payload);
                }
                _ => {}
            }
            if head & 0x80 != 0 && head & 0x0f <= 1 {
                let text = String::from_utf8(text).unwrap();
                if let Some(checked) = &mut self.checked {
                    checked.take(format!("{text}\n").as_bytes());
                    assert_eq!(checked.wrong, None);
                }
                return Ok(text);
            }
        }
    }

    /// Waits for an object with this in it, and stores what is to be stored meanwhile.
    fn until(&mut self, wanted: &str) -> String {
        loop {
            let object = self.hear().unwrap_or_else(|code| panic!("closed with {code} before {wanted}"));
            if object.starts_with(r#"{"event":"store""#) {
                let next = object.split(r#""next":"#).nth(1).unwrap().split(',').next().unwrap();
                self.next = next.parse().unwrap();
                self.say(&format!(r#"{{"do":"stored","below":{next}}}"#));
            }
            if object.contains(wanted) {
                return object;
            }
        }
    }

    /// Returns the code with which the socket is closed.
    fn end(&mut self) -> u16 {
        loop {
            if let Err(code) = self.hear() {
                return code;
            }
        }
    }
}

/// Returns the memory that a process has resident, in KiB; 0 where the system does not tell (proc(5)).
fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

/// Returns a part of an object.
fn field<'a>(object: &'a str, name: &str) -> &'a str {
    let rest = object.split(&format!(r#""{name}":"#)).nth(1).unwrap_or_else(|| panic!("{name} in {object}"));
    rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap()
}

#[test]
fn each_bad_request_gets_its_status_and_nothing_else_happens() {
    let (_server, _, _, mut gateway) = room();
    let host = gateway.address;
    let get = |rest: &str| format!("GET {rest}\r\nHost: {host}\r\n\r\n");
    let ours = gateway.our_origin();
    for (request, status) in [
        (get("/ HTTP/1.1"), "200"),
        (get("/main.js HTTP/1.1"), "200"),
        (get("/nothing HTTP/1.1"), "404"),
        (get("/ws HTTP/1.1"), "426"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), "421"),
        (format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc"), "405"),
        ("\0\u{1}\u{2}\r\n\r\n".into(), "400"),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n\r\n", "x".repeat(9000)), "431"),
        (gateway.upgrade("", &gateway.token), "403"),
        (gateway.upgrade("Origin: http://localhost:3000\r\n", &gateway.token), "403"),
        (gateway.upgrade(&ours, "AAAAAAAAAAAAAAAAAAAAAA"), "403"),
        (gateway.upgrade(&ours, ""), "403"),
    ] {
        let answer = gateway.answer(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self'"), "{answer}");
        assert!(!answer.contains(&gateway.token), "{answer}");
    }
    // Cut anywhere, then the end.
    let request = get("/ HTTP/1.1");
    for len in 0..request.len() {
        let mut stream = gateway.connect();
        stream.write_all(&request.as_bytes()[..len]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty(), "{len}");
    }
    // Byte by byte.
    let mut stream = gateway.connect();
    request.bytes().for_each(|byte| stream.write_all(&[byte]).unwrap());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("</html>\n"), "{answer}");
    assert!(gateway.process.is_running());
}

#[test]
fn whoever_sends_too_slowly_or_nothing_is_told_and_disturbs_nobody() {
    let (_server, _, _, gateway) = room();
    let slow: Vec<_> = (0..600)
        .map(|number| {
            let mut stream = gateway.connect();
            if number % 2 == 0 {
                let _ = stream.write_all(b"GET / HT");
            }
            stream
        })
        .collect();
    let mut silent = gateway.socket();
    // There is a place for whoever asks at once.
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    tab.until(r#""event":"joined""#);
    let mut statuses: Vec<String> = slow
        .into_iter()
        .map(|mut stream| {
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).chars().take(12).collect()
        })
        .collect();
    statuses.sort();
    statuses.dedup();
    assert_eq!(statuses, ["", "HTTP/1.1 408"]);
    tab.say(r#"{"do":"say","text":"still here","ref":"a"}"#);
    tab.until(r#""event":"confirmed""#);
    assert_eq!(silent.end(), 4002, "a socket that does not say who it is");
}

#[test]
fn what_is_no_websocket_or_no_object_ends_the_socket_or_is_wrong_and_others_go_on() {
    let (_server, _, _, gateway) = room();
    let mut other = gateway.tab(r#"{"do":"join","nick":"jill"}"#);
    other.until(r#""event":"joined""#);
    let joined = || {
        let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
        tab.until(r#""event":"joined""#);
        tab
    };
    // Before a tab says who it is.
    for (first, code) in [
        ("", "malformed"),
        ("{", "malformed"),
        (r#"{"do":"say","text":"x"}"#, "malformed"),
        (r#"{"do":"join"}"#, "no-nick"),
        (r#"{"do":"join","nick":" "}"#, "bad-nick"),
    ] {
        let mut tab = gateway.tab(first);
        let end = tab.until(r#""event":"end""#);
        assert_eq!((field(&end, "code"), tab.end()), (code, 1000), "{first}");
    }
    type Strange = (&'static str, fn(&mut Tab) -> std::io::Result<()>, u16);
    let strange: [Strange; 7] = [
        ("a binary message", |tab| tab.frame(0x82, b"x"), 1008),
        ("no UTF-8", |tab| tab.frame(0x81, b"\xff\xfe"), 1008),
        ("a reserved opcode", |tab| tab.frame(0x83, b"x"), 1008),
        ("a reserved bit", |tab| tab.frame(0xc1, b"x"), 1008),
        ("a continuation of nothing", |tab| tab.frame(0x80, b"x"), 1008),
        ("no mask", |tab| tab.stream.write_all(&[0x81, 1, b'x']), 1008),
        ("a message that is too long", |tab| tab.frame(0x81, &vec![b' '; 70_000]), 1009),
    ];
    for (what, act, code) in strange {
        let mut tab = joined();
        act(&mut tab).unwrap();
        assert_eq!(tab.end(), code, "{what}");
    }
    let mut tab = joined();
    for wrong in ["nonsense", "[]", "7", r#"{"do":"sing"}"#, r#"{"do":"join","nick":"x"}"#, "{\n}"] {
        tab.say(wrong);
        let answer = tab.until(r#""event":"wrong""#);
        assert_eq!(field(&answer, "code"), "malformed", "{wrong}");
    }
    // In pieces, with a ping between them; and one that ends in the middle of a frame.
    tab.frame(0x01, br#"{"do":"say","te"#).unwrap();
    tab.frame(0x89, b"are you there").unwrap();
    tab.frame(0x80, br#"xt":"in pieces","ref":"a"}"#).unwrap();
    tab.until(r#""ref":"a"}]"#);
    other.until("in pieces");
    tab.stream.write_all(&[0x81, 0xfe, 0x10]).unwrap();
    drop(tab);
    other.say(r#"{"do":"say","text":"still here","ref":"b"}"#);
    other.until(r#""event":"confirmed""#);
}

#[test]
fn nothing_is_sent_before_the_tab_has_stored_it_and_nothing_twice_whatever_ends() {
    let (_server, address, home, gateway) = room();
    let mut jill = gateway.tab(r#"{"do":"join","nick":"jill"}"#);
    jill.until(r#""event":"joined""#);
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    tab.until(r#""event":"joined""#);
    tab.say(r#"{"do":"say","text":"one","ref":"a"}"#);
    let confirmed = tab.until(r#""event":"confirmed""#);
    assert_eq!((field(&confirmed, "post"), field(&confirmed, "ref")), ("0", "a"));
    // The next one is told to the tab, which does not say that it has stored it.
    tab.say(r#"{"do":"say","text":"two\nthree","ref":"b"}"#);
    let store = loop {
        let object = tab.hear().unwrap();
        if object.contains(r#""ref":"b"}]"#) {
            break object;
        }
    };
    drop((tab, gateway));
    jill.until("one");
    // Killed, and started again: the tab comes with what it has.
    let gateway = start(&home, &address, "127.0.0.1:0", &[]);
    let kept = store.replacen(r#""event":"store","#, "", 1);
    let mut tab = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    for _ in 0..2 {
        let confirmed = tab.until(r#""event":"confirmed""#);
        assert_eq!(field(&confirmed, "ref"), "b");
    }
    // Once more, as if it had heard of no outcome.
    let mut again = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    assert_eq!(tab.end(), 4001, "the newer one is the tab now");
    for _ in 0..2 {
        again.until(r#""event":"confirmed""#);
    }
    again.say(r#"{"do":"fetch","ref":"all"}"#);
    let page = again.until(r#""event":"page""#);
    let said: Vec<_> = page.split(r#""kind":"said""#).skip(1).map(|line| field(line, "text")).collect();
    assert_eq!(said, ["one", "two", "three"]);
}

#[test]
fn a_tab_that_has_heard_of_no_outcome_hears_of_all_of_them_whatever_was_posted_since() {
    let (_server, _, _, gateway) = room();
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    let instance = field(&tab.until(r#""event":"store""#), "instance").to_owned();
    tab.until(r#""event":"joined""#);
    let mut posts = Vec::new();
    for number in 0..70 {
        tab.say(&format!(r#"{{"do":"say","text":"line {number}","ref":"{number}"}}"#));
        tab.until(r#""event":"confirmed""#);
        posts.push(format!(r#"{{"post":{number},"kind":0,"text":"line {number}","ref":"{number}"}}"#));
        // The first ones only: there is a place for 64 of which it has not heard.
        if number < 10 {
            tab.say(&format!(r#"{{"do":"settled","post":{number}}}"#));
        }
    }
    drop(tab);
    let kept = format!(
        r#"{{"instance":"{instance}","log":null,"next":70,"numbers":[],"posts":[{}],"waiting":[]}}"#,
        posts[10..].join(",")
    );
    let mut again = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    let mut heard: Vec<u64> =
        (10..70).map(|_| field(&again.until(r#""event":"confirmed""#), "post").parse().unwrap()).collect();
    heard.sort_unstable();
    assert_eq!(heard, (10..70).collect::<Vec<_>>());
    again.say(r#"{"do":"say","text":"more","ref":"more"}"#);
    again.until(r#""post":70,"ref":"more""#);
}

#[test]
fn a_tab_that_was_brought_back_from_before_is_another_instance() {
    let (_server, _, _, gateway) = room();
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    let old = tab.until(r#""event":"store""#);
    tab.until(r#""event":"joined""#);
    tab.say(r#"{"do":"say","text":"one","ref":"a"}"#);
    tab.until(r#""event":"confirmed""#);
    drop(tab);
    // What it has stored is not more than it was told, whatever it says.
    let kept = old.replacen(r#""event":"store","#, "", 1).replace(r#""next":0"#, r#""next":1"#);
    let mut same = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    assert_eq!(field(&same.until(r#""event":"store""#), "instance"), field(&old, "instance"));
    same.say(r#"{"do":"stored","below":18446744073709551615}"#);
    same.until(r#""event":"joined""#);
    drop(same);
    let mut same = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    assert_eq!(field(&same.until(r#""event":"store""#), "instance"), field(&old, "instance"));
    same.until(r#""event":"joined""#);
    drop(same);
    // What it had stored before it said that: the next message would have the number of the first.
    let kept = old.replacen(r#""event":"store","#, "", 1);
    let mut again = gateway.tab(&format!(r#"{{"do":"join","nick":"jack","kept":{kept}}}"#));
    assert_ne!(field(&again.until(r#""event":"store""#), "instance"), field(&old, "instance"));
    again.say(r#"{"do":"say","text":"two","ref":"b"}"#);
    again.until(r#""event":"confirmed""#);
    again.until(r#""text":"two""#);
}

#[test]
fn what_is_said_before_a_tab_leaves_is_in_the_room() {
    let (_server, _, _, gateway) = room();
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    tab.until(r#""event":"joined""#);
    tab.say(r#"{"do":"say","text":"bye","ref":"a"}"#);
    tab.say(r#"{"do":"leave"}"#);
    tab.until(r#""event":"confirmed""#);
    let end = tab.until(r#""event":"end""#);
    assert_eq!((field(&end, "exit"), tab.end()), ("0", 1000));
}

#[test]
fn whoever_is_refused_does_not_come_in_by_what_it_has_sent_besides() {
    let (_server, _, _, gateway) = room();
    let mut jill = gateway.tab(r#"{"do":"join","nick":"jill"}"#);
    jill.until(r#""event":"joined""#);
    let mut tab = gateway.socket();
    tab.frame(0x82, b"x").unwrap();
    tab.say(r#"{"do":"join","nick":"ghost"}"#);
    assert_eq!(tab.end(), 1008);
    jill.say(r#"{"do":"who","ref":"a"}"#);
    assert!(!jill.until(r#""event":"people""#).contains("ghost"));
    // A request that comes together with the end of its connection is answered all the same.
    let mut stream = gateway.connect();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address);
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_tab_that_does_not_read_is_sent_no_more_and_others_get_everything() {
    const LINES: usize = 3000;
    let (_server, address, _, gateway) = room();
    let mut stuck = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    let mut reader = gateway.tab(r#"{"do":"join","nick":"jill"}"#);
    reader.until(r#""event":"now""#);
    (stuck.checked, reader.checked) = (None, None);
    let text = "x".repeat(900);
    let lines: String = (0..LINES).map(|number| format!("{number} {text}\n")).collect();
    let home = new_home();
    let mut sender = at_home(&home, &["send", "--nick", "bot", "--server", &address, "--timeout", "60s", "-"]);
    let before = resident_kib(&gateway.process);
    sender.enter(&lines);
    sender.close_input();
    for number in 0..LINES {
        let line = reader.until(r#""kind":"said""#);
        assert!(field(&line, "text").starts_with(&format!("{number} ")), "{line}");
    }
    let grown = resident_kib(&gateway.process).saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB for 2.7 MB that one tab does not read");
    // It reads after all, and has missed nothing.
    for number in 0..LINES {
        let line = stuck.until(r#""kind":"said""#);
        assert!(field(&line, "text").starts_with(&format!("{number} ")), "{line}");
    }
}

#[test]
fn a_tab_that_is_gone_leaves_the_room_after_a_while_and_one_that_comes_back_has_not_left() {
    let (_server, _, _, gateway) = room();
    let mut jill = gateway.tab(r#"{"do":"join","nick":"jill"}"#);
    jill.until(r#""event":"joined""#);
    let mut tab = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    tab.until(r#""event":"joined""#);
    jill.until(r#""nick":"jack""#);
    drop(tab);
    let mut again = gateway.tab(r#"{"do":"join","nick":"jack"}"#);
    again.until(r#""event":"joined""#);
    again.say(r#"{"do":"say","text":"back","ref":"a"}"#);
    again.until(r#""event":"confirmed""#);
    let next = jill.until(r#""event":"line""#);
    assert_eq!(field(&next, "text"), "back", "nobody heard of it");
    again.say(r#"{"do":"leave"}"#);
    again.until(r#""event":"end""#);
    assert_eq!(again.end(), 1000);
    jill.until(r#""kind":"left""#);
}

#[test]
fn the_address_stays_until_a_new_one_is_wanted_and_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_server, address, home, gateway) = room();
    let (first, at) = (gateway.token.clone(), gateway.address.to_string());
    let file = home.join("udpchat/web.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // The port is taken, until it is free again.
    let mut second = at_home(&home, &["web", "--server", &address, "--listen", &at]);
    assert_eq!(second.code(), 1);
    let said = second.stderr.to_end();
    assert!(said.contains("cannot listen on") && said.contains("--listen"), "{said}");
    drop(gateway);
    let gateway = start(&home, &address, &at, &[]);
    assert_eq!((&gateway.token, gateway.address.to_string()), (&first, at.clone()));
    drop(gateway);
    let gateway = start(&home, &address, &at, &["--new-token"]);
    assert_ne!(gateway.token, first);
    assert!(gateway.answer(gateway.upgrade(&gateway.our_origin(), &first).as_bytes()).starts_with("HTTP/1.1 403 "));
}

#[test]
fn a_page_that_others_can_reach_needs_a_name_and_answers_under_it() {
    let (_server, address, home, _gateway) = room();
    let mut refused = at_home(&home, &["web", "--server", &address, "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code(), 2);
    let said = refused.stderr.to_end();
    assert!(said.contains("--allow-host") && said.contains("TLS"), "{said}");
    let gateway = start(&home, &address, "127.0.0.1:0", &["--allow-host", "chat.example"]);
    let get = |host: &str| gateway.answer(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    assert!(get("chat.example").starts_with("HTTP/1.1 200 ") && get("other.example").starts_with("HTTP/1.1 421 "));
}

#[test]
fn the_browser_is_started_with_a_file_that_only_its_user_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let (_server, address, home, _gateway) = room();
    let bin = home.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let told = home.join("told");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{0}.new\nmv {0}.new {0}\n", told.display());
    let opener = bin.join(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = crate::common::udpchat_with(&["web", "--server", &address, "--listen", "127.0.0.1:0", "--open"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("XDG_STATE_HOME", &home).env("PATH", path);
    let mut gateway = Process::start(&mut command);
    let printed = gateway.stdout.wait_until("the address", |all, _| all.contains('\n'));
    let until = Instant::now() + PATIENCE;
    while !told.exists() {
        assert!(Instant::now() < until, "nothing was opened");
        std::thread::sleep(Duration::from_millis(10));
    }
    let file = PathBuf::from(std::fs::read_to_string(&told).unwrap().trim());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&file).unwrap().contains(printed.trim()), "it leads there");
    gateway.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(gateway.code(), 0);
    assert!(!file.exists(), "and is gone with the gateway");
}
