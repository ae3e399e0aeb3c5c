//! Uploads in parts, and what copies answer.

use circle_core_common::{Result, Timestamp};

use super::{read, some, timestamp, unquoted};
use crate::trailing::TrailingChecksum;
use crate::xml::{XmlError, push_element};

/// Parts of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListParts {
    /// The parts, by number.
    pub parts: Vec<ListedPart>,
    /// Whether there is more.
    pub truncated: bool,
    /// Where to go on.
    pub next_part_number_marker: Option<u32>,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedPart {
    /// The number, from 1.
    pub number: u32,
    /// The ETag, without quotes.
    pub etag: String,
    /// How many bytes it has.
    pub size: u64,
}

/// Uploads that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListUploads {
    /// The uploads.
    pub uploads: Vec<ListedUpload>,
    /// Whether there is more.
    pub truncated: bool,
    /// Where to go on: the key.
    pub next_key_marker: Option<String>,
    /// Where to go on: the upload.
    pub next_upload_id_marker: Option<String>,
}

/// An upload that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedUpload {
    /// The key that the object will have.
    pub key: String,
    /// The id.
    pub upload_id: String,
    /// When it was started.
    pub initiated: Timestamp,
}

/// The id in the answer to the start of an upload.
pub(crate) fn initiated(body: &[u8]) -> Result<String> {
    read(body, &["InitiateMultipartUploadResult"], |xml| {
        let mut id = None;
        while let Some(name) = xml.child()? {
            match &*name {
                "UploadId" => id = some(xml.text()?),
                _ => xml.skip()?,
            }
        }
        id.ok_or(XmlError::Field("UploadId"))
    })
}

/// What is made by the end of an upload, by a copy, and by a copy into a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<Timestamp>,
}

impl Copied {
    pub(crate) fn read(body: &[u8]) -> Result<Self> {
        read(body, &["CopyObjectResult", "CopyPartResult", "CompleteMultipartUploadResult"], |xml| {
            let mut made = Self::default();
            while let Some(name) = xml.child()? {
                match &*name {
                    "ETag" => made.etag = some(unquoted(&xml.text()?).to_owned()),
                    "LastModified" => made.modified = xml.text()?.trim().parse().ok(),
                    _ => xml.skip()?,
                }
            }
            Ok(made)
        })
    }
}

/// A part at the end of its upload: its ETag without quotes, and its checksum.
type Part<'a> = (&'a str, Option<(TrailingChecksum, &'a str)>);

/// The document that ends an upload: numbers from 1.
pub(crate) fn push_complete<'a>(parts: impl IntoIterator<Item = (u64, Part<'a>)>) -> String {
    let mut out = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (number, (etag, checksum)) in parts {
        out.push_str("<Part>");
        push_element(&mut out, "PartNumber", &number.to_string());
        push_element(&mut out, "ETag", &format!("\"{etag}\""));
        if let Some((of, value)) = checksum {
            push_element(&mut out, &format!("Checksum{}", of.name()), value);
        }
        out.push_str("</Part>");
    }
    out.push_str("</CompleteMultipartUpload>");
    out
}

impl ListParts {
    /// Reads an answer.
    ///
    /// # Errors
    /// `Decode` for what is none.
    pub fn read(body: &[u8]) -> Result<Self> {
        read(body, &["ListPartsResult", "ListPartsResponse"], |xml| {
            let mut list = Self::default();
            while let Some(name) = xml.child()? {
                match &*name {
                    "Part" => {
                        let mut part = ListedPart { number: 0, etag: String::new(), size: 0 };
                        while let Some(name) = xml.child()? {
                            match &*name {
                                "PartNumber" => part.number = xml.parse("PartNumber")?,
                                "ETag" => part.etag = unquoted(&xml.text()?).to_owned(),
                                "Size" => part.size = xml.parse("Size")?,
                                _ => xml.skip()?,
                            }
                        }
                        list.parts.push(part);
                    }
                    "IsTruncated" => list.truncated = xml.text()?.trim() == "true",
                    "NextPartNumberMarker" => list.next_part_number_marker = xml.text()?.trim().parse().ok(),
                    _ => xml.skip()?,
                }
            }
            Ok(list)
        })
    }
}

