//! The suite of object storage over S3, on the servers that `cargo xtask live` starts.

mod live;

use circle_core_aws::{S3, S3Config};
use circle_core_common::Integration;
use circle_core_common::interfaces::object_store::conformance::{NEGATIVES, SUITE};
use circle_core_testkit::{Failed, Runner, assert_metadata};
use live::{MOTO, S3S, Server};

fn main() {
    let mut runner = Runner::new().test("metadata_names_the_interfaces", || async {
        assert_metadata(env!("CARGO_MANIFEST_DIR"), S3::NAME, S3::INTERFACES)
    });
    runner = runner.test("build_offers_the_interfaces", || async {
        let config = S3Config::new("bucket").region("eu-west-1");
        let service = S3::build(config, (&circle_core_common::Environment::default()).into()).await?;
        circle_core_common::suite::equal("the interfaces that `build` offers", &service.interfaces(), &S3::INTERFACES.to_vec())
    });
    for server in [&S3S, &MOTO] {
        runner = on(runner, server);
    }
    runner.main()
}

fn on(mut runner: Runner, server: &'static Server) -> Runner {
    let name = format!("ObjectStore on {}", server.name);
    let Some(bucket) = server.bucket() else {
        for case in
            SUITE.iter().map(|case| case.name.to_owned()).chain(NEGATIVES.iter().map(|negative| negative.flag.name().to_owned()))
        {
            let reason = format!("{} is not set: `cargo xtask live` sets it", server.variable);
            runner = runner.test(format!("{name}::{case}"), || async { Err(Failed::Skipped(reason)) });
        }
        return runner;
    };
    let bucket = std::sync::Arc::new(bucket);
    let (subjects, negatives) = (std::sync::Arc::clone(&bucket), bucket);
    runner
        .suite(&name, SUITE, move || {
            let bucket = std::sync::Arc::clone(&subjects);
            async move { bucket.subject() }
        })
        .negatives(&name, NEGATIVES, move |_| {
            let bucket = std::sync::Arc::clone(&negatives);
            async move { bucket.subject() }
        })
}
