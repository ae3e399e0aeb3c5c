//! What events are known by.

use http::HeaderValue;

use super::{Caps, Gate};
use crate::interfaces::webhook_verifier::VerifyOptions;
use crate::suite::{Outcome, equal, holds, written_down};
use crate::units::Timestamp;

/// Two events have two ids.
pub async fn ids_of_events_are_apart(subject: Gate) -> Outcome {
    let (one, other) = (subject.event("a").await?, subject.event("b").await?);
    holds("the ids differ", one.id != other.id)
}

/// An event that is delivered again, signed anew, has the id that it had.
pub async fn id_is_the_same_when_it_is_delivered_again(subject: Gate) -> Outcome {
    subject.needs(Caps::ID)?;
    let mut to_sign = subject.to_sign("a");
    let first = subject.verify(&subject.sign(&to_sign)?).await?;
    to_sign.at = Timestamp::from_unix(to_sign.at.unix_seconds() - 7, 0);
    equal("the id", &subject.verify(&subject.sign(&to_sign)?).await?.id, &first.id)
}

/// One request has one id, however often it is looked at, and whichever live secret has signed it.
pub async fn id_is_the_same_for_the_same_request(subject: Gate) -> Outcome {
    let to_sign = subject.to_sign("a");
    let first = subject.verify(&subject.sign(&to_sign)?).await?;
    for number in 0..subject.signer()?.secrets() {
        let again = subject.verify(&subject.sign(&to_sign.clone().secrets([number]))?).await?;
        equal("the id", &again.id, &first.id)?;
    }
    Ok(())
}

/// A header that is not signed is no id: who has caught a request could else have it handled again under another one.
pub async fn headers_that_are_not_signed_do_not_change_the_id(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let first = subject.verify(&request).await?;
    let signer = subject.signer()?;
    let signed = [Some(signer.signature_header()), signer.timestamp_header(), signer.id_header()];
    let common = ["x-request-id", "idempotency-key", "webhook-id", "svix-id", "x-github-delivery", "x-event-id", "date"];
    let common = common.map(http::HeaderName::from_static);
    for name in signer.unsigned_headers().into_iter().chain(common).filter(|name| !signed.contains(&Some(name.clone()))) {
        let mut without = request.clone();
        without.headers.remove(&name);
        let with = request.clone().header(&name, HeaderValue::from_static("another"));
        equal(format!("the id without {name}"), &subject.verify(&without).await?.id, &first.id)?;
        equal(format!("the id with another {name}"), &subject.verify(&with).await?.id, &first.id)?;
    }
    Ok(())
}

/// An id can be written down, and is one line of up to 200 plain characters.
pub async fn id_survives_being_written_down(subject: Gate) -> Outcome {
    let id = subject.event("a").await?.id;
    equal("the id", &written_down(&id)?, &id)?;
    let text = id.as_str();
    holds("it is short and plain", text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// A request with an id of its own passes where one is required.
pub async fn id_of_its_own_can_be_required(subject: Gate) -> Outcome {
    subject.needs(Caps::ID)?;
    let request = subject.signed("a")?;
    let verified = subject.handle.verify_with(&request.headers, &request.body, VerifyOptions::new().require_id()).await?;
    equal("the id", &verified.id, &subject.verify(&request).await?.id)
}
