//! What S3 knows beyond the common interface, typed.

use std::collections::BTreeMap;

use circle_core_common::Extension;
use circle_core_common::interfaces::object_store::{CopyOptions, GetOptions, HeadOptions, ObjectMeta, PutOptions};
use http::HeaderMap;

use crate::customer_key::CustomerKey;
use crate::trailing::TrailingChecksum;

/// How a service encrypts an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encryption {
    /// With keys of the service: `AES256`.
    Service,
    /// With a key of the key management service; its default one without a name.
    Kms {
        /// The key's id, ARN or alias.
        key: Option<String>,
        /// Whether the bucket keeps a key of its own, which saves calls of the key management service.
        bucket_key: bool,
    },
    /// With a key of the caller's own, which every request for the object must bring again. Over `https` only.
    Customer(CustomerKey),
}

impl Encryption {
    pub(crate) fn customer_key(&self) -> Option<&CustomerKey> {
        match self {
            Self::Customer(key) => Some(key),
            _ => None,
        }
    }
}

/// What to put an object with, beyond the common options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Put {
    /// The storage class, such as `GLACIER_IR`.
    pub storage_class: Option<String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// How the service encrypts it; as the bucket says by default.
    pub encryption: Option<Encryption>,
    /// The checksum that is computed while the content is sent, and sent behind it.
    pub trailing_checksum: Option<TrailingChecksum>,
}

impl S3Put {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the storage class.
    #[must_use]
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.storage_class = Some(class.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Has a checksum computed while the content is sent, sent behind it, and verified by the service: each part's for content
    /// in parts, and kept as one of the whole. Not beside [`PutOptions::checksum`], which is known before.
    #[must_use]
    pub fn trailing_checksum(mut self, checksum: TrailingChecksum) -> Self {
        self.trailing_checksum = Some(checksum);
        self
    }

    /// Has the service encrypt it so.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }
}

/// What to get an object with, beyond the common options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Get {
    /// Whether the answer tells the checksum that the service keeps. For an encrypted object it needs the right to decrypt.
    pub checksum: bool,
    /// Whether the caller pays for the request, in a bucket whose owner does not.
    pub requester_pays: bool,
    /// The key that the object is encrypted with, where it is the caller's own.
    pub customer_key: Option<CustomerKey>,
}

impl S3Get {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the checksum that the service keeps.
    #[must_use]
    pub fn checksum(mut self) -> Self {
        self.checksum = true;
        self
    }

    /// Pays for the request.
    #[must_use]
    pub fn requester_pays(mut self) -> Self {
        self.requester_pays = true;
        self
    }

    /// Brings the key that the object is encrypted with.
    #[must_use]
    pub fn customer_key(mut self, key: CustomerKey) -> Self {
        self.customer_key = Some(key);
        self
    }
}

/// What to copy an object with, beyond the common options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Copy {
    /// The storage class of the copy; the standard one by default, whatever the source's is.
    pub storage_class: Option<String>,
    /// How the service encrypts the copy; as the bucket says by default, whatever the source's is.
    pub encryption: Option<Encryption>,
    /// The key that the source is encrypted with, where it is the caller's own.
    pub source_key: Option<CustomerKey>,
}

impl S3Copy {
    /// Nothing chosen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the storage class of the copy.
    #[must_use]
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.storage_class = Some(class.into());
        self
    }

    /// Has the service encrypt the copy so.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// Brings the key that the source is encrypted with.
    #[must_use]
    pub fn source_key(mut self, key: CustomerKey) -> Self {
        self.source_key = Some(key);
        self
    }

    /// What the copy has, as what an object is put with.
    pub(crate) fn target(&self) -> S3Put {
        S3Put { storage_class: self.storage_class.clone(), encryption: self.encryption.clone(), ..S3Put::new() }
    }
}

/// What S3 tells of an object, beyond the common metadata: `meta.extensions.get::<S3Meta>()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct S3Meta {
    /// The ETag, without quotes.
    pub etag: Option<String>,
    /// The id of the version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// The storage class; none is the standard one.
    pub storage_class: Option<String>,
    /// How it is encrypted: `AES256`, `aws:kms`.
    pub encryption: Option<String>,
    /// The key it is encrypted with.
    pub encryption_key: Option<String>,
    /// The MD5 of the caller's own key that it is encrypted with, in base64: it tells which of several keys is needed.
    pub customer_key_md5: Option<String>,
    /// How many tags it has.
    pub tag_count: Option<u32>,
    /// When and by which rule it will be deleted, as the service writes it.
    pub expiration: Option<String>,
    /// Whether an archived object is being restored, as the service writes it.
    pub restore: Option<String>,
}

impl S3Meta {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            etag: text("etag").map(|etag| crate::models::unquoted(&etag).to_owned()),
            version_id: text("x-amz-version-id"),
            storage_class: text("x-amz-storage-class"),
            encryption: text("x-amz-server-side-encryption"),
            encryption_key: text("x-amz-server-side-encryption-aws-kms-key-id"),
            customer_key_md5: text("x-amz-server-side-encryption-customer-key-md5"),
            tag_count: text("x-amz-tagging-count").and_then(|count| count.parse().ok()),
            expiration: text("x-amz-expiration"),
            restore: text("x-amz-restore"),
        }
    }
}

/// Says which services understand an extension: every one that speaks the dialect.
macro_rules! understood {
    ($($extension:ident of $($options:ident),+;)+) => {
        $($(impl Extension<$options> for $extension {
            const PROVIDER: &'static str = "s3";
            const ALSO: &'static [&'static str] = &["s3-compatible"];
        })+)+
    };
}

understood! {
    S3Put of PutOptions;
    S3Get of GetOptions, HeadOptions;
    S3Copy of CopyOptions;
    S3Meta of ObjectMeta;
}
