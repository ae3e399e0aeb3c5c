//! The suite of object storage over a preset, on the servers that `cargo xtask live` starts.

use std::sync::Arc;

use circle_core_common::interfaces::object_store::conformance::{NEGATIVES, SUITE};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore};
use circle_core_common::suite::equal;
use circle_core_common::{BuildContext, CallContext, Environment, Integration, Random, Result, SecretRef};
use circle_core_protocol_s3::servers::{MOTO, S3S, Server};
use circle_core_s3_compatible::{AwsCredentialsConfig, Preset, S3Compatible, S3CompatibleConfig};
use circle_core_testkit::{Failed, Runner, Subject, Suited, assert_metadata};

fn main() {
    let mut runner = Runner::new()
        .test("metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), S3Compatible::NAME, S3Compatible::INTERFACES)
        })
        .test("build_offers_the_interfaces", || async {
            let config = S3CompatibleConfig::new(Preset::Gcs, "bucket");
            let service = S3Compatible::build(config, (&Environment::default()).into()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &S3Compatible::INTERFACES.to_vec())
        });
    for server in [&S3S, &MOTO] {
        runner = on(runner, server);
    }
    runner.main()
}

fn on(mut runner: Runner, server: &'static Server) -> Runner {
    let name = format!("ObjectStore on {}", server.name);
    let running = std::env::var(server.variable).ok().map(|endpoint| Arc::new(Running { server, endpoint }));
    let stopped = running.is_none().then(|| format!("{} is not set: `cargo xtask live` sets it", server.variable));
    let excuse = |case: &str| {
        let own = server.excuses.iter().find(|(excused, _)| *excused == case).map(|(_, why)| (*why).to_owned());
        stopped.clone().or(own)
    };
    for case in SUITE {
        if let Some(why) = excuse(case.name) {
            runner = runner.test(format!("{name}::{}", case.name), move || async move { Err(Failed::Skipped(why)) });
        }
    }
    let Some(running) = running else { return runner };
    let subjects = Arc::clone(&running);
    runner
        .suite(&name, SUITE.iter().filter(|case| excuse(case.name).is_none()), move || {
            let running = Arc::clone(&subjects);
            async move { running.subject().await }
        })
        .negatives(&name, NEGATIVES, move |_| {
            let running = Arc::clone(&running);
            async move { running.subject().await }
        })
}

/// A server that runs.
struct Running {
    server: &'static Server,
    endpoint: String,
}

impl Running {
    /// A client of a bucket of its own, and another.
    async fn subject(&self) -> Result<Subject<ObjectStore>> {
        let environment = Environment::builder().build();
        let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST".to_owned()));
        let bucket = format!("circle-{:016x}", Random::System.bits()? as u64);
        let mut config = S3CompatibleConfig::new(Preset::Minio, bucket).endpoint(&self.endpoint).credentials(key);
        config.versions = self.server.versions;
        config.lacks = self.server.lacks.iter().map(|flag| (*flag).to_owned()).collect();
        let provider = || S3Compatible::new(config.clone(), BuildContext::from(&environment).allow_loopback(true));
        let (first, cx) = (provider()?, CallContext::new(&environment, &HEAD, None));
        first.client().create_bucket(&cx).await?;
        if self.server.versions {
            first.client().put_bucket_versioning(&cx, true).await?;
        }
        let mut subject = ObjectStore::new(first).subject()?;
        subject.second = Some(ObjectStore::new(provider()?));
        subject.native = Some(|handle| handle.native::<S3Compatible>().is_some());
        Ok(subject)
    }
}
