//! Which addresses an endpoint that somebody configured may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses beyond public ones are allowed; by default none.
///
/// It is asked when an endpoint is parsed. [`Guard::refuses`] is also what a resolver asks about the addresses that a
/// name turns out to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    loopback: bool,
    private: bool,
}

impl Guard {
    /// Public addresses only.
    #[must_use]
    pub const fn new() -> Self {
        Self { loopback: false, private: false }
    }

    /// Allows endpoints on this machine, which may also be plain `http`.
    #[must_use]
    pub const fn loopback(mut self, allow: bool) -> Self {
        self.loopback = allow;
        self
    }

    /// Allows private networks: RFC 1918, carrier-grade NAT, unique local IPv6. Link-local addresses, where clouds
    /// serve their metadata, stay refused.
    #[must_use]
    pub const fn private(mut self, allow: bool) -> Self {
        self.private = allow;
        self
    }

    pub(super) const fn allows_loopback(self) -> bool {
        self.loopback
    }

    /// Why an address is refused; `None` when it is allowed.
    #[must_use]
    pub fn refuses(self, address: IpAddr) -> Option<&'static str> {
        let range = match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        };
        match range? {
            Range::Loopback => (!self.loopback).then_some("an address of this machine; set `allow_loopback` to allow it"),
            Range::Private => (!self.private).then_some("an address of a private network"),
            Range::LinkLocal => Some("a link-local address, where clouds serve credentials"),
            Range::Special => Some("an address that is not for services"),
        }
    }

    /// Why a host name is refused that only an attacker or a mistake would name.
    pub(super) fn refuses_name(self, host: &str) -> Option<&'static str> {
        const METADATA: [&str; 6] = [
            "metadata",
            "metadata.google.internal",
            "metadata.goog",
            "metadata.azure.internal",
            "instance-data",
            "instance-data.ec2.internal",
        ];
        if METADATA.contains(&host) {
            return Some("a cloud's metadata service");
        }
        (is_localhost(host) && !self.loopback).then_some("an address of this machine; set `allow_loopback` to allow it")
    }
}

/// RFC 6761: `localhost` and everything below it.
pub(super) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

enum Range {
    Loopback,
    Private,
    LinkLocal,
    Special,
}

/// The ranges of the IANA special-purpose registry that no public service has.
fn v4(address: Ipv4Addr) -> Option<Range> {
    Some(match address.octets() {
        [127, ..] => Range::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Range::Private,
        [169, 254, ..] => Range::LinkLocal,
        // Alibaba Cloud's metadata service lives in the carrier-grade range and is caught there; Azure's wire server is public.
        [168, 63, 129, 16] => Range::LinkLocal,
        [0, ..] | [192, 0, 0, _] | [192, 0, 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Range::Special,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Range::Special,
        _ => return None,
    })
}

fn v6(address: Ipv6Addr) -> Option<Range> {
    if let Some(mapped) = embedded(address) {
        // What embeds an IPv4 address reaches that address.
        return v4(mapped);
    }
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Range::Loopback,
        // AWS serves IPv6 metadata from the unique local fd00:ec2::254.
        [0xfd00, 0x0ec2, ..] => Range::LinkLocal,
        [0xfc00..=0xfdff, ..] => Range::Private,
        [0xfe80..=0xfebf, ..] => Range::LinkLocal,
        // Site-local, multicast, discard-only, documentation, Teredo and the local NAT64 prefix.
        [0xfec0..=0xffff, ..] | [0x0100, 0, 0, 0, ..] => Range::Special,
        [0x2001, 0x0db8 | 0 | 0x0002, ..] | [0x3fff, 0..=0x0fff, ..] | [0x5f00, ..] | [0x0064, 0xff9b, 0x0001, ..] => {
            Range::Special
        }
        [0, 0, 0, 0, 0, 0, ..] => Range::Special,
        _ => return None,
    })
}

/// The IPv4 address inside an IPv4-mapped, IPv4-compatible, NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`) address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(from(high, low))
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_ranges_are_refused() {
        let guard = Guard::new();
        for refused in [
            "127.0.0.1",
            "127.255.0.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
            "5f00::1",
            "::ffff:0:127.0.0.1",
        ] {
            assert!(guard.refuses(refused.parse().unwrap()).is_some(), "{refused}");
        }
        for allowed in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(guard.refuses(allowed.parse().unwrap()), None, "{allowed}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_and_no_more() {
        let both = Guard::new().loopback(true).private(true);
        for allowed in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "fd12::1", "64:ff9b::10.0.0.1"] {
            assert_eq!(both.refuses(allowed.parse().unwrap()), None, "{allowed}");
        }
        for refused in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0"] {
            assert!(both.refuses(refused.parse().unwrap()).is_some(), "{refused}");
        }
        assert!(Guard::new().loopback(true).refuses("10.0.0.1".parse().unwrap()).is_some());
    }
}