impl ListUploads {
    /// Reads an answer.
    ///
    /// # Errors
    /// `Decode` for what is none.
    pub fn read(body: &[u8]) -> Result<Self> {
        read(body, &["ListMultipartUploadsResult"], |xml| {
            let (mut list, mut encoded) = (Self::default(), false);
            while let Some(name) = xml.child()? {
                match &*name {
                    "Upload" => {
                        let (key, upload_id) = (String::new(), String::new());
                        let mut upload = ListedUpload { key, upload_id, initiated: Timestamp::UNIX_EPOCH };
                        while let Some(name) = xml.child()? {
                            match &*name {
                                "Key" => upload.key = xml.text()?,
                                "UploadId" => upload.upload_id = xml.text()?,
                                "Initiated" => upload.initiated = timestamp(xml)?,
                                _ => xml.skip()?,
                            }
                        }
                        list.uploads.push(upload);
                    }
                    "IsTruncated" => list.truncated = xml.text()?.trim() == "true",
                    "NextKeyMarker" => list.next_key_marker = some(xml.text()?),
                    "NextUploadIdMarker" => list.next_upload_id_marker = some(xml.text()?),
                    "EncodingType" => encoded = xml.text()?.trim() == "url",
                    _ => xml.skip()?,
                }
            }
            if encoded {
                let keys = list.uploads.iter_mut().map(|upload| &mut upload.key);
                for key in keys.chain(&mut list.next_key_marker) {
                    *key = super::decoded(key).ok_or(XmlError::Field("Key"))?;
                }
            }
            Ok(list)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes of the pages of CreateMultipartUpload, CompleteMultipartUpload, CopyObject, UploadPartCopy and ListParts at
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/>.
    #[test]
    fn answers_are_read() {
        let started = r#"<?xml version="1.0" encoding="UTF-8"?>
            <InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>example-bucket</Bucket>
            <Key>example-object</Key><UploadId>VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA</UploadId>
            </InitiateMultipartUploadResult>"#;
        assert_eq!(initiated(started.as_bytes()).unwrap(), "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA");
        assert!(initiated(b"<InitiateMultipartUploadResult/>").is_err());
        for (body, modified) in [
            (
                "<CompleteMultipartUploadResult><Location>http://x/</Location><ETag>\"3858f62230ac3c915f300c664312c11f-9\"</ETag>\
                 </CompleteMultipartUploadResult>",
                None,
            ),
            (
                "<CopyObjectResult><LastModified>2009-10-12T17:50:30.000Z</LastModified>\
                 <ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag></CopyObjectResult>",
                Some("2009-10-12T17:50:30Z"),
            ),
            (
                "<CopyPartResult><LastModified>2011-04-11T20:34:56.000Z</LastModified>\
                 <ETag>3858f62230ac3c915f300c664312c11f-9</ETag></CopyPartResult>",
                Some("2011-04-11T20:34:56Z"),
            ),
        ] {
            let made = Copied::read(body.as_bytes()).unwrap();
            assert_eq!(made.etag.as_deref(), Some("3858f62230ac3c915f300c664312c11f-9"));
            assert_eq!(made.modified, modified.map(|time| time.parse().unwrap()));
        }
        let parts = "<ListPartsResult><Part><PartNumber>2</PartNumber><LastModified>2010-11-10T20:48:34.000Z</LastModified>\
                     <ETag>\"7778aef83f66abc1fa1e8477f296d394\"</ETag><Size>10485760</Size></Part><IsTruncated>true</IsTruncated>\
                     <NextPartNumberMarker>3</NextPartNumberMarker></ListPartsResult>";
        let parts = ListParts::read(parts.as_bytes()).unwrap();
        assert_eq!((parts.parts[0].number, parts.parts[0].size, parts.next_part_number_marker), (2, 10_485_760, Some(3)));
        let uploads = "<ListMultipartUploadsResult><EncodingType>url</EncodingType><Upload><Key>my-%0Adivisor</Key>\
                       <UploadId>XMgbGlrZSBlbHZp</UploadId><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>\
                       <IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        let uploads = ListUploads::read(uploads.as_bytes()).unwrap();
        assert_eq!((uploads.uploads[0].key.as_str(), uploads.truncated), ("my-\ndivisor", false));
    }

    #[test]
    fn the_end_of_an_upload_is_written() {
        assert_eq!(
            push_complete([
                (1, ("a54357aff0632cce46d942af68356b38", None)),
                (7, ("x", Some((TrailingChecksum::Crc64Nvme, "M3eFcAZSQlc="))))
            ]),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</PartNumber>\
             <ETag>\"a54357aff0632cce46d942af68356b38\"</ETag></Part><Part><PartNumber>7</PartNumber><ETag>\"x\"</ETag>\
             <ChecksumCRC64NVME>M3eFcAZSQlc=</ChecksumCRC64NVME></Part></CompleteMultipartUpload>"
        );
    }
}
