//! A delete of many.

use circle_core_common::Result;

use super::{read, some};
use crate::error::S3Error;
use crate::xml::{Xml, XmlError, push_element};

/// One of many to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteEntry {
    /// The key.
    pub key: String,
    /// One version, for good.
    pub version_id: Option<String>,
    /// Only if the object has this ETag, without quotes.
    pub etag: Option<String>,
}

impl DeleteEntry {
    /// The object of this key.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }
}

/// The document that is sent.
pub(crate) fn push_delete(entries: &[DeleteEntry]) -> String {
    let mut out = String::with_capacity(64 + entries.len() * 64);
    out.push_str("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for entry in entries {
        out.push_str("<Object>");
        push_element(&mut out, "Key", &entry.key);
        if let Some(version_id) = &entry.version_id {
            push_element(&mut out, "VersionId", version_id);
        }
        if let Some(etag) = &entry.etag {
            push_element(&mut out, "ETag", &format!("\"{etag}\""));
        }
        out.push_str("</Object>");
    }
    out.push_str("</Delete>");
    out
}

/// What became of each.
#[derive(Debug, Default)]
pub(crate) struct DeleteResult {
    pub(crate) deleted: Vec<DeletedEntry>,
    pub(crate) failed: Vec<(String, Option<String>, S3Error)>,
}

/// One that was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeletedEntry {
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) is_marker: bool,
    pub(crate) marker_version_id: Option<String>,
}

impl DeleteResult {
    pub(crate) fn read(body: &[u8]) -> Result<Self> {
        read(body, &["DeleteResult", "DeleteObjectsOutput"], |xml| {
            let mut result = Self::default();
            while let Some(name) = xml.child()? {
                match &*name {
                    "Deleted" => result.deleted.push(deleted(xml)?),
                    "Error" => result.failed.push(failed(xml)?),
                    _ => xml.skip()?,
                }
            }
            Ok(result)
        })
    }
}

fn deleted(xml: &mut Xml<'_>) -> Result<DeletedEntry, XmlError> {
    let mut entry = DeletedEntry::default();
    while let Some(name) = xml.child()? {
        match &*name {
            "Key" => entry.key = xml.text()?,
            "VersionId" => entry.version_id = some(xml.text()?),
            "DeleteMarker" => entry.is_marker = xml.text()?.trim() == "true",
            "DeleteMarkerVersionId" => entry.marker_version_id = some(xml.text()?),
            _ => xml.skip()?,
        }
    }
    Ok(entry)
}

fn failed(xml: &mut Xml<'_>) -> Result<(String, Option<String>, S3Error), XmlError> {
    let (mut key, mut version_id, mut code, mut message) = (String::new(), None, String::new(), None);
    while let Some(name) = xml.child()? {
        match &*name {
            "Key" => key = xml.text()?,
            "VersionId" => version_id = some(xml.text()?),
            "Code" => code = xml.text()?,
            "Message" => message = some(xml.text()?),
            _ => xml.skip()?,
        }
    }
    Ok((key, version_id, S3Error::of_entry(code, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_is_written() {
        let entries = [
            DeleteEntry::new("a&b\n"),
            DeleteEntry { version_id: Some("v1".to_owned()), etag: Some("e".to_owned()), ..DeleteEntry::new("c") },
        ];
        assert_eq!(
            push_delete(&entries),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a&amp;b&#xA;</Key></Object>\
             <Object><Key>c</Key><VersionId>v1</VersionId><ETag>\"e\"</ETag></Object></Delete>"
        );
    }

    /// The shape of <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>.
    #[test]
    fn an_answer_is_read() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Deleted><Key>sample1.txt</Key></Deleted>
              <Error><Key>sample2.txt</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>
              <Deleted><Key>marked</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>A._w1z6EFiCF5uhtQMDal9JDkID9tQ7F</DeleteMarkerVersionId></Deleted>
            </DeleteResult>"#;
        let result = DeleteResult::read(body.as_bytes()).unwrap();
        assert_eq!(result.deleted[0], DeletedEntry { key: "sample1.txt".to_owned(), ..DeletedEntry::default() });
        assert_eq!(result.deleted[1].marker_version_id.as_deref(), Some("A._w1z6EFiCF5uhtQMDal9JDkID9tQ7F"));
        let (key, _, error) = &result.failed[0];
        assert_eq!((key.as_str(), error.code.as_ref()), ("sample2.txt", "AccessDenied"));
    }
}
