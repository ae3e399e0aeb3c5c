//! Whether a token is what it says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::credentials::{CredentialCache, CredentialSource};
use circle_core_common::interfaces::identity_provider::AccessToken;
use circle_core_common::interfaces::token_verifier::{Claims, Expect, TokenRefusal, is_type};
use circle_core_common::secret::equal;
use circle_core_common::{CallContext, Error, ErrorKind, Result, Timestamp};
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret, SecretString};

use crate::algorithm::Algorithm;
use crate::jwk::KeySet;
use crate::jwt::Jwt;
use crate::keys::RemoteKeys;
use crate::server::AuthorizationServer;

/// How far clocks may be apart where nobody says otherwise.
const LEEWAY: Duration = Duration::from_secs(60);
/// And at most.
const LEEWAY_MAX: Duration = Duration::from_secs(300);
/// How many keys are tried for a token that names none.
const TRIES_MAX: usize = 4;

/// Verifies JWTs of one issuer.
///
/// Who makes one says the issuer and the algorithms; who verifies says the audience. None of them can be left out, and `exp` is
/// always needed. What the token says of its own key (`jku`, `x5u`, `x5c`, `jwk`) is not read.
///
/// Clones share the keys.
#[derive(Clone)]
pub struct JwtVerifier {
    issuer: Arc<str>,
    algorithms: Arc<[Algorithm]>,
    keys: Arc<Keys>,
    leeway: Duration,
}

enum Keys {
    Remote(RemoteKeys),
    Fixed(Arc<KeySet>),
    Secret(CredentialCache<SecretString>),
}

