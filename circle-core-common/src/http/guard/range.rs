//! What addresses are for, by the IANA special-purpose registries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What keeps an address from being a public service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    Loopback,
    Private,
    /// Link-local, and wherever else clouds serve metadata and credentials to their machines.
    Metadata,
    Special,
}

impl Range {
    /// The range of an address; a public one is in none.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }
}

fn v4(address: Ipv4Addr) -> Option<Range> {
    Some(match address.octets() {
        [127, ..] => Range::Loopback,
        [169, 254, ..] => Range::Metadata,
        // Alibaba Cloud's lies within the carrier-grade range, Oracle's former one in that of protocol assignments; Azure's wire
        // server has a public address.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => Range::Metadata,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Range::Private,
        [0, ..] | [192, 0, 0, _] | [192, 0, 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Range::Special,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Range::Special,
        _ => return None,
    })
}

fn v6(address: Ipv6Addr) -> Option<Range> {
    let from = |high: u16, low: u16| v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Range::Loopback,
        // What embeds an IPv4 address reaches that address: IPv4-mapped, IPv4-translated, and NAT64, which networks without IPv4
        // give for every public name.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => {
            return from(high, low);
        }
        // IPv4-compatible addresses and 6to4 have gone out of use: no service has one.
        [0, 0, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => from(high, low).unwrap_or(Range::Special),
        // AWS, Google Cloud, Oracle, Scaleway and Linode serve metadata at unique local addresses.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] | [0xfd00, 0x00c1, ..] | [0xfd00, 0x0042, ..] | [0xfd00, 0xa9fe, ..] => {
            Range::Metadata
        }
        [0xfc00..=0xfdff, ..] => Range::Private,
        [0xfe80..=0xfebf, ..] => Range::Metadata,
        // Site-local, multicast, discard-only, Teredo, benchmarks, ORCHID, documentation, segment routing and local NAT64.
        [0xfec0..=0xffff, ..] | [0x0100, 0, 0, 0, ..] | [0x0064, 0xff9b, 0x0001, ..] => Range::Special,
        [0x2001, 0 | 0x0002 | 0x0010..=0x002f | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x5f00, ..] => Range::Special,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_known() {
        let of = |range: Option<Range>, addresses: &[&str]| {
            for address in addresses {
                assert_eq!(Range::of(address.parse().unwrap()), range, "{address}");
            }
        };
        of(Some(Range::Loopback), &["127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1"]);
        of(Some(Range::Loopback), &["2002:7f00:1::", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1"]);
        of(Some(Range::Private), &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"]);
        of(Some(Range::Private), &["fc00::1", "fd12:3456::1", "64:ff9b::10.0.0.1", "2002:a00:1::1", "::ffff:192.168.0.1"]);
        of(Some(Range::Metadata), &["169.254.169.254", "169.254.170.2", "169.254.42.42", "100.100.100.200", "192.0.0.192"]);
        of(
            Some(Range::Metadata),
            &["168.63.129.16", "fe80::1", "febf::1", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe"],
        );
        of(Some(Range::Metadata), &["fd00:42::42", "fd00:a9fe:a9fe::1", "2002:a9fe:a9fe::1", "::ffff:169.254.169.254"]);
        of(
            Some(Range::Special),
            &["0.0.0.0", "0.1.2.3", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255"],
        );
        of(
            Some(Range::Special),
            &["198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
        );
        of(Some(Range::Special), &["::", "::8.8.8.8", "2002:808:808::1", "64:ff9b:1::1", "fec0::1", "ff02::1", "2001:db8::1"]);
        of(Some(Range::Special), &["2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "100::1", "3fff::1", "5f00::1"]);
        of(
            None,
            &["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.1"],
        );
        of(None, &["2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8", "2001:4860:4860::8888", "2a00:1450::1"]);
    }
}
