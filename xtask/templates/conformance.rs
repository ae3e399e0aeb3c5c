//! The suites of {{interfaces}}, and whether metadata, type and `build` agree.

use circle_core_common::ByteSize;
use circle_core_testkit::Conformance;
use {{library}}::{{{Provider}}, {{Provider}}Config};

fn main() {
    Conformance::<{{Provider}}>::of(env!("CARGO_MANIFEST_DIR"), |_| Ok({{Provider}}Config::new().capacity(ByteSize::gib(1))))
        .native::<{{Provider}}>()
        .main();
}
