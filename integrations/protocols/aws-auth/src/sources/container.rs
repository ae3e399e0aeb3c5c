//! Credentials that the platform gives to what runs in a container: Amazon ECS, EKS Pod Identity, and agents of one's own
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).

use std::borrow::Cow;

use async_trait::async_trait;
use circle_core_common::credentials::{Found, Link};
use circle_core_common::http::{Guard, Origin, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};

use crate::credentials::AwsCredentials;
use crate::document::Document;
use crate::outside::Outside;

static GET: RemoteOperation = RemoteOperation::new("container.GetCredentials", Idempotency::Safe, "/");

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Where ECS serves credentials.
const ECS: &str = "http://169.254.170.2";
/// Hosts that may be asked without TLS, besides this machine: those of ECS and of EKS. AWS's own SDKs have the same list.
const PLAIN: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// The endpoint that `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI` names.
#[derive(Debug)]
pub(crate) struct ContainerCredentials {
    outside: Outside,
}

impl ContainerCredentials {
    pub(crate) const fn new(outside: Outside) -> Self {
        Self { outside }
    }

    /// The origin, and the path and query there; `None` where no variable is set.
    fn place(&self) -> Result<Option<(Origin, String)>> {
        if let Some(path) = self.outside.os.variable(RELATIVE)? {
            let origin = Origin::parse_guarded(ECS, Guard::metadata())?;
            return Ok(Some((origin, path_of(path.trim(), RELATIVE)?)));
        }
        let Some(url) = self.outside.os.variable(FULL)? else { return Ok(None) };
        let refused = |why: &str| Error::new(ErrorKind::ConfigInvalid, format!("`{FULL}` is refused: {why}"));
        let url = url.trim();
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("it does not start with `https://` or `http://`"))?;
        let at = url.len() - rest.len() + rest.find(['/', '?']).unwrap_or(rest.len());
        let (origin, path) = url.split_at(at);
        let path = path_of(if path.is_empty() { "/" } else { path }, FULL)?;
        let guard = if scheme.eq_ignore_ascii_case("https") {
            self.outside.build.guard().loopback(true)
        } else {
            Guard::metadata().loopback(true)
        };
        let origin = Origin::parse_guarded(origin, guard).map_err(|error| error.context(format_args!("`{FULL}`")))?;
        let trusted = scheme.eq_ignore_ascii_case("https") || origin.is_loopback() || PLAIN.contains(&origin.host());
        if !trusted {
            return Err(refused("without TLS only this machine and the addresses of ECS and EKS are asked"));
        }
        Ok(Some((origin, path)))
    }

    /// What the endpoint wants to see, read anew each time: EKS replaces the file.
    async fn token(&self) -> Result<Option<SecretString>> {
        let os = &self.outside.os;
        if let Some(path) = os.variable(TOKEN_FILE)? {
            return self.outside.secret_file(path.trim(), &format!("`{TOKEN_FILE}`")).await.map(Some);
        }
        Ok(os.variable(TOKEN)?.map(|token| token.trim().into()))
    }
}

fn path_of(text: &str, variable: &str) -> Result<String> {
    let is_path =
        text.starts_with(['/', '?']) && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\'));
    if !is_path || text.starts_with("//") {
        // The text itself is not repeated: it may hold a credential.
        return Err(Error::new(ErrorKind::ConfigInvalid, format!("`{variable}` has no path as addresses have them")));
    }
    Ok(if text.starts_with('?') { format!("/{text}") } else { text.to_owned() })
}

#[async_trait]
impl Link for ContainerCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        "container".into()
    }

    /// # Errors
    /// `ConfigInvalid` for an address that may not be asked, or a token that is none; what the endpoint says.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let Some((origin, path)) = self.place()? else {
            return Ok(Found::NotConfigured(format!("neither `{RELATIVE}` nor `{FULL}` is set").into()));
        };
        let http = self.outside.client(origin).build();
        let mut request = Request::get(http.target(path)).header("accept", "application/json")?;
        if let Some(token) = self.token().await? {
            request = request.secret_header("authorization", token.expose_secret()).map_err(|_| {
                Error::new(ErrorKind::ConfigInvalid, "the authorisation token of the container holds what no header can carry")
            })?;
        }
        let answer = http.send(cx, &GET, request).await?;
        Document::fetched("the answer of the container's endpoint", &answer.body).map(Found::Credential)
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
