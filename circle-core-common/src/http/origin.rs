//! Where requests may go: scheme, host and port, parsed and checked once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use http::uri::{Authority, Scheme};

use super::guard::{Guard, is_localhost};
use crate::error::{Error, ErrorKind, Result};

/// A scheme, a host and a port: what a credential is bound to and a connection goes to.
///
/// Two origins are equal when requests to them reach the same server: the host is in lower case, a default port is left
/// out, an address is in its one canonical form.
///
/// ```
/// use circle_core_common::http::Origin;
/// assert_eq!(Origin::parse("https://S3.eu-west-1.amazonaws.com:443/")?.to_string(), "https://s3.eu-west-1.amazonaws.com");
/// assert!(Origin::parse("http://example.org").is_err()); // plain text
/// assert!(Origin::parse("https://169.254.169.254").is_err()); // a cloud's metadata
/// # Ok::<(), circle_core_common::Error>(())
/// ```
#[derive(Clone)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
    /// Without the brackets of an IPv6 address.
    host: Box<str>,
    port: u16,
    loopback: bool,
    /// What it was parsed by, and is connected to by. It is no part of what the origin is.
    guard: Guard,
    text: Box<str>,
}

impl Origin {
    /// Parses `https://host[:port][/]` of a public server.
    ///
    /// # Errors
    /// `ConfigInvalid`: not `https`, user-info, a path, a query or a fragment, a host in an unusual spelling, an address of
    /// this machine, of a private network or of a cloud's metadata service.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_guarded(text, Guard::new())
    }

    /// As [`parse`](Self::parse), with the addresses that `guard` allows.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_guarded(text: &str, guard: Guard) -> Result<Self> {
        let (origin, path) = Self::split(text, &guard)?;
        match path {
            "" | "/" => Ok(origin),
            _ => Err(refused("it has a path")),
        }
    }

    /// The origin and the path of `text`.
    pub(super) fn split<'t>(text: &'t str, guard: &Guard) -> Result<(Self, &'t str)> {
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(refused("it has blanks, backslashes, controls or letters beyond ASCII; write a host as `xn--…`"));
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Err(refused("it does not start with `https://`")) };
        let scheme = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => Scheme::HTTPS,
            scheme if scheme.eq_ignore_ascii_case("http") => Scheme::HTTP,
            _ => return Err(refused("it does not start with `https://`")),
        };
        if rest.contains(['?', '#']) {
            return Err(refused("it has a query or a fragment"));
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(refused("it has user-info; give credentials in their own keys"));
        }
        Ok((Self::of(scheme, authority, guard)?, path))
    }

    fn of(scheme: Scheme, authority: &str, guard: &Guard) -> Result<Self> {
        let bracketed = authority.strip_prefix('[').map(|rest| rest.split_once(']').ok_or_else(|| refused("`]` is missing")));
        let (host, port) = match bracketed.transpose()? {
            Some((host, port)) => {
                let address: Ipv6Addr = host.parse().map_err(|_| refused("its IPv6 address is none"))?;
                (Host::Address(address.into()), port)
            }
            None => {
                let (host, port) = authority.find(':').map_or((authority, ""), |at| authority.split_at(at));
                (Host::parse(host)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|&port| port != 0).ok_or_else(|| refused("its port is none"))?)
            }
            _ => return Err(refused("its port is none")),
        };
        let (refusal, loopback) = match &host {
            Host::Address(address) => (guard.refuses(*address), is_loopback(*address)),
            Host::Name(name) => (guard.refuses_name(name), is_localhost(name)),
        };
        if let Some(why) = refusal {
            return Err(refused(why));
        }
        if scheme == Scheme::HTTP && !guard.allows_plain(loopback) {
            return Err(refused("it is plain `http`, which is for this machine only"));
        }
        Self::assemble(scheme, &host, port, loopback, guard.clone())
    }

    fn assemble(scheme: Scheme, host: &Host, port: Option<u16>, loopback: bool, guard: Guard) -> Result<Self> {
        let default = if scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = port.unwrap_or(default);
        let (bare, mut authority) = match host {
            Host::Name(name) => (name.clone(), name.clone()),
            Host::Address(IpAddr::V4(address)) => (address.to_string(), address.to_string()),
            Host::Address(IpAddr::V6(address)) => (address.to_string(), format!("[{address}]")),
        };
        if port != default {
            authority = format!("{authority}:{port}");
        }
        let text = format!("{scheme}://{authority}").into();
        let authority = Authority::from_str(&authority).map_err(|_| refused("its host is none"))?;
        Ok(Self { scheme, authority, host: bare.into(), port, loopback, guard, text })
    }

    /// The origin as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host in lower case; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and, unless it is the scheme's own, port: what a `Host` header says.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Which addresses its name may turn out to have.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The origin of `label.host` with the same scheme and port: `bucket.s3.example.org`.
    ///
    /// # Errors
    /// `InvalidInput` when `label` is no part of a host name, or this origin is an address.
    pub fn subdomain(&self, label: &str) -> Result<Self> {
        let invalid =
            || Error::new(ErrorKind::InvalidInput, format!("`{label}` cannot be put in front of the host {}", self.host));
        if self.host.parse::<IpAddr>().is_ok() {
            return Err(invalid());
        }
        let Ok(Host::Name(name)) = Host::parse(&format!("{label}.{}", self.host)) else { return Err(invalid()) };
        Self::assemble(self.scheme.clone(), &Host::Name(name), Some(self.port), self.loopback, self.guard.clone())
    }

    /// Whether this is `other` or a host below it, with the same scheme and port.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let below = || self.host.strip_suffix(&*other.host).is_some_and(|label| label.ends_with('.'));
        self == other || (self.scheme == other.scheme && self.port == other.port && below())
    }
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback()),
    }
}

enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    fn parse(text: &str) -> Result<Self> {
        let name = text.to_ascii_lowercase();
        let labels_are_right = name.split('.').all(|label| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
        });
        if !labels_are_right || name.len() > 253 {
            return Err(refused("its host is no host name in its plain spelling"));
        }
        // As browsers do: a host that ends in a number is an IPv4 address, and then only the plain spelling counts.
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|byte| byte.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let address: Ipv4Addr =
                name.parse().map_err(|_| refused("its IPv4 address is not written as four decimal numbers"))?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Name(name))
    }
}

/// The text itself is not repeated: it may hold a credential.
fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::ConfigInvalid, format!("the endpoint is refused: {why}"))
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        // Nearly every request goes where the last one went.
        std::ptr::eq(self, other) || self.text == other.text
    }
}

impl Eq for Origin {}

impl std::hash::Hash for Origin {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.text)
    }
}

impl From<&Origin> for Origin {
    fn from(origin: &Origin) -> Self {
        origin.clone()
    }
}

/// An origin and the path that all addresses of an API start with: `https://api.example.org/v1`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// The origin.
    pub origin: Arc<Origin>,
    /// The path without a slash at its end; empty where there is none.
    pub path: String,
}

/// The path is left out: it may hold a credential.
impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({}/…)", self.origin)
    }
}

