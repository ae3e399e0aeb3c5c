//! The trace that a call belongs to, as the W3C's Trace Context writes it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use crate::error::{Error, ErrorKind, Result};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is passed on, and its most members: what the W3C asks of everybody.
const STATE_MAX: usize = 512;
const MEMBERS_MAX: usize = 32;
/// Whether the caller may have recorded the trace, and whether its id is random.
const FLAGS: u8 = 0b11;

/// Where in a distributed trace a call stands: `traceparent`, and `tracestate` if there is one.
///
/// ```
/// use circle_core_common::telemetry::TraceContext;
/// let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")?;
/// assert!(trace.is_sampled());
/// assert_eq!(trace.to_string(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
/// # Ok::<(), circle_core_common::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

/// Says which trace a request belongs to; an application that traces sets one with
/// [`EnvironmentBuilder::propagator`](crate::EnvironmentBuilder::propagator).
///
/// It is asked for every attempt, within that attempt's span: with `tracing-opentelemetry` it reads the context of
/// `tracing::Span::current()`, so that each attempt is a parent of its own. A closure is one.
pub trait Propagator: Send + Sync + 'static {
    /// The context of what runs now; `None` sends none.
    fn current(&self) -> Option<TraceContext>;
}

impl<F: Fn() -> Option<TraceContext> + Send + Sync + 'static> Propagator for F {
    fn current(&self) -> Option<TraceContext> {
        self()
    }
}

impl TraceContext {
    /// The context of a span; `None` for an id of zero, which is none.
    #[must_use]
    pub fn new(trace_id: u128, parent_id: u64, sampled: bool) -> Option<Self> {
        (trace_id != 0 && parent_id != 0).then_some(Self { trace_id, parent_id, flags: u8::from(sampled), state: None })
    }

    /// Reads a `traceparent`. Of a later version, what this one knows is kept.
    ///
    /// # Errors
    /// `InvalidInput` when it is none. The message does not repeat it.
    pub fn parse(traceparent: &str) -> Result<Self> {
        Self::read(traceparent).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this is no W3C `traceparent`"))
    }

    /// Adds a `tracestate`. One that is longer than 512 bytes loses its last members, as it may.
    ///
    /// # Errors
    /// `InvalidInput` when it is none.
    pub fn with_state(mut self, tracestate: &str) -> Result<Self> {
        self.state = state(std::iter::once(tracestate))
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "this is no W3C `tracestate`"))?;
        Ok(self)
    }

    /// Reads the context of a request that has come in. As the W3C wants it, a `traceparent` that is none, or there twice,
    /// starts a new trace, which is `None`; a `tracestate` that is none is left out.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (given.next(), given.next()) else { return None };
        let context = Self::read(parent.to_str().ok()?)?;
        let lines: Option<Vec<&str>> = headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect();
        Some(Self { state: lines.and_then(|lines| state(lines.into_iter())).flatten(), ..context })
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The id of the span that calls.
    #[must_use]
    pub fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// Whether the caller may have recorded it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// What vendors of tracing systems say of it.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = bytes.len() >= 55 && [2, 35, 52].iter().all(|&at| bytes[at] == b'-');
        if !dashes {
            return None;
        }
        let version = hex(&bytes[..2])?;
        let rest_is_right = match version {
            0 => bytes.len() == 55,
            0xFF => false,
            _ => bytes.len() == 55 || bytes[55] == b'-',
        };
        let (trace_id, parent_id, flags) = (hex(&bytes[3..35])?, hex(&bytes[36..52])?, hex(&bytes[53..55])?);
        let is_one = rest_is_right && trace_id != 0 && parent_id != 0;
        // Numbers of that many digits fit.
        is_one.then_some(Self { trace_id, parent_id: parent_id as u64, flags: flags as u8 & FLAGS, state: None })
    }

    /// Puts it on a request, unless somebody has put one there.
    #[cfg(feature = "http")]
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        if headers.contains_key(TRACEPARENT) {
            return;
        }
        if let Ok(parent) = http::HeaderValue::try_from(self.to_string()) {
            headers.insert(TRACEPARENT, parent);
            if let Some(Ok(state)) = self.state().map(http::HeaderValue::try_from) {
                headers.insert(TRACESTATE, state);
            }
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

/// Digits in lower case, which alone are allowed.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |sum: u128, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(value))
    })
}