impl JwtVerifier {
    /// Of the tokens of this server, by the keys that it publishes. They are read when they are first needed, then every hour, and
    /// when a token names one that is not known; never twice within 30 s.
    ///
    /// # Errors
    /// `ConfigInvalid` without an algorithm, and for a symmetric one: whoever knows a published key could sign with it.
    pub fn of_server(server: AuthorizationServer, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self> {
        let issuer = server.issuer().to_owned();
        Self::new(issuer, algorithms, Keys::Remote(RemoteKeys::new(server)))
    }

    /// Of the tokens of this issuer, by these keys.
    ///
    /// # Errors
    /// As [`of_server`](Self::of_server).
    pub fn of_keys(issuer: impl Into<String>, keys: KeySet, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self> {
        Self::new(issuer.into(), algorithms, Keys::Fixed(Arc::new(keys)))
    }

    /// Of the tokens of this issuer, by a secret that it shares with whoever verifies.
    ///
    /// # Errors
    /// `ConfigInvalid` without an algorithm, and for one that is not symmetric.
    pub fn of_secret(
        issuer: impl Into<String>,
        secret: impl CredentialSource<Credential = SecretString>,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self> {
        Self::new(issuer.into(), algorithms, Keys::Secret(CredentialCache::new(secret)))
    }

    fn new(issuer: String, algorithms: impl IntoIterator<Item = Algorithm>, keys: Keys) -> Result<Self> {
        let algorithms: Arc<[Algorithm]> = algorithms.into_iter().collect();
        let shared = matches!(keys, Keys::Secret(_));
        let invalid = |text: String| Err(Error::new(ErrorKind::ConfigInvalid, text));
        if algorithms.is_empty() || issuer.is_empty() {
            return invalid("tokens are verified with an issuer and one algorithm at least".to_owned());
        }
        if let Some(wrong) = algorithms.iter().find(|algorithm| algorithm.is_symmetric() != shared) {
            let keys = if shared { "a shared secret" } else { "public keys" };
            return invalid(format!("{wrong} is no algorithm for {keys}"));
        }
        Ok(Self { issuer: issuer.into(), algorithms, keys: Arc::new(keys), leeway: LEEWAY })
    }

    /// Sets how far clocks may be apart: five minutes at most, one where nothing is said.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(LEEWAY_MAX);
        self
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies an access token, or another that is meant for this side.
    ///
    /// # Errors
    /// `Unauthenticated` with a [`TokenRefusal`]; `PermissionDenied` for one that is good for less than what is expected; why the
    /// keys could not be read.
    pub async fn verify(&self, cx: &CallContext, token: &SecretString, expect: &Expect) -> Result<Claims> {
        let (claims, header) = self.claims(cx, token).await?;
        let now = cx.clock().timestamp();
        self.check(&claims, now)?;
        expect.check(&claims, header.typ.as_deref(), now, self.leeway)?;
        Ok(claims)
    }

    /// Verifies the ID token of a login (OpenID Connect Core, 3.1.3.7).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_id_token(&self, cx: &CallContext, token: &SecretString, expect: &ExpectIdToken<'_>) -> Result<Claims> {
        let (claims, header) = self.claims(cx, token).await?;
        self.check(&claims, cx.clock().timestamp())?;
        if !claims.audiences().iter().any(|one| one == expect.client_id) {
            return Err(TokenRefusal::Audience.into());
        }
        // An access token in the same form is no proof of a login.
        if !is_type(header.typ.as_deref(), &["JWT"]) {
            return Err(TokenRefusal::Type.into());
        }
        if claims.issued_at().is_none() {
            return Err(TokenRefusal::IssuedAt.into());
        }
        if claims.subject().is_none_or(str::is_empty) {
            return Err(TokenRefusal::Subject.into());
        }
        let party = claims.authorized_party();
        if party.is_some_and(|party| party != expect.client_id) || (party.is_none() && claims.audiences().len() > 1) {
            return Err(TokenRefusal::AuthorizedParty.into());
        }
        if let Nonce::Sent(sent) = expect.nonce
            && !claims.nonce().is_some_and(|nonce| equal(sent, &nonce.into()))
        {
            return Err(TokenRefusal::Nonce.into());
        }
        if let (Some(hash), Some(access_token)) = (claims.access_token_hash(), expect.access_token)
            && !equal(&half_hash(header.algorithm, access_token).into(), &hash.into())
        {
            return Err(TokenRefusal::AccessTokenHash.into());
        }
        Ok(claims)
    }

    /// What a token says that was signed as it says; nothing of it is checked.
    async fn claims(&self, cx: &CallContext, token: &SecretString) -> Result<(Claims, Signed)> {
        let jwt = Jwt::parse(token.expose_secret())?;
        let algorithm = jwt.header.algorithm(&self.algorithms)?;
        let kid = jwt.header.kid.as_deref();
        let verified = match &*self.keys {
            Keys::Secret(secret) => {
                let secret = secret.get(cx).await?;
                let bytes = secret.expose_secret().as_bytes();
                // RFC 7518, 3.2: a key as long as the hash. A shorter one is guessed.
                if bytes.len() < algorithm.digest().output_len() {
                    let text = format!("the shared secret is too short for {algorithm}");
                    return Err(Error::new(ErrorKind::ConfigInvalid, text));
                }
                verifies(&jwt, algorithm, &DecodingKey::from_secret(bytes))
            }
            Keys::Fixed(keys) => by_any(&jwt, algorithm, kid, keys)?,
            Keys::Remote(keys) => by_any(&jwt, algorithm, kid, &*keys.get(cx, kid).await?)?,
        };
        if !verified {
            return Err(TokenRefusal::Signature.into());
        }
        Ok((jwt.payload()?, Signed { algorithm, typ: jwt.header.typ }))
    }

    /// What every token has to say.
    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenRefusal> {
        // It is never empty, which a token that names none has.
        if claims.issuer() != &*self.issuer {
            return Err(TokenRefusal::Issuer);
        }
        let (earliest, latest) = (now - self.leeway, now + self.leeway);
        if claims.expires_at() <= earliest {
            return Err(TokenRefusal::Expired);
        }
        if claims.not_before().is_some_and(|begin| begin > latest) {
            return Err(TokenRefusal::NotYetValid);
        }
        if claims.issued_at().is_some_and(|issued| issued > latest) {
            return Err(TokenRefusal::IssuedAt);
        }
        Ok(())
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = match &*self.keys {
            Keys::Remote(_) => "published keys",
            Keys::Fixed(_) => "given keys",
            Keys::Secret(_) => "a shared secret",
        };
        write!(f, "JwtVerifier({}, {:?} by {keys})", self.issuer, self.algorithms)
    }
}

/// What the header of a token that was verified says.
struct Signed {
    algorithm: Algorithm,
    typ: Option<String>,
}

fn by_any(jwt: &Jwt<'_>, algorithm: Algorithm, kid: Option<&str>, keys: &KeySet) -> Result<bool, TokenRefusal> {
    let mut fitting = keys.fitting(algorithm, kid).take(TRIES_MAX).peekable();
    if fitting.peek().is_none() {
        return Err(TokenRefusal::UnknownKey);
    }
    Ok(fitting.any(|key| verifies(jwt, algorithm, key)))
}

fn verifies(jwt: &Jwt<'_>, algorithm: Algorithm, key: &DecodingKey) -> bool {
    jsonwebtoken::crypto::verify(jwt.signature, jwt.signed.as_bytes(), key, algorithm.ready()).unwrap_or(false)
}

/// The left half of the hash of a token (OpenID Connect Core, 3.1.3.6).
fn half_hash(algorithm: Algorithm, token: &AccessToken) -> String {
    let hash = digest(algorithm.digest(), token.secret().expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

/// What is expected of the ID token of a login. All of it has to be said.
#[derive(Clone, Copy, Debug)]
pub struct ExpectIdToken<'a> {
    /// The client that logs in.
    pub client_id: &'a str,
    /// What its login sent.
    pub nonce: Nonce<'a>,
    /// The access token that came with it, against which `at_hash` is checked where the ID token has one.
    pub access_token: Option<&'a AccessToken>,
}

/// What a login sent as its nonce.
#[derive(Clone, Copy)]
pub enum Nonce<'a> {
    /// This: the token has to have it.
    Sent(&'a SecretString),
    /// Nothing: the login was on another device, or the token came with a refreshed one.
    NotSent,
}

impl fmt::Debug for Nonce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent(_) => "Nonce(sent)",
            Self::NotSent => "Nonce(not sent)",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod vectors;
