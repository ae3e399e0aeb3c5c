//! Which requests are verified, and which are not.

use super::Gate;
use crate::error::{ErrorKind, Reason};
use crate::suite::{Failed, Outcome, equal, expect_reason, holds};
use crate::units::ByteSize;

/// A request that was signed with a live secret is verified, and has an id.
pub async fn signed_request_is_verified(subject: Gate) -> Outcome {
    let event = subject.event("a").await?;
    holds("the event has an id", !event.id.as_str().is_empty())?;
    equal("the secret", &event.secret, &0)
}

/// The body of an event is that of the request, byte by byte.
pub async fn body_comes_back_as_it_was_sent(subject: Gate) -> Outcome {
    let request = subject.sign(&subject.to_sign("a").text("grüße — 你好 \u{1f980} \\ \" \u{7f}"))?;
    equal("the body", &subject.verify(&request).await?.body, &request.body)
}

/// Every secret of the config is live, and the event tells with which it was signed.
pub async fn every_live_secret_is_accepted(subject: Gate) -> Outcome {
    for number in 0..subject.signer()?.secrets() {
        let request = subject.sign(&subject.to_sign("a").secrets([number]))?;
        equal("the secret", &subject.verify(&request).await?.secret, &number)?;
    }
    Ok(())
}

/// A request that was signed with any other secret is refused.
pub async fn secret_that_is_not_live_is_refused(subject: Gate) -> Outcome {
    let unknown = subject.signer()?.secrets();
    let request = subject.sign(&subject.to_sign("a").secrets([unknown]))?;
    let verified = subject.verify(&request).await;
    expect_reason("verify", verified, ErrorKind::Unauthenticated, Reason::SignatureInvalid).map(drop)
}

/// Of several signatures in one header, one that is right is enough, whichever it is.
pub async fn one_right_signature_of_several_is_enough(subject: Gate) -> Outcome {
    let unknown = subject.signer()?.secrets();
    for secrets in [[0, unknown], [unknown, 0]] {
        let request = subject.sign(&subject.to_sign("a").secrets(secrets))?;
        equal("the secret", &subject.verify(&request).await?.secret, &0)?;
    }
    let request = subject.sign(&subject.to_sign("a").secrets([unknown, unknown + 1]))?;
    subject.refuses("two wrong signatures", &request).await.map(drop)
}

/// A body that was read and written again, with the same meaning and other bytes, is refused.
pub async fn body_that_was_written_again_is_refused(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let mut more = request.body.to_vec();
    more.push(b'\n');
    let fewer = request.body.slice(..request.body.len() - 1);
    let mut spaced = b" ".to_vec();
    spaced.extend_from_slice(&request.body);
    subject.refuses("a body with a line break more", &request.clone().body(more)).await?;
    subject.refuses("a body with a byte less", &request.clone().body(fewer)).await?;
    subject.refuses("a body with a space before it", &request.clone().body(spaced)).await?;
    subject.refuses("no body", &request.body("")).await.map(drop)
}

/// A body with one bit flipped is refused, whichever it is.
pub async fn flipped_bit_of_the_body_is_refused(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    for place in (0..request.body.len()).step_by(subject.scale.pick(7, 1)) {
        for bit in 0..8 {
            let mut flipped = request.body.to_vec();
            flipped[place] ^= 1 << bit;
            subject.refuses(&format!("bit {bit} of byte {place}"), &request.clone().body(flipped)).await?;
        }
    }
    Ok(())
}

/// A header of the signature with one bit flipped is refused, whichever it is.
pub async fn flipped_bit_of_the_signature_is_refused(subject: Gate) -> Outcome {
    let name = subject.signer()?.signature_header();
    subject.refuses_flips("the signature", &name).await
}

/// A moment of signing with one bit flipped is refused, whichever it is: it is signed.
pub async fn flipped_bit_of_the_moment_is_refused(subject: Gate) -> Outcome {
    let Some(name) = subject.signer()?.timestamp_header() else {
        return Err(Failed::Skipped("the moment of signing has no header of its own".to_owned()));
    };
    subject.refuses_flips("the moment", &name).await
}

/// An id with one bit flipped is refused, whichever it is: it is signed.
pub async fn flipped_bit_of_the_id_is_refused(subject: Gate) -> Outcome {
    let Some(name) = subject.signer()?.id_header() else {
        return Err(Failed::Skipped("the id has no header that is signed".to_owned()));
    };
    subject.refuses_flips("the id", &name).await
}

/// A signature that is right for one request is wrong for another.
pub async fn signature_of_another_request_is_refused(subject: Gate) -> Outcome {
    let (one, other) = (subject.signed("a")?, subject.signed("b")?);
    subject.refuses("the headers of another", &one.clone().body(other.body)).await?;
    subject.verify(&one).await?;
    Ok(())
}

/// A body beyond the limit is `InvalidInput`, and no time is spent on it.
pub async fn body_beyond_the_limit_is_refused_unseen(subject: Gate) -> Outcome {
    let request = subject.signed("a")?;
    let size = request.body.len() as u64;
    let verify = |max| {
        let gate = subject.with_capabilities(|capabilities| capabilities.body_max = ByteSize::bytes(max));
        let request = request.clone();
        async move { gate?.verify(&request.headers, &request.body).await }
    };
    verify(size).await?;
    let refused = async {
        let error = expect_reason("verify", verify(size - 1).await, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().map(|limit| limit.name), &Some("body_max"))
    };
    subject.sends_nothing(refused).await
}
