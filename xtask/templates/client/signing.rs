//! What stands in for the service: how it signs its webhooks. Where no scheme describes that, verify by code of your own.

use circle_core_common::webhook::{Scheme, Verification, WebhookKey};
use circle_core_common::{Result, SecretRef};
use secrecy::ExposeSecret;

use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

/// What {{Provider}} signs, and where signature, moment and id stand in its requests.
#[must_use]
pub fn scheme() -> Scheme {
    Scheme::new("x-{{provider}}-signature")
        .signature_prefix("sha256=")
        .signed("{timestamp}.{body}".to_owned())
        .timestamp_header("x-{{provider}}-timestamp")
        .id_fields(["/id"])
        .kind_fields(["/type"])
}

#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) verification: Verification,
    secrets: Vec<SecretRef>,
}

impl Signing {
    pub(crate) fn new(config: &{{Provider}}Config) -> Result<Self> {
        if config.secrets.is_empty() {
            return Err({{Provider}}Error::NoSecret.into());
        }
        Ok(Self { verification: Verification::new(scheme())?, secrets: config.secrets.clone() })
    }

    /// The keys of the live secrets, read anew, so that one that was changed is live at once.
    pub(crate) async fn keys(&self) -> Result<Vec<WebhookKey>> {
        let mut keys = Vec::with_capacity(self.secrets.len());
        for secret in &self.secrets {
            keys.push(self.verification.key(secret.resolve().await?.expose_secret())?);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook_verifier::capabilities;

    #[test]
    fn without_a_secret_anyone_could_sign() {
        let error = Signing::new(&{{Provider}}Config::new().secrets([])).expect_err("no secret");
        assert_eq!(error.provider_error::<{{Provider}}Error>(), Some(&{{Provider}}Error::NoSecret));
    }

    #[test]
    fn what_it_can_do_is_what_the_scheme_says() {
        let signing = Signing::new(&{{Provider}}Config::new()).expect("a scheme");
        assert_eq!(format!("{:?}", capabilities()), format!("{:?}", signing.verification.capabilities()));
    }
}
