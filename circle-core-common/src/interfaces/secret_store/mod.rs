//! Secret stores: passwords, keys and tokens by name, with their versions.
//!
//! ```
//! # use circle_core_common::Result;
//! use circle_core_common::interfaces::secret_store::{SecretFields, SecretStore};
//! use circle_core_common::secret::ExposeSecret as _;
//!
//! # async fn example(secrets: SecretStore, connect: fn(&str, &str)) -> Result<()> {
//! let db = secrets.get("payments/db").await?; // `Secret(payments/db v3)` is all that it shows
//! connect(db.field("user")?.expose_secret(), db.field("password")?.expose_secret());
//! secrets.put("payments/api", SecretFields::single("a new key")).await?;
//! let names = secrets.list("payments/").all().await?; // never values
//! # Ok(())
//! # }
//! ```
//!
//! *Missing* is `NotFound`, and *forbidden* `PermissionDenied`, where the service tells the two apart. *A version* is what one
//! write made; it never changes. *Nothing* shows what is secret: not `Debug`, no error, no span, no audit record.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
mod fields;
mod follow;
#[cfg(feature = "mock")]
mod mock;
mod outcome;
mod provider;
mod references;
mod types;

use std::sync::Arc;
use std::time::Duration;

pub use capabilities::SecretStoreCapabilities;
pub use fields::SecretFields;
pub use follow::{FollowOptions, LiveSecret};
#[cfg(feature = "mock")]
pub use mock::MockSecretStoreProvider;
pub use provider::SecretStoreProvider;
pub use references::SecretStores;
pub use types::*;

use crate::error::{Error, ErrorKind, Limit, Reason, Result};
use crate::identifier::Version;
use crate::listing::Listing;
use crate::operation::Operation;
use crate::scope::Resources;
use crate::watch::Watch;

crate::operations! {
    "SecretStore" => {
        /// Reads a secret.
        GET = "secret_store.get", Read;
        /// Writes a version.
        PUT = "secret_store.put", Write;
        /// Deletes.
        DELETE = "secret_store.delete", Delete;
        /// A page of names.
        LIST = "secret_store.list", Read;
        /// Tells of changes.
        WATCH = "secret_store.watch", Read;
        /// Has a lease go on.
        RENEW = "secret_store.renew_lease", Write;
        /// Ends a lease.
        REVOKE = "secret_store.revoke_lease", Delete;
        /// Looks up a write whose answer was lost.
        RESOLVE = "secret_store.resolve", Read;
    }
}

crate::handle! {
    /// A store of secrets: what applications hold.
    SecretStore over SecretStoreProvider with SecretStoreCapabilities as "SecretStore"
}

type Caps = SecretStoreCapabilities;

impl SecretStore {
    /// The newest version of a secret.
    ///
    /// # Errors
    /// `NotFound` when there is none of the name; `PermissionDenied` when the caller may not see it.
    pub async fn get(&self, name: impl Into<SecretName>) -> Result<Secret> {
        self.get_inner(&GET, name.into(), GetOptions::new()).await
    }

    /// A version of a secret.
    ///
    /// # Errors
    /// As [`get`](Self::get); `Unsupported` without `versions` for one that is not the newest.
    pub async fn get_with(&self, name: impl Into<SecretName>, options: GetOptions) -> Result<Secret> {
        self.get_inner(&GET, name.into(), options).await
    }

    async fn get_inner(&self, operation: &'static Operation, name: SecretName, options: GetOptions) -> Result<Secret> {
        let checked = self.check_name(&name).and_then(|()| {
            options.version.as_ref().map_or(Ok(()), |_| Caps::VERSIONS.check(self.capabilities()))?;
            options.extensions.check(self.core.provider())
        });
        self.at(operation, &name, checked)?;
        let mut call = self.open(operation);
        let provider = self.start(&mut call, Resources::One(name.shared())).await?;
        let result = call.guard(provider.get(call.cx(), GetRequest::new(name, options))).await;
        call.finish(result).await
    }

    /// Writes a new version of a secret, and gives its name. Who reads the newest version sees it.
    ///
    /// *Idempotent*, where the store keeps the ids of writes; else a repetition makes another version of the same content.
    ///
    /// # Errors
    /// `InvalidInput` outside the limits; `Unsupported` where secrets are only read.
    pub async fn put(&self, name: impl Into<SecretName>, fields: impl Into<SecretFields>) -> Result<Version> {
        self.put_with(name, fields, PutOptions::new()).await
    }

