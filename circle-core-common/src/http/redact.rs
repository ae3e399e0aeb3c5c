//! What may be shown of a request and an answer: headers by a list of what is allowed, bodies without their secrets.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::auth::Ready;
use super::encode;
use crate::credentials::Lease;

/// What stands for a value that is not shown.
pub(super) const REDACTED: &str = "REDACTED";

/// Headers whose values hold no secret; sorted. All others are shown by name only.
const SHOWN: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "last-modified",
    "pragma",
    "range",
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-github-request-id",
    "x-ms-client-request-id",
    "x-ms-error-code",
    "x-ms-request-id",
    "x-ms-retry-after-ms",
    "x-ms-version",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
    "x-slack-req-id",
];

/// Whether the value of a header may be shown, in logs, errors and recordings: its name is on a list of harmless ones, and
/// nobody marked it as sensitive.
#[must_use]
pub fn is_shown(name: &HeaderName, value: &HeaderValue) -> bool {
    !value.is_sensitive() && SHOWN.binary_search(&name.as_str()).is_ok()
}

/// Headers for people: values off the list are not shown.
pub(super) struct Headers<'a>(pub(super) &'a HeaderMap);

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = HeaderValue::from_static(REDACTED);
        let shown = |(name, value)| (name, if is_shown(name, value) { value } else { &redacted }.clone());
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

/// The secrets that one attempt sent, so that a server that repeats them in its answer does not get them into an error.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Apart from the others, so that the usual one header costs no list.
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
    /// What stands elsewhere than in a header of its own, as the configuration has it.
    bare: Vec<SecretString>,
    /// What the client signed with. Looked into only when something is redacted, which nearly no answer needs.
    signed: Option<Arc<Lease<Ready>>>,
}

impl Secrets {
    /// The values of the headers that are marked as sensitive.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut sent = headers.values().filter(|value| value.is_sensitive()).cloned();
        Self { first: sent.next(), others: sent.collect(), ..Self::default() }
    }

    /// What the client's own schemes put on a request.
    #[inline]
    pub(super) fn signed(lease: Arc<Lease<Ready>>) -> Self {
        Self { signed: Some(lease), ..Self::default() }
    }

    /// And what a signer left in the extensions of the request.
    #[inline]
    pub(super) fn and(mut self, extensions: &Extensions) -> Self {
        if let Some(left) = extensions.get::<Self>() {
            self.bare.extend(left.bare.iter().cloned());
        }
        self
    }

    /// One secret, which stands in the query or encoded in a header. A signer leaves it in a request's extensions.
    #[must_use]
    pub fn bare(secret: SecretString) -> Self {
        Self { bare: vec![secret], ..Self::default() }
    }

    /// And one more that stands by itself.
    #[must_use]
    pub fn and_bare(mut self, secret: SecretString) -> Self {
        self.bare.push(secret);
        self
    }

    /// The text without them, and without what looks like a secret: values of keys that name one, the query and
    /// user-info of addresses, what follows `Bearer` and `Basic`.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let signed = self.signed.as_deref().map(Lease::value);
        for value in self.first.iter().chain(&self.others).chain(signed.and_then(Ready::header)) {
            let Ok(value) = value.to_str() else { continue };
            // The scheme in front of a credential is no secret, and a server may repeat only what follows it.
            let bare = value.split_once(' ').map_or(value, |(_, credential)| credential.trim());
            for secret in [value, bare] {
                text = without(text, secret);
            }
        }
        let hidden = signed.and_then(|ready| ready.hidden.as_ref());
        for secret in self.bare.iter().chain(hidden) {
            text = without(text, secret.expose_secret());
        }
        mask(&text)
    }
}

/// The text without a secret in any of the spellings in which a server repeats it: as it is, percent-encoded, and as a
/// string of JSON, in which some escape slashes.
fn without(text: String, secret: &str) -> String {
    // What is shorter is everywhere.
    if secret.len() < 4 {
        return text;
    }
    let mut upper = String::new();
    encode::query(&mut upper, secret);
    let lower = upper.split('%').enumerate().map(|(at, part)| match part.split_at_checked(2).filter(|_| at > 0) {
        Some((hex, rest)) => format!("%{}{rest}", hex.to_ascii_lowercase()),
        None => part.to_owned(),
    });
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let spellings = [secret.to_owned(), lower.collect(), upper, json.replace('/', "\\/"), json];
    spellings.iter().fold(text, |text, spelling| if text.contains(spelling) { text.replace(spelling, REDACTED) } else { text })
}

