//! What sources of credentials reach: variables, files, and the services of AWS that give credentials.

use std::sync::Arc;

use circle_core_common::credentials::Os;
use circle_core_common::http::{BaseUrl, HttpClientBuilder, Origin, Rule, StatusTable};
use circle_core_common::{BuildContext, ByteSize, Error, ErrorKind, Result};
use secrecy::SecretString;

use crate::profile_file::Profile;

/// The largest answer with credentials that is read; they have a few KiB.
const ANSWER_MAX: ByteSize = ByteSize::kib(256);

/// What a refusal means of what gives credentials. It is told to whoever needed them for something else, so that `NotFound` would
/// speak of the wrong thing.
pub(crate) static STATUSES: &[(u16, Rule)] = &[
    (400, Rule::new(ErrorKind::ConfigInvalid)),
    (404, Rule::new(ErrorKind::ConfigInvalid)),
    (405, Rule::new(ErrorKind::ConfigInvalid)),
    (409, Rule::new(ErrorKind::ConfigInvalid)),
    (410, Rule::new(ErrorKind::ConfigInvalid)),
    (412, Rule::new(ErrorKind::ConfigInvalid)),
    (413, Rule::new(ErrorKind::ConfigInvalid)),
    (422, Rule::new(ErrorKind::ConfigInvalid)),
];

/// What answers in JSON, or without words.
pub(crate) static TABLE: StatusTable = StatusTable::new().statuses(STATUSES);

/// Variables and files of the machine, and a network.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) os: Os,
    pub(crate) build: BuildContext,
}

impl Outside {
    /// With the network that `cx` allows, and nothing else of its service: what is fetched is for all services that mean the same, so
    /// that neither the policies of the first, nor its certificate, nor its callers' traces belong to it.
    pub(crate) fn new(cx: &BuildContext, os: &Os) -> Self {
        let build = BuildContext::new(cx.environment().sharing_nothing(), "aws-credentials")
            .allow_loopback(cx.allows_loopback())
            .allow_private(cx.allows_private())
            .allow_networks(cx.allowed_networks().iter().copied())
            .traced(false);
        Self { os: os.clone(), build }
    }

    /// A client of what is at this origin.
    pub(crate) fn client(&self, origin: impl Into<Arc<Origin>>) -> HttpClientBuilder {
        self.build.http(origin).classify(TABLE).body_limit(ANSWER_MAX)
    }

    /// Where a service is: where `AWS_ENDPOINT_URL_STS` and its like, `AWS_ENDPOINT_URL`, or `endpoint_url` of the profile say, in this
    /// order (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>), or else at its own address.
    ///
    /// # Errors
    /// `ConfigInvalid` for an address that is none, or where requests may not go.
    pub(crate) fn endpoint(&self, service: &str, profile: Option<&Profile>, own: &str) -> Result<BaseUrl> {
        let of_profile = |name: &str| profile.and_then(|profile| profile.get(name));
        let is_true = |text: &str| text.trim().eq_ignore_ascii_case("true");
        let ignored = match self.os.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? {
            Some(chosen) => is_true(&chosen),
            None => of_profile("ignore_configured_endpoint_urls").is_some_and(is_true),
        };
        if !ignored {
            for variable in [format!("AWS_ENDPOINT_URL_{service}"), "AWS_ENDPOINT_URL".to_owned()] {
                if let Some(url) = self.os.variable(&variable)? {
                    return self.build.base_url(url.trim()).map_err(|error| error.context(format_args!("`{variable}`")));
                }
            }
            if let Some(url) = of_profile("endpoint_url") {
                return self.build.base_url(url).map_err(|error| error.context("`endpoint_url` of the profile"));
            }
        }
        self.build.base_url(own)
    }

    /// The text of a file that somebody named, without the blanks around it.
    ///
    /// # Errors
    /// `ConfigInvalid` when there is no such file, it cannot be read, or it is empty.
    pub(crate) async fn secret_file(&self, path: &str, named_by: &str) -> Result<SecretString> {
        let invalid =
            |what: &str| Error::new(ErrorKind::ConfigInvalid, format!("the file `{path}`, which {named_by} names, {what}"));
        let expanded = self.os.expand(path)?;
        let text = self.os.read(&expanded).await?.ok_or_else(|| invalid("does not exist"))?;
        let secret = text.trim();
        if secret.is_empty() { Err(invalid("is empty")) } else { Ok(secret.into()) }
    }
}
