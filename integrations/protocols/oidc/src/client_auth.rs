//! How a client says who it is (RFC 6749, 2.3; RFC 7523; OpenID Connect Core, 9).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::http::{Request, Target, encode};
use circle_core_common::{CallContext, Result, SecretRef};
use secrecy::ExposeSecret;

use crate::assertion::{Assertion, SigningKey};
use crate::form::Form;

/// The type of a client assertion that is a JWT.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client authenticates at the endpoints of its server. Secrets and keys are read anew for each request.
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientAuth {
    /// Not at all: an application on its user's machine, which can keep no secret.
    Public,
    /// Its secret in the header (`client_secret_basic`).
    Basic(SecretRef),
    /// Its secret in the form (`client_secret_post`).
    Post(SecretRef),
    /// An assertion that it signs (`private_key_jwt`, and `client_secret_jwt` with a key for `HS…`).
    Assertion {
        /// What it signs with.
        key: SigningKey,
        /// To whom it says so; the token endpoint where nothing is said.
        audience: Option<String>,
    },
}

impl ClientAuth {
    /// `private_key_jwt`, to the token endpoint.
    #[must_use]
    pub const fn private_key_jwt(key: SigningKey) -> Self {
        Self::Assertion { key, audience: None }
    }

    /// The request of a form to `target`, authenticated.
    pub(crate) async fn request(
        &self,
        cx: &CallContext,
        client_id: &str,
        form: Form,
        (target, address): (Target, &str),
    ) -> Result<Request> {
        match self {
            Self::Public => form.plain("client_id", client_id).post(target),
            Self::Post(secret) => {
                form.plain("client_id", client_id).secret("client_secret", secret.resolve().await?).post(target)
            }
            Self::Basic(secret) => {
                let secret = secret.resolve().await?;
                // RFC 6749, 2.3.1: both are encoded as in a form first, so that a colon in the id ends nothing.
                let mut pair = String::new();
                encode::form(&mut pair, client_id);
                pair.push(':');
                encode::form(&mut pair, secret.expose_secret());
                let header = format!("Basic {}", STANDARD.encode(pair));
                form.hiding(secret).post(target)?.secret_header("authorization", &header)
            }
            Self::Assertion { key, audience } => {
                let audience = audience.as_deref().unwrap_or(address);
                let assertion = Assertion::new(client_id, audience).subject(client_id).sign(cx, key).await?;
                let form = form.plain("client_id", client_id).plain("client_assertion_type", JWT_BEARER);
                form.secret("client_assertion", assertion).post(target)
            }
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "ClientAuth(public)",
            Self::Basic(_) => "ClientAuth(basic)",
            Self::Post(_) => "ClientAuth(post)",
            Self::Assertion { .. } => "ClientAuth(assertion)",
        })
    }
}
