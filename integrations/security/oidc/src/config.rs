//! What a config file says about an OpenID provider.

use std::time::Duration;

use circle_core_common::config::duration;
use circle_core_common::credentials::SecretSource;
use circle_core_common::{BuildContext, Error, ErrorKind, Result, SecretRef};
use circle_core_protocol_oidc::{Algorithm, AuthorizationServer, ClientAuth, JwtVerifier, OAuthClient, OpenIdClient, SigningKey};
use schemars::JsonSchema;
use serde::Deserialize;

/// A provider whose addresses are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// Google accounts.
    Google,
    /// Microsoft Entra ID, with a `tenant`.
    Microsoft,
    /// GitLab.com.
    Gitlab,
}

/// How the client says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ClientAuthMethod {
    /// Its secret in the header.
    Basic,
    /// Its secret in the form.
    Post,
    /// An assertion that is signed with its `signing_key`.
    PrivateKeyJwt,
    /// Not at all: an application on its user's machine.
    None,
}

/// What assertions are signed with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SigningKeyConfig {
    /// The private key in PEM, PKCS#8 for elliptic curves.
    pub key: SecretRef,
    /// The algorithm that it is for.
    pub algorithm: Algorithm,
    /// Its name at the provider.
    #[serde(default)]
    pub kid: Option<String>,
    /// The SHA-256 of its certificate in DER, in base64url, for providers that know it by that.
    #[serde(default)]
    pub certificate_sha256: Option<String>,
}

impl SigningKeyConfig {
    /// A key for this algorithm.
    #[must_use]
    pub const fn new(algorithm: Algorithm, key: SecretRef) -> Self {
        Self { key, algorithm, kid: None, certificate_sha256: None }
    }
}

/// Which provider, as which client. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OidcConfig {
    /// The provider: `google`, `microsoft` (with `tenant`) or `gitlab`.
    pub preset: Option<Preset>,
    /// The issuer, to the letter as it stands in tokens, in place of a preset.
    #[schemars(example = &"https://login.example.org")]
    pub issuer: Option<String>,
    /// The tenant's id, of `microsoft`: tokens name it, so that `common` is none.
    pub tenant: Option<String>,
    /// The client's id at the provider.
    #[schemars(example = &"shop")]
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Option<SecretRef>,
    /// What the client signs assertions with.
    // None, where there is a secret.
    #[schemars(example = ())]
    pub signing_key: Option<SigningKeyConfig>,
    /// How the client says who it is: `basic` with a secret, `private-key-jwt` with a key, else `none`.
    pub client_auth: Option<ClientAuthMethod>,
    /// Where the provider sends browsers back to, as it is registered there.
    pub redirect_uri: Option<String>,
    /// Where the provider sends browsers to after a logout, as it is registered there.
    pub post_logout_redirect_uri: Option<String>,
    /// What logins ask for; `offline_access` for a refresh token.
    pub scopes: Vec<String>,
    /// The algorithms that tokens may be signed with. What a token itself says chooses among them only.
    pub algorithms: Vec<Algorithm>,
    /// Other origins where the provider has endpoints: `https://keys.example.org`.
    pub also_at: Vec<String>,
    /// How far clocks may be apart: five minutes at most.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub leeway: Duration,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            preset: None,
            issuer: None,
            tenant: None,
            client_id: String::new(),
            client_secret: None,
            signing_key: None,
            client_auth: None,
            redirect_uri: None,
            post_logout_redirect_uri: None,
            scopes: vec!["openid".to_owned()],
            algorithms: vec![Algorithm::RS256, Algorithm::ES256],
            also_at: Vec::new(),
            leeway: Duration::from_secs(60),
        }
    }
}

fn wrong<T>(text: &'static str) -> Result<T> {
    Err(Error::new(ErrorKind::ConfigInvalid, text))
}

