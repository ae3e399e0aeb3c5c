//! Credentials of a user who has signed in by IAM Identity Center (`aws sso login`)
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>).

use std::path::PathBuf;
use std::time::Duration;

use circle_core_common::credentials::{ExpiresIn, Lease};
use circle_core_common::http::{Request, Secrets, encode};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use crate::credentials::AwsCredentials;
use crate::document::{is_key_id, moment, read};
use crate::outside::Outside;
use crate::profile_file::Profile;
use crate::region;

static GET_ROLE_CREDENTIALS: RemoteOperation =
    RemoteOperation::new("sso.GetRoleCredentials", Idempotency::Safe, "/federation/credentials");
/// The refresh token may be another one afterwards.
static CREATE_TOKEN: RemoteOperation = RemoteOperation::new("sso-oidc.CreateToken", Idempotency::NonIdempotent, "/token");

/// A token is refreshed so long before its end, as the AWS tools do.
const REFRESH_BEFORE: Duration = Duration::from_secs(5 * 60);

/// What a profile says about a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sso {
    /// The name of the `sso-session`; older profiles have none.
    pub(crate) session: Option<String>,
    pub(crate) start_url: String,
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) role_name: String,
}

/// What `aws sso login` writes down. Values that are no text are passed over; what is not known is kept.
struct Token(Map<String, Value>);

