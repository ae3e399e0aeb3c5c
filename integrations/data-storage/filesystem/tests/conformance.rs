//! Both suites over a directory, with a second store on the same root as the second client.

use circle_core_filesystem::{Filesystem, FilesystemConfig};
use circle_core_testkit::Conformance;

fn main() {
    // No case cuts the power; `tests/crash.rs` does. So nothing waits for the device here.
    Conformance::<Filesystem>::of(env!("CARGO_MANIFEST_DIR"), |fixture| Ok(FilesystemConfig::new(fixture.folder()?).sync(false)))
        .native::<Filesystem>()
        .second_client()
        .main();
}
