//! What a token endpoint answers.

use std::fmt;
use std::time::Duration;

use circle_core_common::credentials::{DEFAULT_LIFE, ExpiresIn, Lease};
use circle_core_common::http::{Response, headers};
use circle_core_common::secret::equal;
use circle_core_common::{Error, ErrorKind, Result, Sent, Timestamp};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// An access token, ready to be sent. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AccessToken {
    token: SecretString,
    header: HeaderValue,
    scopes: Option<Vec<String>>,
    along: Option<(HeaderName, HeaderValue)>,
}

impl AccessToken {
    /// A token that comes from elsewhere.
    ///
    /// # Errors
    /// `Decode` for one that is empty or cannot stand in a header (RFC 6750, 2.1).
    pub fn new(token: impl Into<SecretString>) -> Result<Self> {
        let token = token.into();
        let text = token.expose_secret();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::Decode, "the access token is empty, or holds what no header can carry"));
        }
        let header = headers::secret(&AUTHORIZATION, &format!("Bearer {text}"))?;
        Ok(Self { token, header, scopes: None, along: None })
    }

    /// The token itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretString {
        &self.token
    }

    /// The scopes that were granted, where the server said so: it does when they are others than those asked for.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }

    /// Sends this header with it, which is no secret: who pays for the request, say. There is one; the last wins.
    ///
    /// # Errors
    /// `InvalidInput` naming the header, when it is `Authorization` or either cannot stand in a request.
    pub fn along(mut self, name: &str, value: &str) -> Result<Self> {
        let name = headers::name(name)?;
        if name == AUTHORIZATION {
            return Err(Error::new(ErrorKind::InvalidInput, "the header `authorization` is the token's own"));
        }
        let value = headers::value(&name, value)?;
        self.along = Some((name, value));
        Ok(self)
    }

    /// Puts it on a request (RFC 6750, 2.1), with what goes along.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.header.clone());
        if let Some((name, value)) = &self.along {
            headers.insert(name.clone(), value.clone());
        }
    }

    pub(crate) fn differs(&self, other: &Self) -> bool {
        !equal(&self.token, &other.token)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// All that a token endpoint gave. `Debug` shows no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct TokenSet {
    /// The access token.
    pub access_token: AccessToken,
    /// When it ends: five minutes after it was asked for, where the server gave no time that can be used.
    pub expires_at: Timestamp,
    /// What gets the next one.
    pub refresh_token: Option<SecretString>,
    /// The ID token as it came: nothing of it has been verified.
    pub id_token: Option<SecretString>,
    /// RFC 8693: what was issued in an exchange.
    pub issued_token_type: Option<String>,
}

impl TokenSet {
    /// The access token, for as long as it lives.
    #[must_use]
    pub fn lease(&self) -> Lease<AccessToken> {
        Lease::new(self.access_token.clone()).until(self.expires_at)
    }

    /// Reads the answer of a token endpoint to a request that was sent at `asked`; [`OAuthClient`](crate::OAuthClient) does for its
    /// own. Metadata services of clouds answer so, too, and tell with `expires_on` at which second since 1970 the token ends.
    ///
    /// # Errors
    /// `Decode` for what is no such answer, `Unsupported` for a token of another type; neither repeats any of it.
    pub fn of(response: &Response, asked: Timestamp) -> Result<Self> {
        Self::parse(&response.body, asked).map_err(|error| error.with_sent(Sent::Yes))
    }