impl Token {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(Into::into)
    }

    fn moment(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(moment)
    }

    /// When the token ends; one that does not say when has ended.
    fn end(&self) -> Timestamp {
        self.moment("expiresAt").unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn is_refreshable(&self, now: Timestamp) -> bool {
        let all = ["refreshToken", "clientId", "clientSecret"].into_iter().all(|name| self.text(name).is_some());
        all && self.moment("registrationExpiresAt").is_none_or(|end| now < end)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    access_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: ExpiresIn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// In milliseconds since 1970.
    expiration: i64,
}

impl Sso {
    /// The credentials of the role for the user who has signed in; `profile_name` is the one to sign in by.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody has signed in or the sign-in has ended; what the services say.
    pub(crate) async fn credentials(
        &self,
        outside: &Outside,
        cx: &CallContext,
        (profile_name, profile): (&str, &Profile),
    ) -> Result<Lease<AwsCredentials>> {
        let region = region::checked(&self.region)?;
        let token = self.token(outside, cx, (profile_name, profile)).await?;
        let base = outside.endpoint("SSO", Some(profile), &region::address("portal.sso", region))?;
        let http = outside.client(base.origin.clone()).build();
        let mut path = String::from("/federation/credentials?account_id=");
        encode::query(&mut path, &self.account_id);
        path.push_str("&role_name=");
        encode::query(&mut path, &self.role_name);
        let request = Request::get(base.target(&path)).secret_header("x-amz-sso_bearer_token", token.expose_secret());
        let request = request.map_err(|_| self.unusable("has a token that no header can carry"))?;
        let answer = http.send(cx, &GET_ROLE_CREDENTIALS, request).await.map_err(|error| {
            // Signed out since, or the session was ended by an administrator.
            if error.is(ErrorKind::Unauthenticated) { error.context(sign_in(profile_name)) } else { error }
        })?;
        let Answer { role_credentials: of } = read("the answer of sso.GetRoleCredentials", &answer.body)?;
        let missing = |name: &str| Error::new(ErrorKind::Decode, format!("the answer of sso.GetRoleCredentials has no `{name}`"));
        if !is_key_id(&of.access_key_id) {
            return Err(missing("accessKeyId"));
        }
        if of.secret_access_key.is_empty() || of.session_token.is_empty() || of.expiration <= 0 {
            return Err(missing("secretAccessKey`, `sessionToken` or `expiration"));
        }
        let credentials = AwsCredentials::new(of.access_key_id, of.secret_access_key).session_token(of.session_token);
        Ok(Lease::new(credentials).until(Timestamp::from_unix(of.expiration / 1000, 0)))
    }

    /// Where the token is kept: by the name of the session, or by the start address for older profiles.
    fn cache(&self, outside: &Outside) -> Result<PathBuf> {
        let name = self.session.as_deref().unwrap_or(&self.start_url);
        let digest: String = Sha1::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        outside.os.expand(&format!("~/.aws/sso/cache/{digest}.json"))
    }

    async fn kept(&self, outside: &Outside) -> Result<Option<Token>> {
        let Some(text) = outside.os.read(&self.cache(outside)?).await? else { return Ok(None) };
        read("the token that `aws sso login` has kept", text.as_bytes()).map(|fields| Some(Token(fields)))
    }

    /// The token of the sign-in, refreshed where it ends soon and can be.
    async fn token(&self, outside: &Outside, cx: &CallContext, of: (&str, &Profile)) -> Result<SecretString> {
        let signed_out = |why: &str| Error::new(ErrorKind::Unauthenticated, format!("{}: {why}", sign_in(of.0)));
        let now = cx.clock().timestamp();
        let mut token = self.kept(outside).await?.ok_or_else(|| signed_out("nobody has signed in"))?;
        let mut why = "the sign-in has ended".to_owned();
        if token.end() <= now + REFRESH_BEFORE && token.is_refreshable(now) {
            match self.refresh(outside, cx, &token, of.1).await {
                Ok(secret) => return Ok(secret),
                Err(error) => {
                    tracing::warn!(kind = error.kind().code(), "an SSO token could not be refreshed");
                    if token.end() <= now && error.is_retryable() {
                        return Err(error);
                    }
                    why = error.message().to_owned();
                    // Another process may have used the refresh token, and kept what it got.
                    token = self.kept(outside).await?.unwrap_or(token);
                }
            }
        }
        if token.end() <= now {
            return Err(signed_out(&why));
        }
        token.secret("accessToken").ok_or_else(|| self.unusable("has no `accessToken`"))
    }

    /// Gets another token, and keeps it where the AWS tools do: the refresh token may be good only once.
    async fn refresh(&self, outside: &Outside, cx: &CallContext, token: &Token, profile: &Profile) -> Result<SecretString> {
        let own = region::address("oidc", region::checked(&self.region)?);
        let base = outside.endpoint("SSO_OIDC", Some(profile), &own)?;
        let http = outside.client(base.origin.clone()).build();
        let secrets = ["refreshToken", "clientSecret"].into_iter().filter_map(|name| token.secret(name));
        let request = Request::post(base.target("/token")).extension(secrets.fold(Secrets::default(), Secrets::and_bare));
        let request = request.json(&serde_json::json!({
            "clientId": token.text("clientId"),
            "clientSecret": token.text("clientSecret"),
            "grantType": "refresh_token",
            "refreshToken": token.text("refreshToken"),
        }))?;
        let asked = cx.clock().timestamp();
        let answer = http.send(cx, &CREATE_TOKEN, request).await?;
        let created: Created = read("the answer of sso-oidc.CreateToken", &answer.body)?;
        if created.access_token.is_empty() {
            return Err(Error::new(ErrorKind::Decode, "the answer of sso-oidc.CreateToken has no `accessToken`"));
        }
        let mut fields = token.0.clone();
        let end = asked + created.expires_in.life();
        fields.insert("accessToken".to_owned(), created.access_token.as_str().into());
        // The tools write whole seconds.
        fields.insert("expiresAt".to_owned(), Timestamp::from_unix(end.unix_seconds(), 0).to_string().into());
        if let Some(refresh_token) = created.refresh_token.filter(|token| !token.is_empty()) {
            fields.insert("refreshToken".to_owned(), refresh_token.into());
        }
        let text = SecretString::from(Value::Object(fields).to_string());
        if let Err(error) = outside.os.replace(&self.cache(outside)?, text.expose_secret()).await {
            // The token is good all the same; the next refresh may not be.
            tracing::warn!(kind = error.kind().code(), "a refreshed SSO token could not be kept");
        }
        Ok(created.access_token.into())
    }

    fn unusable(&self, what: &str) -> Error {
        Error::new(ErrorKind::Decode, format!("the file that `aws sso login` has kept {what}"))
    }
}

fn sign_in(profile: &str) -> String {
    format!("run `aws sso login --profile {profile}`")
}
