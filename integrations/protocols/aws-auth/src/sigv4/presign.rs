//! Requests that work without credentials until they expire.

use std::time::Duration;

use circle_core_common::http::Target;
use circle_core_common::{CallContext, Error, Limit, Result, Timestamp};
use http::{HeaderMap, Method, Uri};

use super::scope::SigningScope;
use super::signature::Signing;
use super::signer::SigV4;

/// The longest life of a presigned request: seven days
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
pub const PRESIGN_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

impl SigV4 {
    /// Signs an address: whoever has it can send the request, with these headers, until the moment that is answered.
    ///
    /// The payload is not signed. `scope` replaces the signer's own.
    ///
    /// # Errors
    /// `InvalidInput`, reason [`Reason::OutsideLimit`](circle_core_common::Reason::OutsideLimit), for a life of less than
    /// a second or more than [`PRESIGN_MAX`], or one that is longer than that of the credentials, with which it would
    /// end; why there are no credentials.
    pub async fn presign(
        &self,
        cx: &CallContext,
        method: &Method,
        target: Target,
        headers: &HeaderMap,
        life: Duration,
        scope: Option<&SigningScope>,
    ) -> Result<(Uri, Timestamp)> {
        // The query has whole seconds.
        let life = Duration::from_secs(life.as_secs());
        let limit = Limit::at_most("expires_in", PRESIGN_MAX.as_secs(), "seconds");
        if life.is_zero() {
            return Err(Error::outside_limit(Limit::at_least("expires_in", 1, "seconds"), 0));
        }
        if life > PRESIGN_MAX {
            return Err(Error::outside_limit(limit, life.as_secs()));
        }
        let lease = self.credentials.get(cx).await?;
        let expires_at = cx.clock().timestamp() + life;
        if let Some(end) = lease.expires_at().filter(|end| *end < expires_at) {
            let left = end.since(cx.clock().timestamp()).as_secs();
            let error = Error::outside_limit(Limit::at_most("expires_in", left, "seconds"), life.as_secs());
            return Err(error.context(format_args!("the credentials end at {end}, and a presigned request with them")));
        }
        let time = self.skew.now(cx.clock());
        let signing = Signing { credentials: lease.value(), scope: scope.unwrap_or(&self.scope), style: self.style, time };
        Ok((signing.query(method, &target.into_uri()?, headers, life)?, expires_at))
    }
}
