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

{{#keeps}}
use circle_core_common::ByteSize;
{{/keeps}}
use circle_core_testkit::Conformance;
use {{library}}::{{{Provider}}, {{Provider}}Config};

fn main() {
    Conformance::<{{Provider}}>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok({{Provider}}Config::new(){{roomy}}))
        .native::<{{Provider}}>()
        .main();
}
