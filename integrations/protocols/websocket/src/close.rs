//! Why a socket was closed, in the words of the protocol.

use std::fmt;

use circle_core_common::{Detail, Error, ErrorKind, Sent};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The code of a close frame (RFC 6455, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: all is done.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the client leaves.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: data of a kind that is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that is not what its type says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against the rules of the service.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message that is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: an extension is missing.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// 1011: the server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: too much to do; later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: the server behind a gateway failed.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the service gave it a meaning of its own: 4000 to 4999.
    #[must_use]
    pub const fn is_of_the_service(self) -> bool {
        matches!(self.0, 4000..=4999)
    }

    /// Whether a close frame may carry it. 1005, 1006 and 1015 are for what has no frame.
    pub(crate) const fn can_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A close frame. It is the [`provider_error`](Error::provider_error) of the error that a socket ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The code; `None` where the frame was empty.
    pub code: Option<CloseCode>,
    /// The reason, in the service's words.
    pub reason: String,
}

impl Close {
    pub(crate) fn received(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self { code: Some(CloseCode(frame.code.into())), reason: frame.reason.as_str().to_owned() },
            None => Self { code: None, reason: String::new() },
        }
    }

    /// Whether nothing went wrong: 1000, or no code.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.code.is_none_or(|code| code == CloseCode::NORMAL)
    }

    /// What a close that is not normal means. Codes of the service's own (4xxx) are `Closed` and end a
    /// [`Reconnecting`](crate::Reconnecting), unless the provider knows better.
    #[must_use]
    pub fn to_error(&self) -> Error {
        let code = self.code.unwrap_or(CloseCode::NORMAL);
        let kind = match code.0 {
            1001 | 1012..=1014 => ErrorKind::Unavailable,
            1002 | 1003 | 1007 | 1009 => ErrorKind::InvalidInput,
            1008 => ErrorKind::PermissionDenied,
            1010 => ErrorKind::Unsupported,
            1011 => ErrorKind::Internal,
            _ => ErrorKind::Closed,
        };
        let mut detail = Detail::new();
        detail.code = Some(code.to_string());
        detail.message = (!self.reason.is_empty()).then(|| self.reason.clone());
        let error = Error::new(kind, format!("the service closed the WebSocket with {self}")).with_detail(detail);
        // What failed at the service may work on another connection.
        let error = if code == CloseCode::INTERNAL_ERROR { error.with_retryable(true) } else { error };
        error.with_sent(Sent::Maybe).with_source(self.clone())
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) if self.reason.is_empty() => write!(f, "{code}"),
            // Escaped: the reason is somebody else's text, and goes into logs.
            Some(code) => write!(f, "{code}: {}", self.reason.escape_debug()),
            None => f.write_str("no code"),
        }
    }
}

impl std::error::Error for Close {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (code, kind, retryable) in [
            (1001, ErrorKind::Unavailable, true),
            (1002, ErrorKind::InvalidInput, false),
            (1008, ErrorKind::PermissionDenied, false),
            (1009, ErrorKind::InvalidInput, false),
            (1010, ErrorKind::Unsupported, false),
            (1011, ErrorKind::Internal, true),
            (1012, ErrorKind::Unavailable, true),
            (1013, ErrorKind::Unavailable, true),
            (3000, ErrorKind::Closed, false),
            (4004, ErrorKind::Closed, false),
        ] {
            let close = Close { code: Some(CloseCode::new(code)), reason: "why\n".to_owned() };
            let error = close.to_error();
            assert_eq!((error.kind(), error.is_retryable(), error.sent()), (kind, retryable, Sent::Maybe), "{code}");
            assert_eq!(error.provider_error::<Close>(), Some(&close));
            assert!(error.message().ends_with(&format!("{code}: why\\n")), "{error}");
            assert!(!close.is_normal());
        }
        assert!(Close::received(None).is_normal());
    }

    #[test]
    fn codes_without_a_frame_are_not_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert!(!CloseCode::new(code).can_be_sent(), "{code}");
        }
        assert!(CloseCode::NORMAL.can_be_sent() && CloseCode::new(4999).can_be_sent());
    }
}
