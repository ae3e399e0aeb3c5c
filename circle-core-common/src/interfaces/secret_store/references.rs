//! Secret stores as what references in a config lead to: `secret:<service>/<name>#<field>`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use secrecy::SecretString;

use super::{SecretFields, SecretStore};
use crate::context::{CallContext, CallOptions};
use crate::credentials::{Lease, SecretResolver};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};

/// The secret stores of a hub by the names of their services: who reads `secret:vault/payments/db#password`, which is the field
/// `password` of the secret `payments/db` of the service `vault`. Without a field it is the one value. Clones are the same table.
///
/// What lives on with such a secret reads it through the cache of credentials, anew every five minutes, when it ends, and when it
/// was refused: a rotated secret reaches clients that live.
#[derive(Clone, Default)]
pub struct SecretStores {
    table: Arc<RwLock<BTreeMap<String, SecretStore>>>,
}

impl SecretStores {
    /// The scheme of references.
    pub const SCHEME: &'static str = "secret";

    /// No stores yet, for the references of this environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let stores = Self::default();
        environment.secret_resolvers().insert(Self::SCHEME, Arc::new(stores.clone()));
        stores
    }

    /// Reads references that name this service with this store from now on.
    pub fn insert(&self, service: impl Into<String>, store: SecretStore) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(service.into(), store);
    }

    /// Forgets every store.
    pub fn clear(&self) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, service: &str) -> Result<SecretStore> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.get(service).cloned().ok_or_else(|| {
            let names = table.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "none".to_owned() } else { names };
            Error::new(ErrorKind::ConfigInvalid, format!("there is no secret store `{service}`; those that there are: {names}"))
        })
    }
}

impl fmt::Debug for SecretStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table.read().unwrap_or_else(PoisonError::into_inner).keys()).finish()
    }
}

#[async_trait]
impl SecretResolver for SecretStores {
    async fn resolve(&self, cx: &CallContext, path: &str) -> Result<Lease<SecretString>> {
        let malformed = || Error::new(ErrorKind::ConfigInvalid, "a reference to a secret is `secret:<service>/<name>#<field>`");
        let (service, place) = path.split_once('/').ok_or_else(malformed)?;
        let (name, field) = match place.rsplit_once('#') {
            Some((name, field)) => (name, Some(field)),
            None => (place, None),
        };
        let store = self.get(service)?;
        let secret = match cx.remaining() {
            Some(left) => store.with(CallOptions::new().timeout(left)).get(name).await?,
            None => store.get(name).await?,
        };
        let value = match field {
            Some(field) => secret.field(field)?,
            None => secret.fields.value().ok_or_else(|| {
                let text = format!("the secret has several fields: name one, `{name}#{}`", SecretFields::VALUE);
                Error::new(ErrorKind::ConfigInvalid, text)
            })?,
        };
        let lease = Lease::new(value.clone());
        let ends = secret.lease.as_ref().map(|lease| lease.expires_at).or(secret.expires_at);
        Ok(ends.into_iter().fold(lease, Lease::until))
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use super::*;
    use crate::credentials::{CredentialSource as _, SecretSource};
    use crate::identifier::Version;
    use crate::interfaces::secret_store::{GET, MockSecretStoreProvider, Secret};
    use crate::secret::{ExposeSecret as _, SecretRef};

    fn stores(environment: &Environment) -> SecretStores {
        let mut mock = MockSecretStoreProvider::ready();
        mock.expect_get().returning(|_, request| match request.name.as_str() {
            "payments/db" => {
                let fields = SecretFields::from([("user", "app"), ("password", "p")]);
                Ok(Secret::new(request.name, Version::generation("1"), fields))
            }
            "token" => Ok(Secret::new(request.name, Version::generation("1"), SecretFields::single("t"))),
            _ => Err(Error::new(ErrorKind::NotFound, "no such secret")),
        });
        let stores = SecretStores::of(environment);
        stores.insert("vault", SecretStore::new(mock));
        stores
    }

    async fn read(environment: &Environment, reference: &str) -> Result<String> {
        let source = SecretSource::new(reference.parse::<SecretRef>()?, environment);
        let lease = source.load(&CallContext::new(environment, &GET, None)).await?;
        assert!(lease.refresh_at().is_some(), "it is looked at again");
        Ok(lease.value().expose_secret().to_owned())
    }

    #[tokio::test]
    async fn references_lead_to_fields_and_to_the_one_value() {
        let environment = Environment::default();
        stores(&environment);
        assert_eq!(read(&environment, "secret:vault/payments/db#password").await.unwrap(), "p");
        assert_eq!(read(&environment, "secret:vault/token").await.unwrap(), "t");
    }

    #[tokio::test]
    async fn references_that_lead_nowhere_are_mistakes_of_the_config() {
        let environment = Environment::default();
        let stores = stores(&environment);
        for wrong in ["vault", "vault/missing", "vault/payments/db", "other/token"] {
            let error = read(&environment, &format!("secret:{wrong}")).await.unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid), "{wrong}: {error}");
        }
        stores.clear();
        assert!(read(&environment, "secret:vault/token").await.unwrap_err().message().contains("none"));
    }
}