impl OidcConfig {
    /// A client of the provider of this issuer.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), client_id: client_id.into(), ..Self::default() }
    }

    /// A client of a provider that is known.
    #[must_use]
    pub fn of_preset(preset: Preset, client_id: impl Into<String>) -> Self {
        Self { preset: Some(preset), client_id: client_id.into(), ..Self::default() }
    }

    /// Sets the tenant, of Microsoft.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the client's secret.
    #[must_use]
    pub fn client_secret(mut self, secret: SecretRef) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// Sets what the client signs assertions with.
    #[must_use]
    pub fn signing_key(mut self, key: SigningKeyConfig) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Sets how the client says who it is.
    #[must_use]
    pub const fn client_auth(mut self, method: ClientAuthMethod) -> Self {
        self.client_auth = Some(method);
        self
    }

    /// Sets where the provider sends browsers back to.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets where the provider sends browsers to after a logout.
    #[must_use]
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uri = Some(uri.into());
        self
    }

    /// Sets what logins ask for.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the algorithms that tokens may be signed with.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Names another origin where the provider has endpoints.
    #[must_use]
    pub fn also_at(mut self, origin: impl Into<String>) -> Self {
        self.also_at.push(origin.into());
        self
    }

    /// Sets how far clocks may be apart.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The issuer, and the other origins of its endpoints.
    fn issuer(&self) -> Result<(String, Vec<String>)> {
        if self.tenant.is_some() && self.preset != Some(Preset::Microsoft) {
            return wrong("`tenant` belongs to the preset `microsoft`");
        }
        let (issuer, origins): (String, &[&str]) = match (self.preset, &self.issuer) {
            (None, Some(issuer)) => (issuer.clone(), &[]),
            (Some(Preset::Google), None) => (
                "https://accounts.google.com".to_owned(),
                &["https://oauth2.googleapis.com", "https://openidconnect.googleapis.com", "https://www.googleapis.com"],
            ),
            (Some(Preset::Microsoft), None) => {
                let tenant = self.tenant.as_deref().unwrap_or_default();
                let is_one = !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                if !is_one || ["common", "organizations", "consumers"].contains(&tenant) {
                    return wrong("the preset `microsoft` has the id of a `tenant`, which stands in its tokens");
                }
                (format!("https://login.microsoftonline.com/{tenant}/v2.0"), &["https://graph.microsoft.com"])
            }
            (Some(Preset::Gitlab), None) => ("https://gitlab.com".to_owned(), &[]),
            _ => return wrong("an OpenID provider has a `preset` or an `issuer`"),
        };
        let named = origins.iter().map(|origin| (*origin).to_owned()).chain(self.also_at.iter().cloned());
        Ok((issuer, named.collect()))
    }

    fn auth(&self, cx: &BuildContext) -> Result<ClientAuth> {
        let method = self.client_auth.unwrap_or(match (&self.client_secret, &self.signing_key) {
            (Some(_), _) => ClientAuthMethod::Basic,
            (None, Some(_)) => ClientAuthMethod::PrivateKeyJwt,
            (None, None) => ClientAuthMethod::None,
        });
        let source = |secret: &SecretRef| SecretSource::new(secret.clone(), cx.environment());
        Ok(match (method, &self.client_secret, &self.signing_key) {
            (ClientAuthMethod::Basic, Some(secret), None) => ClientAuth::basic(source(secret)),
            (ClientAuthMethod::Post, Some(secret), None) => ClientAuth::post(source(secret)),
            (ClientAuthMethod::PrivateKeyJwt, None, Some(config)) => {
                let mut key = SigningKey::new(config.algorithm, source(&config.key));
                if let Some(kid) = &config.kid {
                    key = key.kid(kid);
                }
                if let Some(thumbprint) = &config.certificate_sha256 {
                    key = key.certificate_sha256(thumbprint);
                }
                ClientAuth::private_key_jwt(key)
            }
            (ClientAuthMethod::None, None, None) => ClientAuth::public(),
            _ => {
                return wrong(
                    "`client_auth` needs `client_secret` (`basic`, `post`), `signing_key` (`private-key-jwt`) or neither (`none`)",
                );
            }
        })
    }

    pub(crate) fn client(&self, cx: &BuildContext) -> Result<OpenIdClient> {
        if self.client_id.is_empty() {
            return wrong("a client of an OpenID provider has a `client_id`");
        }
        let (issuer, also_at) = self.issuer()?;
        let builder = also_at.into_iter().fold(AuthorizationServer::builder(issuer), |builder, origin| builder.also_at(origin));
        let server = builder.build(cx)?;
        let verifier = JwtVerifier::of_server(server.clone(), self.algorithms.iter().copied())?.leeway(self.leeway);
        OpenIdClient::with_verifier(OAuthClient::new(server, &*self.client_id, self.auth(cx)?), verifier)
    }
}
