//! Lists of objects and of versions.

use circle_core_common::{Result, Timestamp};

use super::{read, some, timestamp, unquoted};
use crate::xml::{Xml, XmlError};

/// A page of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListObjects {
    /// The objects.
    pub objects: Vec<ListedObject>,
    /// What keys were folded into.
    pub prefixes: Vec<String>,
    /// Whether there is more.
    pub truncated: bool,
    /// Where to go on: the token of a list of the second version.
    pub next_token: Option<String>,
    /// Where to go on: the marker of a list of the first version, where it gives one.
    pub next_marker: Option<String>,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// How many bytes it has.
    pub size: u64,
    /// The ETag, without quotes.
    pub etag: Option<String>,
    /// When it was written.
    pub modified: Timestamp,
    /// The storage class.
    pub storage_class: Option<String>,
}

/// A page of versions, those of a key from the newest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListVersions {
    /// The versions and delete markers.
    pub versions: Vec<ListedVersion>,
    /// What keys were folded into.
    pub prefixes: Vec<String>,
    /// Whether there is more.
    pub truncated: bool,
    /// Where to go on: the key.
    pub next_key_marker: Option<String>,
    /// Where to go on: the version.
    pub next_version_id_marker: Option<String>,
}

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedVersion {
    /// The object; of a delete marker, only key and time mean something.
    pub object: ListedObject,
    /// The id of the version; `null` of one from before the bucket kept versions.
    pub version_id: String,
    /// Whether it is the current version.
    pub is_latest: bool,
    /// Whether it says that the object was deleted.
    pub is_marker: bool,
}

impl ListedObject {
    fn new() -> Self {
        Self { key: String::new(), size: 0, etag: None, modified: Timestamp::UNIX_EPOCH, storage_class: None }
    }

