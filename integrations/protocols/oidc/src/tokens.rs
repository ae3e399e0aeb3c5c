//! What a token endpoint answers.

use std::time::Duration;

use circle_core_common::credentials::{DEFAULT_LIFE, ExpiresIn};
use circle_core_common::http::Response;
use circle_core_common::interfaces::identity_provider::{AccessToken, TokenSet};
use circle_core_common::{Error, ErrorKind, Result, Sent, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;

/// Reads the answer of a token endpoint to a request that was sent at `asked`; [`OAuthClient`](crate::OAuthClient) does for its own.
/// Metadata services of clouds answer so, too, and tell with `expires_on` at which second since 1970 the token ends.
///
/// # Errors
/// `Decode` for what is no such answer, `Unsupported` for a token of another type; neither repeats any of it.
pub fn token_set(response: &Response, asked: Timestamp) -> Result<TokenSet> {
    parse(&response.body, asked).map_err(|error| error.with_sent(Sent::Yes))
}

fn parse(body: &[u8], asked: Timestamp) -> Result<TokenSet> {
    let answer: Answer = read("the answer of the token endpoint", body)?;
    // RFC 6749, 7.1: a client must not use a token of a type that it does not know. `N_A` is RFC 8693's word for a token that
    // is none of access.
    let token_type = answer.token_type.as_deref().unwrap_or("Bearer");
    if !token_type.eq_ignore_ascii_case("bearer") && !token_type.eq_ignore_ascii_case("n_a") {
        return Err(Error::new(ErrorKind::Unsupported, "the token endpoint gave a token of another type than `Bearer`"));
    }
    let life = answer.life(asked);
    let mut access_token = AccessToken::new(answer.access_token)?;
    if let Some(scopes) = &answer.scope {
        access_token = access_token.granted(scopes.split_ascii_whitespace());
    }
    let filled = |secret: Option<String>| secret.filter(|secret| !secret.is_empty()).map(SecretString::from);
    // From when it was asked for: the server's clock started before its answer was here.
    let mut tokens = TokenSet::new(access_token, asked + life);
    tokens.refresh_token = filled(answer.refresh_token);
    tokens.id_token = filled(answer.id_token);
    tokens.issued_token_type = answer.issued_token_type;
    Ok(tokens)
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
        parse(body.as_bytes(), NOW).unwrap().expires_at.since(NOW)
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
            let error = parse(body.as_bytes(), NOW).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Decode | ErrorKind::Unsupported), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn nothing_prints_a_token() {
        let body = br#"{"access_token":"hunter2","refresh_token":"hunter3","id_token":"hunter4","scope":"a b"}"#;
        let tokens = parse(body, NOW).unwrap();
        let text = format!("{tokens:?} {:#?} {:?}", tokens.access_token, tokens.lease());
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(tokens.access_token.scopes().unwrap(), ["a", "b"]);
        assert!(tokens.access_token.header().is_sensitive());
    }
}