/// The members of all lines, as many as are passed on; `None` if one of them is none.
#[allow(clippy::option_option, reason = "a state that is none, and one that is empty")]
fn state<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Option<Arc<str>>> {
    let mut kept = String::new();
    let mut members = 0;
    let listed: Vec<&str> = lines.flat_map(|line| line.split(',')).map(|member| member.trim_matches([' ', '\t'])).collect();
    for member in listed.into_iter().filter(|member| !member.is_empty()) {
        members += 1;
        if members > MEMBERS_MAX || !is_member(member) {
            return None;
        }
        if kept.len() + member.len() < STATE_MAX {
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(member);
        }
    }
    Some((!kept.is_empty()).then(|| kept.into()))
}

/// `key=value`: the key in lower case, the value printable without `,` and `=`.
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let key_is_right = |key: &[u8]| {
        let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(byte);
        (1..=256).contains(&key.len()) && (key[0].is_ascii_lowercase() || key[0].is_ascii_digit()) && key.iter().all(allowed)
    };
    let allowed = |byte: u8| matches!(byte, 0x20..=0x7E) && byte != b',' && byte != b'=';
    key_is_right(key.as_bytes()) && (1..=256).contains(&value.len()) && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_what_the_w3c_calls_one_is_one() {
        for (text, is_one) in [
            (PARENT, true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-will-be", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", false),
            ("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", false),
            ("", false),
            ("äää7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-xxxxxx", false),
        ] {
            assert_eq!(TraceContext::parse(text).is_ok(), is_one, "{text}");
        }
        let later = TraceContext::parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-x").unwrap();
        assert_eq!(later.to_string(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
        assert_eq!(TraceContext::new(0, 1, true), None);
        assert_eq!(TraceContext::new(1, 2, false).unwrap().to_string(), format!("00-{:032}-{:016}-00", 1, 2));
    }

    #[test]
    fn states_are_checked_joined_and_bounded() {
        let with = |state: &str| TraceContext::parse(PARENT).unwrap().with_state(state);
        assert_eq!(with("a=1, b@v=x y ,,").unwrap().state(), Some("a=1,b@v=x y"));
        assert_eq!(with(" ").unwrap().state(), None);
        for wrong in ["a", "A=1", "=1", "a=", "a=1=2", "a=\u{e4}", "a=\u{1}"] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        let member = |at: usize| format!("k{at}={}", "v".repeat(60));
        let long = (0..20).map(member).collect::<Vec<_>>().join(",");
        let kept = with(&long).unwrap();
        assert!(kept.state().is_some_and(|kept| kept.len() <= STATE_MAX && long.starts_with(kept) && kept.len() > 400));
        assert!(with(&"a=1,".repeat(33)).is_err());
    }

    #[test]
    fn headers_that_come_in_are_read_as_the_w3c_wants() {
        let read = |lines: &[(&'static str, &str)]| {
            let lines = lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value);
            }
            TraceContext::from_headers(&headers)
        };
        let context = read(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]).unwrap();
        assert_eq!((context.to_string().as_str(), context.state()), (PARENT, Some("a=1,b=2")));
        assert_eq!(read(&[("traceparent", PARENT), ("tracestate", "A=1")]).unwrap().state(), None);
        assert_eq!(read(&[("traceparent", PARENT), ("traceparent", PARENT)]), None);
        assert_eq!(read(&[("tracestate", "a=1")]), None);
    }
}
