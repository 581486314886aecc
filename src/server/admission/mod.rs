//! Which addresses may use the text dialect, and which belong together.
//!
//! Owns: [`TextPolicy`], [`Prefix`].
//! Must not know: who is in the room.
//! Driven by: `server`.

pub(crate) mod allowance;
pub(crate) mod rate;
pub(crate) mod suspects;

use std::net::{IpAddr, Ipv4Addr};

/// How far a source may be ahead of its rate before it has to wait, in seconds of the rate. Chosen: a script may post some
/// hundreds of lines at once.
pub(crate) const BURST_SECONDS: u32 = 10;

/// How many datagrams wait for a source that is ahead of its rate; further ones are dropped. Chosen: several times what our own
/// clients have in flight at once.
pub(crate) const RESTING_MAX: u32 = 64;

/// The addresses with which the server speaks the text dialect. The dialect does not prove addresses, so each of these can be
/// made to receive the room's messages (PROTOCOL 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TextPolicy {
    /// Loopback, private, link-local, shared and unique-local addresses.
    #[default]
    Private,
    /// Every address.
    Any,
    /// Nobody.
    Off,
}

/// Whether `ip` is loopback (127/8, ::1), private (RFC 1918), link-local (RFC 3927, RFC 4291 2.5.6), shared (RFC 6598)
/// or unique-local (RFC 4193).
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_shared(ip),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(),
    }
}

/// 100.64.0.0/10 (RFC 6598)
const fn is_shared(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 100 && b & 0xc0 == 64
}

/// The addresses that most likely belong to one owner: an IPv4 /24 or an IPv6 /64 (PROTOCOL 1.4, 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix(u128);

impl Prefix {
    /// Returns the prefix that `ip` is in.
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self(ip.to_ipv6_mapped().to_bits() & !0xff),
            IpAddr::V6(ip) => Self(ip.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_every_private_range() {
        let inside = [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fdff::1",
        ];
        let outside = [
            "126.255.255.255",
            "128.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "8.8.8.8",
            "::2",
            "fec0::1",
            "fbff::1",
            "fe00::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ];
        for ip in inside {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in outside {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_prefix_is_a_24_or_a_64() {
        let same = |a: &str, b: &str| Prefix::of(a.parse().unwrap()) == Prefix::of(b.parse().unwrap());
        assert!(same("10.0.0.1", "10.0.0.255"));
        assert!(!same("10.0.0.1", "10.0.1.1"));
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("0.0.0.0", "::"));
    }
}
