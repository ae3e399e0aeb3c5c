//! Lists of objects and of versions.

use circle_core_common::http::{Request, Target};
use circle_core_common::{CallContext, Result};

use super::S3Client;
use super::operations::{LIST_OBJECT_VERSIONS, LIST_OBJECTS, LIST_OBJECTS_V2};
use crate::models::{ListObjects, ListVersions};

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ListQuery<'a> {
    /// What the keys begin with.
    pub prefix: &'a str,
    /// What keys are folded at.
    pub delimiter: Option<&'a str>,
    /// Behind which key; it need not exist.
    pub start_after: Option<&'a str>,
    /// The token of the page before; of a list of versions, the key.
    pub token: Option<&'a str>,
    /// Of a list of versions, the version to go on from.
    pub version_id_marker: Option<&'a str>,
    /// How many at most.
    pub max_keys: Option<u32>,
}

impl ListQuery<'_> {
    fn common(&self, target: Target) -> Target {
        // Keys are asked for in an encoding: XML cannot carry them all.
        target
            .query_opt("delimiter", self.delimiter)
            .query("encoding-type", "url")
            .query_opt("max-keys", self.max_keys)
            .query("prefix", self.prefix)
    }
}

impl S3Client {
    /// ListObjectsV2: a page.
    ///
    /// # Errors
    /// `NotFound` when the bucket is absent.
    pub async fn list_objects_v2(&self, cx: &CallContext, query: &ListQuery<'_>) -> Result<ListObjects> {
        let request = |bucket: Target| {
            let target = query.common(bucket.query("list-type", 2));
            let target = target.query_opt("continuation-token", query.token);
            Ok(Request::get(target.query_opt("start-after", query.start_after.filter(|_| query.token.is_none()))))
        };
        let response = self.send(cx, &LIST_OBJECTS_V2, |place| request(place.bucket())).await?;
        ListObjects::read(&response.body)
    }

    /// ListObjects, the first version: a page. Its token is a key.
    ///
    /// # Errors
    /// `NotFound` when the bucket is absent.
    pub async fn list_objects(&self, cx: &CallContext, query: &ListQuery<'_>) -> Result<ListObjects> {
        let request =
            |bucket: Target| Ok(Request::get(query.common(bucket).query_opt("marker", query.token.or(query.start_after))));
        let response = self.send(cx, &LIST_OBJECTS, |place| request(place.bucket())).await?;
        ListObjects::read(&response.body)
    }

    /// ListObjectVersions: a page.
    ///
    /// # Errors
    /// `NotFound` when the bucket is absent.
    pub async fn list_object_versions(&self, cx: &CallContext, query: &ListQuery<'_>) -> Result<ListVersions> {
        let request = |bucket: Target| {
            let target = query.common(bucket.query_flag("versions"));
            let target = target.query_opt("key-marker", query.token.or(query.start_after));
            Ok(Request::get(target.query_opt("version-id-marker", query.version_id_marker)))
        };
        let response = self.send(cx, &LIST_OBJECT_VERSIONS, |place| request(place.bucket())).await?;
        ListVersions::read(&response.body)
    }
}
