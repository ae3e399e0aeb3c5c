//! The suites over S3, Secrets Manager and KMS, and roles of STS, on the servers that `cargo xtask live` starts.

mod live;

use std::sync::Arc;

use circle_core_aws::{Kms, S3, S3Config, SecretsManager};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::interfaces::object_store::conformance::{NEGATIVES, SUITE};
use circle_core_common::suite::{Case, equal};
use circle_core_common::{Environment, Integration};
use circle_core_testkit::{Failed, Runner, assert_metadata, assert_operations};
use live::{Bucket, MOTO, S3S, Server};

fn main() {
    let mut runner = Runner::new()
        .test("metadata_names_the_interfaces", || async { assert_metadata(env!("CARGO_MANIFEST_DIR"), S3::NAME, S3::INTERFACES) })
        .test("metadata_names_the_interfaces_of_secrets_manager", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), SecretsManager::NAME, SecretsManager::INTERFACES)
        })
        .test("metadata_names_the_interfaces_of_kms", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), Kms::NAME, Kms::INTERFACES)
        })
        .test("operations_are_those_that_are_described", || async {
            let told = [SecretsManager::OPERATIONS, Kms::OPERATIONS].concat();
            assert_operations(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), &told)
        })
        .test("build_offers_the_interfaces", || async {
            let config = S3Config::new("bucket").region("eu-west-1");
            let service = S3::build(config, (&Environment::default()).into()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &S3::INTERFACES.to_vec())
        });
    for server in [&S3S, &MOTO] {
        runner = match live::bucket(server) {
            Ok(Some(bucket)) => on(runner, server, &Arc::new(bucket)),
            Ok(None) => without(runner, server),
            Err(error) => runner.test(format!("{} has a bucket", server.name), || async move { Err(error.into()) }),
        };
    }
    live::sts::add_to(live::secrets::add_to(runner)).main()
}

/// Everything, on a bucket of a server.
fn on(mut runner: Runner, server: &'static Server, bucket: &Arc<Bucket>) -> Runner {
    let name = format!("ObjectStore on {}", server.name);
    let excuse = |case: &Case<ObjectStore>| server.excuses.iter().find(|(excused, _)| *excused == case.name);
    for case in SUITE {
        let (name, bucket) = (format!("{name}::{}", case.name), Arc::clone(bucket));
        runner = match excuse(case) {
            Some((_, why)) => runner.test(name, move || async move { skipped(why) }),
            None => runner.test(name, move || async move {
                // The proxy costs each request a connection; where there are thousands, nothing is broken.
                let proxied = case.name != "list_of_ten_thousand_is_complete";
                (case.run)(bucket.another()?.subject(proxied).await?).await
            }),
        };
    }
    let subjects = Arc::clone(bucket);
    runner = runner.negatives(&name, NEGATIVES, move |_| {
        let bucket = Arc::clone(&subjects);
        async move { bucket.another()?.subject(false).await }
    });
    for (case, run) in live::CASES {
        let bucket = Arc::clone(bucket);
        runner =
            runner.test(format!("S3 on {}::{case}", server.name), move || async move { run(Arc::new(bucket.another()?)).await });
    }
    runner
}

/// Nothing, and why.
fn without(mut runner: Runner, server: &'static Server) -> Runner {
    let why = format!("{} is not set: `cargo xtask live` starts the server and sets it", server.variable);
    let negatives = NEGATIVES.iter().map(|negative| format!("without_{}_is_unsupported", negative.flag.name()));
    let cases = SUITE
        .iter()
        .map(|case| case.name.to_owned())
        .chain(negatives)
        .map(|case| format!("ObjectStore on {}::{case}", server.name));
    let own = live::CASES.iter().map(|(case, _)| format!("S3 on {}::{case}", server.name));
    for case in cases.chain(own) {
        let why = why.clone();
        runner = runner.test(case, move || async move { skipped(&why) });
    }
    runner
}

fn skipped(why: &str) -> Result<(), Failed> {
    Err(Failed::Skipped(why.to_owned()))
}
