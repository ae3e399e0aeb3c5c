//! Requests that work without credentials.

use std::time::Duration;

use super::{Caps, Store, bytes};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::object_store::{PresignOptions, PresignedRequest};
use crate::suite::{Failed, Outcome, Sender, equal, expect_kind, expect_reason, holds};

const LIFE: Duration = Duration::from_secs(60);

fn sender(subject: &Store) -> Result<&dyn Sender, Failed> {
    subject.sender.as_deref().ok_or_else(|| Failed::Skipped("the subject cannot send presigned requests".to_owned()))
}

async fn send(subject: &Store, request: &PresignedRequest, body: &'static str) -> Result<(u16, bytes::Bytes), Failed> {
    Ok(sender(subject)?.send(request, body.into()).await?)
}

fn forbidden(what: &str, status: u16) -> Outcome {
    holds(format!("{what} is 403, or 400 or 401 of services that say that, not {status}"), [400, 401, 403].contains(&status))
}

/// A presigned get gives the object to whoever sends it.
pub async fn presign_get_works_without_credentials(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_GET)?;
    sender(&subject)?;
    let key = subject.name("a b/ü?#.txt");
    subject.handle.put(&key, bytes(10_000, 1)).await?;
    let request = subject.handle.presign_get(&key, LIFE).await?;
    equal("the method", &request.method, &http::Method::GET)?;
    let (status, content) = send(&subject, &request, "").await?;
    equal("the status", &status, &200)?;
    holds("the content", content == bytes(10_000, 1))
}

/// A presigned put takes the object from whoever sends it.
pub async fn presign_put_works_without_credentials(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_PUT)?;
    sender(&subject)?;
    let key = subject.name("a");
    let request = subject.handle.presign_put(&key, LIFE).await?;
    let (status, _) = send(&subject, &request, "sent").await?;
    holds(format!("the status {status} is a success"), (200..300).contains(&status))?;
    equal("the content", &subject.content(&key).await?, "sent".as_bytes())
}

/// A presigned request of one method is refused with another.
pub async fn presign_get_sent_as_put_is_forbidden(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_GET)?;
    sender(&subject)?;
    let key = subject.name("a");
    subject.handle.put(&key, "old").await?;
    let mut request = subject.handle.presign_get(&key, LIFE).await?;
    request.method = http::Method::PUT;
    forbidden("a put with a get's signature", send(&subject, &request, "new").await?.0)?;
    equal("the content", &subject.content(&key).await?, "old".as_bytes())
}

/// A presigned request that has expired is refused.
pub async fn presign_get_expired_is_forbidden(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_GET)?;
    sender(&subject)?;
    let key = subject.name("a");
    subject.handle.put(&key, "a").await?;
    let request = subject.handle.presign_get(&key, Duration::from_secs(1)).await?;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    forbidden("a request after its end", send(&subject, &request, "").await?.0)
}

/// A presigned put that is bound to a media type refuses another.
pub async fn presign_put_enforces_its_content_type(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_PUT)?;
    sender(&subject)?;
    let key = subject.name("a");
    let options = PresignOptions::new().content_type("text/csv");
    let mut request = subject.handle.presign_put_with(&key, LIFE, options).await?;
    equal(
        "the header to send",
        &request.headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes),
        &Some(b"text/csv".as_slice()),
    )?;
    let (status, _) = send(&subject, &request, "a,b").await?;
    holds(format!("the status {status} is a success"), (200..300).contains(&status))?;
    request.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/html"));
    forbidden("another media type", send(&subject, &request, "<b>").await?.0)?;
    equal("the content", &subject.content(&key).await?, "a,b".as_bytes())
}

/// A life of nothing, or one longer than `presign_max`, is `InvalidInput`, and nothing is sent.
pub async fn presign_outside_the_limit_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_GET)?;
    let too_long = subject.handle.capabilities().presign_max + Duration::from_secs(1);
    let calls = async {
        for life in [Duration::ZERO, too_long] {
            let result = subject.handle.presign_get(subject.name("a"), life).await;
            expect_reason(format!("{life:?}"), result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        }
        expect_kind("an empty key", subject.handle.presign_get("", LIFE).await, ErrorKind::InvalidInput)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// The `Debug` of a presigned request, which is as good as a credential, shows no signature.
pub async fn presign_debug_shows_no_signature(subject: Store) -> Outcome {
    subject.needs(Caps::PRESIGN_GET)?;
    let request = subject.handle.presign_get(subject.name("a"), LIFE).await?;
    let text = format!("{request:?}");
    holds("it shows no query", request.uri.query().is_none_or(|query| !text.contains(query)))?;
    holds("it shows no secret", !subject.canary.is_in(&text))
}
