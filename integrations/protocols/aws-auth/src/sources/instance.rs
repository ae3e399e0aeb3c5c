//! Credentials of the role of an EC2 instance, from its metadata service, version 2
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html>).

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::links::InstanceMetadata;
use circle_core_common::credentials::{Found, Lease, Link};
use circle_core_common::http::{BaseUrl, Guard, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use http::StatusCode;

use crate::credentials::AwsCredentials;
use crate::document::Document;
use crate::outside::Outside;

static TOKEN: RemoteOperation = RemoteOperation::new("imds.GetToken", Idempotency::Idempotent, "/latest/api/token");
static ROLE: RemoteOperation =
    RemoteOperation::new("imds.GetRoleName", Idempotency::Safe, "/latest/meta-data/iam/security-credentials/");
static CREDENTIALS: RemoteOperation =
    RemoteOperation::new("imds.GetCredentials", Idempotency::Safe, "/latest/meta-data/iam/security-credentials/{role}");

const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

/// How long the session with the metadata service lasts: it is used at once, and anew for every load.
const SESSION_SECONDS: &str = "60";
/// For how long credentials are used on that have ended, while there are no new ones; up to half of it more at random.
const EXTENSION: Duration = Duration::from_secs(600);

/// The role of the instance; it has to be switched on, and has one second.
///
/// Credentials that have ended are used on while the metadata service has no newer ones, or cannot be asked: services go on to take
/// them while it is that which fails, and AWS's own SDKs do the same ("static stability").
pub(crate) struct InstanceCredentials {
    outside: Outside,
    metadata: InstanceMetadata<Metadata>,
    last: Mutex<Option<AwsCredentials>>,
}

impl InstanceCredentials {
    pub(crate) fn new(outside: Outside, switched_on: bool) -> Self {
        let metadata = InstanceMetadata::new(Metadata { outside: outside.clone() }, switched_on);
        Self { outside, metadata, last: Mutex::new(None) }
    }

    /// The credentials, for some time yet if they have ended.
    fn extended(lease: Lease<AwsCredentials>, cx: &CallContext) -> Lease<AwsCredentials> {
        let now = cx.clock().timestamp();
        if lease.expires_at().is_none_or(|end| now < end) {
            return lease;
        }
        tracing::warn!("the metadata service has no credentials that have not ended; the last ones are used on");
        let more = EXTENSION + (EXTENSION / 2).mul_f64(cx.random().unit().unwrap_or(1.0));
        lease.until(now + more)
    }
}

#[async_trait]
impl Link for InstanceCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        self.metadata.name()
    }

    /// # Errors
    /// What the metadata service says, where it has given nothing yet.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        if self.outside.os.variable(DISABLED)?.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return Ok(Found::NotConfigured(format!("`{DISABLED}` switches it off").into()));
        }
        let found = self.metadata.find(cx).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (found, &*last) {
            (Ok(Found::Credential(lease)), _) => {
                *last = Some(lease.value().clone());
                Ok(Found::Credential(Self::extended(lease, cx)))
            }
            (_, Some(known)) => {
                let ended = Lease::new(known.clone()).until(cx.clock().timestamp());
                Ok(Found::Credential(Self::extended(ended, cx)))
            }
            (nothing, None) => nothing,
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

impl std::fmt::Debug for InstanceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InstanceCredentials({:?})", self.metadata)
    }
}

/// The metadata service itself.
struct Metadata {
    outside: Outside,
}

impl Metadata {
    fn base(&self) -> Result<BaseUrl> {
        let guard = Guard::metadata().loopback(self.outside.build.allows_loopback());
        if let Some(url) = self.outside.os.variable(ENDPOINT)? {
            return BaseUrl::parse_guarded(url.trim(), guard).map_err(|error| error.context(format_args!("`{ENDPOINT}`")));
        }
        let own = match self.outside.os.variable(MODE)?.as_deref().map(str::trim) {
            None => "http://169.254.169.254",
            Some(mode) if mode.eq_ignore_ascii_case("ipv4") => "http://169.254.169.254",
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => "http://[fd00:ec2::254]",
            Some(_) => return Err(Error::new(ErrorKind::ConfigInvalid, format!("`{MODE}` is neither `IPv4` nor `IPv6`"))),
        };
        BaseUrl::parse_guarded(own, guard)
    }
}

#[async_trait]
impl Link for Metadata {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "instance metadata".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let base = self.base()?;
        let http = self.outside.client(base.origin.clone()).build();
        // Whoever can make a server ask an address, but not with `PUT` and headers, gets nothing: hence no version 1.
        let request = Request::new(http::Method::PUT, base.target("/latest/api/token"))
            .header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS)?;
        let token = http.send(cx, &TOKEN, request).await?;
        let wrong = |what: &str| Error::new(ErrorKind::Decode, format!("the metadata service gave {what}"));
        let token = std::str::from_utf8(&token.body).ok().map(str::trim).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| wrong("no token for a session"))?;
        let get = |path: &str| Request::get(base.target(path)).secret_header("x-aws-ec2-metadata-token", token);
        let get = |path: &str| get(path).map_err(|_| wrong("a token that no header can carry"));
        // Anew each time: another role may have been attached.
        let roles = "/latest/meta-data/iam/security-credentials/";
        let listed = http.send(cx, &ROLE, get(roles)?.keep_status(StatusCode::NOT_FOUND)).await?;
        if listed.status == StatusCode::NOT_FOUND {
            return Ok(Found::NotConfigured("the instance has no role".into()));
        }
        let role = std::str::from_utf8(&listed.body).ok().and_then(|text| text.lines().next()).map(str::trim);
        let is_name = |name: &&str| {
            (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
        };
        let role = role.filter(is_name).filter(|role| !matches!(*role, "." | "..")).ok_or_else(|| wrong("no name of a role"))?;
        let answer = http.send(cx, &CREDENTIALS, get(&format!("{roles}{role}"))?).await?;
        Document::fetched("the answer of the metadata service", &answer.body).map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
