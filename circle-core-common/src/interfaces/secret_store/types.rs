//! Requests, options and results.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::SecretFields;
use crate::error::{Error, ErrorKind, Result};
use crate::extension::Extensions;
use crate::identifier::{OperationId, Version};
pub use crate::interfaces::key_value_store::{Deleted, Precondition};
use crate::listing::PageRequest;
use crate::units::Timestamp;

crate::name! {
    /// The name of a secret, byte for byte as it was written.
    pub struct SecretName;
}

crate::token! {
    /// The name that a store gave to a lease.
    pub struct LeaseId;
}

/// A secret of one version. What it says can be read field by field and in no other way: no `Serialize`, no `Display`, and
/// `Debug` is `Secret(payments/db v3)`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Secret {
    /// The name.
    pub name: SecretName,
    /// Which version of it this is; another one has another.
    pub version: Version,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// The lease under which it was lent, if it was.
    pub lease: Option<Lease>,
    /// What is secret.
    pub fields: SecretFields,
    /// The id of the write that made this version, where it is kept.
    pub operation: Option<OperationId>,
}

impl Secret {
    /// A secret that does not end.
    #[must_use]
    pub fn new(name: impl Into<SecretName>, version: Version, fields: SecretFields) -> Self {
        Self { name: name.into(), version, expires_at: None, lease: None, fields, operation: None }
    }

    /// A field by its name.
    ///
    /// # Errors
    /// `NotFound` when the secret has none of the name.
    pub fn field(&self, name: &str) -> Result<&SecretString> {
        self.fields.required(self.name.as_str(), name)
    }

    /// The value of a secret that is one value, or has one field.
    ///
    /// # Errors
    /// `InvalidInput` when it has several: name the one that is meant.
    pub fn value(&self) -> Result<&SecretString> {
        self.fields.value().ok_or_else(|| {
            let text = format!("the secret `{}` has several fields, and none is called `{}`", self.name, SecretFields::VALUE);
            Error::new(ErrorKind::InvalidInput, text).with_resource(self.name.shared())
        })
    }
}

/// `Secret(payments/db v3)`.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_generation().or(self.version.as_etag()).unwrap_or_default();
        write!(f, "Secret({} v{version})", self.name)
    }
}

/// The loan of a secret that ends unless it is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it can be renewed.
    pub renewable: bool,
}

impl Lease {
    /// A lease that ends then.
    #[must_use]
    pub const fn new(id: LeaseId, expires_at: Timestamp, renewable: bool) -> Self {
        Self { id, expires_at, renewable }
    }
}

/// What a list tells of a secret: never what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretMeta {
    /// The name.
    pub name: SecretName,
    /// Its newest version, where the list tells.
    pub version: Option<Version>,
    /// When that was written, where the list tells.
    pub changed_at: Option<Timestamp>,
    /// When it ends, if it does and the list tells.
    pub expires_at: Option<Timestamp>,
}

impl SecretMeta {
    /// A name, of which nothing else is told.
    #[must_use]
    pub fn new(name: impl Into<SecretName>) -> Self {
        Self { name: name.into(), version: None, changed_at: None, expires_at: None }
    }
}

/// A change that a watch tells of: that there is another version, never what it says. Changes of one secret come in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretChange {
    /// A secret has this version now.
    Put(SecretName, Version),
    /// A secret was deleted.
    Deleted(SecretName),
    /// Changes were missed: read anew what matters. The watch goes on.
    Lagged,
}

/// How to get.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// Which version; the newest by default.
    pub version: Option<Version>,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl GetOptions {
    options! {
        /// Gets this version, whatever has been written since.
        version: Version,
    }
}

/// How to put.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What must hold.
    pub precondition: Precondition,
    /// Providers' own options.
    pub extensions: Extensions,
}

impl PutOptions {
    options!();

    /// Puts only if there is no secret of the name.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.precondition = Precondition::IfAbsent;
        self
    }

    /// Puts only if the newest version is this one.
    #[must_use]
    pub fn if_match(mut self, version: impl Into<Version>) -> Self {
        self.precondition = Precondition::IfMatch(version.into());
        self
    }
}

/// How to delete.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// Providers' own options.
    pub extensions: Extensions,
}

impl DeleteOptions {
    options!();
}

request! {
    /// Asks for a secret.
    GetRequest {
        /// Which.
        name: SecretName,
        /// What the caller chose.
        options: GetOptions,
    }
}

request! {
    /// Writes a new version of a secret.
    PutRequest {
        /// Which.
        name: SecretName,
        /// What is secret.
        fields: SecretFields,
        /// What the caller chose.
        options: PutOptions,
        /// The id of the write: kept beside the version where the store can, so that a lost answer is told from somebody
        /// else's write, and a write that is repeated makes no second version.
        operation: OperationId,
    }
}

request! {
    /// Deletes a secret with all its versions.
    DeleteRequest {
        /// Which.
        name: SecretName,
        /// What the caller chose.
        options: DeleteOptions,
    }
}

request! {
    /// Asks for a page of names.
    ListRequest {
        /// What the names begin with, byte for byte.
        prefix: Arc<str>,
        /// Which page.
        page: PageRequest,
    }
}

request! {
    /// Asks to be told of changes.
    WatchRequest {
        /// What the names begin with, byte for byte.
        prefix: Arc<str>,
    }
}

request! {
    /// Has a lease go on.
    RenewRequest {
        /// Which.
        lease: LeaseId,
        /// For how long from now, at least; the store may give less.
        ttl: Option<Duration>,
    }
}

request! {
    /// Ends a lease: what was lent is worth nothing any more.
    RevokeRequest {
        /// Which.
        lease: LeaseId,
    }
}
