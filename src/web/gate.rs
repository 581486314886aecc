//! Which requests are answered, and how.
//!
//! Owns: the checks of a request, in their order; the status and the headers of each answer.
//! Must not know: the connection, what is said on the WebSocket.
//! Driven by: `net::gateway`, with what a connection has sent so far.
//!
//! Any page in the user's browser can send requests to loopback, and so can any user of the machine. So a request has to name a host that is
//! ours (a name that an attacker points at 127.0.0.1 is not), and a WebSocket needs the origin of our own page and the token. No request
//! changes anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::{EMPTY_HEADER, Header, Status};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::page;
use super::token::Token;

/// Longest head of a request, in bytes. Chosen: a browser's with every header that it may have.
pub const HEAD_MAX: usize = 8 * 1024;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// The subprotocol, which is echoed; the token is offered as another one, which is not.
pub const PROTOCOL: &str = "udpchat.1";

/// What RFC 6455 1.3 appends to the key.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the page may do in the browser: its own scripts and styles, and its own socket.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

/// See the module.
#[derive(Debug)]
pub struct Gate {
    /// What a request may be addressed to, in small letters: `127.0.0.1:9980`, `chat.example`.
    hosts: Vec<String>,
    token: Token,
}

/// What becomes of what a connection has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The head is not complete.
    More,
    /// It gets this answer, and the end.
    Answer(Response),
    /// It gets this answer, and is a WebSocket from then on: the head was so long, in bytes.
    Upgrade(Vec<u8>, usize),
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status line and the headers.
    pub head: Vec<u8>,
    /// What follows them.
    pub body: &'static [u8],
}

impl Response {
    fn new(status: &str, kind: &str, body: &'static [u8], more: &str) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cache-Control: no-store\r\nCross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n{more}\r\n",
            body.len()
        );
        Self { head: head.into_bytes(), body }
    }

    /// Returns the answer to what cannot be served, with a line for a person.
    fn refusal(status: &str, why: &'static str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", why.as_bytes(), "")
    }

    /// Returns the answer to a connection that has not sent a request in time.
    pub fn too_slow() -> Self {
        Self::refusal("408 Request Timeout", "the request took too long\n")
    }

    /// Returns the answer to a connection for which there is no place.
    pub fn too_many() -> Self {
        Self::refusal("503 Service Unavailable", "too many connections: close some tabs\n")
    }
}

impl Gate {
    /// Creates a gate that answers requests to these hosts, each with its port unless that is the scheme's own.
    pub fn new(hosts: impl IntoIterator<Item = String>, token: Token) -> Self {
        Self { hosts: hosts.into_iter().map(|host| host.to_lowercase()).collect(), token }
    }

    /// Decides about what a connection has sent so far.
    pub fn take(&self, bytes: &[u8]) -> Step {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let head = &bytes[..bytes.len().min(HEAD_MAX)];
        let len = match request.parse(head) {
            Ok(Status::Complete(len)) => len,
            Ok(Status::Partial) if bytes.len() < HEAD_MAX => return Step::More,
            Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return refuse("431 Request Header Fields Too Large", "the head of the request is too long\n");
            }
            Err(_) => return refuse("400 Bad Request", "this is no HTTP request\n"),
        };
        let (Some(method), Some(path)) = (request.method, request.path) else {
            return refuse("400 Bad Request", "this is no HTTP request\n");
        };
        match self.answer(method, path, request.headers) {
            Answer::Done(answer) => Step::Answer(answer),
            Answer::Switch(head) => Step::Upgrade(head, len),
        }
    }

    fn answer(&self, method: &str, path: &str, headers: &[Header<'_>]) -> Answer {
        let Ok(host) = only(headers, "host") else {
            return done("400 Bad Request", "a request has one Host\n");
        };
        if !self.is_ours(host) {
            return done(
                "421 Misdirected Request",
                "this address is not one of udpchat web (behind a proxy: --allow-host NAME)\n",
            );
        }
        if method != "GET" && method != "HEAD" {
            let why = "only GET and HEAD\n";
            let answer = Response::new("405 Method Not Allowed", "text/plain", why.as_bytes(), "Allow: GET, HEAD\r\n");
            return Answer::Done(answer);
        }
        if has(headers, "content-length") || has(headers, "transfer-encoding") {
            return done("400 Bad Request", "a request has no body here\n");
        }
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path == "/ws" {
            return self.switch(method, headers);
        }
        let Some(file) = page::find(path) else {
            return done("404 Not Found", "there is nothing here: / is the page\n");
        };
        let mut answer = Response::new("200 OK", file.kind, file.bytes, "");
        if method == "HEAD" {
            answer.body = b"";
        }
        Answer::Done(answer)
    }

    /// Answers a request for a WebSocket (RFC 6455 4.2).
    fn switch(&self, method: &str, headers: &[Header<'_>]) -> Answer {
        let is_upgrade = lists(headers, "upgrade", "websocket") && lists(headers, "connection", "upgrade");
        if method != "GET" || !is_upgrade {
            let why = "this is a WebSocket\n";
            let more = "Upgrade: websocket\r\n";
            return Answer::Done(Response::new("426 Upgrade Required", "text/plain", why.as_bytes(), more));
        }
        if only(headers, "sec-websocket-version") != Ok("13") {
            let why = "WebSockets have version 13\n";
            let more = "Sec-WebSocket-Version: 13\r\n";
            return Answer::Done(Response::new("426 Upgrade Required", "text/plain", why.as_bytes(), more));
        }
        let key = only(headers, "sec-websocket-key").unwrap_or_default();
        if !STANDARD.decode(key).is_ok_and(|key| key.len() == 16) {
            return done("400 Bad Request", "Sec-WebSocket-Key is 16 bytes in base64\n");
        }
        if !only(headers, "origin").is_ok_and(|origin| self.is_our_origin(origin)) {
            return done("403 Forbidden", "only the page of udpchat web may use this\n");
        }
        let offered = || items(headers, "sec-websocket-protocol");
        let has_token = offered().fold(false, |found, item| self.token.is(item) | found);
        if !has_token || !offered().any(|item| item == PROTOCOL) {
            return done("403 Forbidden", "the token is missing or wrong: open the address that udpchat web prints\n");
        }
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{ACCEPT}").as_bytes()));
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
        );
        Answer::Switch(head.into_bytes())
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        self.hosts.contains(&host)
    }

    fn is_our_origin(&self, origin: &str) -> bool {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(|host| self.is_ours(host))
    }
}

