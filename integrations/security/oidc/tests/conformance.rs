//! Logins and tokens on a real OpenID provider, which `cargo xtask live` starts.

#[path = "live/browser.rs"]
mod browser;
#[path = "live/cases.rs"]
mod cases;
#[path = "live/clock.rs"]
mod clock;

use circle_core_common::suite::equal;
use circle_core_common::{Environment, Integration};
use circle_core_oidc::{Oidc, OidcConfig};
use circle_core_testkit::{Failed, Runner, assert_metadata};

/// Where the server listens.
const VARIABLE: &str = "CIRCLE_LIVE_OIDC_PROVIDER";

fn main() {
    let mut runner = Runner::new()
        .test("metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), Oidc::NAME, Oidc::INTERFACES)
        })
        .test("build_offers_the_interfaces", || async {
            let config = OidcConfig::new("https://login.example.org", "app");
            let service = Oidc::build(config, (&Environment::default()).into()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &Oidc::INTERFACES.to_vec())
        });
    let issuer = std::env::var(VARIABLE).ok();
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
