//! What a source of credentials is held to.

use circle_core_common::credentials::{CredentialRequest, CredentialSource, Lease};
use circle_core_common::suite::{Failed, Outcome};
use circle_core_common::{CallContext, ErrorKind};

use crate::drop_sweep;

/// Holds a source that is configured to what a [`CredentialCache`](circle_core_common::credentials::CredentialCache) relies on:
/// what it loads has not ended and is not to be refreshed after its end; a load that is dropped at any await leaves the source
/// as it was; it gives what it is asked for, or says that it cannot choose.
///
/// # Errors
/// What does not hold; what the source says.
pub async fn check_source<C: Send + Sync + 'static>(source: &dyn CredentialSource<Credential = C>, cx: &CallContext) -> Outcome {
    check_lease(&source.load(cx).await?, cx)?;
    let whole = async || source.load(cx).await.map_err(|error| format!("the next load failed: {error}")).map(drop);
    drop_sweep(|| source.load(cx), whole).await?;
    let asked = CredentialRequest::new().scopes(["circle.test"]).audience("https://circle.test");
    match source.load_for(cx, &asked).await {
        Ok(lease) => check_lease(&lease, cx),
        // An issuer that does not know the audience of this test is as good an answer.
        Err(error) if error.is(ErrorKind::Unsupported) || error.detail().is_some() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn check_lease<C>(lease: &Lease<C>, cx: &CallContext) -> Outcome {
    let now = cx.clock().timestamp();
    match (lease.expires_at(), lease.refresh_at()) {
        (Some(end), _) if end <= now => Err(Failed::Wrong(format!("what was loaded had ended at {end}; it is {now}"))),
        (Some(end), Some(refresh)) if refresh > end => {
            Err(Failed::Wrong(format!("the refresh is due at {refresh}, after the end at {end}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use circle_core_common::credentials::{Fixed, LOAD};
    use circle_core_common::{Environment, Error, Result};

    use super::*;

    fn context() -> CallContext {
        CallContext::new(&Environment::default(), &LOAD, None)
    }

    /// Cannot be loaded again after a load was dropped.
    #[derive(Default)]
    struct Locked(AtomicBool);

    #[async_trait]
    impl CredentialSource for Locked {
        type Credential = u8;

        async fn load(&self, cx: &CallContext) -> Result<Lease<u8>> {
            if self.0.swap(true, Ordering::SeqCst) {
                return Err(Error::new(ErrorKind::Internal, "locked"));
            }
            tokio::task::yield_now().await;
            self.0.store(false, Ordering::SeqCst);
            Ok(Lease::living(7, Duration::from_secs(60), cx.clock().timestamp()))
        }
    }

    struct Ended;

    #[async_trait]
    impl CredentialSource for Ended {
        type Credential = u8;

        async fn load(&self, cx: &CallContext) -> Result<Lease<u8>> {
            Ok(Lease::new(7).until(cx.clock().timestamp()))
        }
    }

    #[tokio::test]
    async fn a_source_that_holds_and_two_that_do_not() {
        check_source(&Fixed::new(7_u8), &context()).await.unwrap();
        let found = check_source(&Locked::default(), &context()).await;
        assert!(matches!(&found, Err(Failed::Wrong(text)) if text.contains("locked")), "{found:?}");
        let found = check_source(&Ended, &context()).await;
        assert!(matches!(&found, Err(Failed::Wrong(text)) if text.contains("had ended")), "{found:?}");
    }
}
