//! What a signature is good for: a day, a region, a service.

use std::sync::Arc;

use circle_core_common::Timestamp;

/// The region and the service that a request is signed for.
///
/// As an extension of a request it replaces the signer's own: after a redirect to another region, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningScope {
    /// The region: `eu-west-1`, or what the service takes in its place (`auto`).
    pub region: Arc<str>,
    /// The service's signing name: `s3`.
    pub service: Arc<str>,
}

impl SigningScope {
    /// A region and a service.
    #[must_use]
    pub fn new(region: impl Into<Arc<str>>, service: impl Into<Arc<str>>) -> Self {
        Self { region: region.into(), service: service.into() }
    }

    /// `20130524/us-east-1/s3/aws4_request`.
    pub(super) fn at(&self, time: Timestamp) -> String {
        format!("{}/{}/{}/aws4_request", &date_time(time)[..8], self.region, self.service)
    }
}

/// `20130524T000000Z`.
pub(super) fn date_time(time: Timestamp) -> String {
    let text = Timestamp::from_unix(time.unix_seconds(), 0).to_string();
    text.chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}
