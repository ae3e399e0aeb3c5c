//! Both suites over a directory, with a second store on the same root as the second client.

use circle_core_filesystem::{Filesystem, FilesystemConfig};
use circle_core_testkit::Conformance;

fn main() {
    Conformance::<Filesystem>::of(env!("CARGO_MANIFEST_DIR"), |fixture| Ok(FilesystemConfig::new(fixture.folder()?)))
        .native::<Filesystem>()
        .second_client()
        .main();
}