    fn parse(body: &[u8], asked: Timestamp) -> Result<Self> {
        let answer: Answer = read("the answer of the token endpoint", body)?;
        // RFC 6749, 7.1: a client must not use a token of a type that it does not know. `N_A` is RFC 8693's word for a token that
        // is none of access.
        let token_type = answer.token_type.as_deref().unwrap_or("Bearer");
        if !token_type.eq_ignore_ascii_case("bearer") && !token_type.eq_ignore_ascii_case("n_a") {
            return Err(Error::new(ErrorKind::Unsupported, "the token endpoint gave a token of another type than `Bearer`"));
        }
        // From when it was asked for: the server's clock started before its answer was here.
        let expires_at = asked + answer.life(asked);
        let mut access_token = AccessToken::new(answer.access_token)?;
        access_token.scopes = answer.scope.map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
        let filled = |secret: Option<String>| secret.filter(|secret| !secret.is_empty()).map(SecretString::from);
        Ok(Self {
            access_token,
            expires_at,
            refresh_token: filled(answer.refresh_token),
            id_token: filled(answer.id_token),
            issued_token_type: answer.issued_token_type,
        })
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSet")
            .field("access_token", &self.access_token)
            .field("expires_at", &self.expires_at)
            .field("refresh_token", &self.refresh_token.is_some())
            .field("id_token", &self.id_token.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    #[serde(default)]
    expires_in: ExpiresIn,
    expires_on: Option<serde_json::Value>,
    refresh_token: Option<String>,
    scope: Option<String>,
    id_token: Option<String>,
    issued_token_type: Option<String>,
}

impl Answer {
    /// Of two ends the earlier: a service that keeps tokens counts one of them from when the token was made.
    fn life(&self, asked: Timestamp) -> Duration {
        let until = |end: i64| ExpiresIn::seconds(end.saturating_sub(asked.unix_seconds()) as f64).stated();
        let end = self.expires_on.as_ref().and_then(|end| end.as_i64().or_else(|| end.as_str()?.trim().parse().ok()));
        [self.expires_in.stated(), end.and_then(until)].into_iter().flatten().min().unwrap_or(DEFAULT_LIFE)
    }
}

/// JSON from a server, without a word of it in the error: it may hold tokens anywhere.
pub(crate) fn read<T: serde::de::DeserializeOwned>(what: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let why = if error.is_data() { "a value is missing or of another type" } else { "the syntax is wrong" };
        Error::new(ErrorKind::Decode, format!("{what} cannot be read as JSON: {why} at line {line}, column {column}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn life_of(json: &str) -> Duration {
        let body = format!(r#"{{"access_token":"t","token_type":"bearer"{json}}}"#);
        TokenSet::parse(body.as_bytes(), NOW).unwrap().expires_at.since(NOW)
    }

    #[test]
    fn lives_are_read_however_they_are_written() {
        for (json, seconds) in [
            (r#","expires_in":3600"#, 3600),
            (r#","expires_in":"3600""#, 3600),
            (r#","expires_in":" 60 ""#, 60),
            (r#","expires_in":3599.5"#, 3599),
            // These say nothing, and nothing is never for ever.
            ("", 300),
            (r#","expires_in":null"#, 300),
            (r#","expires_in":0"#, 300),
            (r#","expires_in":-1"#, 300),
            (r#","expires_in":"0""#, 300),
            (r#","expires_in":"soon""#, 300),
            (r#","expires_in":"NaN""#, 300),
            (r#","expires_in":"inf""#, 300),
            (r#","expires_in":[]"#, 300),
            // The time of these tests is 1970.
            (r#","expires_on":"3600""#, 3600),
            (r#","expires_on":3600,"expires_in":null"#, 3600),
            (r#","expires_on":"60","expires_in":3600"#, 60),
            (r#","expires_on":"7200","expires_in":3600"#, 3600),
            (r#","expires_on":"-5","expires_in":3600"#, 3600),
            (r#","expires_on":"01/02/2030 03:04:05 +00:00""#, 300),
            (r#","expires_on":9223372036854775807"#, 10 * 365 * 24 * 3600),
            (r#","expires_on":[1]"#, 300),
        ] {
            assert_eq!(life_of(json).as_secs(), seconds, "{json}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for body in [
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":"hunter2\r\nx: y","token_type":"Bearer"}"#,
            r#"{"access_token":"hunter2 x","token_type":"Bearer"}"#,
            r#"{"access_token":"hunter2","token_type":"DPoP"}"#,
            r#"{"access_token":"hunter2","token_type":"mac"}"#,
            r#"{"access_token":7,"refresh_token":"hunter2"}"#,
            r#"{"refresh_token":"hunter2"}"#,
            r#"["hunter2"]"#,
            r#"{"access_token":"hunter2""#,
            "",
        ] {
            let error = TokenSet::parse(body.as_bytes(), NOW).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Decode | ErrorKind::Unsupported), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn nothing_prints_a_token() {
        let body = br#"{"access_token":"hunter2","refresh_token":"hunter3","id_token":"hunter4","scope":"a b"}"#;
        let tokens = TokenSet::parse(body, NOW).unwrap();
        let text = format!("{tokens:?} {:#?} {:?}", tokens.access_token, tokens.lease());
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(tokens.access_token.scopes().unwrap(), ["a", "b"]);
        let mut headers = HeaderMap::new();
        tokens.access_token.put(&mut headers);
        assert!(headers[AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn a_header_goes_along_that_is_one_and_not_the_tokens_own() {
        let token = AccessToken::new("t").unwrap();
        let mut headers = HeaderMap::new();
        token.clone().along("x-goog-user-project", "shop").unwrap().put(&mut headers);
        assert_eq!(
            (&headers["authorization"], &headers["x-goog-user-project"]),
            (&"Bearer t".parse().unwrap(), &"shop".parse().unwrap())
        );
        for (name, value) in [("Authorization", "x"), ("x-a", "b\r\nc: d"), ("x a", "b")] {
            assert!(token.clone().along(name, value).unwrap_err().is(ErrorKind::InvalidInput), "{name}");
        }
    }
}
