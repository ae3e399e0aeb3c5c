//! `multipart/form-data` (RFC 7578).

use std::fmt::Write;

use http::HeaderValue;

use super::headers;
use crate::body::Body;
use crate::error::Result;
use crate::random::Random;

/// A form with files. It can be sent again if all its parts can, and its length is known if all of theirs are.
///
/// ```
/// # use circle_core_common::http::Multipart;
/// # use circle_core_common::{Body, CallContext, Result};
/// # fn example(cx: &CallContext) -> Result<Multipart> {
/// Ok(Multipart::new(cx.random())?.text("purpose", "batch").file("file", "a.jsonl", "application/jsonl", Body::from_path("a.jsonl"))?)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Multipart {
    boundary: String,
    parts: Vec<Body>,
}

impl Multipart {
    /// A form without parts. Its boundary is random, so that no content can hold it.
    ///
    /// # Errors
    /// `Internal` when the operating system has no randomness to give.
    pub fn new(random: &Random) -> Result<Self> {
        Ok(Self { boundary: format!("circle-{:032x}", random.bits()?), parts: Vec::new() })
    }

    /// Adds a field.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let head = self.head(name, None, None);
        self.parts.push(format!("{head}{value}\r\n").into());
        self
    }

    /// Adds a file.
    ///
    /// # Errors
    /// `InvalidInput` when the content type is none that a header can carry.
    pub fn file(mut self, name: &str, file_name: &str, content_type: &str, content: impl Into<Body>) -> Result<Self> {
        headers::value(&http::header::CONTENT_TYPE, content_type)?;
        let head = self.head(name, Some(file_name), Some(content_type));
        self.parts.extend([Body::from(head), content.into(), Body::from("\r\n")]);
        Ok(self)
    }

    fn head(&self, name: &str, file_name: Option<&str>, content_type: Option<&str>) -> String {
        let mut head = format!("--{}\r\nContent-Disposition: form-data; name=\"{}\"", self.boundary, quoted(name));
        if let Some(file_name) = file_name {
            // Writing into a string cannot fail.
            let _ = write!(head, "; filename=\"{}\"", quoted(file_name));
        }
        if let Some(content_type) = content_type {
            let _ = write!(head, "\r\nContent-Type: {content_type}");
        }
        head.push_str("\r\n\r\n");
        head
    }

    pub(super) fn finish(mut self) -> (HeaderValue, Body) {
        self.parts.push(format!("--{}--\r\n", self.boundary).into());
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        let content_type =
            HeaderValue::try_from(content_type).unwrap_or_else(|_| HeaderValue::from_static("multipart/form-data"));
        (content_type, Body::concat(self.parts))
    }
}

/// As browsers quote names: what would end the quotes or the line is percent-encoded. So is every other control, of which some
/// readers take more for the end of a line.
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '"' || letter.is_ascii_control() {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{:02X}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::ByteStream;
    use crate::random::RandomSource;

    struct Zeros;
    impl RandomSource for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[tokio::test]
    async fn the_form_is_what_the_standard_shows() {
        let form = Multipart::new(&Random::from_source(Zeros)).unwrap().text("a\"b\r\n", "1");
        let form = form.file("f", "x.txt", "text/plain", "content").unwrap();
        let (content_type, body) = form.finish();
        let boundary = format!("circle-{:032}", 0);
        assert_eq!(content_type, format!("multipart/form-data; boundary={boundary}"));
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a%22b%0D%0A\"\r\n\r\n1\r\n--{boundary}\r\nContent-Disposition: \
             form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--{boundary}--\r\n"
        );
        assert_eq!(body.length().await.unwrap(), Some(expected.len() as u64));
        for _ in 0..2 {
            assert_eq!(body.open().await.unwrap().collect(None).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_stream_in_it_can_be_sent_once() {
        let form = Multipart::new(&Random::System).unwrap();
        let stream = Body::from_stream(ByteStream::from(bytes::Bytes::from_static(b"x")), None);
        let (_, body) = form.file("f", "x", "text/plain", stream).unwrap().finish();
        assert!(!body.is_replayable() && body.length().await.unwrap().is_none());
        assert!(body.open().await.unwrap().collect(None).await.is_ok());
        assert!(body.open().await.unwrap().collect(None).await.is_err());
        let bad = Multipart::new(&Random::System).unwrap().file("f", "x", "text/plain\r\nX: y", "");
        assert!(bad.is_err());
    }
}
