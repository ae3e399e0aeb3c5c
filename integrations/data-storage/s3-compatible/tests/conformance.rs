//! The suite of object storage over a preset, on the servers that `cargo xtask live` starts.

use std::sync::Arc;

use circle_core_common::interfaces::object_store::conformance::{NEGATIVES, SUITE};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore};
use circle_core_common::suite::equal;
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Integration, Random, Result, SecretRef};
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
    let bucket = match bucket(server) {
        Ok(bucket) => bucket.map(Arc::new),
        Err(error) => return runner.test(format!("{} has a bucket", server.name), || async move { Err(error.into()) }),
    };
    let stopped = bucket.is_none().then(|| format!("{} is not set: `cargo xtask live` sets it", server.variable));
    let excuse = |case: &str| {
        let own = server.excuses.iter().find(|(excused, _)| *excused == case).map(|(_, why)| (*why).to_owned());
        stopped.clone().or(own)
    };
    for case in SUITE {
        if let Some(why) = excuse(case.name) {
            runner = runner.test(format!("{name}::{}", case.name), move || async move { Err(Failed::Skipped(why)) });
        }
    }
    let Some(bucket) = bucket else { return runner };
    let subjects = Arc::clone(&bucket);
    runner
        .suite(&name, SUITE.iter().filter(|case| excuse(case.name).is_none()), move || {
            let bucket = Arc::clone(&subjects);
            async move { bucket.subject() }
        })
        .negatives(&name, NEGATIVES, move |_| {
            let bucket = Arc::clone(&bucket);
            async move { bucket.subject() }
        })
}

/// A bucket of this run's own.
struct Bucket {
    server: &'static Server,
    config: S3CompatibleConfig,
}

/// Makes a bucket; `None` where the server does not run.
fn bucket(server: &'static Server) -> Result<Option<Bucket>> {
    let Ok(endpoint) = std::env::var(server.variable) else { return Ok(None) };
    let name = format!("circle-{:016x}", Random::System.bits()? as u64);
    let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST".to_owned()));
    let mut config = S3CompatibleConfig::new(Preset::Minio, name).endpoint(endpoint).credentials(key).versions(server.versions);
    config.lacks = server.lacks.iter().map(|flag| (*flag).to_owned()).collect();
    let bucket = Bucket { server, config };
    let failed = |error: std::io::Error| Error::new(ErrorKind::Internal, "there is no runtime").with_source(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(bucket.create())?;
    Ok(Some(bucket))
}

impl Bucket {
    fn provider(&self, environment: &Environment) -> Result<S3Compatible> {
        S3Compatible::new(self.config.clone(), BuildContext::from(environment).allow_loopback(true))
    }

    async fn create(&self) -> Result<()> {
        let environment = Environment::builder().build();
        let (provider, cx) = (self.provider(&environment)?, CallContext::new(&environment, &HEAD, None));
        provider.client().create_bucket(&cx).await?;
        if self.server.versions {
            provider.client().put_bucket_versioning(&cx, true).await?;
        }
        Ok(())
    }

    fn subject(&self) -> Result<Subject<ObjectStore>> {
        let environment = Environment::builder().build();
        let mut subject = ObjectStore::new(self.provider(&environment)?).subject()?;
        subject.second = Some(ObjectStore::new(self.provider(&environment)?));
        subject.native = Some(|handle| handle.native::<S3Compatible>().is_some());
        Ok(subject)
    }
}
