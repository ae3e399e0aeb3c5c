//! Tags of objects.

use std::collections::BTreeMap;

use circle_core_common::http::{Request, Target};
use circle_core_common::interfaces::object_store::ObjectKey;
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use super::S3Client;
use super::operations::{DELETE_OBJECT_TAGGING, GET_OBJECT_TAGGING, PUT_OBJECT_TAGGING};
use crate::metadata;
use crate::models::{push_tags, tags};

impl S3Client {
    /// GetObjectTagging.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` where the service has no tags.
    pub async fn get_object_tagging(&self, cx: &CallContext, key: &ObjectKey) -> Result<BTreeMap<String, String>> {
        self.check_tags()?;
        let request = |target: Target| Ok(Request::get(target.query_flag("tagging")));
        let response = self.send(cx, &GET_OBJECT_TAGGING, |place| request(place.object(key.as_str()))).await?;
        tags(&response.body)
    }

    /// PutObjectTagging: these tags in place of all others.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` beyond the service's limits; `Unsupported` where the service has no tags.
    pub async fn put_object_tagging(&self, cx: &CallContext, key: &ObjectKey, tags: &BTreeMap<String, String>) -> Result<()> {
        self.check_tags()?;
        let document = bytes::Bytes::from(push_tags(tags));
        let md5 = metadata::md5(&document);
        let request = |target: Target| {
            let request = Request::put(target.query_flag("tagging")).header("content-md5", &md5)?;
            Ok(request.header("content-type", "application/xml")?.body(document.clone()))
        };
        self.send(cx, &PUT_OBJECT_TAGGING, |place| request(place.object(key.as_str()))).await.map(drop)
    }

    /// DeleteObjectTagging.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` where the service has no tags.
    pub async fn delete_object_tagging(&self, cx: &CallContext, key: &ObjectKey) -> Result<()> {
        self.check_tags()?;
        let request = |target: Target| Ok(Request::delete(target.query_flag("tagging")));
        self.send(cx, &DELETE_OBJECT_TAGGING, |place| request(place.object(key.as_str()))).await.map(drop)
    }

    fn check_tags(&self) -> Result<()> {
        if self.profile().tags {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, format!("`{}` has no tags", self.profile().name)))
    }
}
