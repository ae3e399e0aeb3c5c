//! The token of a service account for whoever may act as it (IAM Credentials, `generateAccessToken`).

use std::time::Duration;

use circle_core_common::credentials::{DEFAULT_LIFE, Fixed, Lease};
use circle_core_common::http::{Auth, BaseUrl, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Result, Sent, Timestamp};
use circle_core_protocol_oidc::{AccessToken, BearerTokens};
use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::file::CredentialsFile;
use crate::place::Place;
use crate::wanted::Wanted;

pub(crate) static GENERATE: RemoteOperation = RemoteOperation::new(
    "google.GenerateAccessToken",
    Idempotency::Idempotent,
    "/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
);

/// How long a token lives where the file does not say.
const LIFE: Duration = Duration::from_secs(3600);
const ANSWER_MAX: ByteSize = ByteSize::kib(64);

/// Which account to act as.
pub(crate) struct Impersonation {
    url: String,
    delegates: Vec<String>,
    life: Duration,
}

#[derive(Serialize)]
struct Asked<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    delegates: &'a [String],
    scope: &'a [String],
    lifetime: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    access_token: String,
    expire_time: Option<String>,
}

impl Impersonation {
    pub(crate) fn new(url: String, delegates: Vec<String>, life_seconds: Option<u64>) -> Self {
        Self { url, delegates, life: life_seconds.map_or(LIFE, Duration::from_secs) }
    }

    /// Where it is asked for, if that is to be trusted.
    pub(crate) fn address(&self, place: &Place) -> Result<BaseUrl> {
        place.google("service_account_impersonation_url", &self.url)
    }

    /// The account's token, for the token of one who may act as it.
    pub(crate) async fn token(
        &self,
        cx: &CallContext,
        place: &Place,
        source: AccessToken,
        wanted: &Wanted,
    ) -> Result<Lease<AccessToken>> {
        let base = self.address(place)?;
        let auth = Auth::custom(BearerTokens::new(Fixed::new(source)));
        let client = place.cx.http(base.origin.clone()).auth(auth).body_limit(ANSWER_MAX).build();
        let body = Asked { delegates: &self.delegates, scope: &wanted.scopes, lifetime: format!("{}s", self.life.as_secs()) };
        let now = cx.clock().timestamp();
        let response = client.send(cx, &GENERATE, Request::post(base.target("")).json(&body)?).await?;
        // Nothing of the answer is repeated: it is a token.
        let unreadable =
            |_| Error::new(ErrorKind::Decode, "the answer of `generateAccessToken` is not as documented").with_sent(Sent::Yes);
        let answer: Answer = serde_json::from_slice(&response.body).map_err(unreadable)?;
        let stated = answer.expire_time.and_then(|text| text.parse::<Timestamp>().ok()).filter(|end| *end > now);
        Ok(Lease::new(AccessToken::new(answer.access_token)?).until(stated.unwrap_or(now + DEFAULT_LIFE)))
    }
}

/// A file that says who acts as whom.
pub(crate) struct Impersonated {
    impersonation: Impersonation,
    source: CredentialsFile,
}

impl Impersonated {
    pub(crate) fn of(mut fields: Fields) -> Result<Self> {
        let (url, delegates) = (fields.text("service_account_impersonation_url")?, fields.texts("delegates")?);
        let source = CredentialsFile::of(fields.object("source_credentials")?)?;
        Ok(Self { impersonation: Impersonation::new(url, delegates, None), source })
    }

    pub(crate) async fn token(&self, cx: &CallContext, place: &Place, wanted: &Wanted) -> Result<Lease<AccessToken>> {
        wanted.only_scopes()?;
        // Before the source is asked: a file that sends tokens elsewhere is not begun with.
        self.impersonation.address(place)?;
        let source = self.source.token(cx, place, &Wanted::to_impersonate()).await?;
        self.impersonation.token(cx, place, source.value().clone(), wanted).await
    }
}
