//! What tells one S3 service from another, as data.

use circle_core_common::interfaces::object_store::ObjectStoreCapabilities;
use circle_core_common::{ByteSize, Flag};

use crate::config::Addressing;

type Caps = ObjectStoreCapabilities;

/// One service that speaks S3: where it is, and what it does otherwise than Amazon S3.
///
/// A profile says only what the service's documentation promises. What it leaves open is off: a call that needs it is
/// `Unsupported`, instead of doing something else than it says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct S3Profile {
    /// The name, such as `r2`.
    pub name: &'static str,
    /// The address, with `{account}`, `{namespace}` and `{region}` in it; `None` where every installation has its own.
    pub endpoint: Option<&'static str>,
    /// The part of the address that differs for regions that begin so, the first that fits: China's, for Amazon.
    pub region_suffixes: &'static [(&'static str, &'static str)],
    /// Where the bucket goes, unless the config says otherwise.
    pub addressing: Addressing,
    /// Whether the service knows both ways of addressing.
    pub addressing_is_fixed: bool,
    /// What a request is signed for.
    pub region: RegionRule,
    /// Whether another region's bucket answers with its region, so that the call is made again there.
    pub redirects_regions: bool,
    /// Whether a list is asked for with `list-type=2`; with the first version's `marker` otherwise.
    pub list_v2: bool,
    /// Whether a list is in the byte order of its keys.
    pub list_ordered: bool,
    /// Conditions on a put and on the end of an upload: `If-None-Match: *` and `If-Match`.
    pub conditional_put: bool,
    /// `If-Match` on a delete.
    pub conditional_delete: bool,
    /// The header that makes a copy one onto nothing only.
    pub copy_if_absent: Option<&'static str>,
    /// Whether `x-amz-checksum-*` is verified before an object is kept.
    pub checksums: bool,
    /// Whether checksums may stand behind the content (`aws-chunked` with `x-amz-trailer`), of the whole in parts too.
    pub trailing_checksums: bool,
    /// Whether a bucket can keep versions, and list them.
    pub versions: bool,
    /// Whether objects have tags.
    pub tags: bool,
    /// Whether `x-amz-server-side-encryption` and its neighbours mean something.
    pub encryption: bool,
    /// Whether `x-amz-server-side-encryption-customer-key` and its neighbours do.
    pub customer_keys: bool,
    /// Whether `x-amz-storage-class` means something.
    pub storage_classes: bool,
    /// How many keys go into one delete request, and how its content is vouched for; `None` where each is one request.
    pub bulk_delete: Option<BulkDelete>,
    /// Whether all parts of an upload but the last have one size.
    pub equal_parts: bool,
    /// How metadata beyond ASCII is written.
    pub metadata: MetadataEncoding,
    /// The largest object that is put in one piece.
    pub put_max: ByteSize,
    /// The largest object that is copied in one request.
    pub copy_max: ByteSize,
}

/// What a request is signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionRule {
    /// The region is part of the address, and the config names it.
    Required,
    /// The service has no regions and wants this word.
    Fixed(&'static str),
    /// The config may name one; this is what a service takes that was not told.
    Default(&'static str),
}

/// How a request that deletes many is vouched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BulkDelete {
    /// `Content-MD5`, which every service knows.
    Md5,
    /// `x-amz-checksum-sha256`.
    Sha256,
}

/// How user metadata beyond ASCII is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataEncoding {
    /// Not at all: a value beyond ASCII is `InvalidInput`. Amazon answers RFC 2047 and takes none.
    Ascii,
    /// As encoded words of RFC 2047, both ways.
    Rfc2047,
}

const GIB: u64 = 1 << 30;

impl S3Profile {
    /// Amazon S3.
    pub const AWS: Self = Self {
        name: "aws",
        endpoint: Some("https://s3.{region}.{suffix}"),
        // The partitions of the SDKs' `partitions.json`; the isolated ones need an `endpoint`.
        region_suffixes: &[("cn-", "amazonaws.com.cn"), ("eusc-", "amazonaws.eu"), ("", "amazonaws.com")],
        addressing: Addressing::Virtual,
        addressing_is_fixed: false,
        region: RegionRule::Required,
        redirects_regions: true,
        list_v2: true,
        list_ordered: true,
        conditional_put: true,
        conditional_delete: true,
        copy_if_absent: Some("if-none-match"),
        checksums: true,
        trailing_checksums: true,
        versions: true,
        tags: true,
        encryption: true,
        customer_keys: true,
        storage_classes: true,
        bulk_delete: Some(BulkDelete::Sha256),
        equal_parts: false,
        metadata: MetadataEncoding::Ascii,
        put_max: ByteSize::bytes(5 * GIB),
        copy_max: ByteSize::bytes(5 * GIB),
    };

    /// What every service that calls itself S3-compatible does; the presets are told apart from it.
    pub const GENERIC: Self = Self {
        name: "generic",
        endpoint: None,
        region_suffixes: &[],
        addressing: Addressing::Path,
        addressing_is_fixed: false,
        region: RegionRule::Default("us-east-1"),
        redirects_regions: false,
        list_v2: true,
        list_ordered: true,
        conditional_put: false,
        conditional_delete: false,
        copy_if_absent: None,
        checksums: false,
        trailing_checksums: false,
        versions: true,
        tags: true,
        encryption: false,
        customer_keys: false,
        storage_classes: true,
        bulk_delete: Some(BulkDelete::Md5),
        equal_parts: false,
        metadata: MetadataEncoding::Ascii,
        put_max: ByteSize::bytes(5 * GIB),
        copy_max: ByteSize::bytes(5 * GIB),
    };

    /// What an object store over this service can do. `versions` says whether the bucket keeps versions: whether it does,
    /// no request tells.
    #[must_use]
    pub fn capabilities(&self, versions: bool) -> Caps {
        let mut capabilities = Caps::all();
        let mut off = |flag: Flag<Caps>, on: bool| {
            if !on {
                flag.set(&mut capabilities, false);
            }
        };
        off(Caps::PUT_IF_ABSENT, self.conditional_put);
        off(Caps::PUT_IF_MATCH, self.conditional_put);
        off(Caps::PUT_CHECKSUM, self.checksums);
        off(Caps::DELETE_IF_MATCH, self.conditional_delete);
        off(Caps::COPY_IF_ABSENT, self.copy_if_absent.is_some());
        off(Caps::GET_VERSION, self.versions && versions);
        off(Caps::LIST_VERSIONS, self.versions && versions);
        off(Caps::LIST_START_AFTER, self.list_ordered);
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
        capabilities.put_max = self.put_max;
        // Larger content is sent in parts: side by side, and each repeated by itself.
        capabilities.put_split = ByteSize::mib(16);
        capabilities.put_needs_length = true;
        capabilities.part_min = ByteSize::mib(5);
        capabilities.part_max = ByteSize::bytes(5 * GIB);
        capabilities.parts_max = 10_000;
        capabilities.delete_max = 1000;
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_profile_lacks_is_off() {
        let on = S3Profile::AWS.capabilities(true);
        assert!(Caps::FLAGS.iter().all(|flag| flag.is_on(&on)), "Amazon S3 can do all of it");
        let off: Vec<&str> = {
            let capabilities = S3Profile::GENERIC.capabilities(false);
            Caps::FLAGS.iter().filter(|flag| !flag.is_on(&capabilities)).map(Flag::name).collect()
        };
        let expected = [
            "put_if_absent",
            "put_if_match",
            "put_checksum",
            "get_version",
            "delete_if_match",
            "list_versions",
            "copy_if_absent",
        ];
        assert_eq!(off, expected);
    }
}
