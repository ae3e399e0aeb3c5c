//! A user who has signed in with gcloud: a refresh token (AIP-4113).

use circle_core_common::credentials::{CredentialSource as _, Fixed, Lease};
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::{AccessToken, ClientAuth, RefreshToken};
use secrecy::SecretString;

use crate::fields::Fields;
use crate::place::Place;
use crate::service_account::TOKEN_URI;
use crate::wanted::Wanted;

pub(crate) struct AuthorizedUser {
    client_id: String,
    client_secret: SecretString,
    refresh_token: SecretString,
    token_uri: String,
}

impl AuthorizedUser {
    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        Ok(Self {
            client_id: fields.text("client_id")?,
            client_secret: fields.secret("client_secret")?,
            refresh_token: fields.secret("refresh_token")?,
            token_uri: fields.text_opt("token_uri")?.unwrap_or_else(|| TOKEN_URI.to_owned()),
        })
    }

    pub(crate) async fn token(&self, cx: &CallContext, place: &Place, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        wanted.only_scopes()?;
        let auth = ClientAuth::post(Fixed::new(self.client_secret.clone()));
        let client = place.client("token_uri", &self.token_uri, &self.client_id, auth)?;
        let mut grant = RefreshToken::new(client, self.refresh_token.clone());
        // The token is good for what the user consented to, which need not be what a provider usually needs: to ask for that by name
        // would be refused.
        if wanted.are_named {
            grant = grant.scopes(&wanted.scopes);
        }
        grant.load(cx).await
    }
}
