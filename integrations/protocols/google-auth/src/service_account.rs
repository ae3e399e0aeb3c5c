//! The key of a service account (RFC 7523; AIP-4112, AIP-4111).

use std::time::Duration;

use circle_core_common::credentials::{Fixed, Lease};
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::{AccessToken, Algorithm, Assertion, ClientAuth, JwtBearer, SigningKey};
use secrecy::SecretString;

use crate::fields::Fields;
use crate::place::Place;
use crate::wanted::{Wanted, cannot};

/// Where tokens come from where the file does not say.
pub(crate) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// As long as Google allows.
const LIFE: Duration = Duration::from_secs(3600);

pub(crate) struct ServiceAccount {
    email: String,
    key: SecretString,
    key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        Ok(Self {
            email: fields.text("client_email")?,
            key: fields.secret("private_key")?,
            key_id: fields.text_opt("private_key_id")?,
            token_uri: fields.text_opt("token_uri")?.unwrap_or_else(|| TOKEN_URI.to_owned()),
        })
    }

    /// A token for scopes from Google, or for an audience one that the account signs itself.
    pub(crate) async fn token(&self, cx: &CallContext, place: &Place, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        let mut key = SigningKey::new(Algorithm::RS256, Fixed::new(self.key.clone()));
        if let Some(id) = &self.key_id {
            key = key.kid(id);
        }
        if let Some(audience) = &wanted.audience {
            // Such a token is for one or the other, and of nobody else.
            if wanted.are_named || wanted.subject.is_some() {
                return Err(cannot("an audience together with scopes or a subject"));
            }
            let now = cx.clock().timestamp();
            let assertion = Assertion::new(&self.email, audience).subject(&self.email).life(LIFE);
            return Ok(Lease::living(AccessToken::new(assertion.sign(cx, &key).await?)?, LIFE, now));
        }
        let client = place.client("token_uri", &self.token_uri, "", ClientAuth::unnamed())?;
        let mut assertion = Assertion::new(&self.email, &self.token_uri).claim("scope", wanted.scopes.join(" ")).life(LIFE);
        if let Some(user) = &wanted.subject {
            assertion = assertion.subject(user);
        }
        Ok(JwtBearer::new(client, key, assertion).request(cx).await?.lease())
    }
}
