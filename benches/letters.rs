//! Members that write to each other in private: `letters SERVER SECONDS RATE [MEMBERS]`; RATE messages a second in all, none with 0. With
//! `watch` behind that, each says one thing to all instead, and asks all the time who has received it.
//!
//! Owns: the private load of benches/letters.py, the watching authors of benches/wire.py.
//! Must not know: what is measured.
//! Driven by: benches/letters.py, benches/wire.py. Prints how many messages were confirmed, and how many were shown to their recipients.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::net::SocketAddr;
use std::time::{Duration, Instant as Clock};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use udpchat::client::member::Member;
use udpchat::client::{Event, Identity, Said};
use udpchat::net::state::{make_key, random};
use udpchat::session::PublicKey;
use udpchat::time::Instant;
use udpchat::wire::frame::{PostKind, Watch, Watched};
use udpchat::wire::{Instance, Nick};

struct Writer {
    socket: UdpSocket,
    member: Member,
    key: PublicKey,
    nick: Nick,
    /// When it writes next.
    next: Instant,
}

struct Load {
    server: SocketAddr,
    begun: Clock,
    writers: Vec<Writer>,
    here: usize,
    confirmed: u64,
    shown: u64,
    /// Whether they say something to all, and watch it.
    watches: bool,
}

impl Load {
    fn now(&self) -> Instant {
        Instant::from_millis(1000) + self.begun.elapsed()
    }

    /// Lets one of them do all that it can do now.
    fn work(&mut self, index: usize) {
        let (now, server) = (self.now(), self.server);
        let Writer { socket, member, .. } = &mut self.writers[index];
        let mut buffer = [0; 2048];
        while let Ok((len, _)) = socket.recv_from(&mut buffer) {
            member.handle_datagram(now, server, &buffer[..len]);
        }
        if member.poll_timeout().is_some_and(|at| at <= now) {
            member.handle_timeout(now);
        }
        while let Some(bytes) = member.poll_transmit() {
            if socket.send_to(bytes, server).is_err() {
                break;
            }
            member.transmitted(now);
        }
        while let Some(event) = member.poll_event() {
            match event {
                Event::Here { .. } => self.here += 1,
                Event::Confirmed { seq, .. } => {
                    self.confirmed += 1;
                    if let (true, Some(seq)) = (self.watches, seq) {
                        member.watch(now, Watch { seq, what: Watched::Count });
                    }
                }
                Event::Reached { .. } => self.shown += 1,
                Event::NotTaken { why, .. } => panic!("refused: {why}"),
                Event::Private(private) if matches!(private.said, Said::Text { .. }) => self.shown += 1,
                _ => {}
            }
        }
    }

    /// Has each that is due write to the next one.
    fn write(&mut self, pause: Duration) {
        let now = self.now();
        let count = self.writers.len();
        for index in 0..count {
            let (to, of) = (self.writers[(index + 1) % count].key, self.writers[(index + 1) % count].nick.clone());
            let writer = &mut self.writers[index];
            if writer.next <= now && writer.member.may_write_to(&to) {
                writer.next = writer.next + pause;
                writer.member.write_to(now, to, &of, false, "the build is done, and all tests have passed");
                self.work(index);
            }
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [server, seconds, rate, rest @ ..] = args.as_slice() else { panic!("SERVER SECONDS RATE [MEMBERS]") };
    let server: SocketAddr = server.parse().unwrap();
    let (seconds, rate): (u64, u32) = (seconds.parse().unwrap(), rate.parse().unwrap());
    let count: u32 = rest.first().map_or(250, |count| count.parse().unwrap());
    let mut poll = Poll::new().unwrap();
    let mut load = Load {
        server,
        begun: Clock::now(),
        writers: Vec::new(),
        here: 0,
        confirmed: 0,
        shown: 0,
        watches: rest.len() > 1,
    };
    for number in 0..count {
        let mut socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        poll.registry().register(&mut socket, Token(number as usize), Interest::READABLE).unwrap();
        let (key, nick): (_, Nick) = (make_key(), format!("writer{number}").parse().unwrap());
        let identity = Identity { present: false, ..Identity::new(key.clone(), Instance(random()), random()) };
        let member = Member::new(load.now(), server, nick.clone(), identity);
        load.writers.push(Writer { socket, member, key: key.public(), nick, next: Instant::ZERO });
    }
    let mut events = Events::with_capacity(1024);
    let mut ends = None;
    let pause = Duration::from_secs(1) * count / rate.max(1);
    while ends.is_none_or(|ends| Clock::now() < ends) {
        poll.poll(&mut events, Some(Duration::from_millis(2))).unwrap();
        let ready: Vec<_> = events.iter().map(|event| event.token().0).collect();
        ready.into_iter().for_each(|index| load.work(index));
        let now = load.now();
        for index in 0..load.writers.len() {
            if load.writers[index].member.poll_timeout().is_some_and(|at| at <= now) || ends.is_none() {
                load.work(index);
            }
        }
        if ends.is_none() && load.here == count as usize {
            println!("ready");
            ends = Some(Clock::now() + Duration::from_secs(seconds));
            for (index, writer) in (0..).zip(&mut load.writers) {
                writer.next = now + pause * index / count;
                if load.watches {
                    writer.member.post(now, PostKind::Say, "who has received this?");
                }
            }
        }
        if rate > 0 && ends.is_some() {
            load.write(pause);
        }
    }
    println!("{} {}", load.confirmed, load.shown);
}
