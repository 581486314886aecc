//! The yardstick for lines of any length: receives, sends each to everybody with `sendmmsg`, nothing else.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

mod bare;

use std::io::IoSlice;
use std::os::fd::AsRawFd;

use bare::{BATCH, Bare};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

fn main() {
    let Some(mut bare) = Bare::start() else { return };
    let (mut lines, mut lengths) = (Vec::new(), Vec::new());
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    loop {
        bare.receive(&mut lines, &mut lengths);
        let mut at = 0;
        for &len in &lengths {
            let slices = [[IoSlice::new(&lines[at..at + len])]; BATCH];
            at += len;
            for members in bare.members.chunks(BATCH) {
                let mut sent = 0;
                while sent < members.len() {
                    let rest = &members[sent..];
                    let fd = bare.socket.as_raw_fd();
                    let results = sendmmsg(fd, &mut headers, &slices[..rest.len()], rest, [], MsgFlags::empty());
                    sent += results.map_or(0, Iterator::count);
                }
            }
        }
    }
}
