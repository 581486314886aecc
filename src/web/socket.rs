//! A WebSocket, over a stream that does not block.
//!
//! Owns: its framing (RFC 6455, by tungstenite), the limits of a message and of what waits to be written.
//! Must not know: what the messages say, when the stream is ready.
//! Driven by: `net::gateway`.
//!
//! A message to the tab that is longer than 16 KiB goes out in fragments (RFC 6455 5.4), so that what waits in memory does not depend on it.

use std::io::{self, Read, Write};

use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

/// Buffer for reading, in bytes.
const READ_BUFFER: usize = 4 * 1024;

/// Most bytes that wait to be written.
const WRITE_MAX: usize = 64 * 1024;

/// Longest fragment that is written, in bytes.
const PIECE_MAX: usize = 16 * 1024;

/// Longest message of a tab, in bytes: as the lines of a program.
pub const MESSAGE_MAX: usize = 64 * 1024;

/// Longest first message of a tab, in bytes: it has what the tab has said and not heard the outcome of.
pub const FIRST_MAX: usize = 1024 * 1024;

/// What a tab has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Text(String),
    /// Something that shows that it is there.
    Alive,
    /// Nothing more for now.
    Nothing,
    /// The end: nothing more is to be read.
    Closed,
}

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Everything is said.
    Done,
    /// The gateway ends.
    GoingAway,
    /// Its message has no meaning.
    Malformed,
    /// Its message is too long.
    TooLong,
    /// Another tab is this one now.
    Replaced,
    /// It did not say in time who it is.
    Silent,
}

impl Why {
    /// Returns the code (RFC 6455 7.4; those from 4000 on are ours) and the reason.
    const fn frame(self) -> (u16, &'static str) {
        match self {
            Self::Done => (1000, ""),
            Self::GoingAway => (1001, "udpchat web ends"),
            Self::Malformed => (1008, "expected objects as in docs/JSON.md"),
            Self::TooLong => (1009, "the message is too long"),
            Self::Replaced => (4001, "another tab is this one now"),
            Self::Silent => (4002, "expected {\"do\":\"join\"}"),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Socket<S> {
    socket: WebSocket<S>,
    /// The rest of a message that is being written.
    rest: Bytes,
    /// Whether the stream has taken everything so far.
    is_flushed: bool,
    is_closed: bool,
}

impl<S: Read + Write> Socket<S> {
    /// Creates the socket of a stream whose request was answered; `rest` is what has come behind the request.
    pub fn new(stream: S, rest: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(PIECE_MAX)
            .max_write_buffer_size(WRITE_MAX)
            .max_message_size(Some(FIRST_MAX))
            .max_frame_size(Some(FIRST_MAX));
        let socket = WebSocket::from_partially_read(stream, rest, Role::Server, Some(config));
        Self { socket, rest: Bytes::new(), is_flushed: true, is_closed: false }
    }

    /// Returns the stream, to which nothing more is written.
    pub fn into_stream(self) -> S {
        self.socket.into_inner()
    }

    /// Takes only messages of at most [`MESSAGE_MAX`] bytes from now on.
    pub fn expect_short(&mut self) {
        self.socket.set_config(|config| {
            config.max_message_size = Some(MESSAGE_MAX);
            config.max_frame_size = Some(MESSAGE_MAX);
        });
    }

    /// Reads one message.
    pub fn hear(&mut self) -> Heard {
        match self.socket.read() {
            Ok(Message::Text(text)) => Heard::Text(text.as_str().to_owned()),
            Ok(Message::Ping(_)) => {
                self.is_flushed = false;
                Heard::Alive
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Heard::Alive,
            Ok(Message::Close(_)) => {
                self.is_flushed = false;
                Heard::Alive
            }
            Ok(Message::Binary(_)) => {
                self.close(Why::Malformed);
                Heard::Alive
            }
            Err(Error::Io(err)) if is_for_later(&err) => Heard::Nothing,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                self.close(Why::TooLong);
                Heard::Closed
            }
            // The end of the stream, without a word.
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Heard::Closed,
            Err(Error::Utf8(_) | Error::Protocol(_)) => {
                self.close(Why::Malformed);
                Heard::Closed
            }
            Err(_) => Heard::Closed,
        }
    }

    /// Returns whether the next message can be given to [`Socket::say`].
    pub fn has_place(&self) -> bool {
        self.rest.is_empty() && self.is_flushed
    }

    /// Writes a message; only if there is a place for it.
    pub fn say(&mut self, message: Vec<u8>) {
        debug_assert!(self.rest.is_empty(), "there is a place for it");
        if self.is_closed {
            return;
        }
        self.rest = message.into();
        self.write_piece(Data::Text);
    }

    /// Asks whether the tab is there.
    pub fn ping(&mut self) {
        if !self.is_closed {
            let _ = self.socket.write(Message::Ping(Bytes::new()));
            self.is_flushed = false;
        }
    }

    /// Writes what waits. Returns false if the stream is broken.
    pub fn flush(&mut self) -> bool {
        loop {
            if !self.is_flushed {
                match self.socket.flush() {
                    Ok(()) => self.is_flushed = true,
                    Err(Error::Io(err)) if is_for_later(&err) => return true,
                    Err(_) => return false,
                }
            }
            if self.rest.is_empty() {
                return true;
            }
            self.write_piece(Data::Continue);
        }
    }

    /// Returns whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.is_flushed && self.rest.is_empty()
    }

    /// Closes the socket; what waits is written before.
    pub fn close(&mut self, why: Why) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let (code, reason) = why.frame();
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let _ = self.socket.close(Some(frame));
        self.is_flushed = false;
    }

    /// Returns whether it is closed at this end.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn write_piece(&mut self, data: Data) {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_MAX));
        let frame = Frame::message(piece, OpCode::Data(data), self.rest.is_empty());
        match self.socket.write(Message::Frame(frame)) {
            Ok(()) => {}
            // It is queued; only the stream does not take more.
            Err(Error::Io(err)) if is_for_later(&err) => {}
            // The stream is broken, as flushing it will say.
            Err(_) => self.rest = Bytes::new(),
        }
        self.is_flushed = false;
    }
}

