//! Roles on moto: assumed with a key, by a profile, and for the token of an identity provider; and what their keys are good for.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_aws::{AwsCredentialsConfig, RoleConfig};
use circle_core_common::credentials::{CredentialCache, FileStamp, LOAD, Os, OsSource};
use circle_core_common::http::{Auth, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::suite::{Outcome, equal, holds};
use circle_core_common::{BuildContext, CallContext, Environment, Result};
use circle_core_protocol_aws_auth::{AwsCredentials, SigV4, SigningScope, SigningStyle};
use circle_core_testkit::{Failed, Runner};

use super::{MOTO, environment, name};

const ARN: &str = "arn:aws:iam::123456789012:role/reader";
/// A JWT that moto reads and does not verify.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIiwiYXVkIjoiYXBpIn0.c2ln";

static WHO: RemoteOperation = RemoteOperation::new("sts.GetCallerIdentity", Idempotency::Safe, "/");
static PUT: RemoteOperation = RemoteOperation::new("s3.PutObject", Idempotency::Idempotent, "/{bucket}/{key}");
static GET: RemoteOperation = RemoteOperation::new("s3.GetObject", Idempotency::Safe, "/{bucket}/{key}");

/// Adds the cases, or says why they cannot run.
pub(crate) fn add_to(mut runner: Runner) -> Runner {
    let server = std::env::var(MOTO.variable).ok();
    for (case, form) in [
        ("a_role_by_a_key_signs_requests", Form::Key),
        ("a_role_of_a_profile_signs_requests", Form::Profile),
        ("a_role_by_a_role_signs_requests", Form::Role),
        ("a_role_for_a_web_identity_signs_requests", Form::WebIdentity),
        ("a_role_for_a_web_identity_of_the_environment_signs_requests", Form::Environment),
    ] {
        let server = server.clone();
        runner = runner.test(format!("STS on moto::{case}"), move || async move {
            match server {
                Some(endpoint) => signs_requests(&endpoint, form).await,
                None => Err(Failed::Skipped(format!(
                    "{} is not set: `cargo xtask live` starts the server and sets it",
                    MOTO.variable
                ))),
            }
        });
    }
    runner
}

#[derive(Clone, Copy)]
enum Form {
    Key,
    Profile,
    Role,
    WebIdentity,
    Environment,
}

impl Form {
    fn config(self) -> AwsCredentialsConfig {
        let role = |source| {
            let mut role = RoleConfig::new(ARN, source);
            role.session_name = Some("nightly".to_owned());
            AwsCredentialsConfig::Role(role)
        };
        match self {
            Self::Key => role(AwsCredentialsConfig::Environment),
            Self::Profile => AwsCredentialsConfig::profile("reader"),
            Self::Role => role(AwsCredentialsConfig::profile("reader")),
            Self::WebIdentity => {
                let mut role = RoleConfig::web_identity(ARN, "/token");
                role.session_name = Some("nightly".to_owned());
                AwsCredentialsConfig::Role(role)
            }
            Self::Environment => AwsCredentialsConfig::DefaultChain,
        }
    }

    fn machine(self, endpoint: &str) -> Machine {
        let mut variables = HashMap::from([("AWS_ENDPOINT_URL_STS", endpoint), ("HOME", "/ann"), ("AWS_REGION", "eu-west-1")]);
        match self {
            Self::Key => variables.extend([("AWS_ACCESS_KEY_ID", "AKTEST"), ("AWS_SECRET_ACCESS_KEY", super::SECRET)]),
            Self::Environment => variables.extend([
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
                ("AWS_ROLE_ARN", ARN),
                ("AWS_ROLE_SESSION_NAME", "nightly"),
            ]),
            _ => {}
        }
        Machine(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Variables of the case, and two files.
struct Machine(HashMap<String, String>);

#[async_trait]
impl OsSource for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        Ok(FileStamp { length: self.read(path).await?.len() as u64, modified: None })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = match path.to_str() {
            Some("/token") => TOKEN.to_owned(),
            Some("/ann/.aws/config") => format!(
                "[profile reader]\nrole_arn = {ARN}\nsource_profile = keys\nrole_session_name = nightly\nduration_seconds = 900\n\
                 [profile keys]\naws_access_key_id = AKTEST\naws_secret_access_key = {}\n",
                super::SECRET
            ),
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(text.into_bytes())
    }
}

async fn signs_requests(endpoint: &str, form: Form) -> Outcome {
    let environment = environment();
    let cx = BuildContext::new(environment.clone(), "sts").allow_loopback(true);
    let os = Os::from_source(form.machine(endpoint));
    let Some(credentials) = form.config().credentials_from(&cx, &os) else {
        return Err(Failed::Wrong("no credentials".to_owned()));
    };
    let lease = credentials.get(&call(&environment)).await?;
    let life = lease.expires_at().map(|end| end.since(environment.clock().timestamp()).as_secs());
    // The sessions of the profile last 15 minutes, the others an hour.
    let expected = if matches!(form, Form::Profile) { 890..=910 } else { 3590..=3610 };
    holds(
        format_args!("a session lasts as long as it was asked for, not {life:?}"),
        life.is_some_and(|life| expected.contains(&life)),
    )?;
    // A key of a session begins so.
    holds("the key is a temporary one", lease.access_key_id().starts_with("ASIA"))?;
    let who = who(&cx, endpoint, credentials.clone()).await?;
    let is_the_role = who.contains("<Arn>arn:aws:sts::123456789012:assumed-role/reader/nightly</Arn>");
    holds(format_args!("the caller is the role, not {who}"), is_the_role)?;
    keeps_an_object(&cx, endpoint, credentials).await
}

fn call(environment: &Environment) -> CallContext {
    CallContext::new(environment, &LOAD, None)
}

/// Whom a service takes the key for.
async fn who(cx: &BuildContext, endpoint: &str, credentials: CredentialCache<AwsCredentials>) -> Result<String> {
    let base = cx.base_url(endpoint)?;
    let signer = SigV4::new(credentials, SigningScope::new("eu-west-1", "sts"), SigningStyle::Standard);
    let http = cx.http(Arc::clone(&base.origin)).auth(Auth::custom(signer)).build();
    let request = Request::post(base.target("/")).header("content-type", "application/x-www-form-urlencoded")?;
    let request = request.body("Action=GetCallerIdentity&Version=2011-06-15");
    let answer = http.send(&call(cx.environment()), &WHO, request).await?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// S3 takes what the key signs.
async fn keeps_an_object(cx: &BuildContext, endpoint: &str, credentials: CredentialCache<AwsCredentials>) -> Outcome {
    let base = cx.base_url(endpoint)?;
    let http = cx.http(Arc::clone(&base.origin)).auth(Auth::custom(SigV4::s3(credentials, "us-east-1"))).build();
    let (bucket, call) = (format!("/{}", name()?), call(cx.environment()));
    http.send(&call, &PUT, Request::put(base.target(&bucket))).await?;
    let object = format!("{bucket}/report.md");
    http.send(&call, &PUT, Request::put(base.target(&object)).body("# Q3")).await?;
    let got = http.send(&call, &GET, Request::get(base.target(&object))).await?;
    equal("the object", &&got.body[..], b"# Q3")
}
