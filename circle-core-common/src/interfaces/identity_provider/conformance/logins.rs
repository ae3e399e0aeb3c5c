//! Logins with a browser: which answers are believed, and how often.

use secrecy::{ExposeSecret, SecretString};

use super::{Decision, Idp};
use crate::error::ErrorKind;
use crate::interfaces::identity_provider::{LoginRequest, LoginState};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};
use crate::units::{ByteSize, Timestamp};

/// What stands in an address as this parameter, if it does once.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1;
    let mut found = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(other, _)| *other == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// The address has a state, a nonce and a challenge of PKCE by S256, and nothing that the verifier could be made of.
pub async fn address_has_state_nonce_and_challenge(subject: Idp) -> Outcome {
    subject.user()?;
    let login = subject.handle.start_login(LoginRequest::default()).await?;
    let url = &*login.url;
    equal("the state", &parameter(url, "state"), &Some(login.state.state.expose_secret()))?;
    equal("the nonce", &parameter(url, "nonce"), &login.state.nonce.as_ref().map(|nonce| nonce.expose_secret()))?;
    holds("there is a nonce", login.state.nonce.is_some())?;
    equal("the method of the challenge", &parameter(url, "code_challenge_method"), &Some("S256"))?;
    let challenge = parameter(url, "code_challenge").unwrap_or_default();
    equal("the length of the challenge", &challenge.len(), &43)?;
    for secret in [&login.state.state, &login.state.verifier] {
        holds("none of them can be guessed", secret.expose_secret().len() >= 32)?;
    }
    holds("the verifier is not in the address", !url.contains(login.state.verifier.expose_secret()))?;
    equal("the issuer", &login.state.issuer, &subject.user()?.issuer())
}

/// No two logins have anything in common that is to be guessed.
pub async fn logins_are_never_the_same(subject: Idp) -> Outcome {
    subject.user()?;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..subject.scale.pick(10, 100) {
        let state = subject.handle.start_login(LoginRequest::default()).await?.state;
        for secret in [Some(state.state), state.nonce, Some(state.verifier)].into_iter().flatten() {
            holds("it is new", seen.insert(secret.expose_secret().to_owned()))?;
        }
    }
    Ok(())
}

/// A user who agrees has a session, with an access token and what the service says of whom it is.
pub async fn login_is_a_session_of_its_user(subject: Idp) -> Outcome {
    let session = subject.logged_in().await?;
    equal("the user", session.subject(), &*subject.user()?.user())?;
    equal("the issuer", session.claims().issuer(), &*subject.user()?.issuer())?;
    holds("the access token ends some time", session.tokens().expires_at > Timestamp::UNIX_EPOCH)?;
    holds("there is an access token", !session.tokens().access_token.secret().expose_secret().is_empty())
}

/// What was kept as one secret finishes the login, by another client too.
pub async fn login_is_finished_from_what_was_kept(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let kept = LoginState::from_secret(&login.state.to_secret())?;
    let client = subject.second.as_ref().unwrap_or(&subject.handle);
    equal("the user", client.finish_login(kept, &answer).await?.subject(), &*subject.user()?.user())
}

/// A login is used once: what was kept of it finishes no other session.
pub async fn used_up_login_is_refused(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let kept = login.state.to_secret();
    subject.handle.finish_login(login.state, &answer).await?;
    let again = subject.handle.finish_login(LoginState::from_secret(&kept)?, &answer).await;
    expect_kind("a login that is finished again", again, ErrorKind::Unauthenticated).map(drop)
}

/// The answer of one login is not that of another.
pub async fn answer_of_another_login_is_refused(subject: Idp) -> Outcome {
    let ((one, _), (_, answer)) = (subject.agreed().await?, subject.agreed().await?);
    let refused = async {
        let finished = subject.handle.finish_login(one.state, &answer).await;
        expect_kind("the answer of another login", finished, ErrorKind::Unauthenticated)
    };
    refused.await.map(drop)
}

/// An answer that does not say to which login it belongs belongs to none.
pub async fn answer_without_its_state_is_refused(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let without: Vec<&str> = answer.split('&').filter(|pair| !pair.trim_start_matches('?').starts_with("state=")).collect();
    let finished = subject.handle.finish_login(login.state, &without.join("&")).await;
    expect_kind("an answer without its state", finished, ErrorKind::Unauthenticated).map(drop)
}

