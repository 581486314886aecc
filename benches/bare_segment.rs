//! The yardstick for lines of equal length: receives, sends runs of them to everybody with `UDP_SEGMENT`, nothing else.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

mod bare;

use std::io::IoSlice;
use std::os::fd::AsRawFd;

use bare::{BATCH, Bare};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

fn main() {
    let Some(mut bare) = Bare::start() else { return };
    let (mut lines, mut lengths) = (Vec::new(), Vec::new());
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, Some(nix::cmsg_space!(u16)));
    loop {
        bare.receive(&mut lines, &mut lengths);
        let (mut at, mut first) = (0, 0);
        while first < lengths.len() {
            // A run: consecutive lines of one length.
            let len = lengths[first];
            let count = lengths[first..].iter().take_while(|&&next| next == len).count();
            let slices = [[IoSlice::new(&lines[at..at + len * count])]; BATCH];
            (at, first) = (at + len * count, first + count);
            let segment = u16::try_from(len).unwrap();
            for members in bare.members.chunks(BATCH) {
                let mut sent = 0;
                while sent < members.len() {
                    let rest = &members[sent..];
                    let fd = bare.socket.as_raw_fd();
                    let control = [ControlMessage::UdpGsoSegments(&segment)];
                    let results = sendmmsg(fd, &mut headers, &slices[..rest.len()], rest, control, MsgFlags::empty());
                    sent += results.map_or(0, Iterator::count);
                }
            }
        }
    }
}
