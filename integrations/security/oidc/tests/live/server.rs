//! What the suites ask of a real provider: its user with a browser, and its tokens. It cannot be wrong, so that cases about that skip.

use async_trait::async_trait;
use circle_core_common::credentials::CredentialSource as _;
use circle_core_common::interfaces::identity_provider::IdentityProvider;
use circle_core_common::interfaces::identity_provider::conformance::{Decision, LogsIn};
use circle_core_common::interfaces::token_verifier::conformance::{Forgery, IssuesTokens, ToIssue};
use circle_core_common::interfaces::token_verifier::{TokenVerifier, TokenVerifierCapabilities};
use circle_core_common::suite::{Canary, Failed, Mask, Masked, Outcome, Scale, Subject};
use circle_core_common::{Error, ErrorKind, Result};
use circle_core_oidc::Oidc;
use circle_core_protocol_oidc::ClientCredentials;
use secrecy::SecretString;
use std::sync::Arc;

use crate::browser::Browser;
use crate::cases::{BACK, build, config, cx, query};
use crate::clock::Ahead;

/// A client of the provider, whose tokens it verifies.
struct Live {
    issuer: String,
    oidc: Oidc,
    clock: Ahead,
}

impl Live {
    fn new(issuer: String) -> Result<Self> {
        let clock = Ahead::default();
        Ok(Self { oidc: Oidc::new(config(&issuer), build(&clock))?, issuer, clock })
    }
}

fn skipped(what: &str) -> Outcome {
    Err(Failed::Skipped(format!("a provider that is right {what}")))
}

pub(crate) async fn users(issuer: Option<String>) -> Result<Subject<IdentityProvider>> {
    let live = Live::new(issuer.ok_or_else(missing)?)?;
    let mut subject = Subject::<IdentityProvider>::over(Arc::new(live.oidc.clone()));
    subject.second = Some(IdentityProvider::new(Oidc::new(config(&live.issuer), build(&live.clock))?));
    subject.canary = Canary::of("app-secret");
    subject.native = Some(|users| users.native::<Oidc>().is_some());
    subject.scale = Scale::Small;
    subject.users = Some(Arc::new(live));
    Ok(subject)
}

/// With a provider of its own, whose keys it changes. Of its JWTs it keeps nothing that it could be asked about.
pub(crate) async fn tokens(issuer: Option<String>) -> Result<Subject<TokenVerifier>> {
    let (_, another) = Browser::new().look(&format!("{}/test/another", issuer.ok_or_else(missing)?)).await?;
    let live = Live::new(another.ok_or_else(missing)?)?;
    let masked = Masked::new(live.oidc.clone(), Mask(TokenVerifierCapabilities::none()));
    let mut subject = Subject::<TokenVerifier>::over(Arc::new(masked));
    subject.canary = Canary::of("app-secret");
    subject.native = Some(|verifier| verifier.native::<Oidc>().is_some());
    subject.scale = Scale::Small;
    subject.tokens = Some(Arc::new(live));
    Ok(subject)
}

fn missing() -> Error {
    Error::new(ErrorKind::Unavailable, "there is no provider")
}

#[async_trait]
impl LogsIn for Live {
    fn issuer(&self) -> String {
        self.issuer.clone()
    }

    fn user(&self) -> String {
        "ann".to_owned()
    }

    async fn browse(&self, url: &str, decision: Decision) -> Result<String> {
        let hint = if decision == Decision::Refuse { "&login_hint=refuses" } else { "" };
        let answer = Browser::new().log_in(&format!("{url}{hint}"), BACK).await?;
        Ok(query(&answer).to_owned())
    }

    async fn decide_on_device(&self, user_code: &str, decision: Decision) -> Result<()> {
        let page = if decision == Decision::Agree { "approve" } else { "refuse" };
        let url = format!("{}/test/{page}?user_code={user_code}", self.issuer);
        Browser::new().look(&url).await.map(drop)
    }

    fn forge(&self, _: Forgery) -> Outcome {
        skipped("forges nothing")
    }

    fn tell_of_another(&self) -> Outcome {
        skipped("tells of no other user")
    }
}

#[async_trait]
impl IssuesTokens for Live {
    fn issuer(&self) -> String {
        self.issuer.clone()
    }

    fn audience(&self) -> String {
        "orders-api".to_owned()
    }

    fn scope(&self) -> String {
        "orders:read".to_owned()
    }

    fn subject(&self) -> String {
        "app".to_owned()
    }

    async fn issue(&self, token: &ToIssue) -> Result<Option<SecretString>> {
        if *token != ToIssue::new() {
            return Ok(None);
        }
        let grant = ClientCredentials::new(self.oidc.client().oauth().clone()).scopes(["orders:read"]).resource("urn:orders");
        Ok(Some(grant.load(&cx()).await?.secret().clone()))
    }

    async fn rotate(&self) -> Outcome {
        Browser::new().look(&format!("{}/test/rotate", self.issuer)).await?;
        Ok(())
    }

    async fn revoke(&self, _: &SecretString) -> Outcome {
        skipped("keeps nothing of its JWTs")
    }

    fn key_reads(&self) -> Option<u64> {
        None
    }

    fn let_pass(&self, seconds: u64) -> Outcome {
        self.clock.by(seconds);
        Ok(())
    }
}
