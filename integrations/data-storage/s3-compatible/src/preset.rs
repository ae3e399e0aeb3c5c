//! The services: where they are, and what each does otherwise than Amazon S3. Data, with its sources.

use circle_core_protocol_s3::{Addressing, MetadataEncoding, RegionRule, S3Profile};
use schemars::JsonSchema;
use serde::Deserialize;

/// A service that speaks S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// MinIO, at an `endpoint` of one's own.
    Minio,
    /// Cloudflare R2, of an `account`.
    R2,
    /// DigitalOcean Spaces, in a `region`.
    Spaces,
    /// Storj, through its hosted gateway.
    Storj,
    /// Oracle Cloud Infrastructure, of a `namespace` in a `region`.
    Oracle,
    /// IBM Cloud Object Storage, in a `region`.
    Ibm,
    /// Alibaba Cloud OSS, in a `region`.
    Oss,
    /// Tencent Cloud COS, in a `region`.
    Cos,
    /// Google Cloud Storage, by its XML interface with HMAC keys.
    Gcs,
}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Minio, Self::R2, Self::Spaces, Self::Storj, Self::Oracle, Self::Ibm, Self::Oss, Self::Cos, Self::Gcs];

    /// What the service does.
    #[must_use]
    pub fn profile(self) -> S3Profile {
        let mut profile = S3Profile::GENERIC;
        match self {
            // https://docs.min.io/enterprise/aistor-object-store/developers/s3-api-compatibility
            Self::Minio => {
                profile.name = "minio";
                profile.conditional_put = true;
                profile.checksums = true;
                profile.encryption = true;
                // https://github.com/minio/minio/pull/20855
                profile.trailing_checksums = true;
                // https://min.io/docs/minio/macos/administration/server-side-encryption/server-side-encryption-sse-c.html
                profile.customer_keys = true;
            }
            // https://developers.cloudflare.com/r2/api/s3/api and …/conditional-operations
            Self::R2 => {
                profile.name = "r2";
                profile.endpoint = Some("https://{account}.r2.cloudflarestorage.com");
                profile.region = RegionRule::Fixed("auto");
                profile.conditional_put = true;
                profile.copy_if_absent = Some("cf-copy-destination-if-none-match");
                profile.versions = false;
                profile.tags = false;
                profile.equal_parts = true;
                profile.metadata = MetadataEncoding::Rfc2047;
                // https://developers.cloudflare.com/r2/examples/ssec
                profile.customer_keys = true;
            }
            // https://docs.digitalocean.com/reference/api/spaces-api
            Self::Spaces => {
                profile.name = "spaces";
                profile.endpoint = Some("https://{region}.digitaloceanspaces.com");
                profile.addressing = Addressing::Virtual;
                profile.region = RegionRule::Required;
                profile.tags = false;
                profile.storage_classes = false;
            }
            // https://storj.dev/dcs/api/s3/s3-compatibility: keys are stored encrypted, and listed in that order.
            Self::Storj => {
                profile.name = "storj";
                profile.endpoint = Some("https://gateway.storjshare.io");
                profile.list_ordered = false;
                profile.storage_classes = false;
            }
            // https://docs.oracle.com/en-us/iaas/Content/Object/Tasks/s3compatibleapi.htm
            Self::Oracle => {
                profile.name = "oracle";
                profile.endpoint = Some("https://{namespace}.compat.objectstorage.{region}.oraclecloud.com");
                profile.addressing_is_fixed = true;
                profile.region = RegionRule::Required;
                profile.list_v2 = false;
                profile.versions = false;
                profile.storage_classes = false;
                // …/Tasks/s3compatibleapi_topic-Amazon_S3_Compatibility_API_Support.htm, "SSE-C Support"
                profile.customer_keys = true;
            }
            // https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-compatibility-api
            Self::Ibm => {
                profile.name = "ibm";
                // https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-sse-c
                profile.customer_keys = true;
                profile.endpoint = Some("https://s3.{region}.cloud-object-storage.appdomain.cloud");
                profile.addressing = Addressing::Virtual;
                profile.region = RegionRule::Required;
                profile.storage_classes = false;
            }
            // https://www.alibabacloud.com/help/en/oss/developer-reference/compatibility-with-amazon-s3
            Self::Oss => {
                profile.name = "oss";
                profile.endpoint = Some("https://s3.oss-{region}.aliyuncs.com");
                profile.addressing = Addressing::Virtual;
                profile.addressing_is_fixed = true;
                profile.region = RegionRule::Required;
                profile.versions = false;
                profile.tags = false;
            }
            // https://www.tencentcloud.com/document/product/436/34688
            Self::Cos => {
                profile.name = "cos";
                profile.endpoint = Some("https://cos.{region}.myqcloud.com");
                profile.addressing = Addressing::Virtual;
                profile.region = RegionRule::Required;
            }
            // https://cloud.google.com/storage/docs/interoperability: conditions and versions go by generations, in headers
            // that must not stand beside those of S3.
            Self::Gcs => {
                profile.name = "gcs";
                profile.endpoint = Some("https://storage.googleapis.com");
                profile.region = RegionRule::Fixed("auto");
                profile.versions = false;
                profile.tags = false;
                profile.bulk_delete = None;
            }
        }
        profile
    }
}
