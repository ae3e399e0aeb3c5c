//! The address of one request.

use std::fmt::{self, Display, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;

use super::encode::{self, QueryValue};
use super::origin::{BaseUrl, Origin};
use crate::error::{Error, ErrorKind, Reason, Result};

/// An origin, and the path and query that are sent to it byte for byte: `a//b`, `../x` and `%2F` arrive as they are.
///
/// ```
/// # use std::sync::Arc;
/// use circle_core_common::http::{Origin, Target};
/// let origin = Arc::new(Origin::parse("https://api.example.org")?);
/// let target = Target::new(&origin, "/v1/repos").segment("acme/tools")?.query("per_page", 50);
/// assert_eq!(target.path_and_query, "/v1/repos/acme%2Ftools?per_page=50");
/// # Ok::<(), circle_core_common::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub origin: Arc<Origin>,
    /// Path and query, percent-encoded already.
    pub path_and_query: String,
}

impl Target {
    /// A target; `path_and_query` is percent-encoded already and starts with a slash.
    #[must_use]
    pub fn new(origin: &Arc<Origin>, path_and_query: impl AsRef<str>) -> Self {
        let start = path_and_query.as_ref();
        // Most paths get a segment and a parameter or two: room for them is made at once.
        let mut path_and_query = String::with_capacity(start.len() + 64);
        path_and_query.push_str(start);
        Self { origin: Arc::clone(origin), path_and_query }
    }

    /// Appends one segment, encoded: a slash in it becomes `%2F`.
    ///
    /// # Errors
    /// `InvalidInput`, reason [`Reason::NameInvalid`], for an empty segment, `.` and `..`, which would name another thing.
    pub fn segment(mut self, segment: &str) -> Result<Self> {
        if matches!(segment, "" | "." | "..") {
            let text = format!("`{segment}` cannot be a part of a path");
            return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
        }
        if !self.path_and_query.ends_with('/') {
            self.path_and_query.push('/');
        }
        encode::segment(&mut self.path_and_query, segment);
        Ok(self)
    }

    /// Appends a path, encoded with its slashes kept, after one slash: an object's key, say, whatever it looks like.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        if !self.path_and_query.ends_with('/') {
            self.path_and_query.push('/');
        }
        encode::path(&mut self.path_and_query, path);
        self
    }

    /// Adds a parameter to the query, encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        self.separator();
        encode::query(&mut self.path_and_query, name);
        self.path_and_query.push('=');
        // Writing into a string cannot fail; a `Display` that does has written what it could.
        let _ = write!(QueryValue(&mut self.path_and_query), "{value}");
        self
    }

    /// Adds a parameter where there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a parameter without a value: `?uploads`.
    #[must_use]
    pub fn query_flag(mut self, name: &str) -> Self {
        self.separator();
        encode::query(&mut self.path_and_query, name);
        self
    }

    fn separator(&mut self) {
        self.path_and_query.push(if self.path_and_query.contains('?') { '&' } else { '?' });
    }

    /// The part before the query.
    #[must_use]
    pub fn path_only(&self) -> &str {
        self.path_and_query.split_once('?').map_or(&self.path_and_query, |(path, _)| path)
    }

    /// The part after the question mark.
    #[must_use]
    pub fn query_only(&self) -> Option<&str> {
        self.path_and_query.split_once('?').map(|(_, query)| query)
    }

    /// The whole address. It holds the query: never log it.
    ///
    /// # Errors
    /// `InvalidInput` when the path does not start with a slash or holds what addresses cannot.
    pub fn into_uri(self) -> Result<Uri> {
        let invalid = || Error::new(ErrorKind::InvalidInput, "the path or the query of the request is not percent-encoded");
        // `Uri` would cut a fragment off silently, and takes quotes and braces that servers do not.
        let legal = |byte: u8| {
            byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        };
        if !self.path_and_query.starts_with('/') || !self.path_and_query.bytes().all(legal) {
            return Err(invalid());
        }
        let path = PathAndQuery::from_maybe_shared(Bytes::from(self.path_and_query)).map_err(|_| invalid())?;
        let parts =
            Uri::builder().scheme(self.origin.scheme().clone()).authority(self.origin.authority().clone()).path_and_query(path);
        parts.build().map_err(|_| invalid())
    }
}

impl BaseUrl {
    /// The target of `path_and_query` below the base's own path.
    #[must_use]
    pub fn target(&self, path_and_query: &str) -> Target {
        Target::new(&self.origin, [&self.path, path_and_query].concat())
    }
}

/// Path and query are left out: both may hold a credential.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}/…)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target::new(&Arc::new(Origin::parse("https://example.org:8443").unwrap()), path)
    }

    #[test]
    fn paths_are_kept_byte_for_byte() {
        for path in
            ["/b/a//b", "/b/../x", "/b/%2E%2E/x", "/b/./x", "/b/a%2Fb?x='1'&y=%20", "/?list-type=2", "/", "/b/%", "/b/*!()"]
        {
            let uri = target(path).into_uri().unwrap();
            assert_eq!(uri.to_string(), format!("https://example.org:8443{path}"));
        }
    }

    #[test]
    fn what_is_not_encoded_is_refused() {
        for path in ["", "b", "/a b", "/a#b", "/ä", "/a\r\nx", "/a\"", "/{a}", "/a\\b"] {
            assert!(target(path).into_uri().unwrap_err().is(ErrorKind::InvalidInput), "{path}");
        }
    }

    #[test]
    fn targets_are_built_encoded() {
        let built = target("/v1/")
            .segment("a/b")
            .unwrap()
            .path("../x y//z")
            .query("q", "a&b")
            .query_opt("n", Some(7))
            .query_opt("m", None::<u8>);
        assert_eq!(built.path_and_query, "/v1/a%2Fb/../x%20y//z?q=a%26b&n=7");
        assert_eq!(target("/b").query_flag("uploads").query("a", "").path_and_query, "/b?uploads&a=");
        for segment in ["", ".", ".."] {
            assert_eq!(target("/v1").segment(segment).unwrap_err().reason(), Some(Reason::NameInvalid));
        }
        let base = BaseUrl::parse("https://example.org/v1").unwrap();
        assert_eq!(base.target("/models").path_and_query, "/v1/models");
    }

    #[test]
    fn debug_leaves_path_and_query_out() {
        let text = format!("{:?}", target("/bot-hunter2/send").query("key", "hunter2"));
        assert_eq!(text, "Target(https://example.org:8443/…)");
    }
}