/// Returns whether the stream is only not ready.
fn is_for_later(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that takes so many bytes, and then none until it is asked again.
    struct Narrow {
        written: Vec<u8>,
        room: usize,
    }

    impl Read for Narrow {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = bytes.len().min(self.room);
            self.room -= len;
            self.written.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the messages in what was written: frames of a server, which are not masked.
    fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut messages, mut message) = (Vec::new(), Vec::new());
        while let [head, len, rest @ ..] = bytes {
            let (len, rest) = match len {
                126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
                len => (usize::from(*len), rest),
            };
            assert!(len <= PIECE_MAX);
            assert_eq!(head & 0x0f, u8::from(message.is_empty()), "text, and then its continuation");
            message.extend_from_slice(&rest[..len]);
            if head & 0x80 != 0 {
                messages.push(std::mem::take(&mut message));
            }
            bytes = &rest[len..];
        }
        assert!(message.is_empty());
        messages
    }

    #[test]
    fn wherever_the_stream_stops_each_message_arrives_whole() {
        let said: Vec<Vec<u8>> =
            [1, PIECE_MAX, 3 * PIECE_MAX + 5, 10].iter().map(|&len: &usize| vec![b'x'; len]).collect();
        for room in [1000, PIECE_MAX - 1, PIECE_MAX, PIECE_MAX + 4, PIECE_MAX + 5, 40_000, 200_000] {
            let mut socket = Socket::new(Narrow { written: Vec::new(), room }, Vec::new());
            for message in &said {
                for _ in 0..1000 {
                    if socket.has_place() {
                        break;
                    }
                    assert!(socket.flush());
                    socket.socket.get_mut().room = room;
                }
                socket.say(message.clone());
            }
            while !socket.is_flushed() {
                assert!(socket.flush());
                socket.socket.get_mut().room = room;
            }
            assert!(messages(&socket.into_stream().written) == said, "{room} bytes at a time");
        }
    }
}
