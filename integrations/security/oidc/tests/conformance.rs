//! The suites over a server that speaks the protocol and is wrong where a case says so; and logins and tokens on a real OpenID
//! provider, which `cargo xtask live` starts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod authority;
#[path = "live/browser.rs"]
mod browser;
#[path = "live/cases.rs"]
mod cases;
#[path = "live/clock.rs"]
mod clock;
#[path = "live/server.rs"]
mod server;

use std::sync::Arc;

use authority::Authority;
use circle_core_common::interfaces::identity_provider::{self, IdentityProvider};
use circle_core_common::interfaces::token_verifier::{self, TokenVerifier};
use circle_core_common::suite::{Subject, equal};
use circle_core_common::{Environment, Integration, Result};
use circle_core_oidc::{Oidc, OidcConfig};
use circle_core_testkit::{Failed, Runner, assert_metadata, assert_operations};

/// Where the server listens.
const VARIABLE: &str = "CIRCLE_LIVE_OIDC_PROVIDER";

fn main() {
    let mut runner = Runner::new()
        .test("metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), Oidc::NAME, Oidc::INTERFACES)
        })
        .test("every_request_is_told", || async {
            assert_operations(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/oidc/src"), Oidc::OPERATIONS)
        })
        .test("build_offers_the_interfaces", || async {
            let config = OidcConfig::new("https://login.example.org", "app");
            let service = Oidc::build(config, (&Environment::default()).into()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &Oidc::INTERFACES.to_vec())
        })
        .suite("IdentityProvider", identity_provider::conformance::SUITE, users)
        .negatives("IdentityProvider", identity_provider::conformance::NEGATIVES, |_| users())
        .suite("TokenVerifier", token_verifier::conformance::SUITE, tokens)
        .negatives("TokenVerifier", token_verifier::conformance::NEGATIVES, |_| tokens());
    let issuer = std::env::var(VARIABLE).ok();
    if issuer.is_some() {
        let (of_users, of_tokens) = (issuer.clone(), issuer.clone());
        runner = runner
            .suite("IdentityProvider on oidc-provider", identity_provider::conformance::SUITE, move || {
                server::users(of_users.clone())
            })
            .suite("TokenVerifier on oidc-provider", token_verifier::conformance::SUITE, move || {
                server::tokens(of_tokens.clone())
            });
    }
    for (case, run) in cases::CASES {
        let (name, issuer) = (format!("Oidc on oidc-provider::{case}"), issuer.clone());
        runner = runner.test(name, move || async move {
            match issuer {
                Some(issuer) => run(issuer).await,
                None => Err(Failed::Skipped(format!("{VARIABLE} is not set: `cargo xtask live` starts the server and sets it"))),
            }
        });
    }
    runner.main()
}

async fn users() -> Result<Subject<IdentityProvider>> {
    let authority = Arc::new(Authority::start().await?);
    let mut subject = Subject::<IdentityProvider>::over(Arc::new(authority.client()?));
    subject.second = Some(IdentityProvider::new(authority.client()?));
    subject.canary = authority.canary();
    subject.native = Some(|users| users.native::<Oidc>().is_some());
    subject.users = Some(authority);
    Ok(subject)
}

async fn tokens() -> Result<Subject<TokenVerifier>> {
    let authority = Arc::new(Authority::start().await?);
    let mut subject = Subject::<TokenVerifier>::over(Arc::new(authority.client()?));
    subject.canary = authority.canary();
    subject.native = Some(|verifier| verifier.native::<Oidc>().is_some());
    subject.tokens = Some(authority);
    Ok(subject)
}
