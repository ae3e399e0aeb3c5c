//! The spellings by which an address gets past a guard that looks at text.

use std::collections::HashSet;

use super::*;
use crate::http::{BaseUrl, Origin};

/// This machine.
const LOOPBACK: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1:443",
    "127.0.0.1:8080",
    "127.1.2.3",
    "127.255.255.254",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "127.0.0.01",
    "0127.0.0.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "0x7f.0.0.1",
    "0X7F.0.0.1",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0x7F000001",
    "0x7f000001",
    "0x007f000001",
    "2130706433",
    "2130706433.",
    "017700000001",
    "00017700000001",
    "0x7f.0.1",
    "127.0x1",
    "127.0.0.0x1",
    "localhost",
    "LOCALHOST",
    "LocalHost",
    "localhost:443",
    "localhost.",
    "api.localhost",
    "a.b.LOCALHOST",
    "[::1]",
    "[::1]:443",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001:0:0:0:0:1]",
];

/// Where clouds serve credentials.
const METADATA_SPELLINGS: &[&str] = &[
    "169.254.169.254",
    "169.254.169.254:80",
    "169.254.169.254.",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.42.42",
    "169.254.0.1",
    "169.254.43518",
    "169.16689662",
    "2852039166",
    "0xa9fea9fe",
    "0xA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0xa9.254.169.254",
    "0251.0376.0251.0376",
    "0251.254.169.254",
    "025177524776",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[::a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[febf::1]",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:42::42]",
    "[fd00:a9fe:a9fe::1]",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "metadata",
    "METADATA",
    "metadata.",
    "metadata.google.internal",
    "Metadata.Google.Internal",
    "metadata.google.internal.",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.tencentyun.com",
    "api.metadata.cloud.ibm.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Private networks.
const PRIVATE: &[&str] = &[
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "[fc00::1]",
    "[fdff:ffff::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:c0a8:1]",
    "[64:ff9b::192.168.0.1]",
    "[2002:0a00:0001::1]",
    "[::10.0.0.1]",
];

/// What is no service's address.
const SPECIAL: &[&str] = &[
    "0.0.0.0",
    "0",
    "0x0",
    "00",
    "0.0",
    "0.0.0",
    "0.0.0.1",
    "0.1.2.3",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[0:0:0:0:0:0:0:0]",
    "[::8.8.8.8]",
    "[2002:808:808::1]",
    "[64:ff9b:1::1]",
    "[100::1]",
    "[2001::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fec0::1]",
    "[ff02::1]",
];

/// What some parsers read as one of those, or as another host than the next parser does.
const MANGLED: &[&str] = &[
    "",
    ".",
    "..",
    "10.1",
    "167772161",
    "012.0.0.1",
    "0xa.0.0.1",
    "3232235521",
    "256.256.256.256",
    "1.2.3.4.5",
    "1.2.3",
    "127.0.0.1%00",
    "127.0.0.1%00.example.org",
    "example.org%00.localhost",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "%6c%6f%63%61%6c%68%6f%73%74",
    "127.0.0.1%0d%0a",
    "127.0.0.1\0",
    "127.0.0.1\t",
    "127.0.0.1\r\nHost: example.org",
    "127.0.0.1 ",
    " 127.0.0.1",
    "①②⑦.0.0.1",
    "１２７.０.０.１",
    "127。0。0。1",
    "127．0．0．1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ｌｏｃａｌｈｏｓｔ",
    "loc\u{ad}alhost",
    "localho\u{17f}t",
    "\u{212a}ubernetes",
    "faß.example",
    "127.0.0.1\\@example.org",
    "example.org\\@127.0.0.1",
    "example.org@127.0.0.1",
    "user:password@127.0.0.1",
    "@127.0.0.1",
    "127.0.0.1:80@example.org",
    "127.0.0.1:@example.org",
    "127.0.0.1#@example.org",
    "127.0.0.1?@example.org",
    "127.0.0.1:00443x",
    "127.0.0.1:99999",
    "127.0.0.1:-1",
    "[127.0.0.1]",
    "[localhost]",
    "[::1",
    "::1",
    "::1]",
    "[::1].example.org",
    "[::1]example.org",
    "[0:0:0:0:0:0:0:0:1]",
    "[::g]",
    "[v1.127]",
    "a..b",
    ".example.org",
    "-a.example",
    "a-.example",
    "a b.example",
    "example.org,127.0.0.1",
    "example.org;127.0.0.1",
    "127.0.0.1,example.org",
    "{127.0.0.1}",
    "<127.0.0.1>",
    "127.0.0.1|",
    "127.0.0.1^",
    "`127.0.0.1`",
    "*.0.0.1",
    "$(hostname)",
];

fn all() -> impl Iterator<Item = &'static str> {
    [LOOPBACK, METADATA_SPELLINGS, PRIVATE, SPECIAL, MANGLED].into_iter().flatten().copied()
}

#[test]
fn no_spelling_gets_past_the_guard() {
    let distinct: HashSet<&str> = all().collect();
    assert!(distinct.len() >= 220 && distinct.len() == all().count(), "{}", distinct.len());
    for host in all() {
        for text in [format!("https://{host}"), format!("https://{host}/"), format!("HTTPS://{host}/latest/meta-data")] {
            let error = BaseUrl::parse(&text).expect_err(&text);
            assert!(error.is(ErrorKind::ConfigInvalid), "{text}: {error:?}");
        }
        assert!(Origin::parse(&format!("http://{host}")).is_err(), "{host}");
    }
}

#[test]
fn what_is_allowed_lets_nothing_else_in() {
    let parsed = |host: &str, guard: &Guard| Origin::parse_guarded(&format!("https://{host}"), guard.clone());
    let operator = Guard::new().private(true);
    let machine = Guard::new().loopback(true);
    let both = Guard::new().loopback(true).private(true);
    for host in LOOPBACK {
        assert!(parsed(host, &operator).is_err(), "{host}");
    }
    for host in METADATA_SPELLINGS.iter().chain(SPECIAL).chain(MANGLED) {
        assert!(parsed(host, &both).is_err(), "{host}");
    }
    for host in PRIVATE {
        assert!(parsed(host, &machine).is_err(), "{host}");
        // All but the one whose form is out of use.
        assert!(parsed(host, &operator).is_ok(), "{host}");
    }
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "api.localhost"] {
        assert!(parsed(host, &machine).is_ok(), "{host}");
    }
}

