//! The servers, and a fresh bucket on each.

mod native;
pub(crate) mod secrets;
pub(crate) mod sts;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core_common::http::{Guard, Origin, Target, TransportBody, TransportRequest};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore, PresignedRequest};
use circle_core_common::suite::Sender;
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Random, Result, SecretRef};
use circle_core_protocol_s3::servers;
use circle_core_testkit::{Fault, FaultProxy, Received, Reply, Subject, Suited};

pub(crate) use native::CASES;
pub(crate) use servers::{MOTO, S3S, Server};

/// A server that runs, and the bucket of one case: cases do not wait for the locks of each other's, nor share lists.
pub(crate) struct Bucket {
    pub(crate) server: &'static Server,
    endpoint: String,
    name: String,
}

/// A bucket that is to be made; `None` where the server does not run.
pub(crate) fn bucket(server: &'static Server) -> Result<Option<Bucket>> {
    let Ok(endpoint) = std::env::var(server.variable) else { return Ok(None) };
    Ok(Some(Bucket { server, endpoint, name: name()? }))
}

/// A name that no bucket has yet.
fn name() -> Result<String> {
    Random::System.bits().map(|bits| format!("circle-{:016x}", bits as u64))
}

impl Bucket {
    /// A client with this key.
    pub(crate) fn s3(&self, environment: &Environment, secret: &str) -> Result<S3> {
        let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal(secret.to_owned()));
        let mut config = S3Config::new(&self.name).endpoint(&self.endpoint).credentials(key).versions(self.server.versions);
        config.lacks = self.server.lacks.iter().map(|flag| (*flag).to_owned()).collect();
        S3::new(config, BuildContext::from(environment).allow_loopback(true))
    }

    /// A client of a bucket that nobody has made.
    pub(crate) fn elsewhere(&self, environment: &Environment) -> Result<S3> {
        self.another()?.s3(environment, SECRET)
    }

    /// Another bucket of the server.
    pub(crate) fn another(&self) -> Result<Self> {
        Ok(Self { server: self.server, endpoint: self.endpoint.clone(), name: name()? })
    }

    /// Makes the bucket.
    pub(crate) async fn create(&self) -> Result<()> {
        let environment = environment();
        let cx = CallContext::new(&environment, &HEAD, None);
        let s3 = self.s3(&environment, SECRET)?;
        s3.client().create_bucket(&cx).await?;
        if self.server.versions {
            s3.client().put_bucket_versioning(&cx, true).await?;
        }
        Ok(())
    }

    /// A client of its own, `proxied` behind a network that breaks when a case says so, and another. Every case has its own
    /// runtime, and so its own connections.
    pub(crate) async fn subject(&self, proxied: bool) -> Result<Subject<ObjectStore>> {
        let environment = environment();
        self.create().await?;
        let proxy = if proxied { Some(Arc::new(self.proxy().await?)) } else { None };
        let endpoint = proxy.as_ref().map_or(self.endpoint.clone(), |proxy| proxy.origin());
        let behind = Self { server: self.server, endpoint, name: self.name.clone() };
        let mut subject = ObjectStore::new(behind.s3(&environment, SECRET)?).subject()?;
        subject.second = Some(ObjectStore::new(self.s3(&environment, SECRET)?));
        subject.native = Some(|handle| handle.native::<S3>().is_some());
        subject.sender = Some(Arc::new(Anonymous(environment)));
        if let Some(proxy) = proxy {
            subject.faults = Some(proxy);
        }
        Ok(subject)
    }

    async fn proxy(&self) -> Result<FaultProxy> {
        let unreachable = |what: String| Error::new(ErrorKind::ConfigInvalid, format!("`{}` {what}", self.endpoint));
        let address = self.endpoint.strip_prefix("http://").unwrap_or(&self.endpoint).trim_end_matches('/');
        let address = address.parse().map_err(|error| unreachable(format!("is no address of a server: {error}")))?;
        // Of an object, not of a list.
        let is_content = |request: &Received| request.method == "GET" && request.path().matches('/').count() > 1;
        let proxy = FaultProxy::speaking(address, refusal, is_content).await;
        proxy.map_err(|error| unreachable(format!("has no proxy: {error}")))
    }

    pub(crate) fn checks_signatures(&self) -> bool {
        self.server.checks_signatures
    }
}

pub(crate) const SECRET: &str = "SKTEST";

pub(crate) fn environment() -> Environment {
    Environment::builder().build()
}

/// How S3 refuses.
fn refusal(fault: &Fault) -> Option<Reply> {
    let says = |status, code| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code} it is.</Message></Error>");
        Some(Reply::xml(body).with_status(status))
    };
    match fault {
        Fault::RefuseConflicting => says(409, "ConditionalRequestConflict"),
        Fault::NoContainer => says(404, "NoSuchBucket"),
        Fault::Unavailable => says(503, "ServiceUnavailable"),
        Fault::Throttle { retry_after } => {
            says(503, "SlowDown").map(|reply| reply.header("retry-after-ms", retry_after.as_millis().to_string()))
        }
        _ => None,
    }
}

/// Sends requests as they are.
struct Anonymous(Environment);

#[async_trait]
impl Sender for Anonymous {
    async fn send(&self, request: &PresignedRequest, body: Bytes) -> Result<(u16, Bytes)> {
        let uri = &request.uri;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let origin = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        let origin = Arc::new(Origin::parse_guarded(&origin, Guard::new().loopback(true))?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let body = if body.is_empty() { TransportBody::Empty } else { TransportBody::Bytes(body) };
        let sent = TransportRequest::new(request.method.clone(), Target::new(&origin, path), request.headers.clone(), body);
        let answer = self.0.transport().send(sent).await?;
        Ok((answer.status.as_u16(), answer.body.collect(None).await?))
    }
}
