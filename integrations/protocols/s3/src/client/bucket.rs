//! The bucket itself.

use circle_core_common::http::{Request, Target};
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use super::S3Client;
use super::operations::{
    CREATE_BUCKET, DELETE_BUCKET, GET_BUCKET_LIFECYCLE, GET_BUCKET_LOCATION, GET_BUCKET_VERSIONING, HEAD_BUCKET, LIST_BUCKETS,
    PUT_BUCKET_VERSIONING,
};
use crate::metadata;
use crate::models::{
    LifecycleRule, ListedBucket, Versioning, buckets, lifecycle, location, push_location, push_versioning, versioning,
};
use crate::profile::RegionRule;

impl S3Client {
    /// CreateBucket, in the region of the client.
    ///
    /// # Errors
    /// `AlreadyExists`.
    pub async fn create_bucket(&self, cx: &CallContext) -> Result<()> {
        let region = self.region().to_owned();
        // Amazon's oldest region is named by leaving it out, and refused by its name.
        let named = matches!(self.profile().region, RegionRule::Required) && region != "us-east-1";
        let document = if named { bytes::Bytes::from(push_location(&region)) } else { bytes::Bytes::new() };
        let request = |bucket: Target| Ok(Request::put(bucket).body(document.clone()));
        self.send(cx, &CREATE_BUCKET, |place| request(place.bucket())).await.map(drop)
    }

    /// HeadBucket.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`.
    pub async fn head_bucket(&self, cx: &CallContext) -> Result<()> {
        self.send(cx, &HEAD_BUCKET, |place| Ok(Request::head(place.bucket()))).await.map(drop)
    }

    /// DeleteBucket.
    ///
    /// # Errors
    /// `Conflict` when it is not empty; `NotFound`.
    pub async fn delete_bucket(&self, cx: &CallContext) -> Result<()> {
        self.send(cx, &DELETE_BUCKET, |place| Ok(Request::delete(place.bucket()))).await.map(drop)
    }

    /// ListBuckets: a page of the buckets of the account, and where to go on.
    ///
    /// # Errors
    /// `PermissionDenied`; `Unsupported` where the buckets have hosts of their own and the service none.
    pub async fn list_buckets(&self, cx: &CallContext, token: Option<&str>) -> Result<(Vec<ListedBucket>, Option<String>)> {
        let request = |service: Target| Ok(Request::get(service.query_opt("continuation-token", token)));
        let response = self.send(cx, &LIST_BUCKETS, |place| request(place.service())).await?;
        buckets(&response.body)
    }

    /// GetBucketLocation: the region.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get_bucket_location(&self, cx: &CallContext) -> Result<String> {
        let request = |bucket: Target| Ok(Request::get(bucket.query_flag("location")));
        let response = self.send(cx, &GET_BUCKET_LOCATION, |place| request(place.bucket())).await?;
        location(&response.body)
    }

    /// GetBucketVersioning.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` where no bucket keeps versions.
    pub async fn get_bucket_versioning(&self, cx: &CallContext) -> Result<Versioning> {
        self.check_versions()?;
        let request = |bucket: Target| Ok(Request::get(bucket.query_flag("versioning")));
        let response = self.send(cx, &GET_BUCKET_VERSIONING, |place| request(place.bucket())).await?;
        versioning(&response.body)
    }

    /// PutBucketVersioning: keeps versions from now on, or no more.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` where no bucket keeps versions.
    pub async fn put_bucket_versioning(&self, cx: &CallContext, enabled: bool) -> Result<()> {
        self.check_versions()?;
        let document = bytes::Bytes::from(push_versioning(enabled));
        let md5 = metadata::md5(&document);
        let request = |bucket: Target| {
            let request = Request::put(bucket.query_flag("versioning")).header("content-md5", &md5)?;
            Ok(request.header("content-type", "application/xml")?.body(document.clone()))
        };
        self.send(cx, &PUT_BUCKET_VERSIONING, |place| request(place.bucket())).await.map(drop)
    }

    /// GetBucketLifecycleConfiguration: the rules.
    ///
    /// # Errors
    /// `NotFound` when there are none, or no bucket.
    pub async fn get_bucket_lifecycle(&self, cx: &CallContext) -> Result<Vec<LifecycleRule>> {
        let request = |bucket: Target| Ok(Request::get(bucket.query_flag("lifecycle")));
        let response = self.send(cx, &GET_BUCKET_LIFECYCLE, |place| request(place.bucket())).await?;
        lifecycle(&response.body)
    }

    fn check_versions(&self) -> Result<()> {
        if self.profile().versions {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, format!("no bucket of `{}` keeps versions", self.profile().name)))
    }
}