enum Answer {
    Done(Response),
    Switch(Vec<u8>),
}

fn refuse(status: &str, why: &'static str) -> Step {
    Step::Answer(Response::refusal(status, why))
}

fn done(status: &str, why: &'static str) -> Answer {
    Answer::Done(Response::refusal(status, why))
}

fn named<'a>(headers: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn has(headers: &[Header<'_>], name: &'static str) -> bool {
    named(headers, name).next().is_some()
}

/// Returns the value of a header that must be there once.
fn only<'a>(headers: &'a [Header<'a>], name: &'static str) -> Result<&'a str, ()> {
    let mut values = named(headers, name);
    match (values.next(), values.next()) {
        (Some(value), None) => str::from_utf8(value).map(str::trim).map_err(|_| ()),
        (None, _) | (Some(_), Some(_)) => Err(()),
    }
}

/// Returns the items of a header that is a list (RFC 9110 5.6.1).
fn items<'a>(headers: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a str> {
    let values = named(headers, name).filter_map(|value| str::from_utf8(value).ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn lists(headers: &[Header<'_>], name: &'static str, item: &str) -> bool {
    items(headers, name).any(|listed| listed.eq_ignore_ascii_case(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let hosts = ["127.0.0.1:9980", "localhost:9980", "[::1]:9980", "Chat.example"];
        Gate::new(hosts.map(String::from), Token::new([7; 16]))
    }

    fn token() -> String {
        Token::new([7; 16]).as_str().to_owned()
    }

    /// Returns the status of the answer to a request.
    fn status(request: &str) -> String {
        match gate().take(request.as_bytes()) {
            Step::More => "more".into(),
            Step::Upgrade(head, len) => {
                assert_eq!(len, request.len());
                status_of(&head)
            }
            Step::Answer(Response { head, .. }) => status_of(&head),
        }
    }

    fn status_of(head: &[u8]) -> String {
        str::from_utf8(&head[9..12]).unwrap().to_owned()
    }

    /// A request for the socket, with some of its lines replaced; an empty one is left out.
    fn upgrade(other: &[(&str, &str)]) -> String {
        let mut lines = vec![
            ("GET", "GET /ws HTTP/1.1".to_owned()),
            ("Host", "Host: 127.0.0.1:9980".into()),
            ("Upgrade", "Upgrade: websocket".into()),
            ("Connection", "Connection: keep-alive, Upgrade".into()),
            ("Version", "Sec-WebSocket-Version: 13".into()),
            ("Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".into()),
            ("Origin", "Origin: http://127.0.0.1:9980".into()),
            ("Protocol", format!("Sec-WebSocket-Protocol: udpchat.1, {}", token())),
        ];
        for (name, line) in other {
            lines.iter_mut().find(|(known, _)| known == name).unwrap().1 = (*line).to_owned();
        }
        let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).filter(|line| !line.is_empty()).collect();
        lines.join("\r\n") + "\r\n\r\n"
    }

    #[test]
    fn the_page_and_its_parts_are_served_to_whoever_asks_under_a_name_of_ours() {
        for host in ["127.0.0.1:9980", "localhost:9980", "LOCALHOST:9980", "[::1]:9980", "chat.example"] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), "200");
        }
        let page = "GET /?x=1 HTTP/1.1\r\nHost: localhost:9980\r\n\r\n";
        let Step::Answer(Response { head, body }) = gate().take(page.as_bytes()) else { panic!() };
        assert!(body.starts_with(b"<!doctype html>"));
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("default-src 'none'; script-src 'self'") && head.contains("no-store"), "{head}");
        let Step::Answer(Response { body, .. }) = gate().take(page.replace("GET", "HEAD").as_bytes()) else { panic!() };
        assert!(body.is_empty());
    }

    #[test]
    fn another_name_another_method_and_what_is_no_request_are_refused() {
        let get = |rest: &str| status(&format!("GET {rest}"));
        for (request, expected) in [
            ("/ HTTP/1.1\r\nHost: evil.example:9980\r\n\r\n", "421"),
            ("/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "421"),
            ("/ HTTP/1.1\r\nHost: 127.0.0.1:9981\r\n\r\n", "421"),
            ("/ HTTP/1.1\r\nHost: chat.example.\r\n\r\n", "421"),
            ("/ HTTP/1.1\r\nHost: \r\n\r\n", "421"),
            ("/ HTTP/1.1\r\n\r\n", "400"),
            ("/ HTTP/1.1\r\nHost: localhost:9980\r\nHost: localhost:9980\r\n\r\n", "400"),
            ("/ HTTP/1.1\r\nHost: localhost:9980\r\nContent-Length: 0\r\n\r\n", "400"),
            ("/ HTTP/1.1\r\nHost: localhost:9980\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
            ("http://localhost:9980/ HTTP/1.1\r\nHost: localhost:9980\r\n\r\n", "404"),
            ("/../Cargo.toml HTTP/1.1\r\nHost: localhost:9980\r\n\r\n", "404"),
            ("/ HTTP/1.1\r\nHost: localhost:9980", "more"),
            ("", "more"),
            ("/ HTTP/9\r\n\r\n", "400"),
            ("/ HTTP/1.1\r\nHo st: x\r\n\r\n", "400"),
        ] {
            assert_eq!(get(request), expected, "{request}");
        }
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost:9980\r\nContent-Length: 1\r\n\r\nx"), "405");
        assert_eq!(status("\x16\x03\x01\x02\x00\x01"), "400", "TLS");
        let long = format!("GET / HTTP/1.1\r\nHost: localhost:9980\r\nX: {}", "x".repeat(HEAD_MAX));
        assert_eq!((status(&long), status(&(long.clone() + "\r\n\r\n"))), ("431".into(), "431".into()));
        let many = "X: y\r\n".repeat(HEADERS_MAX + 1);
        assert_eq!(get(&format!("/ HTTP/1.1\r\n{many}\r\n")), "431");
    }

    #[test]
    fn a_socket_needs_our_own_page_and_the_token() {
        let request = upgrade(&[]);
        let Step::Upgrade(head, _) = gate().take(request.as_bytes()) else { panic!() };
        let head = String::from_utf8(head).unwrap();
        // The example of RFC 6455 1.3.
        assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        assert!(head.contains("\r\nSec-WebSocket-Protocol: udpchat.1\r\n") && !head.contains(&token()), "{head}");
        let wrong = Token::new([8; 16]);
        let wrong = format!("Sec-WebSocket-Protocol: udpchat.1, {}", wrong.as_str());
        let without = format!("Sec-WebSocket-Protocol: {}", token());
        for (name, line, expected) in [
            ("Origin", "", "403"),
            ("Origin", "Origin: null", "403"),
            ("Origin", "Origin: http://localhost:3000", "403"),
            ("Origin", "Origin: http://evil.example", "403"),
            ("Origin", "Origin: file://127.0.0.1:9980", "403"),
            ("Origin", "Origin: https://chat.example", "101"),
            ("Host", "Host: evil.example:9980", "421"),
            ("Protocol", "", "403"),
            ("Protocol", "Sec-WebSocket-Protocol: udpchat.1", "403"),
            ("Protocol", &wrong, "403"),
            ("Protocol", &without, "403"),
            ("Version", "Sec-WebSocket-Version: 8", "426"),
            ("Version", "", "426"),
            ("Upgrade", "", "426"),
            ("Connection", "Connection: close", "426"),
            ("GET", "HEAD /ws HTTP/1.1", "426"),
            ("Key", "Sec-WebSocket-Key: short", "400"),
            ("Key", "", "400"),
        ] {
            assert_eq!(status(&upgrade(&[(name, line)])), expected, "{name} {line}");
        }
    }
}