    /// Reads a field that it has, and says whether it was one.
    fn field(&mut self, name: &str, xml: &mut Xml<'_>) -> Result<bool, XmlError> {
        match name {
            "Key" => self.key = xml.text()?,
            "Size" => self.size = xml.parse("Size")?,
            "ETag" => self.etag = some(unquoted(&xml.text()?).to_owned()),
            "LastModified" => self.modified = timestamp(xml)?,
            "StorageClass" => self.storage_class = some(xml.text()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ListObjects {
    /// Reads an answer of either version.
    ///
    /// # Errors
    /// `Decode` for what is none.
    pub fn read(body: &[u8]) -> Result<Self> {
        read(body, &["ListBucketResult"], |xml| {
            let (mut list, mut encoded) = (Self::default(), false);
            while let Some(name) = xml.child()? {
                match &*name {
                    "Contents" => {
                        let mut object = ListedObject::new();
                        while let Some(name) = xml.child()? {
                            if !object.field(&name, xml)? {
                                xml.skip()?;
                            }
                        }
                        list.objects.push(object);
                    }
                    "CommonPrefixes" => prefixes(xml, &mut list.prefixes)?,
                    "IsTruncated" => list.truncated = xml.text()?.trim() == "true",
                    "NextContinuationToken" => list.next_token = some(xml.text()?),
                    "NextMarker" => list.next_marker = some(xml.text()?),
                    "EncodingType" => encoded = xml.text()?.trim() == "url",
                    _ => xml.skip()?,
                }
            }
            if encoded {
                for object in &mut list.objects {
                    decode(&mut object.key)?;
                }
                list.prefixes.iter_mut().chain(&mut list.next_marker).try_for_each(decode)?;
            }
            Ok(list)
        })
    }
}

impl ListVersions {
    /// Reads an answer.
    ///
    /// # Errors
    /// `Decode` for what is none.
    pub fn read(body: &[u8]) -> Result<Self> {
        read(body, &["ListVersionsResult", "ListBucketResult"], |xml| {
            let (mut list, mut encoded) = (Self::default(), false);
            while let Some(name) = xml.child()? {
                match &*name {
                    "Version" => list.versions.push(version(xml, false)?),
                    "DeleteMarker" => list.versions.push(version(xml, true)?),
                    "CommonPrefixes" => prefixes(xml, &mut list.prefixes)?,
                    "IsTruncated" => list.truncated = xml.text()?.trim() == "true",
                    "NextKeyMarker" => list.next_key_marker = some(xml.text()?),
                    "NextVersionIdMarker" => list.next_version_id_marker = some(xml.text()?),
                    "EncodingType" => encoded = xml.text()?.trim() == "url",
                    _ => xml.skip()?,
                }
            }
            if encoded {
                for version in &mut list.versions {
                    decode(&mut version.object.key)?;
                }
                list.prefixes.iter_mut().chain(&mut list.next_key_marker).try_for_each(decode)?;
            }
            Ok(list)
        })
    }
}

fn version(xml: &mut Xml<'_>, is_marker: bool) -> Result<ListedVersion, XmlError> {
    let mut version = ListedVersion { object: ListedObject::new(), version_id: String::new(), is_latest: false, is_marker };
    while let Some(name) = xml.child()? {
        match &*name {
            "VersionId" => version.version_id = xml.text()?,
            "IsLatest" => version.is_latest = xml.text()?.trim() == "true",
            name => {
                if !version.object.field(name, xml)? {
                    xml.skip()?;
                }
            }
        }
    }
    Ok(version)
}

fn prefixes(xml: &mut Xml<'_>, prefixes: &mut Vec<String>) -> Result<(), XmlError> {
    while let Some(name) = xml.child()? {
        match &*name {
            "Prefix" => prefixes.push(xml.text()?),
            _ => xml.skip()?,
        }
    }
    Ok(())
}

fn decode(text: &mut String) -> Result<(), XmlError> {
    *text = super::decoded(text).ok_or(XmlError::Field("Key"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use circle_core_common::ErrorKind;

    use super::*;

    /// The shape of <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.
    #[test]
    fn a_list_of_the_second_version_is_read() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>quotes</Name><Prefix>E</Prefix><StartAfter>ExampleGuide.pdf</StartAfter><KeyCount>1</KeyCount>
              <MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>
              <NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
              <Contents><Key>Example+%0A%2B.txt</Key><LastModified>2013-09-17T18:07:53.000Z</LastModified>
                <ETag>&quot;599bab3ed2c697f1d26842727561fd94&quot;</ETag><Size>857</Size><StorageClass>REDUCED_REDUNDANCY</StorageClass>
                <Owner><ID>x</ID></Owner></Contents>
              <CommonPrefixes><Prefix>E%2Fdeep/</Prefix></CommonPrefixes>
            </ListBucketResult>"#;
        let list = ListObjects::read(body.as_bytes()).unwrap();
        assert!(list.truncated);
        assert_eq!(list.next_token.as_deref(), Some("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="));
        assert_eq!(list.prefixes, ["E/deep/"]);
        let object = &list.objects[0];
        assert_eq!((object.key.as_str(), object.size), ("Example \n+.txt", 857));
        assert_eq!(object.etag.as_deref(), Some("599bab3ed2c697f1d26842727561fd94"));
        assert_eq!(object.modified, "2013-09-17T18:07:53Z".parse().unwrap());
        assert_eq!(object.storage_class.as_deref(), Some("REDUCED_REDUNDANCY"));
    }

    #[test]
    fn keys_are_as_they_are_where_nothing_says_that_they_are_encoded() {
        let body = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>100%+1&#10;</Key><Size>1</Size></Contents>\
                    <NextMarker>a%</NextMarker></ListBucketResult>";
        let list = ListObjects::read(body.as_bytes()).unwrap();
        assert_eq!((list.objects[0].key.as_str(), list.next_marker.as_deref()), ("100%+1\n", Some("a%")));
    }

    /// The shape of <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>.
    #[test]
    fn a_list_of_versions_is_read() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01">
              <Name>bucket</Name><Prefix>my</Prefix><KeyMarker/><VersionIdMarker/><MaxKeys>5</MaxKeys><IsTruncated>true</IsTruncated>
              <NextKeyMarker>my-second-image.jpg</NextKeyMarker><NextVersionIdMarker>03jpff543dhffds434rfdsFDN943fdsFkdmqnh892</NextVersionIdMarker>
              <DeleteMarker><Key>my-second-image.jpg</Key><VersionId>03jpff543dhffds434rfdsFDN943fdsFkdmqnh892</VersionId>
                <IsLatest>true</IsLatest><LastModified>2009-11-12T17:50:30.000Z</LastModified></DeleteMarker>
              <Version><Key>my-image.jpg</Key><VersionId>3/L4kqtJl40Nr8X8gdRQBpUMLUo</VersionId><IsLatest>true</IsLatest>
                <LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>"fba9dede5f27731c9771645a39863328"</ETag><Size>434234</Size>
                <StorageClass>STANDARD</StorageClass></Version>
            </ListVersionsResult>"#;
        let list = ListVersions::read(body.as_bytes()).unwrap();
        let shown: Vec<_> =
            list.versions.iter().map(|version| (version.object.key.as_str(), version.is_latest, version.is_marker)).collect();
        assert_eq!(shown, [("my-second-image.jpg", true, true), ("my-image.jpg", true, false)]);
        assert_eq!(list.versions[1].version_id, "3/L4kqtJl40Nr8X8gdRQBpUMLUo");
        assert_eq!(list.next_key_marker.as_deref(), Some("my-second-image.jpg"));
        assert_eq!(list.next_version_id_marker.as_deref(), Some("03jpff543dhffds434rfdsFDN943fdsFkdmqnh892"));
    }

    #[test]
    fn what_is_no_list_is_told_without_its_content() {
        for body in ["", "<html>secret</html>", "<ListBucketResult><Contents><Key>secret", "{}"] {
            let error = ListObjects::read(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(!format!("{error:?}").contains("secret"));
        }
        let body = "<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>";
        assert!(ListObjects::read(body.as_bytes()).unwrap_err().message().contains("`Size`"));
    }
}
