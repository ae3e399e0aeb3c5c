//! What goes over the wire: tolerant readers of answers, and the few documents that are sent.

mod bucket;
mod delete;
mod list;
mod multipart;

pub use bucket::{LifecycleRule, ListedBucket, Versioning};
pub(crate) use bucket::{buckets, lifecycle, location, push_location, push_tags, push_versioning, tags, versioning};
pub use delete::DeleteEntry;
pub(crate) use delete::{DeleteResult, push_delete};
pub use list::{ListObjects, ListVersions, ListedObject, ListedVersion};
pub(crate) use multipart::{Copied, initiated, push_complete};
pub use multipart::{ListParts, ListUploads, ListedPart, ListedUpload};

use circle_core_common::{Error, ErrorKind, Result, Sent, Timestamp};

use crate::xml::{Xml, XmlError};

/// Reads an answer; `root` is what it must be.
fn read<T>(body: &[u8], roots: &[&str], read: impl FnOnce(&mut Xml<'_>) -> Result<T, XmlError>) -> Result<T> {
    let unreadable = |error: XmlError| {
        let what = roots.first().copied().unwrap_or_default();
        // Whatever was asked for may have been done.
        let text = format!("the service's `{what}` cannot be read: {error}");
        Error::new(ErrorKind::Decode, text).with_sent(Sent::Maybe).with_source(error)
    };
    let (mut xml, root) = Xml::open(body).map_err(unreadable)?;
    if !roots.contains(&&*root) {
        // Names of documents are words. What is none may be anything, a part of a content among it.
        let is_word = root.len() <= 40 && root.bytes().all(|byte| byte.is_ascii_alphabetic());
        let answered = if is_word { format!("`{}`", &*root) } else { "something else".to_owned() };
        let text = format!("the service answered {answered} where `{}` was expected", roots.join("` or `"));
        return Err(Error::new(ErrorKind::Decode, text).with_sent(Sent::Maybe));
    }
    read(&mut xml).map_err(unreadable)
}

/// A time that no service is known to leave out; the epoch tells that one did.
fn timestamp(xml: &mut Xml<'_>) -> Result<Timestamp, XmlError> {
    Ok(xml.text()?.trim().parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

/// An ETag without its quotes: lists of some services have none.
pub(crate) fn unquoted(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// Reads what a list wrote with `encoding-type=url`: `+` is a space. `None` when it is not UTF-8 afterwards.
fn decoded(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        out.push(match (byte, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => {
                rest = tail;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?
            }
            (b'%', _) => return None,
            (byte, _) => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use circle_core_common::http::encode;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_of_lists_are_decoded() {
        assert_eq!(decoded("a+b%2Bc%0A").as_deref(), Some("a b+c\n"));
        for text in ["%zz", "%2", "%ff"] {
            assert_eq!(decoded(text), None);
        }
        assert_eq!([unquoted("\"a\""), unquoted("W/\"a\""), unquoted("a")], ["a"; 3]);
    }

    proptest! {
        #[test]
        fn any_answer_can_be_tried(body: Vec<u8>, text in "<(ListBucketResult|Error|DeleteResult)>(</?[A-Za-z]{1,8}/?>|&#?[a-z0-9]{1,4};|[a-z%+]){0,40}") {
            for body in [body.as_slice(), text.as_bytes()] {
                let _ = (ListObjects::read(body), ListVersions::read(body), DeleteResult::read(body), Copied::read(body));
                let _ = crate::error::S3Error::read(http::StatusCode::NOT_FOUND, &http::HeaderMap::new(), body);
            }
        }

        #[test]
        fn what_is_encoded_is_decoded(text: String) {
            let mut encoded = String::new();
            encode::query(&mut encoded, &text);
            prop_assert_eq!(decoded(&encoded), Some(text));
        }
    }
}