    /// Writes a new version of a secret on a condition.
    ///
    /// # Errors
    /// As [`put`](Self::put); `AlreadyExists` or `Conflict` by the condition; `OutcomeUnknown` when the answer to a conditional
    /// put is lost for good.
    pub async fn put_with(
        &self,
        name: impl Into<SecretName>,
        fields: impl Into<SecretFields>,
        options: PutOptions,
    ) -> Result<Version> {
        self.put_inner(name.into(), fields.into(), options).await
    }

    async fn put_inner(&self, name: SecretName, fields: SecretFields, options: PutOptions) -> Result<Version> {
        self.at(&PUT, &name, self.check_put(&name, &fields, &options))?;
        let mut call = self.open(&PUT);
        let provider = self.start(&mut call, Resources::One(name.shared())).await?;
        let result = async {
            let operation = call.cx().operation_id()?.clone();
            let conditional = options.precondition != Precondition::None;
            let request = PutRequest::new(name.clone(), fields, options, operation.clone());
            match call.guard(provider.put(call.cx(), request)).await {
                Err(error) if conditional => outcome::settle(&call, provider, name, &operation, error).await,
                result => result,
            }
        }
        .await;
        call.finish(result).await
    }

    /// Writes the first version of a secret.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of the name — never because of a lost answer to this very call; else as
    /// [`put_with`](Self::put_with).
    pub async fn create(&self, name: impl Into<SecretName>, fields: impl Into<SecretFields>) -> Result<Version> {
        self.put_with(name, fields, PutOptions::new().if_absent()).await
    }

    /// Writes a new version over this one.
    ///
    /// # Errors
    /// `Conflict`, reason `VersionMismatch`, if the newest version is another one or there is none; else as
    /// [`put_with`](Self::put_with).
    pub async fn replace(
        &self,
        name: impl Into<SecretName>,
        fields: impl Into<SecretFields>,
        version: impl Into<Version>,
    ) -> Result<Version> {
        self.put_with(name, fields, PutOptions::new().if_match(version)).await
    }

    /// Deletes a secret with all its versions. Deleting what is absent succeeds and says so, where the store tells.
    ///
    /// # Errors
    /// `Unsupported` where secrets are only read; what the provider says.
    pub async fn delete(&self, name: impl Into<SecretName>) -> Result<Deleted> {
        self.delete_with(name, DeleteOptions::new()).await
    }

