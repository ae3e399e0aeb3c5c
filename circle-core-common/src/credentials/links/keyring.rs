//! Secrets in the keyring of the operating system.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyring_core::{CredentialStore, Error as KeyringError};
use secrecy::SecretString;

use super::stated::found;
use crate::context::CallContext;
use crate::credentials::{Found, Lease, Link, SecretResolver};
use crate::error::{Error, ErrorKind, Result};

/// Reads a keyring: `keyring:service/user`. The application brings the store, as a crate of the keyring project for its
/// platform, and hands it over here or sets it as the default of [`keyring_core`].
///
/// ```no_run
/// # use circle_core_common::Environment;
/// # use circle_core_common::credentials::links::KeyringSecrets;
/// let environment = Environment::builder().secret_resolver("keyring", KeyringSecrets::default()).build();
/// ```
#[derive(Clone, Default)]
pub struct KeyringSecrets {
    /// `None` is the default store of the process.
    store: Option<Arc<CredentialStore>>,
}

impl KeyringSecrets {
    /// Reads this store.
    #[must_use]
    pub const fn new(store: Arc<CredentialStore>) -> Self {
        Self { store: Some(store) }
    }

    /// The secret of a user at a service; else why there is none.
    async fn read(&self, service: &str, user: &str) -> Result<std::result::Result<SecretString, String>> {
        let Some(store) = self.store.clone().or_else(keyring_core::get_default_store) else {
            return Ok(Err("the application has set no keyring".to_owned()));
        };
        let (own_service, own_user) = (service.to_owned(), user.to_owned());
        // A keyring may ask its user, and waits for the answer.
        let read = tokio::task::spawn_blocking(move || store.build(&own_service, &own_user, None)?.get_password());
        let entry = format!("`{service}/{user}`");
        match read.await {
            Ok(Ok(secret)) => Ok(Ok(secret.into())),
            Ok(Err(KeyringError::NoEntry)) => Ok(Err(format!("the keyring has no {entry}"))),
            // A machine without a session has no keyring that could be open: a server is not broken because of it.
            Ok(Err(KeyringError::NoStorageAccess(_))) => Ok(Err("the keyring is locked, or there is none".to_owned())),
            Ok(Err(error)) => {
                let what = match &error {
                    KeyringError::BadEncoding(_) => "is no text",
                    KeyringError::Ambiguous(_) => "is there several times",
                    KeyringError::Invalid(..) | KeyringError::TooLong(..) => "has a name that the keyring does not take",
                    _ => "cannot be read",
                };
                // The keyring's own error may hold the bytes that it read: it goes no further.
                Err(Error::new(ErrorKind::ConfigInvalid, format!("{entry} in the keyring {what}")))
            }
            Err(_) => Err(Error::new(ErrorKind::Internal, "the keyring panicked")),
        }
    }
}

#[async_trait]
impl SecretResolver for KeyringSecrets {
    async fn resolve(&self, _: &CallContext, path: &str) -> Result<Lease<SecretString>> {
        let Some((service, user)) = path.split_once('/').filter(|(service, user)| !service.is_empty() && !user.is_empty()) else {
            return Err(Error::new(ErrorKind::ConfigInvalid, "write `keyring:service/user`"));
        };
        // Named in the config, so nothing else will do.
        let secret = self.read(service, user).await?;
        secret.map(Lease::new).map_err(|why| Error::new(ErrorKind::ConfigInvalid, why))
    }
}

impl fmt::Debug for KeyringSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.store.is_some() { "KeyringSecrets(own store)" } else { "KeyringSecrets(default store)" })
    }
}

/// The secret of a user at a service in the keyring. Without a keyring, as on a server, it is not configured.
#[derive(Clone, Debug)]
pub struct Keyring {
    secrets: KeyringSecrets,
    service: String,
    user: String,
}

impl Keyring {
    /// The secret of this user at this service.
    #[must_use]
    pub fn new(secrets: KeyringSecrets, service: impl Into<String>, user: impl Into<String>) -> Self {
        Self { secrets, service: service.into(), user: user.into() }
    }
}

#[async_trait]
impl Link for Keyring {
    type Credential = SecretString;

    fn name(&self) -> Cow<'static, str> {
        "keyring".into()
    }

    /// # Errors
    /// `ConfigInvalid` for an entry that is there and cannot be read.
    async fn find(&self, _: &CallContext) -> Result<Found<SecretString>> {
        match self.secrets.read(&self.service, &self.user).await? {
            Ok(secret) => Ok(found(secret)),
            Err(why) => Ok(Found::NotConfigured(why.into())),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
