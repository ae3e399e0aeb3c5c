//! The servers, and a fresh bucket on each.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core_common::http::{Guard, Origin, Target, TransportBody, TransportRequest};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore, PresignedRequest};
use circle_core_common::suite::Sender;
use circle_core_common::{BuildContext, CallContext, Environment, Random, Result, SecretRef};
use circle_core_testkit::{Subject, Suited};

/// A server that `cargo xtask live` starts.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// What tells its address.
    pub(crate) variable: &'static str,
    versions: bool,
    lacks: &'static [&'static str],
}

/// Checks signatures; keeps no versions.
pub(crate) const S3S: Server =
    Server { name: "s3s", variable: "CIRCLE_LIVE_S3S", versions: false, lacks: &["delete_if_match", "copy_if_absent"] };

/// Knows versions and tags; checks no signatures.
pub(crate) const MOTO: Server =
    Server { name: "moto", variable: "CIRCLE_LIVE_MOTO", versions: true, lacks: &["delete_if_match", "copy_if_absent"] };

/// A bucket of this run's own.
pub(crate) struct Bucket {
    server: &'static Server,
    endpoint: String,
    name: String,
}

impl Server {
    /// Makes a bucket; `None` where the server does not run.
    pub(crate) fn bucket(&'static self) -> Option<Bucket> {
        let endpoint = std::env::var(self.variable).ok()?;
        let bits = Random::System.bits().expect("random bits");
        let bucket = Bucket { server: self, endpoint, name: format!("circle-{:016x}", bits as u64) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(bucket.create()).expect("a bucket on the server");
        Some(bucket)
    }
}

impl Bucket {
    fn s3(&self, environment: &Environment) -> Result<S3> {
        let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST".to_owned()));
        let mut config = S3Config::new(&self.name).endpoint(&self.endpoint).credentials(key).versions(self.server.versions);
        config.lacks = self.server.lacks.iter().map(|flag| (*flag).to_owned()).collect();
        S3::new(config, BuildContext::from(environment).allow_loopback(true))
    }

    async fn create(&self) -> Result<()> {
        let environment = Environment::builder().build();
        let cx = CallContext::new(&environment, &HEAD, None);
        let s3 = self.s3(&environment)?;
        s3.client().create_bucket(&cx).await?;
        if self.server.versions {
            s3.client().put_bucket_versioning(&cx, true).await?;
        }
        Ok(())
    }

    /// A client of its own, and another, with connections of their own: every case has its own runtime.
    pub(crate) fn subject(&self) -> Result<Subject<ObjectStore>> {
        let environment = Environment::builder().build();
        let mut subject = ObjectStore::new(self.s3(&environment)?).subject()?;
        subject.second = Some(ObjectStore::new(self.s3(&environment)?));
        subject.native = Some(|handle| handle.native::<S3>().is_some());
        subject.sender = Some(Arc::new(Anonymous(environment)));
        Ok(subject)
    }
}

/// Sends requests as they are.
struct Anonymous(Environment);

#[async_trait]
impl Sender for Anonymous {
    async fn send(&self, request: &PresignedRequest, body: Bytes) -> Result<(u16, Bytes)> {
        let uri = &request.uri;
        let origin =
            format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |authority| authority.as_str()));
        let origin = Arc::new(Origin::parse_guarded(&origin, Guard::new().loopback(true))?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let body = if body.is_empty() { TransportBody::Empty } else { TransportBody::Bytes(body) };
        let request = TransportRequest::new(request.method.clone(), Target::new(&origin, path), request.headers.clone(), body);
        let answer = self.0.transport().send(request).await?;
        Ok((answer.status.as_u16(), answer.body.collect(None).await?))
    }
}