    /// Deletes a secret as a provider's own options say.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub async fn delete_with(&self, name: impl Into<SecretName>, options: DeleteOptions) -> Result<Deleted> {
        let name = name.into();
        let checked = self.check_name(&name).and_then(|()| {
            Caps::DELETE.check(self.capabilities())?;
            options.extensions.check(self.core.provider())
        });
        self.at(&DELETE, &name, checked)?;
        let mut call = self.open(&DELETE);
        let provider = self.start(&mut call, Resources::One(name.shared())).await?;
        let result = call.guard(provider.delete(call.cx(), DeleteRequest::new(name, options))).await;
        call.finish(result).await
    }

    /// The names of the secrets that begin with `prefix`, byte for byte; never what they say. In any order.
    pub fn list(&self, prefix: impl Into<String>) -> Listing<SecretMeta> {
        let store = self.clone();
        let prefix: Arc<str> = prefix.into().into();
        Listing::new(&prefix.clone(), move |page| {
            let (store, prefix) = (store.clone(), Arc::clone(&prefix));
            async move {
                Caps::LIST.check(store.capabilities()).map_err(|error| store.core.place(error, &LIST).with_resource(&prefix))?;
                let mut call = store.open(&LIST);
                let provider = store.start(&mut call, Resources::One(&prefix)).await?;
                let result = call.guard(provider.list(call.cx(), ListRequest::new(Arc::clone(&prefix), page))).await;
                call.finish(result).await
            }
        })
    }

    /// The changes of the secrets whose names begin with `prefix`, from now on; `SecretChange::Lagged` after a gap.
    ///
    /// # Errors
    /// `Unsupported` without `watch`.
    pub async fn watch(&self, prefix: impl Into<String>) -> Result<Watch<SecretChange>> {
        let prefix: Arc<str> = prefix.into().into();
        Caps::WATCH.check(self.capabilities()).map_err(|error| self.core.place(error, &WATCH).with_resource(&prefix))?;
        let mut call = self.open(&WATCH);
        let provider = self.start(&mut call, Resources::One(&prefix)).await?;
        let result = call.guard(provider.watch(call.cx(), WatchRequest::new(Arc::clone(&prefix)))).await;
        call.finish(result).await
    }

    /// Has the lease of a secret go on for at least `ttl` from now, or as long as the store likes; gives it as it is then.
    ///
    /// # Errors
    /// `NotFound` for a lease that has ended; `InvalidInput` for a secret that was not lent; `Unsupported` without `leases`.
    pub async fn renew_lease(&self, secret: &Secret, ttl: impl Into<Option<Duration>>) -> Result<Lease> {
        let lease = self.check_lease(&RENEW, secret)?;
        let mut call = self.open(&RENEW);
        let provider = self.start(&mut call, Resources::One(secret.name.shared())).await?;
        let result = call.guard(provider.renew_lease(call.cx(), RenewRequest::new(lease, ttl.into()))).await;
        call.finish(result).await
    }

    /// Ends the lease of a secret, which is worth nothing any more then. Ending one that has ended succeeds.
    ///
    /// # Errors
    /// `InvalidInput` for a secret that was not lent; `Unsupported` without `leases`.
    pub async fn revoke_lease(&self, secret: &Secret) -> Result<()> {
        let lease = self.check_lease(&REVOKE, secret)?;
        let mut call = self.open(&REVOKE);
        let provider = self.start(&mut call, Resources::One(secret.name.shared())).await?;
        let result = call.guard(provider.revoke_lease(call.cx(), RevokeRequest::new(lease))).await;
        call.finish(result).await
    }

    /// Whether the write behind an `OutcomeUnknown` has happened.
    ///
    /// # Errors
    /// `InvalidInput` for an error that names no write of this interface; what the provider says.
    pub async fn resolve(&self, error: &Error) -> Result<crate::Resolution> {
        outcome::resolve(self, error).await
    }

    fn check_name(&self, name: &SecretName) -> Result<()> {
        let max = self.capabilities().name_max.as_u64();
        match name.as_str().len() as u64 {
            0 => Err(Error::new(ErrorKind::InvalidInput, "the name is empty").with_reason(Reason::NameInvalid)),
            length if length > max => Err(Error::outside_limit(Limit::at_most("name_max", max, "bytes"), length)),
            _ => Ok(()),
        }
    }

    fn check_put(&self, name: &SecretName, fields: &SecretFields, options: &PutOptions) -> Result<()> {
        let capabilities = self.capabilities();
        self.check_name(name)?;
        Caps::PUT.check(capabilities)?;
        match options.precondition {
            Precondition::None => {}
            Precondition::IfAbsent => Caps::PUT_IF_ABSENT.check(capabilities)?,
            Precondition::IfMatch(_) => Caps::PUT_IF_MATCH.check(capabilities)?,
        }
        if fields.is_empty() || fields.names().any(str::is_empty) {
            return Err(Error::new(ErrorKind::InvalidInput, "a secret has at least one field, and no field's name is empty"));
        }
        let max = capabilities.value_max.as_u64();
        if fields.size() > max {
            // The size of what is secret is nobody's business either.
            return Err(Error::outside_limit(Limit::at_most("value_max", max, "bytes"), "more"));
        }
        options.extensions.check(self.core.provider())
    }

    fn check_lease(&self, operation: &'static Operation, secret: &Secret) -> Result<LeaseId> {
        let lease = Caps::LEASES.check(self.capabilities()).and_then(|()| match &secret.lease {
            Some(lease) => Ok(lease.id.clone()),
            None => Err(Error::new(ErrorKind::InvalidInput, "the secret was not lent: it has no lease")),
        });
        self.at(operation, &secret.name, lease)
    }

    fn at<T>(&self, operation: &'static Operation, name: &SecretName, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.core.place(error, operation).with_resource(name.shared()))
    }
}