impl BaseUrl {
    /// Parses `https://host[:port][/path]` of a public server.
    ///
    /// # Errors
    /// As [`Origin::parse`], and `ConfigInvalid` for a path with `.` or `..` in it.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_guarded(text, Guard::new())
    }

    /// As [`parse`](Self::parse), with the addresses that `guard` allows.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_guarded(text: &str, guard: Guard) -> Result<Self> {
        let (origin, path) = Origin::split(text, &guard)?;
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refused("its path has `.` or `..` in it"));
        }
        Ok(Self { origin: Arc::new(origin), path: path.trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_canonical() {
        for (text, canonical, port) in [
            ("https://Example.ORG", "https://example.org", 443),
            ("HTTPS://example.org:443/", "https://example.org", 443),
            ("https://example.org:8443", "https://example.org:8443", 8443),
            ("https://[2606:4700:0:0::1111]:443", "https://[2606:4700::1111]", 443),
            ("https://1.1.1.1:80", "https://1.1.1.1:80", 80),
            ("https://my_host.example", "https://my_host.example", 443),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!((origin.as_str(), origin.port()), (canonical, port), "{text}");
            assert_eq!(origin, Origin::parse(canonical).unwrap());
        }
    }

    #[test]
    fn only_plain_spellings_of_public_hosts_pass() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "//example.org",
            "http://example.org",
            "https://",
            "https:///",
            "https://:443",
            "https://user@example.org",
            "https://user:pass@example.org",
            "https://example.org@evil.example",
            "https://example.org?x",
            "https://example.org#x",
            "https://example.org/?x",
            "https://example.org/path",
            "https://example.org:",
            "https://example.org:0",
            "https://example.org:65536",
            "https://example.org:+80",
            "https://example.org:80:80",
            "https://exa mple.org",
            "https://example.org\\@x",
            "https://example.org\n",
            "https://exämple.org",
            "https://example%2eorg",
            "https://%31.1.1.1",
            "https://example..org",
            "https://example.org.",
            "https://-a.example",
            "https://a-.example",
            "https://2130706433",
            "https://0x7f000001",
            "https://0x7f.1",
            "https://127.1",
            "https://017700000001",
            "https://0177.0.0.1",
            "https://0x7f.0.0.1",
            "https://127.0.0.1.",
            "https://1.2.3",
            "https://1.2.3.4.5",
            "https://256.1.1.1",
            "https://a.0x",
            "https://127.0.0.1",
            "https://localhost",
            "https://a.localhost",
            "https://LOCALHOST",
            "https://[::1]",
            "https://[::ffff:7f00:1]",
            "https://[::ffff:127.0.0.1]",
            "https://[fe80::1%25eth0]",
            "https://[fe80::1]",
            "https://[::]",
            "https://[1.1.1.1]",
            "https://[",
            "https://[::1",
            "https://[2606:4700::1]x",
            "https://169.254.169.254",
            "https://10.0.0.1",
            "https://100.100.100.200",
            "https://metadata.google.internal",
            "https://instance-data",
            "https://0",
            "https://0.0.0.0",
        ] {
            let error = Origin::parse(text).expect_err(text);
            assert!(error.is(ErrorKind::ConfigInvalid), "{text}");
        }
        assert!(Origin::parse(&format!("https://{}.example", "a".repeat(64))).is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let guard = Guard::new().loopback(true);
        for text in ["http://127.0.0.1:9000", "http://localhost:9000", "https://localhost", "http://[::1]:1"] {
            assert!(Origin::parse_guarded(text, guard.clone()).unwrap().is_loopback(), "{text}");
        }
        for text in ["http://example.org", "http://10.0.0.1", "https://10.0.0.1", "http://localhost.example.org"] {
            assert!(Origin::parse_guarded(text, guard.clone()).is_err(), "{text}");
        }
        assert!(Origin::parse_guarded("http://10.0.0.1", guard.private(true)).is_err());
    }

    #[test]
    fn errors_hold_no_credential() {
        let error = Origin::parse("https://user:hunter2@example.org/?key=hunter2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn subdomains_are_within() {
        let origin = Origin::parse("https://s3.example.org:8443").unwrap();
        let bucket = origin.subdomain("my.bucket").unwrap();
        assert_eq!(bucket.as_str(), "https://my.bucket.s3.example.org:8443");
        assert!(bucket.is_within(&origin) && origin.is_within(&origin) && !origin.is_within(&bucket));
        assert!(!Origin::parse("https://evils3.example.org:8443").unwrap().is_within(&origin));
        assert!(!Origin::parse("https://a.s3.example.org").unwrap().is_within(&origin));
        for label in ["", "a b", "a@b", "a/b", "ä", "a:b"] {
            assert!(origin.subdomain(label).is_err(), "{label}");
        }
        assert!(Origin::parse("https://1.1.1.1").unwrap().subdomain("a").is_err());
    }

    #[test]
    fn debug_of_a_base_leaves_its_path_out() {
        let base = BaseUrl::parse("https://hooks.example.org/services/hunter2").unwrap();
        assert_eq!(format!("{base:?}"), "BaseUrl(https://hooks.example.org/…)");
    }

    #[test]
    fn bases_keep_their_path() {
        assert_eq!(BaseUrl::parse("https://api.example.org/openai/v1/").unwrap().path, "/openai/v1");
        assert_eq!(BaseUrl::parse("https://api.example.org").unwrap().path, "");
        assert!(BaseUrl::parse("https://api.example.org/a/../b").is_err());
    }
}
