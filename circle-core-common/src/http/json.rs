//! JSON in requests and answers.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::redact::Secrets;
use crate::error::{Detail, Error, ErrorKind, Result, decode_json_error};

/// How much of the answer around the place of a mistake an error shows, in bytes.
const SNIPPET_MAX: usize = 200;

/// How far before the place its secrets are looked for: no token is longer.
const REDACT_FROM: usize = 64 * 1024;

/// `value` as JSON.
///
/// # Errors
/// `InvalidInput` when it cannot be written: a map whose keys are no text.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(Error::new(ErrorKind::InvalidInput, "the request cannot be written as JSON").with_source(error)),
    }
}

/// A value from JSON; an error names the path of the value that does not fit, and its detail holds what stands around it.
pub(super) fn decode<T: DeserializeOwned>(what: &str, body: &[u8], detail: impl FnOnce() -> Detail) -> Result<T> {
    // Text is checked once and as a whole; from bytes, every string in it would be checked for itself.
    let decoded = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    let failed = match decoded {
        Ok(value) => return Ok(value),
        Err(failed) => failed,
    };
    let mut error = decode_json_error(what, &failed);
    // Following the path costs on every value, so it is followed only once something is wrong.
    let mut reader = serde_json::Deserializer::from_slice(body);
    if let Err(failed) = serde_path_to_error::deserialize::<_, T>(&mut reader) {
        let path = failed.path().to_string();
        if path != "." {
            error = decode_json_error(format_args!("{what}, at `{}`,", shown_path(&path)), failed.inner());
        }
    }
    Err(with_snippet(error, body, &failed, detail()))
}

/// The error of a value that could not be read: where it stands, and what stands around it.
pub(super) fn undecodable(what: &str, body: &[u8], failed: &serde_json::Error, detail: Detail) -> Error {
    with_snippet(decode_json_error(what, failed), body, failed, detail)
}

fn with_snippet(error: Error, body: &[u8], failed: &serde_json::Error, detail: Detail) -> Error {
    error.with_detail(detail.with_body(snippet(body, failed.line(), failed.column())))
}

/// A path is made of keys, which a hostile answer may make as long as it likes.
fn shown_path(path: &str) -> String {
    path.chars().filter(|letter| !letter.is_control()).take(SNIPPET_MAX).collect()
}

/// What stands around a place, without what looks like a secret.
fn snippet(body: &[u8], line: usize, column: usize) -> String {
    let before: usize = body.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let place = (before + column).min(body.len());
    // Redacted first and cut then: half a token would hide that it is one.
    let from = place.saturating_sub(REDACT_FROM);
    let to = (place + SNIPPET_MAX).min(body.len());
    let head = Secrets::default().redact(&String::from_utf8_lossy(&body[from..to]));
    let tail = SNIPPET_MAX.min(head.len());
    let keep_behind = (to - place).min(SNIPPET_MAX / 4);
    let end = head.len().saturating_sub((to - place) - keep_behind).max(tail.min(head.len()));
    let end = (end..=head.len()).find(|&at| head.is_char_boundary(at)).unwrap_or(head.len());
    let start = end.saturating_sub(SNIPPET_MAX);
    let start = (start..=end).find(|&at| head.is_char_boundary(at)).unwrap_or(end);
    head[start..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Answer {
        #[serde(rename = "choices")]
        _choices: Vec<Choice>,
    }

    #[derive(Debug, Deserialize)]
    struct Choice {
        #[serde(rename = "index")]
        _index: u32,
    }

    fn fail(json: &str) -> Error {
        decode::<Answer>("the answer", json.as_bytes(), Detail::new).unwrap_err()
    }

    /// What recursion follows must end before the stack does.
    #[test]
    fn what_is_nested_without_end_is_refused() {
        #[derive(Debug, Deserialize)]
        struct Nested {
            #[serde(rename = "in")]
            _in: Option<Box<Nested>>,
        }

        for depth in [200, 1_000_000] {
            for (open, close) in [("[", "]"), ("{\"in\":", "}"), ("[{\"a\":", "}]")] {
                let text = [open.repeat(depth), "0".to_owned(), close.repeat(depth)].concat();
                for text in [text.as_str(), &open.repeat(depth)] {
                    let tree = decode::<serde_json::Value>("the answer", text.as_bytes(), Detail::new).unwrap_err();
                    assert!(tree.is(ErrorKind::Decode), "{open} {depth}");
                    // What no field asks for is passed over without recursion, and may be as deep as it likes.
                    if !open.contains("\"a\"") {
                        let own = decode::<Nested>("the answer", text.as_bytes(), Detail::new).unwrap_err();
                        assert!(own.is(ErrorKind::Decode), "{open} {depth}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_path_is_told_and_the_value_is_not() {
        let error = fail(r#"{"choices":[{"index":1},{"index":"hunter2"}]}"#);
        assert!(error.is(ErrorKind::Decode), "{error}");
        assert!(error.message().starts_with("the answer, at `choices[1].index`,"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
        assert!(error.detail().unwrap().body.as_deref().unwrap().contains(r#"{"index":1},"#));
    }

    /// A token can be longer than what is looked at around a mistake; without its key it looks like anything else.
    #[test]
    fn a_long_secret_before_the_mistake_is_not_shown() {
        let error = fail(&format!(r#"{{"access_token":"{}hunter2","choices":[{{"index":"x"}}]}}"#, "a".repeat(20_000)));
        let body = error.detail().unwrap().body.as_deref().unwrap();
        assert!(body.contains(r#""index":"x""#) && !body.contains("hunter2"), "{body}");
    }

    #[test]
    fn the_snippet_is_short_and_has_no_secret() {
        let long = format!(
            r#"{{"pad":"{}","access_token":"hunter2","choices":[{{"index":"x"}}],"end":"{}"}}"#,
            "ä".repeat(500),
            "b".repeat(500)
        );
        let error = fail(&long);
        let body = error.detail().unwrap().body.as_deref().unwrap();
        assert!(body.len() <= SNIPPET_MAX && body.contains(r#""index":"x""#) && !body.contains("hunter2"), "{body}");
        for json in ["", "<html>", "{", "\n\n{\"choices\":7", "\"ü"] {
            assert!(fail(json).detail().unwrap().body.as_deref().unwrap().len() <= SNIPPET_MAX);
        }
    }
}
