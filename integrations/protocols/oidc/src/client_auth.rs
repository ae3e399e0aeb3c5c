//! How a client says who it is (RFC 6749, 2.3; RFC 7523; OpenID Connect Core, 9).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::credentials::{CredentialCache, CredentialSource};
use circle_core_common::http::{Request, Target, encode};
use circle_core_common::{CallContext, Result};
use secrecy::{ExposeSecret, SecretString};

use crate::assertion::{Assertion, SigningKey};
use crate::form::Form;

/// The type of a client assertion that is a JWT.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client authenticates at the endpoints of its server. Secrets and keys are read when they are needed, and again when the
/// server refuses them.
#[derive(Clone)]
pub struct ClientAuth(Way);

#[derive(Clone)]
enum Way {
    Unnamed,
    Public,
    Basic(CredentialCache<SecretString>),
    Post(CredentialCache<SecretString>),
    Assertion { key: SigningKey, audience: Option<String> },
    Given(Arc<dyn CredentialSource<Credential = SecretString>>),
}

impl ClientAuth {
    /// Not even by its id: the grant itself says who asks, as an assertion of a service account does.
    #[must_use]
    pub const fn unnamed() -> Self {
        Self(Way::Unnamed)
    }

    /// Not at all: an application on its user's machine, which can keep no secret.
    #[must_use]
    pub const fn public() -> Self {
        Self(Way::Public)
    }

    /// Its secret in the header (`client_secret_basic`): a [`SecretRef`](circle_core_common::SecretRef), say.
    #[must_use]
    pub fn basic(secret: impl CredentialSource<Credential = SecretString>) -> Self {
        Self(Way::Basic(CredentialCache::new(secret)))
    }

    /// Its secret in the form (`client_secret_post`).
    #[must_use]
    pub fn post(secret: impl CredentialSource<Credential = SecretString>) -> Self {
        Self(Way::Post(CredentialCache::new(secret)))
    }

    /// An assertion that it signs, to the token endpoint: `private_key_jwt`, and `client_secret_jwt` with a key for `HS…`.
    #[must_use]
    pub const fn private_key_jwt(key: SigningKey) -> Self {
        Self(Way::Assertion { key, audience: None })
    }

    /// An assertion that somebody else has signed, loaded anew for each request: a workload's, which its platform replaces.
    #[must_use]
    pub fn assertion(source: impl CredentialSource<Credential = SecretString>) -> Self {
        Self(Way::Given(Arc::new(source)))
    }

    /// Addresses the assertion to another audience than the token endpoint: some servers want their issuer.
    #[must_use]
    pub fn assertion_audience(mut self, of: impl Into<String>) -> Self {
        if let Way::Assertion { audience, .. } = &mut self.0 {
            *audience = Some(of.into());
        }
        self
    }

    /// What the server refused is not kept: it may have been replaced.
    pub(crate) fn refused(&self, cx: &CallContext) {
        let cache = match &self.0 {
            Way::Basic(secret) | Way::Post(secret) => secret,
            Way::Assertion { key, .. } => key.secret(),
            Way::Unnamed | Way::Public | Way::Given(_) => return,
        };
        if let Some(lease) = cache.peek(cx) {
            cache.invalidate(lease.version());
        }
    }

    /// The request of a form to `target`, authenticated.
    pub(crate) async fn request(
        &self,
        cx: &CallContext,
        client_id: &str,
        form: Form,
        (target, address): (Target, &str),
    ) -> Result<Request> {
        match &self.0 {
            Way::Unnamed => form.post(target),
            Way::Public => form.plain("client_id", client_id).post(target),
            Way::Post(secret) => {
                let secret = secret.get(cx).await?.value().clone();
                form.plain("client_id", client_id).secret("client_secret", secret).post(target)
            }
            Way::Basic(secret) => {
                let secret = secret.get(cx).await?.value().clone();
                // RFC 6749, 2.3.1: both are encoded as in a form first, so that a colon in the id ends nothing.
                let mut pair = String::new();
                encode::form(&mut pair, client_id);
                pair.push(':');
                encode::form(&mut pair, secret.expose_secret());
                let header = format!("Basic {}", STANDARD.encode(pair));
                form.hiding(secret).post(target)?.secret_header("authorization", &header)
            }
            Way::Assertion { key, audience } => {
                let audience = audience.as_deref().unwrap_or(address);
                let assertion = Assertion::new(client_id, audience).subject(client_id).sign(cx, key).await?;
                asserted(form, client_id, assertion).post(target)
            }
            Way::Given(source) => {
                let assertion = source.load(cx).await?.value().clone();
                asserted(form, client_id, assertion).post(target)
            }
        }
    }
}

fn asserted(form: Form, client_id: &str, assertion: SecretString) -> Form {
    form.plain("client_id", client_id).plain("client_assertion_type", JWT_BEARER).secret("client_assertion", assertion)
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Way::Unnamed => "ClientAuth(unnamed)",
            Way::Public => "ClientAuth(public)",
            Way::Basic(_) => "ClientAuth(basic)",
            Way::Post(_) => "ClientAuth(post)",
            Way::Assertion { .. } | Way::Given(_) => "ClientAuth(assertion)",
        })
    }
}
