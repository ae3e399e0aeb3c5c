//! Verifiers of webhooks: whether a request is from whom it says, and whether its event was handled before.
//!
//! ```
//! # use bytes::Bytes;
//! # use circle_core_common::Result;
//! # use circle_core_common::interfaces::messenger::Messenger;
//! # use circle_core_common::interfaces::webhook_verifier::WebhookVerifier;
//! # async fn example(hooks: WebhookVerifier, headers: http::HeaderMap, body: Bytes, team: Messenger) -> Result<()> {
//! let event = hooks.verify(&headers, &body).await?; // the raw bytes, before anything has parsed them
//! if event.is("push") {
//!     hooks.once(&event, || team.send("#code", "somebody has pushed")).await?; // a replay is `None`
//! }
//! # Ok(())
//! # }
//! ```
//!
//! *Raw bytes* are verified: JSON that was read and written again is another body. *Constant time* is what a comparison takes.
//! *Several secrets* can be live, so that one can be changed. *Five minutes* is how far the moment of signing may be from now, in
//! both directions. *The id* of an event is signed, or a hash of what is signed; a header that is not signed is never one.
//! *Seen* is what was handled, not what was received.

mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "mock")]
mod mock;
mod provider;
mod seen;
mod types;

use std::sync::Arc;

use bytes::Bytes;
pub use capabilities::WebhookVerifierCapabilities;
use http::HeaderMap;
#[cfg(feature = "mock")]
pub use mock::MockWebhookVerifierProvider;
pub use provider::WebhookVerifierProvider;
pub use seen::Seen;
pub use types::*;

use crate::error::{Error, ErrorKind, Limit, Reason, Result};
use crate::scope::Resources;
use crate::units::Timestamp;

crate::operations! {
    "WebhookVerifier" => {
        /// Verifies.
        VERIFY = "webhook_verifier.verify", Read;
        /// Handles once.
        ONCE = "webhook_verifier.once", Write;
    }
}

crate::handle! {
    /// A verifier of webhooks: what applications hold.
    WebhookVerifier over WebhookVerifierProvider with WebhookVerifierCapabilities as "WebhookVerifier"
}

type Caps = WebhookVerifierCapabilities;

impl WebhookVerifier {
    /// The event of a request, if it was signed with a live secret and not too long ago.
    ///
    /// Answer `Unauthenticated` with 401 and nothing else: who has sent the request needs no reason. Other errors are not the
    /// sender's: a 500 brings the request again.
    ///
    /// # Errors
    /// `Unauthenticated`, with the reason `SignatureMissing`, `SignatureMalformed`, `SignatureInvalid`, `SignatureExpired` or
    /// `SignatureInFuture`; `InvalidInput` for a body beyond `body_max`, which is not looked at.
    pub async fn verify(&self, headers: &HeaderMap, body: &Bytes) -> Result<WebhookEvent> {
        self.verify_with(headers, body, VerifyOptions::new()).await
    }

    /// The event of a request, if it was signed shortly ago, or has an id of its own.
    ///
    /// # Errors
    /// As [`verify`](Self::verify); `Unsupported` without `timestamp` for a `max_age`, and without `id` for `require_id`.
    pub async fn verify_with(&self, headers: &HeaderMap, body: &Bytes, options: VerifyOptions) -> Result<WebhookEvent> {
        self.check(body, &options).map_err(|error| self.core.place(error, &VERIFY))?;
        let mut call = self.open(&VERIFY);
        let provider = self.start(&mut call, Resources::None).await?;
        let now = self.core.environment().clock().timestamp();
        let (max_age, require_id) = (options.max_age, options.require_id);
        let request = VerifyRequest::new(headers.clone(), body.clone(), now, options);
        let result = call
            .guard(async {
                let verified = provider.verify(call.cx(), request).await?;
                check_verified(&verified, now, max_age, require_id)?;
                provider.parse(call.cx(), ParseRequest::new(verified, headers.clone(), body.clone())).await
            })
            .await;
        call.finish(result).await
    }

    fn check(&self, body: &Bytes, options: &VerifyOptions) -> Result<()> {
        let capabilities = self.capabilities();
        let (size, max) = (body.len() as u64, capabilities.body_max.as_u64());
        if size > max {
            return Err(Error::outside_limit(Limit::at_most("body_max", max, "bytes"), size));
        }
        if let Some(age) = options.max_age {
            Caps::TIMESTAMP.check(capabilities)?;
            if age > capabilities.tolerance {
                let limit = Limit::at_most("tolerance", capabilities.tolerance.as_secs(), "seconds");
                return Err(Error::outside_limit(limit, age.as_secs()));
            }
        }
        if options.require_id {
            Caps::ID.check(capabilities)?;
        }
        options.extensions.check(self.core.provider())
    }

    /// Handles an event that was not handled before; `None` for one that was.
    ///
    /// It is marked as seen once the handler has returned `Ok`, so that what fails is delivered again by the service. While it is
    /// handled, another delivery of it is `Conflict`, which is to be answered like any other error: it comes again. A handler
    /// that is dropped, or whose process dies, has not handled; where events are marked in a store, its event is taken up again
    /// after [`lease`](Seen::lease). A handler should take less time than that, and less than the service waits for an answer.
    ///
    /// # Errors
    /// The handler's own; `Conflict`, reason `ConflictingRequest`, while the event is handled elsewhere; those of the store. An
    /// event that was handled and could not be marked is `Unavailable` with `sent()` `Yes`, not retryable.
    pub async fn once<T, F, Fut>(&self, event: &WebhookEvent, handler: F) -> Result<Option<T>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let id: Arc<str> = event.id.as_str().into();
        let mut call = self.open(&ONCE);
        let provider = self.start(&mut call, Resources::One(&id)).await?;
        let clock = self.core.environment().clock().clone();
        let result = call.guard(provider.seen().once(&id, &clock, handler)).await;
        call.finish(result).await
    }
}

/// What the options ask of a request that was verified.
fn check_verified(verified: &Verified, now: Timestamp, max_age: Option<std::time::Duration>, require_id: bool) -> Result<()> {
    let refused = |reason, text: &'static str| Err(Error::new(ErrorKind::Unauthenticated, text).with_reason(reason));
    if let Some(max) = max_age
        && verified.at.is_none_or(|at| now.since(at) > max)
    {
        return refused(Reason::SignatureExpired, "the request was signed too long ago");
    }
    if require_id && verified.id_is_hash {
        return refused(Reason::SignatureMissing, "the request has no signed id of its own");
    }
    Ok(())
}