#[test]
fn networks_are_allowed_by_name_but_never_those_of_metadata_or_this_machine() {
    let guard = Guard::new().networks(
        ["10.20.0.0/16", "203.0.113.0/24", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10"]
            .map(|network| network.parse().unwrap()),
    );
    let refused = |address: &str| guard.refuses(address.parse().unwrap()).is_some();
    for allowed in ["10.20.1.1", "203.0.113.7", "100.64.1.1", "1.1.1.1", "::ffff:10.20.1.1"] {
        assert!(!refused(allowed), "{allowed}");
    }
    for denied in ["10.21.0.1", "169.254.169.254", "127.0.0.1", "100.100.100.200", "192.168.0.1"] {
        assert!(refused(denied), "{denied}");
    }
    assert_eq!(Guard::new().networks([]), Guard::new());
}

#[test]
fn the_guard_of_metadata_allows_nothing_else() {
    let guard = Guard::metadata();
    for url in ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://metadata.google.internal", "http://169.254.170.2"] {
        assert!(Origin::parse_guarded(url, guard.clone()).is_ok(), "{url}");
    }
    for url in [
        "http://127.0.0.1:1",
        "https://example.org",
        "http://10.0.0.1",
        "http://example.org",
        "https://1.1.1.1",
        "http://0.0.0.0",
    ] {
        assert!(Origin::parse_guarded(url, guard.clone()).is_err(), "{url}");
    }
    assert!(Origin::parse_guarded("http://127.0.0.1:1", guard.loopback(true)).is_ok());
}

#[test]
fn the_refusal_names_the_host_and_not_its_addresses() {
    let addresses = vec!["1.1.1.1".parse().unwrap(), "10.9.8.7".parse().unwrap()];
    let error = Guard::new().all("intern.example.org", addresses.clone()).unwrap_err();
    assert!(error.message().contains("intern.example.org has an address of a private network"), "{error}");
    assert!(!format!("{error:?}").contains("10.9.8.7"));
    assert_eq!(Guard::new().private(true).all("intern.example.org", addresses.clone()).unwrap(), addresses);
}
