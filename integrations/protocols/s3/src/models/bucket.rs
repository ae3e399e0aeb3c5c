//! Buckets and what is set on them, and tags.

use std::collections::BTreeMap;

use circle_core_common::{Result, Timestamp};

use super::{read, some, timestamp};
use crate::xml::push_element;

/// A bucket in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedBucket {
    /// The name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its region, where the service tells.
    pub region: Option<String>,
}

/// Whether a bucket keeps versions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Versioning {
    /// It never did.
    Off,
    /// It does.
    Enabled,
    /// It did, and keeps those.
    Suspended,
    /// Something that this version of the SDK does not know.
    Other(String),
}

/// A rule of a bucket's lifecycle, in short; the service has more to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifecycleRule {
    /// Its name.
    pub id: Option<String>,
    /// Whether it is on.
    pub enabled: bool,
    /// Which keys it is for.
    pub prefix: Option<String>,
    /// After how many days an object is deleted.
    pub expiration_days: Option<u32>,
    /// After how many days an older version is deleted.
    pub noncurrent_expiration_days: Option<u32>,
    /// After how many days an unfinished upload is aborted.
    pub abort_upload_days: Option<u32>,
}

pub(crate) fn buckets(body: &[u8]) -> Result<(Vec<ListedBucket>, Option<String>)> {
    read(body, &["ListAllMyBucketsResult"], |xml| {
        let (mut buckets, mut next) = (Vec::new(), None);
        while let Some(name) = xml.child()? {
            match &*name {
                "Buckets" => {
                    while xml.child()?.is_some() {
                        let mut bucket = ListedBucket { name: String::new(), created: Timestamp::UNIX_EPOCH, region: None };
                        while let Some(name) = xml.child()? {
                            match &*name {
                                "Name" => bucket.name = xml.text()?,
                                "CreationDate" => bucket.created = timestamp(xml)?,
                                "BucketRegion" => bucket.region = some(xml.text()?),
                                _ => xml.skip()?,
                            }
                        }
                        buckets.push(bucket);
                    }
                }
                "ContinuationToken" => next = some(xml.text()?),
                _ => xml.skip()?,
            }
        }
        Ok((buckets, next))
    })
}

/// The region; Amazon's oldest one is written as nothing.
pub(crate) fn location(body: &[u8]) -> Result<String> {
    read(body, &["LocationConstraint"], |xml| {
        let region = xml.text()?;
        Ok(match region.trim() {
            "" => "us-east-1".to_owned(),
            "EU" => "eu-west-1".to_owned(),
            region => region.to_owned(),
        })
    })
}