/// Parts of a key's name that say that its value is a secret, lower case without separators.
const SECRET_KEYS: &[&str] = &[
    "accesskey",
    "apikey",
    "assertion",
    "authorization",
    "clientsecret",
    "cookie",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "securitytoken",
    "sessiontoken",
    "signature",
    "stringtosign",
    "canonicalrequest",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "bearer",
    "authtoken",
];

fn names_a_secret(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    matches!(key.as_str(), "token" | "sig" | "pwd") || SECRET_KEYS.iter().any(|part| key.contains(part))
}

/// Masks what looks like a secret in JSON, XML, forms and prose alike.
fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = masked_part(rest, out.as_str(), letter);
        match skipped {
            Some((shown, hidden)) => {
                out.push_str(&rest[..shown]);
                out.push_str(REDACTED);
                rest = &rest[hidden..];
            }
            None => {
                out.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    out
}

/// How far a tag or an address is looked for: an answer may be made of nothing but their beginnings.
const AHEAD: usize = 4096;

/// At the beginning of `rest`: up to where it is shown, and where it goes on after what is hidden.
fn masked_part(rest: &str, before: &str, letter: char) -> Option<(usize, usize)> {
    match letter {
        // `"key": "value"` in JSON; a number or `null` holds no secret.
        '"' => {
            let end = 1 + rest[1..].find('"')?;
            let value = end + 1 + rest[end + 1..].find(|c: char| !c.is_whitespace() && c != ':')?;
            let quoted = rest[end + 1..value].contains(':') && rest[value..].starts_with('"');
            (quoted && names_a_secret(&rest[1..end])).then(|| (value + 1, string_end(rest, value + 1)))
        }
        // `<Key>value</Key>` in XML.
        '<' => {
            let end = ahead(rest).find('>')?;
            rest[1..end].split_whitespace().next().filter(|name| names_a_secret(name))?;
            let value = end + 1;
            let close = value + rest[value..].find('<')?;
            (close > value).then_some((value, close))
        }
        // `https://…?query`: signed addresses carry their credential there; and `https://user:password@host`.
        ':' if rest.starts_with("://") => {
            let address = address(rest);
            let authority = until(&address[3..], |c| matches!(c, '/' | '?' | '#'));
            match authority.rfind('@') {
                Some(at) => Some((3, 3 + at)),
                None => address.find('?').map(|at| (at + 1, address.len())),
            }
        }
        // What follows user-info that has just been hidden.
        '@' if before.ends_with("://REDACTED") => address(rest).find('?').map(|at| (at + 1, address(rest).len())),
        // `key=value` in a form or prose.
        '=' => {
            let key = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).next()?;
            let value = || until(rest, |c| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '<' | ',' | ';' | ')')).len();
            names_a_secret(key).then(value).filter(|&end| end > 1).map(|end| (1, end))
        }
        ' ' => {
            let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
            let scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            let value = || 1 + until(&rest[1..], |c| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | ',')).len();
            // A word of prose after it ("bearer token") is short; a credential is not.
            scheme.then(value).filter(|&end| end > 8).map(|end| (1, end))
        }
        _ => None,
    }
}

/// The address, or what is left of it, that the text begins with.
fn address(text: &str) -> &str {
    until(ahead(text), |c| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '\\'))
}

