//! Which tokens are verified, and which are not.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Forgery, Gate, ToIssue};
use crate::error::ErrorKind;
use crate::interfaces::token_verifier::{Expect, TokenRefusal};
use crate::suite::{Outcome, equal, expect_kind, holds};
use crate::units::{ByteSize, Timestamp};

/// A token of the authority is verified, and says who issued it, of whom it speaks, for whom it is, what for, and until when.
pub async fn token_of_the_authority_is_verified(subject: Gate) -> Outcome {
    let (authority, token) = (subject.authority()?, subject.issue(&ToIssue::new()).await?);
    let expect = subject.expect()?.scope(authority.scope());
    let claims = subject.handle.verify(&token, expect).await?;
    equal("the issuer", claims.issuer(), &*authority.issuer())?;
    equal("the subject", &claims.subject(), &Some(&*authority.subject()))?;
    holds("it is for this side", claims.audiences().contains(&authority.audience()))?;
    holds("it is good for the scope", claims.scopes().any(|scope| scope == authority.scope()))?;
    holds("it ends some time", claims.expires_at() > Timestamp::UNIX_EPOCH)
}

/// Claims that are registered nowhere are the caller's to read.
pub async fn claims_of_its_own_come_back(subject: Gate) -> Outcome {
    let text = "grüße — 你好 \u{1f980} \\ \" \u{7f}";
    let claims = subject.verify(&subject.issue(&ToIssue::new().text(text)).await?).await?;
    holds("no registered claim has it", claims.subject() != Some(text))?;
    // By whatever name.
    let names = ["text", "email", "name", "preferred_username"];
    holds("a claim says it", names.iter().any(|name| claims.get(name).and_then(|value| value.as_str()) == Some(text)))
}

/// A token that is for somebody else is refused, whoever that is.
pub async fn token_for_another_audience_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let audience = subject.authority()?.audience();
    let others =
        [format!("{audience}x"), audience[..audience.len() - 1].to_owned(), audience.to_uppercase() + " ", String::new()];
    for other in others {
        let verified = subject.handle.verify(&token, Expect::audience(&other)).await;
        let error = expect_kind(format!("for {other:?}"), verified, ErrorKind::Unauthenticated)?;
        equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::Audience))?;
    }
    subject.verify(&token).await?;
    match subject.authority()?.issue(&ToIssue::forged(Forgery::Audience)).await? {
        Some(forged) => subject.refuses("another audience", &forged, Some(TokenRefusal::Audience)).await.map(drop),
        None => Ok(()),
    }
}

/// A token that does not say for whom it is is for nobody.
pub async fn token_without_an_audience_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::NoAudience, TokenRefusal::Audience).await
}

/// A token of another issuer is refused, though it was signed with the right key.
pub async fn token_of_another_issuer_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::Issuer, TokenRefusal::Issuer).await
}

/// A token that has ended is refused.
pub async fn token_that_has_ended_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::Expired, TokenRefusal::Expired).await
}

/// A token that was good is refused once it has ended.
pub async fn token_that_ends_while_it_is_used_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let claims = subject.verify(&token).await?;
    let life = claims.expires_at().since(subject.handle.provider()?.environment().clock().timestamp());
    // Five minutes is the most that clocks may be apart.
    subject.authority()?.let_pass(life.as_secs() + 301)?;
    subject.refuses("a token that has ended", &token, Some(TokenRefusal::Expired)).await.map(drop)
}

/// A token that does not say when it ends has ended.
pub async fn token_without_an_end_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::NoExpiry, TokenRefusal::Expired).await
}

/// A token whose time has not come is refused.
pub async fn token_that_is_not_good_yet_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::NotYetValid, TokenRefusal::NotYetValid).await
}

/// A token that is signed rightly by an algorithm that was not chosen is refused.
pub async fn algorithm_that_was_not_chosen_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::Algorithm, TokenRefusal::Algorithm).await
}

/// A token that says it is not signed is refused.
pub async fn token_that_is_not_signed_is_refused(subject: Gate) -> Outcome {
    let forged = subject.issue(&ToIssue::forged(Forgery::Unsigned)).await?;
    subject.refuses("an unsigned token", &forged, None).await.map(drop)
}

/// A token that names a key which the authority does not have is refused.
pub async fn token_of_an_unknown_key_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::UnknownKey, TokenRefusal::UnknownKey).await
}

/// A token that names a key of the authority, and was signed with another, is refused.
pub async fn token_of_another_key_of_the_same_name_is_refused(subject: Gate) -> Outcome {
    subject.refuses_forged(Forgery::Signature, TokenRefusal::Signature).await
}

/// A token with one bit flipped is refused, whichever it is.
pub async fn flipped_bit_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let bytes = token.expose_secret().as_bytes();
    for place in (0..bytes.len()).step_by(subject.scale.pick(7, 1)) {
        for bit in 0..7 {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(flipped) else { continue };
            subject.refuses(&format!("bit {bit} of byte {place}"), &flipped.into(), None).await?;
        }
    }
    subject.verify(&token).await.map(drop)
}