pub(crate) fn push_location(region: &str) -> String {
    let mut out = String::from("<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    push_element(&mut out, "LocationConstraint", region);
    out.push_str("</CreateBucketConfiguration>");
    out
}

pub(crate) fn versioning(body: &[u8]) -> Result<Versioning> {
    read(body, &["VersioningConfiguration", "GetBucketVersioningResponse"], |xml| {
        let mut versioning = Versioning::Off;
        while let Some(name) = xml.child()? {
            match &*name {
                "Status" => {
                    versioning = match xml.text()?.trim() {
                        "Enabled" => Versioning::Enabled,
                        "Suspended" => Versioning::Suspended,
                        "" => Versioning::Off,
                        other => Versioning::Other(other.to_owned()),
                    }
                }
                _ => xml.skip()?,
            }
        }
        Ok(versioning)
    })
}

pub(crate) fn push_versioning(enabled: bool) -> String {
    let mut out = String::from("<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    push_element(&mut out, "Status", if enabled { "Enabled" } else { "Suspended" });
    out.push_str("</VersioningConfiguration>");
    out
}

pub(crate) fn tags(body: &[u8]) -> Result<BTreeMap<String, String>> {
    read(body, &["Tagging"], |xml| {
        let mut tags = BTreeMap::new();
        while let Some(name) = xml.child()? {
            if &*name != "TagSet" {
                xml.skip()?;
                continue;
            }
            while xml.child()?.is_some() {
                let (mut key, mut value) = (String::new(), String::new());
                while let Some(name) = xml.child()? {
                    match &*name {
                        "Key" => key = xml.text()?,
                        "Value" => value = xml.text()?,
                        _ => xml.skip()?,
                    }
                }
                tags.insert(key, value);
            }
        }
        Ok(tags)
    })
}

pub(crate) fn push_tags(tags: &BTreeMap<String, String>) -> String {
    let mut out = String::from("<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>");
    for (key, value) in tags {
        out.push_str("<Tag>");
        push_element(&mut out, "Key", key);
        push_element(&mut out, "Value", value);
        out.push_str("</Tag>");
    }
    out.push_str("</TagSet></Tagging>");
    out
}

pub(crate) fn lifecycle(body: &[u8]) -> Result<Vec<LifecycleRule>> {
    read(body, &["LifecycleConfiguration"], |xml| {
        let mut rules = Vec::new();
        while let Some(name) = xml.child()? {
            if &*name != "Rule" {
                xml.skip()?;
                continue;
            }
            let mut rule = LifecycleRule::default();
            while let Some(name) = xml.child()? {
                match &*name {
                    "ID" => rule.id = some(xml.text()?),
                    "Status" => rule.enabled = xml.text()?.trim() == "Enabled",
                    "Prefix" => rule.prefix = some(xml.text()?),
                    "Filter" => {
                        while let Some(name) = xml.child()? {
                            match &*name {
                                "Prefix" => rule.prefix = some(xml.text()?),
                                _ => xml.skip()?,
                            }
                        }
                    }
                    "Expiration" => rule.expiration_days = days(xml, "Days")?,
                    "NoncurrentVersionExpiration" => rule.noncurrent_expiration_days = days(xml, "NoncurrentDays")?,
                    "AbortIncompleteMultipartUpload" => rule.abort_upload_days = days(xml, "DaysAfterInitiation")?,
                    _ => xml.skip()?,
                }
            }
            rules.push(rule);
        }
        Ok(rules)
    })
}

fn days(xml: &mut crate::xml::Xml<'_>, field: &str) -> Result<Option<u32>, crate::xml::XmlError> {
    let mut days = None;
    while let Some(name) = xml.child()? {
        if &*name == field {
            days = xml.text()?.trim().parse().ok();
        } else {
            xml.skip()?;
        }
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes of the pages of ListBuckets, GetBucketLocation, GetBucketVersioning, GetObjectTagging and
    /// GetBucketLifecycleConfiguration at <https://docs.aws.amazon.com/AmazonS3/latest/API/>.
    #[test]
    fn answers_are_read() {
        let body = "<ListAllMyBucketsResult><Buckets><Bucket><CreationDate>2019-12-11T23:32:47+00:00</CreationDate>\
                    <Name>DOC-EXAMPLE-BUCKET</Name><BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets>\
                    <Owner><ID>x</ID></Owner><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>";
        let (list, next) = buckets(body.as_bytes()).unwrap();
        assert_eq!(
            (list[0].name.as_str(), list[0].region.as_deref(), next.as_deref()),
            ("DOC-EXAMPLE-BUCKET", Some("eu-west-1"), Some("t"))
        );
        assert_eq!(list[0].created, "2019-12-11T23:32:47Z".parse().unwrap());
        for (body, region) in [
            ("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>", "us-east-1"),
            ("<LocationConstraint>EU</LocationConstraint>", "eu-west-1"),
            ("<LocationConstraint>us-west-2</LocationConstraint>", "us-west-2"),
        ] {
            assert_eq!(location(body.as_bytes()).unwrap(), region);
        }
        for (body, expected) in [
            ("<VersioningConfiguration/>", Versioning::Off),
            ("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", Versioning::Enabled),
            ("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", Versioning::Suspended),
            ("<VersioningConfiguration><Status>New</Status></VersioningConfiguration>", Versioning::Other("New".to_owned())),
        ] {
            assert_eq!(versioning(body.as_bytes()).unwrap(), expected);
        }
        let rules = "<LifecycleConfiguration><Rule><ID>Archive and then delete rule</ID><Filter><And><Prefix>no</Prefix></And></Filter>\
                     <Status>Enabled</Status><Transition><Days>365</Days></Transition><Expiration><Days>3650</Days></Expiration>\
                     <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>\
                     </Rule></LifecycleConfiguration>";
        let rules = lifecycle(rules.as_bytes()).unwrap();
        assert_eq!((rules[0].enabled, rules[0].expiration_days, rules[0].abort_upload_days), (true, Some(3650), Some(7)));
    }

    #[test]
    fn tags_come_back_as_they_went() {
        let sent = BTreeMap::from([("a&b".to_owned(), "<1>".to_owned()), ("c".to_owned(), String::new())]);
        assert_eq!(tags(push_tags(&sent).as_bytes()).unwrap(), sent);
    }
}
