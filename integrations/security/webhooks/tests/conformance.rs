//! The suite over Standard Webhooks, whose scheme has everything; `suites.rs` runs it over the others.

use std::sync::Arc;

use circle_core_common::SecretRef;
use circle_core_common::interfaces::webhook_verifier::conformance::SchemeSigner;
use circle_core_testkit::{Conformance, Fixture};
use circle_core_webhooks::{Preset, Scheme, SecretEncoding, Webhooks, WebhooksConfig};

/// The scheme of Standard Webhooks, with secrets that are text, so that they can be looked for.
fn scheme() -> Scheme {
    Preset::StandardWebhooks.scheme().secret_encoding(SecretEncoding::Text)
}

fn secrets(fixture: &Fixture) -> [String; 2] {
    [fixture.canary().secret().to_owned(), format!("old-{}", fixture.canary().secret())]
}

fn main() {
    Conformance::<Webhooks>::of(env!("CARGO_MANIFEST_DIR"), |fixture| {
        let config = WebhooksConfig::of_scheme(scheme());
        Ok(secrets(fixture).into_iter().fold(config, |config, secret| config.secret(SecretRef::literal(secret))))
    })
    .webhooks(|fixture| match SchemeSigner::new(scheme(), secrets(fixture)) {
        Ok(signer) => Arc::new(signer),
        Err(error) => panic!("the signer of the suite: {error}"),
    })
    .native::<Webhooks>()
    .main();
}
