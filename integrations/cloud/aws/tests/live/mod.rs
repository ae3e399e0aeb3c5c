//! The servers, and a fresh bucket on each.

mod native;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core_common::http::{Guard, Origin, Target, TransportBody, TransportRequest};
use circle_core_common::interfaces::object_store::{HEAD, ObjectStore, PresignedRequest};
use circle_core_common::suite::Sender;
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Random, Result, SecretRef};
use circle_core_testkit::{Fault, FaultProxy, Received, Reply, Subject, Suited};

pub(crate) use native::CASES;

/// A server that `cargo xtask live` starts.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// What tells its address.
    pub(crate) variable: &'static str,
    pub(crate) versions: bool,
    checks_signatures: bool,
    /// What it does not know.
    pub(crate) lacks: &'static [&'static str],
    /// Cases that its own behaviour breaks, with that behaviour.
    pub(crate) excuses: &'static [(&'static str, &'static str)],
    /// The keys that it cannot keep apart or at all.
    pub(crate) refuses: fn(&str) -> bool,
    /// The keys that its lists do not give back.
    pub(crate) unlisted: fn(&str) -> bool,
}

const FRAMED: &str = "an answer of HTTP says how long it is: content that ends there is whole, and content that does not is cut";
const PATHS: &str = "s3s-fs keeps a key as a path of the file system";
const STEPS: &str = "s3s-fs looks at a condition and writes in two steps";
const ENDED: &str = "s3s-fs answers AccessDenied to an upload that is none";
const ORDER: &str = "s3s-fs wants all numbers of parts from 1 on";

/// Checks signatures; keeps no versions.
pub(crate) const S3S: Server = Server {
    name: "s3s",
    variable: "CIRCLE_LIVE_S3S",
    versions: false,
    checks_signatures: true,
    lacks: &["put_checksum", "get_if_match", "get_if_none_match", "delete_if_match", "copy_if_absent"],
    excuses: &[
        ("get_of_a_body_that_ends_early_is_never_short", FRAMED),
        ("delete_leaves_the_neighbours", PATHS),
        ("list_prefix_is_compared_byte_for_byte", PATHS),
        ("list_delimiter_folds_deeper_keys", PATHS),
        ("list_folder_marker_comes_once", PATHS),
        ("list_is_in_byte_order", PATHS),
        ("list_start_after_is_exclusive", PATHS),
        ("list_pages_are_stable_under_inserts", PATHS),
        ("put_under_weird_keys_round_trips", PATHS),
        ("delete_of_weird_keys_deletes_each_alone", PATHS),
        ("keys_may_be_folders_of_other_keys", PATHS),
        ("key_of_the_longest_length_round_trips", PATHS),
        ("create_race_has_one_winner", STEPS),
        ("replace_race_loses_no_success", STEPS),
        ("update_under_race_applies_every_change", STEPS),
        ("upload_aborted_leaves_nothing", ENDED),
        ("upload_completed_takes_no_more_parts", ENDED),
        ("upload_completed_with_a_foreign_tag_is_refused", ENDED),
        ("writer_dropped_aborts_its_upload", ENDED),
        ("writer_cancelled_aborts_its_upload", ENDED),
        ("upload_may_leave_out_indices", ORDER),
        ("upload_completed_last_wins", ORDER),
        ("upload_race_leaves_one_whole", ORDER),
        ("list_delimiter_can_be_any_text", "s3s-fs folds at the first character of a delimiter"),
        ("get_suffix_longer_than_the_object_is_all_of_it", "s3s-fs answers InternalError to a suffix beyond the object"),
    ],
    refuses: |key| {
        let odd = |segment: &str| matches!(segment, "" | "." | ".." | "a");
        key.split('/').any(odd)
    },
    // Says that keys are encoded, and does not encode them.
    unlisted: |key| key.contains(['%', '+']),
};

const FORGED: &str = "moto checks no signature";
const UNLOCKED: &str = "moto looks at a condition and writes in two steps";
const NO_UPLOAD: &str = "moto answers 500 to a part of an upload that is none";
const LINES: &str = "moto answers 404 to a key with a line break";

/// Knows versions and tags; checks no signatures.
pub(crate) const MOTO: Server = Server {
    name: "moto",
    variable: "CIRCLE_LIVE_MOTO",
    versions: true,
    checks_signatures: false,
    lacks: &["put_checksum", "delete_if_match", "copy_if_absent"],
    excuses: &[
        ("get_of_a_body_that_ends_early_is_never_short", FRAMED),
        ("put_under_weird_keys_round_trips", LINES),
        ("delete_of_weird_keys_deletes_each_alone", LINES),
        ("upload_aborted_leaves_nothing", NO_UPLOAD),
        ("upload_completed_takes_no_more_parts", NO_UPLOAD),
        ("writer_dropped_aborts_its_upload", NO_UPLOAD),
        ("writer_cancelled_aborts_its_upload", NO_UPLOAD),
        ("upload_if_match_of_a_stale_version_is_a_conflict", "moto ignores If-Match at the end of an upload"),
        ("create_race_has_one_winner", UNLOCKED),
        ("replace_race_loses_no_success", UNLOCKED),
        ("update_under_race_applies_every_change", UNLOCKED),
        ("presign_get_sent_as_put_is_forbidden", FORGED),
        ("presign_get_expired_is_forbidden", FORGED),
        ("presign_put_enforces_its_content_type", FORGED),
        ("list_of_ten_thousand_is_complete", "moto takes minutes for 10,000 puts"),
    ],
    refuses: |key| key.contains('\n'),
    unlisted: |_| false,
};

/// A bucket of this run's own.
pub(crate) struct Bucket {
    pub(crate) server: &'static Server,
    endpoint: String,
    name: String,
}

impl Server {
    /// Makes a bucket; `None` where the server does not run.
    pub(crate) fn bucket(&'static self) -> Result<Option<Bucket>> {
        let Ok(endpoint) = std::env::var(self.variable) else { return Ok(None) };
        let bucket = Bucket { server: self, endpoint, name: name()? };
        let failed = |error: std::io::Error| Error::new(ErrorKind::Internal, "there is no runtime").with_source(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(bucket.create())?;
        Ok(Some(bucket))
    }
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
        Self { server: self.server, endpoint: self.endpoint.clone(), name: name()? }.s3(environment, SECRET)
    }

    async fn create(&self) -> Result<()> {
        let environment = environment();
        let cx = CallContext::new(&environment, &HEAD, None);
        let s3 = self.s3(&environment, SECRET)?;
        s3.client().create_bucket(&cx).await?;
        if self.server.versions {
            s3.client().put_bucket_versioning(&cx, true).await?;
        }
        Ok(())
    }

    /// A client of its own behind a network that breaks when a case says so, and another without. Every case has its own
    /// runtime, and so its own connections.
    pub(crate) async fn subject(&self) -> Result<Subject<ObjectStore>> {
        let environment = environment();
        let proxy = Arc::new(self.proxy().await?);
        let behind = Self { server: self.server, endpoint: proxy.origin(), name: self.name.clone() };
        let mut subject = ObjectStore::new(behind.s3(&environment, SECRET)?).subject()?;
        subject.second = Some(ObjectStore::new(self.s3(&environment, SECRET)?));
        subject.native = Some(|handle| handle.native::<S3>().is_some());
        subject.sender = Some(Arc::new(Anonymous(environment)));
        subject.faults = Some(proxy);
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
