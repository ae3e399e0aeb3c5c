//! Requests that mean harm.

use http::{HeaderName, HeaderValue};

use super::{Gate, SignedRequest};
use crate::error::{ErrorKind, Reason};
use crate::suite::{Canary, Failed, Outcome, equal, expect_reason, holds};

/// The headers that the signature of the service needs.
fn signed_headers(subject: &Gate) -> Result<Vec<HeaderName>, Failed> {
    let signer = subject.signer()?;
    let others = [signer.timestamp_header(), signer.id_header()];
    Ok([signer.signature_header()].into_iter().chain(others.into_iter().flatten()).collect())
}

fn set(request: &SignedRequest, name: &HeaderName, text: &str) -> Option<SignedRequest> {
    HeaderValue::from_bytes(text.as_bytes()).ok().map(|value| request.clone().header(name, value))
}

/// A request without one of the headers that its signature needs is `SignatureMissing`.
pub async fn missing_header_is_refused_by_its_reason(subject: Gate) -> Outcome {
    for name in signed_headers(&subject)? {
        let mut request = subject.signed("a")?;
        request.headers.remove(&name);
        let verified = subject.verify(&request).await;
        expect_reason(name.as_str(), verified, ErrorKind::Unauthenticated, Reason::SignatureMissing)?;
    }
    Ok(())
}

/// A header of the signature that is there twice is `SignatureMalformed`, in either order, even if both say the same: what
/// stands in front of the application may have read the other one.
pub async fn header_that_is_there_twice_is_malformed(subject: Gate) -> Outcome {
    for name in signed_headers(&subject)? {
        let request = subject.signed("a")?;
        let right = request.headers[&name].clone();
        let other = subject.sign(&subject.to_sign("b").secrets([subject.signer()?.secrets()]))?.headers[&name].clone();
        for values in [[&right, &right], [&right, &other], [&other, &right]] {
            let mut twice = request.clone();
            twice.headers.remove(&name);
            for value in values {
                twice.headers.append(&name, value.clone());
            }
            let verified = subject.verify(&twice).await;
            expect_reason(name.as_str(), verified, ErrorKind::Unauthenticated, Reason::SignatureMalformed)?;
        }
    }
    Ok(())
}

/// Two headers that were folded into one, by a comma or over lines, are refused.
pub async fn headers_folded_into_one_are_refused(subject: Gate) -> Outcome {
    for name in signed_headers(&subject)? {
        let request = subject.signed("a")?;
        let text = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
        for fold in [format!("{text}, {text}"), format!("{text}\t"), format!("\t{text}"), format!("{text}\t{text}")] {
            if let Some(folded) = set(&request, &name, &fold) {
                subject.refuses(&format!("a folded {name}"), &folded).await?;
            }
        }
    }
    Ok(())
}

/// A header of bytes that are no text is refused.
pub async fn header_that_is_no_text_is_refused(subject: Gate) -> Outcome {
    for name in signed_headers(&subject)? {
        let request = subject.signed("a")?;
        let mut bytes = request.headers[&name].as_bytes().to_vec();
        bytes.extend_from_slice(b"\xff\xfe");
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            subject.refuses(&format!("{name} of bytes"), &request.header(&name, value)).await?;
        }
    }
    Ok(())
}

/// A signature that is empty, cut, or has something behind it is refused.
pub async fn signature_that_is_empty_or_cut_is_refused(subject: Gate) -> Outcome {
    let name = subject.signer()?.signature_header();
    let request = subject.signed("a")?;
    let text = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
    let cuts = (0..text.len()).filter_map(|end| text.get(..end)).map(str::to_owned);
    for wrong in cuts.chain([format!("{text}0"), format!("{text}00"), format!("{text}="), format!("{text}AA==")]) {
        if let Some(wrong) = set(&request, &name, &wrong) {
            subject.refuses("another signature", &wrong).await?;
        }
    }
    Ok(())
}

/// A signature is written in one way: capitals for small letters, or Base64 without its padding, are refused. What has two
/// spellings passes a filter in one and a verifier in the other.
///
/// It asks of sixteen signatures: one of four in Base64 has neither `+` nor `/`, and so no spelling for addresses.
pub async fn signature_in_another_spelling_is_refused(subject: Gate) -> Outcome {
    let name = subject.signer()?.signature_header();
    for at in 0..16 {
        let request = subject.signed(&format!("a{at}"))?;
        let text = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
        let spellings = [
            text.to_uppercase(),
            text.to_lowercase(),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
            format!("{text}="),
        ];
        for spelling in spellings.iter().filter(|spelling| **spelling != text) {
            if let Some(other) = set(&request, &name, spelling) {
                subject.refuses("another spelling", &other).await?;
            }
        }
    }
    Ok(())
}

/// A header of 100,000 characters is refused, whatever it says.
pub async fn very_long_header_is_refused(subject: Gate) -> Outcome {
    for name in signed_headers(&subject)? {
        let request = subject.signed("a")?;
        let text = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
        for long in ["0".repeat(100_000), ",".repeat(100_000), format!("{text} ").repeat(1000), format!("{text},").repeat(1000)] {
            if let Some(long) = set(&request, &name, &long) {
                subject.refuses(&format!("a long {name}"), &long).await?;
            }
        }
    }
    Ok(())
}

/// A moment of signing that is no plain number is refused: with a sign, an exponent, a fraction, in other digits.
pub async fn moment_that_is_no_plain_number_is_refused(subject: Gate) -> Outcome {
    let Some(name) = subject.signer()?.timestamp_header() else {
        return Err(Failed::Skipped("the moment of signing has no header of its own".to_owned()));
    };
    let request = subject.signed("a")?;
    let text = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
    let wide: String =
        text.chars().map(|c| c.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(c)).collect();
    let arabic: String =
        text.chars().map(|c| c.to_digit(10).and_then(|digit| char::from_u32(0x660 + digit)).unwrap_or(c)).collect();
    let plain = [format!("+{text}"), format!("-{text}"), format!("{text}.0"), format!("0{text}"), format!("{text}e0")];
    let others = ["".to_owned(), "0".to_owned(), "NaN".to_owned(), "99999999999999999999999".to_owned(), wide, arabic];
    for moment in plain.into_iter().chain(others) {
        if let Some(wrong) = set(&request, &name, &moment) {
            subject.refuses(&format!("the moment {moment}"), &wrong).await?;
        }
    }
    Ok(())
}

/// A refusal shows nothing of the request, and says the same whatever is wrong with a signature: the caller's log may be read,
/// and its answer will be.
pub async fn refusal_tells_nothing_of_the_request(subject: Gate) -> Outcome {
    let text = Canary::new();
    let request = subject.sign(&subject.to_sign("a").text(text.secret()))?;
    let name = subject.signer()?.signature_header();
    let right = String::from_utf8_lossy(request.headers[&name].as_bytes()).into_owned();
    let another = subject.sign(&subject.to_sign("a").secrets([subject.signer()?.secrets()]).text(text.secret()))?;
    let mut body = request.body.to_vec();
    body.push(b' ');
    let mut told = Vec::new();
    for (what, request) in [("another secret", another), ("another body", request.clone().body(body))] {
        let error = subject.refuses(what, &request).await?;
        let shown = format!("{error:?} {error} {}", serde_json::to_string(&error.to_problem()).unwrap_or_default());
        holds("it shows nothing of the body", !text.is_in(&shown))?;
        holds("it shows no secret", !subject.canary.is_in(&shown))?;
        holds("it shows no signature", !shown.contains(&right))?;
        told.push((error.reason(), error.message().to_owned()));
    }
    equal("what is told", &told[0], &told[1])
}