/// A part of a token is refused, and so is more than one.
pub async fn token_that_is_cut_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let text = token.expose_secret();
    for end in (0..text.len()).step_by(subject.scale.pick(29, 1)) {
        subject.refuses(&format!("the first {end} bytes"), &text[..end].into(), None).await?;
    }
    for more in [format!("{text}."), format!("{text}A"), format!("{text}="), format!(".{text}"), format!("{text}.{text}")] {
        subject.refuses("a token with more to it", &more.into(), None).await?;
    }
    Ok(())
}

/// A token that is good for less than what is expected is `PermissionDenied`.
pub async fn missing_scope_is_permission_denied(subject: Gate) -> Outcome {
    let scope = subject.authority()?.scope();
    let token = subject.issue(&ToIssue::new()).await?;
    for other in [format!("{scope}x"), format!("{scope} another"), "another".to_owned()] {
        let verified = subject.handle.verify(&token, subject.expect()?.scope(&scope).scope(&other)).await;
        let error = expect_kind(format!("without {other}"), verified, ErrorKind::PermissionDenied)?;
        equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::Scope))?;
    }
    match subject.authority()?.issue(&ToIssue::new().without_scope()).await? {
        Some(token) => {
            let verified = subject.handle.verify(&token, subject.expect()?.scope(&scope)).await;
            expect_kind("without a scope", verified, ErrorKind::PermissionDenied).map(drop)
        }
        None => Ok(()),
    }
}

/// A token that was given to another client is refused where that matters.
pub async fn token_of_another_client_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let verified = subject.handle.verify(&token, subject.expect()?.authorized_party("no-such-client-at-all")).await;
    let error = expect_kind("another client", verified, ErrorKind::Unauthenticated)?;
    equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::AuthorizedParty))
}

/// Where it matters how long ago a user logged in, a token that does not say it is refused.
pub async fn token_that_does_not_say_when_its_user_logged_in_is_refused(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let claims = subject.verify(&token).await?;
    holds("it does not say it", claims.authenticated_at().is_none())?;
    let verified = subject.handle.verify(&token, subject.expect()?.max_age(Duration::from_secs(3600))).await;
    let error = expect_kind("a maximum age", verified, ErrorKind::Unauthenticated)?;
    equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::AuthenticationAge))
}

/// A text that is no token of the authority is refused.
pub async fn opaque_token_is_refused(subject: Gate) -> Outcome {
    for text in ["opaque", "0123456789abcdef0123456789abcdef", "..", "...", "a.b.c", "e30.e30.", "e30.e30.e30", "a.b.c.d.e"] {
        subject.refuses(&format!("{text:?}"), &text.into(), None).await?;
    }
    Ok(())
}

/// A text that cannot be a token is refused, and no time is spent on it.
pub async fn blank_token_is_refused_unseen(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let text = token.expose_secret();
    let texts =
        ["".to_owned(), " ".to_owned(), "\t\n".to_owned(), format!(" {text}"), format!("{text}\n"), format!("Bearer {text}")];
    let refused = async {
        for text in texts.into_iter().chain([format!("{text}\0"), format!("ü{text}")]) {
            subject.refuses(&format!("{text:?}"), &text.into(), Some(TokenRefusal::Malformed)).await?;
        }
        Ok(())
    };
    subject.sends_nothing(refused).await
}

/// A token that is longer than the limit is refused, and no time is spent on it.
pub async fn oversized_token_is_refused_unseen(subject: Gate) -> Outcome {
    let token = subject.issue(&ToIssue::new()).await?;
    let size = token.expose_secret().len() as u64;
    let verify = |max| {
        let gate = subject.with_capabilities(|capabilities| capabilities.token_max = ByteSize::bytes(max));
        let (token, expect) = (token.clone(), subject.expect());
        async move { Ok::<_, crate::suite::Failed>(gate?.verify(&token, expect?).await) }
    };
    verify(size).await??;
    let long = SecretString::from("a".repeat(1 + subject.handle.capabilities().token_max.as_u64() as usize));
    let refused = async {
        let error = expect_kind("a byte too many", verify(size - 1).await?, ErrorKind::Unauthenticated)?;
        equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::Malformed))?;
        subject.refuses("a token beyond the limit", &long, Some(TokenRefusal::Malformed)).await
    };
    subject.sends_nothing(refused).await.map(drop)
}

/// What is told of a token that is refused has nothing of it.
pub async fn refusal_tells_nothing_of_the_token(subject: Gate) -> Outcome {
    for forgery in [Forgery::Issuer, Forgery::Expired, Forgery::UnknownKey, Forgery::Signature, Forgery::Unsigned] {
        let Some(token) = subject.authority()?.issue(&ToIssue::forged(forgery)).await? else { continue };
        let error = subject.refuses(&format!("{forgery:?}"), &token, None).await?;
        let text = format!("{error} {error:?}");
        for part in token.expose_secret().split('.').filter(|part| part.len() > 8) {
            holds(format!("the refusal of {forgery:?} shows no part of the token"), !text.contains(part))?;
        }
    }
    Ok(())
}