/// A login that was begun elsewhere is not finished here: another service could have its codes redeemed so.
pub async fn login_of_another_issuer_is_refused(subject: Idp) -> Outcome {
    let (mut login, answer) = subject.agreed().await?;
    login.state.issuer.push('x');
    let finished = subject.handle.finish_login(login.state, &answer).await;
    expect_kind("the login of another issuer", finished, ErrorKind::Unauthenticated).map(drop)
}

/// An answer that says it is another issuer's is refused (RFC 9207).
pub async fn answer_of_another_issuer_is_refused(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let without: Vec<&str> = answer.split('&').filter(|pair| !pair.starts_with("iss=")).collect();
    let other = format!("{}&iss=https%3A%2F%2Felsewhere.example.org", without.join("&"));
    let finished = subject.handle.finish_login(login.state, &other).await;
    expect_kind("the answer of another issuer", finished, ErrorKind::Unauthenticated).map(drop)
}

/// An answer with a parameter twice is refused: whoever looked at it before may have read the other one.
pub async fn answer_with_a_parameter_twice_is_refused(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let kept = login.state.to_secret();
    for more in ["code=another", "state=another"] {
        let finished = subject.handle.finish_login(LoginState::from_secret(&kept)?, &format!("{answer}&{more}")).await;
        expect_kind(more, finished, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// A code is not redeemed without what the challenge of its login was made of.
pub async fn another_verifier_is_refused(subject: Idp) -> Outcome {
    let ((mut one, answer), (other, _)) = (subject.agreed().await?, subject.agreed().await?);
    one.state.verifier = other.state.verifier;
    let finished = subject.handle.finish_login(one.state, &answer).await;
    expect_kind("another verifier", finished, ErrorKind::Unauthenticated).map(drop)
}

/// A user who says no is `PermissionDenied`, and no session.
pub async fn user_who_says_no_is_permission_denied(subject: Idp) -> Outcome {
    let login = subject.handle.start_login(LoginRequest::default()).await?;
    let answer = subject.user()?.browse(&login.url, Decision::Refuse).await?;
    expect_kind("a refusal", subject.handle.finish_login(login.state, &answer).await, ErrorKind::PermissionDenied).map(drop)
}

/// A text that is no answer finishes no login, and the login is still there.
pub async fn text_that_is_no_answer_is_refused(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let (kept, state) = (login.state.to_secret(), login.state.state.expose_secret().to_owned());
    for text in ["", "?", "&&&", "%", "%zz=%", "code", "code=", &format!("state={state}"), "\0\r\n", "=\u{1f980}"] {
        let error = subject.handle.finish_login(LoginState::from_secret(&kept)?, text).await.err();
        let kind = error.map(|error| error.kind());
        let refused = matches!(kind, Some(ErrorKind::Unauthenticated | ErrorKind::InvalidInput));
        holds(format!("{text:?} is refused, not {kind:?}"), refused)?;
    }
    subject.handle.finish_login(LoginState::from_secret(&kept)?, &answer).await?;
    Ok(())
}

/// An answer beyond the limit is `InvalidInput`, and no time is spent on it.
pub async fn answer_beyond_the_limit_is_refused_unseen(subject: Idp) -> Outcome {
    let (login, answer) = subject.agreed().await?;
    let (kept, size): (SecretString, _) = (login.state.to_secret(), answer.len() as u64);
    let finish = |max| {
        let client = subject.with_capabilities(|capabilities| capabilities.callback_max = ByteSize::bytes(max));
        let (state, answer) = (LoginState::from_secret(&kept), answer.clone());
        async move { client?.finish_login(state?, &answer).await }
    };
    let refused = async {
        let error = expect_reason("an answer", finish(size - 1).await, ErrorKind::InvalidInput, crate::Reason::OutsideLimit)?;
        equal("the limit", &error.limit().map(|limit| limit.name), &Some("callback_max"))
    };
    subject.sends_nothing(refused).await?;
    finish(size).await?;
    Ok(())
}
