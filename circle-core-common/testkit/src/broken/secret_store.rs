//! Broken secret stores.

use async_trait::async_trait;
use circle_core_common::interfaces::secret_store::{
    DeleteRequest, Deleted, GetRequest, Lease, ListRequest, Precondition, PutRequest, RenewRequest, RevokeRequest, Secret,
    SecretChange, SecretFields, SecretMeta, SecretName, SecretStoreCapabilities, SecretStoreProvider, WatchRequest,
};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{CallContext, ErrorKind, Page, Result, Version, Watch};

use super::{Broken, Defect};

impl<P> Broken<P> {
    fn secret_name(&self, name: SecretName) -> SecretName {
        if self.is(Defect::FoldsNames) { name.as_str().to_lowercase().into() } else { name }
    }
}

#[async_trait]
impl<P: SecretStoreProvider> SecretStoreProvider for Broken<P> {
    fn capabilities(&self) -> &SecretStoreCapabilities {
        self.provider.capabilities()
    }

    async fn get(&self, cx: &CallContext, mut request: GetRequest) -> Result<Secret> {
        let asked = request.name.clone();
        request.name = self.secret_name(request.name);
        if self.is(Defect::GivesTheNewest) {
            request.options.version = None;
        }
        let mut secret = match self.provider.get(cx, request).await {
            Err(error) if error.is(ErrorKind::NotFound) && self.is(Defect::InventsSecrets) => {
                return Ok(Secret::new(asked, Version::generation("0"), SecretFields::single("")));
            }
            result => result?,
        };
        secret.name = asked;
        if self.is(Defect::DropsEmptyFields) {
            let fields = secret.fields.names().filter_map(|name| Some((name.to_owned(), secret.fields.get(name)?.clone())));
            secret.fields = fields.filter(|(_, value)| !value.expose_secret().is_empty()).collect();
        }
        if self.is(Defect::LogsSecrets) {
            let values: Vec<_> =
                secret.fields.names().filter_map(|name| Some(secret.fields.get(name)?.expose_secret())).collect();
            tracing::info!("got {values:?}");
        }
        Ok(secret)
    }

    async fn put(&self, cx: &CallContext, mut request: PutRequest) -> Result<Version> {
        request.name = self.secret_name(request.name);
        if self.is(Defect::IgnoresSecretConditions) {
            request.options.precondition = Precondition::None;
        }
        self.provider.put(cx, request).await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Result<Deleted> {
        self.provider.delete(cx, request).await
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<SecretMeta>> {
        let mut page = self.provider.list(cx, request).await?;
        if self.is(Defect::ListsOtherNames) {
            for meta in &mut page.items {
                meta.name = format!("{}/value", meta.name).into();
            }
        }
        Ok(page)
    }

    async fn watch(&self, cx: &CallContext, request: WatchRequest) -> Result<Watch<SecretChange>> {
        self.provider.watch(cx, request).await
    }

    async fn renew_lease(&self, cx: &CallContext, request: RenewRequest) -> Result<Lease> {
        self.provider.renew_lease(cx, request).await
    }

    async fn revoke_lease(&self, cx: &CallContext, request: RevokeRequest) -> Result<()> {
        self.provider.revoke_lease(cx, request).await
    }
}
