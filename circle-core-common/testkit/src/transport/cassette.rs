//! Conversations as files: one JSON object per line, one line per request.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use circle_core_common::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands for a value that is not kept.
pub(super) const LEFT_OUT: &str = "*";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) request: Request,
    pub(super) response: Response,
}

/// Of the body only what tells it from another: what is sent can be large, and private.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, with the values of query parameters left out that are not on the list.
    pub(super) target: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    pub(super) body_length: usize,
    pub(super) body_sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    #[serde(flatten)]
    pub(super) body: Content,
}

/// A body as text where it is text, so that a reviewer can read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Content {
    #[serde(rename = "body")]
    Text(String),
    #[serde(rename = "body_hex")]
    Hex(String),
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex(hex(bytes)),
        }
    }

    /// The bytes; `None` when the hexadecimal digits are none.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Hex(digits) if digits.is_ascii() && digits.len() % 2 == 0 => {
                (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
            }
            Self::Hex(_) => None,
        }
    }
}

impl Request {
    pub(super) fn new(method: &str, target: String, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        let body_sha256 = hex(&Sha256::digest(body));
        Self { method: method.to_owned(), target, headers, body_length: body.len(), body_sha256 }
    }

    /// Whether another request is the same one. Headers say how it was sent, not what.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.method, &self.target, &self.body_sha256) == (&other.method, &other.target, &other.body_sha256)
    }

    /// For messages: no query, and of the body what is kept of it.
    pub(super) fn described(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!(
            "{} {path} ({} bytes, SHA-256 {})",
            self.method,
            self.body_length,
            &self.body_sha256[..12.min(self.body_sha256.len())]
        )
    }
}

/// Path and query as they are kept. What is replayed goes through the same, so that it matches.
pub(super) fn kept_target(target: &str, is_kept: impl Fn(&str) -> bool) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if !value.is_empty() && !is_kept(name) => format!("{name}={LEFT_OUT}"),
        _ => parameter.to_owned(),
    };
    let query: Vec<_> = query.split('&').map(parameter).collect();
    format!("{path}?{}", query.join("&"))
}

/// The names of the query parameters whose values are kept, on the first line: who replays needs them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heading {
    pub(super) cassette: u32,
    pub(super) queries: Vec<String>,
}

const VERSION: u32 = 1;

impl Heading {
    pub(super) fn new(queries: Vec<String>) -> Self {
        Self { cassette: VERSION, queries }
    }
}

pub(super) fn write(path: &Path, heading: &Heading, entries: &[Entry]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidInput, format!("the cassette {} cannot be written: {error}", path.display()))
    };
    let lines = std::iter::once(serde_json::to_string(heading)).chain(entries.iter().map(serde_json::to_string));
    let lines: Vec<String> = lines.collect::<std::result::Result<_, _>>().map_err(|error| failed(&error))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    // Whole or not at all.
    let draft = path.with_extension("draft");
    fs::write(&draft, lines.join("\n") + "\n").map_err(|error| failed(&error))?;
    fs::rename(&draft, path).map_err(|error| failed(&error))
}

pub(super) fn read(path: &Path) -> Result<(Heading, Vec<Entry>)> {
    let failed = |what: String| Error::new(ErrorKind::InvalidInput, format!("the cassette {} {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let mut lines = text.lines().enumerate();
    let first = lines.next().map_or("", |(_, line)| line);
    let heading: Heading = serde_json::from_str(first).map_err(|error| failed(format!("has no heading: {error}")))?;
    if heading.cassette != VERSION {
        return Err(failed(format!("is of version {}, not {VERSION}", heading.cassette)));
    }
    let entry = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| failed(format!("is malformed in line {}: {error}", number + 1)))
    };
    Ok((heading, lines.filter(|(_, line)| !line.is_empty()).map(entry).collect::<Result<_>>()?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every text of an entry, with the place where it stands.
pub(super) fn texts(entry: &Entry) -> BTreeMap<String, &str> {
    let Entry { request, response } = entry;
    let (Content::Text(body) | Content::Hex(body)) = &response.body;
    let mut texts = BTreeMap::from([
        ("the request's address".to_owned(), request.target.as_str()),
        ("the response's body".to_owned(), body.as_str()),
    ]);
    for (message, headers) in [("request", &request.headers), ("response", &response.headers)] {
        let place = |name: &str| format!("the {message}'s header `{name}`");
        texts.extend(headers.iter().map(|(name, value)| (place(name), value.as_str())));
    }
    texts
}