fn ahead(text: &str) -> &str {
    let end = (0..=text.len().min(AHEAD)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

fn until(text: &str, stops: impl Fn(char) -> bool) -> &str {
    text.find(stops).map_or(text, |end| &text[..end])
}

/// Where the JSON string ends that starts at `from`, its quote not included.
fn string_end(text: &str, from: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenTelemetry's conventions take out of addresses, and what services put there besides.
    #[test]
    fn no_parameter_of_an_address_is_shown() {
        for name in [
            "X-Amz-Signature",
            "X-Amz-Credential",
            "X-Amz-Security-Token",
            "AWSAccessKeyId",
            "Signature",
            "sig",
            "X-Goog-Signature",
            "key",
            "api_key",
            "access_token",
            "token",
            "code",
        ] {
            let text = Secrets::default().redact(&format!("no answer from https://u:hunter2@h.example/p?a=1&{name}=hunter2"));
            assert!(!text.contains("hunter2") && text.contains(REDACTED), "{text}");
            let text = Secrets::default().redact(&format!("no answer from https://h.example/p?a=1&{name}=hunter2 at all"));
            assert_eq!(text, "no answer from https://h.example/p?REDACTED at all");
        }
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(SHOWN.is_sorted());
    }

    #[test]
    fn headers_off_the_list_show_their_name_only() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.insert("x-vault-token", HeaderValue::from_static("hunter2"));
        let mut marked = HeaderValue::from_static("hunter2");
        marked.set_sensitive(true);
        headers.insert("etag", marked);
        let text = format!("{:?}", Headers(&headers));
        assert!(text.contains("text/plain") && text.contains("x-vault-token") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn secrets_that_were_sent_are_not_repeated() {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        let mut value = HeaderValue::from_static("Token hunter22");
        value.set_sensitive(true);
        headers.insert("authorization", value);
        extensions.insert(Secrets::bare("pass w/rd".to_owned().into()));
        let secrets = Secrets::of(&headers).and(&extensions);
        assert_eq!(secrets.redact("you sent Token hunter22, or hunter22"), "you sent REDACTED, or REDACTED");
        assert_eq!(secrets.redact("and pass w/rd (pass%20w%2Frd)"), "and REDACTED (REDACTED)");
    }

    /// Servers repeat what they were sent within JSON and addresses, in other spellings.
    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let secret = r#"aB+c/d=e"f"#;
        let mut value = HeaderValue::from_str(&format!("Token {secret}")).unwrap();
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value);
        let json = [r#"aB+c/d=e\"f"#, r#"aB+c\/d=e\"f"#];
        for secrets in [Secrets::of(&headers), Secrets::bare(secret.to_owned().into())] {
            for spelling in [secret, "aB%2Bc%2Fd%3De%22f", "aB%2bc%2fd%3de%22f"].into_iter().chain(json) {
                assert_eq!(secrets.redact(&format!("no: ({spelling}) is wrong")), "no: (REDACTED) is wrong", "{spelling}");
            }
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        let none = Secrets::default();
        for (text, expected) in [
            (r#"{"access_token": "hun\"ter2", "expires_in": "x"}"#, r#"{"access_token": "REDACTED", "expires_in": "x"}"#),
            (r#"{"code":"NoSuchKey","Key":"a.txt","total_tokens":7}"#, r#"{"code":"NoSuchKey","Key":"a.txt","total_tokens":7}"#),
            ("<AWSAccessKeyId>hunter2</AWSAccessKeyId><Key>a</Key>", "<AWSAccessKeyId>REDACTED</AWSAccessKeyId><Key>a</Key>"),
            ("<SignatureProvided>hunter2</SignatureProvided>", "<SignatureProvided>REDACTED</SignatureProvided>"),
            ("see https://a.example/b?X-Amz-Signature=hunter2&c=d now", "see https://a.example/b?REDACTED now"),
            ("at https://u:hunter2@a.example/b", "at https://REDACTED@a.example/b"),
            ("grant_type=x&client_secret=hunter2&scope=y", "grant_type=x&client_secret=REDACTED&scope=y"),
            ("Authorization: Bearer hunter2hunter2, x", "Authorization: Bearer REDACTED, x"),
            ("the bearer token is missing", "the bearer token is missing"),
            (r#"{"api_key":"hunter2"#, r#"{"api_key":"REDACTED"#),
            ("ü\"", "ü\""),
            ("a < b, c: \"d\" = e", "a < b, c: \"d\" = e"),
        ] {
            assert_eq!(none.redact(text), expected);
        }
    }

    /// A quarter of a mebibyte of each: whoever looks behind every place at all that follows does not come to an end.
    #[test]
    fn hostile_texts_cost_no_more_than_their_length() {
        for part in ["<", "\"", "=", "://", "https://a?", ":// ", "token=", " bearer", "<token>", "\"token\":\"", "a"] {
            let _ = Secrets::default().redact(&part.repeat(256 * 1024 / part.len()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_masked(text in "\\PC*|[\"<>=:/?@ a-z&]{0,40}") {
            let _ = Secrets::default().redact(&text);
        }
    }
}
