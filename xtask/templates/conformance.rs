//! The suites of {{interfaces}}, and whether metadata, type and `build` agree.
{{#echo}}
//!
//! What a chat model answers cannot be pinned, so most cases of ChatModel tell it first. They are ignored until
//! `.answers(…)` names a server that speaks {{Provider}}'s protocol and answers what it is told.
{{/echo}}
{{#outbox}}
//!
//! Any name is a channel or a recipient until `.addresses(…)` names those that {{Provider}} has; until then the cases of
//! names that it does not know are ignored.
{{/outbox}}

{{#signs}}
use std::sync::Arc;

{{/signs}}
{{#keeps}}
use circle_core_common::ByteSize;
{{/keeps}}
{{#signs}}
use circle_core_common::{SecretRef, interfaces::webhook_verifier::conformance::SchemeSigner};
{{/signs}}
use circle_core_testkit::Conformance;
{{#signs}}
use circle_core_testkit::Fixture;
{{/signs}}
use {{library}}::{{{Provider}}, {{Provider}}Config};

{{#signs}}
/// The live secrets: the new one and the old one.
fn secrets(fixture: &Fixture) -> [String; 2] {
    [fixture.canary().secret().to_owned(), format!("old-{}", fixture.canary().secret())]
}

{{/signs}}
fn main() {
    Conformance::<{{Provider}}>::of(env!("CARGO_MANIFEST_DIR"), |{{fixture}}| Ok({{Provider}}Config::new(){{suite_config}}))
{{#signs}}
        .webhooks(|fixture| match SchemeSigner::new({{library}}::scheme(), secrets(fixture)) {
            Ok(signer) => Arc::new(signer),
            Err(error) => panic!("the signer of the suite: {error}"),
        })
{{/signs}}
        .native::<{{Provider}}>()
        .main();
}
