//! Workload and workforce identity federation (AIP-4117): the token of another platform for one of Google's.

use circle_core_common::credentials::{Fixed, Lease};
use circle_core_common::{CallContext, Result};
use circle_core_protocol_oidc::{AccessToken, ClientAuth, TokenExchange, TokenType};
use secrecy::SecretString;
use serde_json::json;

use crate::fields::Fields;
use crate::impersonation::Impersonation;
use crate::place::Place;
use crate::subject_token::{SubjectToken, Whence};
use crate::wanted::Wanted;

pub(crate) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    client: Option<(String, SecretString)>,
    user_project: Option<String>,
    whence: Whence,
    impersonation: Option<Impersonation>,
}

impl ExternalAccount {
    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        let client = match (fields.text_opt("client_id")?, fields.has("client_secret")) {
            (Some(id), true) => Some((id, fields.secret("client_secret")?)),
            (None, false) => None,
            _ => return Err(fields.invalid("has one of `client_id` and `client_secret` without the other")),
        };
        let life = match fields.object_opt("service_account_impersonation")? {
            Some(mut options) => options.number_opt("token_lifetime_seconds")?,
            None => None,
        };
        let url = fields.text_opt("service_account_impersonation_url")?;
        Ok(Self {
            audience: fields.text("audience")?,
            subject_token_type: fields.text("subject_token_type")?,
            token_url: fields.text("token_url")?,
            client,
            user_project: fields.text_opt("workforce_pool_user_project")?,
            whence: Whence::of(fields.object("credential_source")?)?,
            impersonation: url.map(|url| Impersonation::new(url, Vec::new(), life)),
        })
    }

    pub(crate) async fn token(&self, cx: &CallContext, place: &Place, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        wanted.only_scopes()?;
        let (id, auth) = match &self.client {
            Some((id, secret)) => (id.as_str(), ClientAuth::basic(Fixed::new(secret.clone()))),
            None => ("", ClientAuth::unnamed()),
        };
        // Before anything is read: a file that sends tokens elsewhere is not begun with.
        let client = place.client("token_url", &self.token_url, id, auth)?;
        let iam = self.impersonation.as_ref().map(|impersonation| impersonation.address(place)).transpose()?;
        let asked = if iam.is_some() { &Wanted::to_impersonate() } else { wanted };
        let subject = SubjectToken::new(place.clone(), self.whence.clone());
        let mut exchange = TokenExchange::new(client, subject, TokenType::Other(self.subject_token_type.clone()))
            .requested(TokenType::AccessToken)
            .audience(&self.audience)
            .scopes(&asked.scopes);
        // A client has a project of its own.
        if let (Some(project), None) = (&self.user_project, &self.client) {
            exchange = exchange.parameter("options", json!({ "userProject": project }).to_string());
        }
        let tokens = exchange.request(cx).await?;
        match &self.impersonation {
            Some(impersonation) => impersonation.token(cx, place, tokens.access_token, wanted).await,
            None => Ok(tokens.lease()),
        }
    }
}
