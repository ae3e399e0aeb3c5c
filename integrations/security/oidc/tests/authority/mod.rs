//! An OpenID provider as the suites need one: its user agrees or not, and its tokens are as wrong as a case says.

mod endpoints;
mod keys;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use circle_core_common::interfaces::identity_provider::conformance::{Decision, LogsIn};
use circle_core_common::interfaces::token_verifier::conformance::{Forgery, IssuesTokens, ToIssue};
use circle_core_common::suite::Outcome;
use circle_core_common::{BuildContext, Environment, Result, SecretRef};
use circle_core_oidc::{Oidc, OidcConfig};
use circle_core_testkit::{Canary, FaultServer};
use keys::{Keys, Signed, b64, sha256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::clock::Ahead;

const CLIENT: &str = "app";
const USER: &str = "ann";
const AUDIENCE: &str = "orders-api";
const SCOPE: &str = "orders:read";
/// How long tokens live, in seconds.
const LIFE: i64 = 300;

/// The server, with its user and their browser.
pub(crate) struct Authority {
    server: FaultServer,
    state: Arc<Mutex<State>>,
    clock: Ahead,
    canary: Canary,
}

/// A login whose code was not redeemed yet.
struct Code {
    challenge: String,
    nonce: String,
    redirect_uri: String,
}

struct State {
    issuer: String,
    clock: Ahead,
    secret: String,
    keys: Keys,
    key_reads: u64,
    /// Makes what is given out different each time.
    number: u64,
    codes: HashMap<String, Code>,
    /// By their code, which the user types in.
    devices: HashMap<String, (String, Option<Decision>)>,
    refresh_tokens: Vec<String>,
    access_tokens: Vec<String>,
    forgery: Option<Forgery>,
    tells_of_another: bool,
}

impl State {
    /// A text that nobody has got before.
    fn new_text(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{what}-{}", b64(sha256(&format!("{what} {} {}", self.number, self.secret))))
    }

    /// Claims of this audience with this wrong.
    fn claims(&self, audience: &str, forgery: Option<Forgery>) -> Value {
        let now = self.clock.clock().timestamp().unix_seconds();
        let mut claims = json!({"iss": self.issuer, "sub": USER, "aud": audience, "exp": now + LIFE, "iat": now});
        let Some(object) = claims.as_object_mut() else { return claims };
        match forgery {
            Some(Forgery::Issuer) => drop(object.insert("iss".to_owned(), json!(format!("{}/other", self.issuer)))),
            Some(Forgery::Audience) => drop(object.insert("aud".to_owned(), json!("another"))),
            Some(Forgery::NoAudience) => drop(object.remove("aud")),
            Some(Forgery::Expired) => drop(object.insert("exp".to_owned(), json!(now - 61))),
            Some(Forgery::NoExpiry) => drop(object.remove("exp")),
            Some(Forgery::NotYetValid) => drop(object.insert("nbf".to_owned(), json!(now + 61 + 60))),
            Some(Forgery::Subject) => drop(object.remove("sub")),
            _ => {}
        }
        claims
    }

    fn sign(&self, claims: &Value, forgery: Option<Forgery>) -> String {
        let how = match forgery {
            Some(Forgery::Algorithm) => Signed::ByAnotherAlgorithm,
            Some(Forgery::Unsigned) => Signed::ByNobody,
            Some(Forgery::UnknownKey) => Signed::ByAStranger,
            Some(Forgery::Signature) => Signed::ByAStrangerInItsName,
            _ => Signed::Rightly,
        };
        self.keys.sign(claims, how)
    }

    /// The tokens of a login, with an ID token that is as wrong as was asked for.
    fn session(&mut self, nonce: Option<&str>) -> Value {
        let forgery = self.forgery.take();
        let (access_token, refresh_token) = (self.new_text("access"), self.new_text("refresh"));
        let mut claims = self.claims(CLIENT, forgery);
        let hashed = if forgery == Some(Forgery::AccessTokenHash) { "another" } else { &*access_token };
        claims["at_hash"] = json!(b64(&sha256(hashed)[..16]));
        if let Some(nonce) = nonce {
            claims["nonce"] = if forgery == Some(Forgery::Nonce) { json!("another") } else { json!(nonce) };
        }
        let id_token = self.sign(&claims, forgery);
        self.refresh_tokens.push(refresh_token.clone());
        self.access_tokens.push(access_token.clone());
        json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": LIFE,
            "refresh_token": refresh_token, "id_token": id_token,
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Authority {
    pub(crate) async fn start() -> Result<Self> {
        let (clock, canary) = (Ahead::default(), Canary::new());
        let server = FaultServer::start().await.map_err(|error| {
            circle_core_common::Error::new(circle_core_common::ErrorKind::Unavailable, "no port is free").with_source(error)
        })?;
        let state = Arc::new(Mutex::new(State {
            issuer: server.origin(),
            clock: clock.clone(),
            secret: canary.secret().to_owned(),
            keys: Keys::new("first"),
            key_reads: 0,
            number: 0,
            codes: HashMap::new(),
            devices: HashMap::new(),
            refresh_tokens: Vec::new(),
            access_tokens: Vec::new(),
            forgery: None,
            tells_of_another: false,
        }));
        endpoints::serve(&server, &state);
        Ok(Self { server, state, clock, canary })
    }

    pub(crate) fn canary(&self) -> Canary {
        self.canary.clone()
    }

    /// A client of its own.
    pub(crate) fn client(&self) -> Result<Oidc> {
        let config = OidcConfig::new(self.server.origin(), CLIENT)
            .client_secret(SecretRef::literal(self.canary.secret().to_owned()))
            .redirect_uri("https://shop.example.org/back")
            .post_logout_redirect_uri("https://shop.example.org/bye");
        let environment = Environment::builder().clock(self.clock.clock()).build();
        Oidc::new(config, BuildContext::new(environment, "login").allow_loopback(true))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[async_trait]
impl LogsIn for Authority {
    fn issuer(&self) -> String {
        self.server.origin()
    }

    fn user(&self) -> String {
        USER.to_owned()
    }

    async fn browse(&self, url: &str, decision: Decision) -> Result<String> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let sent: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let of = |name: &str| sent.get(name).cloned().unwrap_or_default();
        let mut state = self.state();
        let mut answer = form_urlencoded::Serializer::new(String::new());
        answer.append_pair("state", &of("state")).append_pair("iss", &state.issuer);
        if decision == Decision::Agree && of("client_id") == CLIENT {
            let code = state.new_text("code");
            answer.append_pair("code", &code);
            let (challenge, nonce, redirect_uri) = (of("code_challenge"), of("nonce"), of("redirect_uri"));
            state.codes.insert(code, Code { challenge, nonce, redirect_uri });
        } else {
            answer.append_pair("error", "access_denied").append_pair("error_description", "The user said no");
        }
        Ok(answer.finish())
    }

    async fn decide_on_device(&self, user_code: &str, decision: Decision) -> Result<()> {
        if let Some((_, decided)) = self.state().devices.values_mut().find(|(code, _)| code == user_code) {
            *decided = Some(decision);
        }
        Ok(())
    }

    fn forge(&self, forgery: Forgery) -> Outcome {
        self.state().forgery = Some(forgery);
        Ok(())
    }

    fn tell_of_another(&self) -> Outcome {
        self.state().tells_of_another = true;
        Ok(())
    }
}

#[async_trait]
impl IssuesTokens for Authority {
    fn issuer(&self) -> String {
        self.server.origin()
    }

    fn audience(&self) -> String {
        AUDIENCE.to_owned()
    }

    fn scope(&self) -> String {
        SCOPE.to_owned()
    }

    fn subject(&self) -> String {
        USER.to_owned()
    }

    async fn issue(&self, token: &ToIssue) -> Result<Option<SecretString>> {
        if matches!(token.forgery, Some(Forgery::Nonce | Forgery::Subject | Forgery::AccessTokenHash)) {
            return Ok(None);
        }
        let mut state = self.state();
        let mut claims = state.claims(AUDIENCE, token.forgery);
        claims["client_id"] = json!(CLIENT);
        if token.scope {
            claims["scope"] = json!(SCOPE);
        }
        if let Some(text) = &token.text {
            claims["text"] = json!(text);
        }
        let token = state.sign(&claims, token.forgery);
        state.access_tokens.push(token.clone());
        Ok(Some(token.into()))
    }

    async fn rotate(&self) -> Outcome {
        let mut state = self.state();
        let kid = state.new_text("key");
        state.keys = Keys::new(kid);
        Ok(())
    }

    async fn revoke(&self, token: &SecretString) -> Outcome {
        self.state().access_tokens.retain(|other| other != token.expose_secret());
        Ok(())
    }

    fn key_reads(&self) -> Option<u64> {
        Some(self.state().key_reads)
    }

    fn let_pass(&self, seconds: u64) -> Outcome {
        self.clock.by(seconds);
        Ok(())
    }
}
