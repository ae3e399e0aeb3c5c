//! The suites of KeyValueStore, and whether metadata, type and `build` agree.

use acme::{Acme, AcmeConfig};
use circle_core_common::ByteSize;
use circle_core_testkit::Conformance;

fn main() {
    Conformance::<Acme>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok(AcmeConfig::new().capacity(ByteSize::gib(1))))
        .native::<Acme>()
        .main();
}
