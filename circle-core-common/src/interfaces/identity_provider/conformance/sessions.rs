//! What sessions are good for, and how they end.

use secrecy::ExposeSecret;

use super::negative::made_up;
use super::{Caps, Idp};
use crate::error::ErrorKind;
use crate::interfaces::token_verifier::conformance::Forgery;
use crate::suite::{Failed, Outcome, equal, expect_kind, holds};

/// A refreshed session is the same user's, and has an access token.
pub async fn refreshed_session_is_of_the_same_user(subject: Idp) -> Outcome {
    let session = subject.refreshable().await?;
    let refreshed = subject.handle.refresh(&session).await?;
    equal("the user", refreshed.subject(), session.subject())?;
    holds("there is a refresh token", refreshed.tokens().refresh_token.is_some())?;
    // And so on.
    equal("the user", subject.handle.refresh(&refreshed).await?.subject(), session.subject())
}

/// A service that gives another user's tokens for a refresh token is not believed.
pub async fn refreshed_session_of_another_user_is_refused(subject: Idp) -> Outcome {
    let session = subject.refreshable().await?;
    subject.user()?.forge(Forgery::Subject)?;
    expect_kind("another user", subject.handle.refresh(&session).await, ErrorKind::Unauthenticated).map(drop)
}

/// A refresh token that was replaced is good no more.
pub async fn refresh_token_that_was_replaced_is_refused(subject: Idp) -> Outcome {
    let session = subject.refreshable().await?;
    let refreshed = subject.handle.refresh(&session).await?;
    let token = |of: &crate::interfaces::identity_provider::Session| {
        of.tokens().refresh_token.as_ref().map(|token| token.expose_secret().to_owned())
    };
    if token(&session) == token(&refreshed) {
        return Err(Failed::Skipped("the service does not replace refresh tokens".to_owned()));
    }
    expect_kind("an old refresh token", subject.handle.refresh(&session).await, ErrorKind::Unauthenticated).map(drop)
}

/// A session without a refresh token is `InvalidInput`, and nothing is sent.
pub async fn session_without_a_refresh_token_is_invalid_input(subject: Idp) -> Outcome {
    subject.needs(Caps::REFRESH)?;
    let session = made_up("nobody")?;
    let refused = async { expect_kind("refresh", subject.handle.refresh(&session).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(refused).await.map(drop)
}

/// What the service tells of a user is of the user of the session.
pub async fn user_info_is_of_the_user(subject: Idp) -> Outcome {
    subject.needs(Caps::USER_INFO)?;
    let session = subject.logged_in().await?;
    equal("the user", subject.handle.user_info(&session).await?.subject(), session.subject())
}

/// What the service tells of another user is not believed.
pub async fn user_info_of_another_user_is_refused(subject: Idp) -> Outcome {
    subject.needs(Caps::USER_INFO)?;
    let session = subject.logged_in().await?;
    subject.user()?.tell_of_another()?;
    expect_kind("another user", subject.handle.user_info(&session).await, ErrorKind::Unauthenticated)?;
    subject.handle.user_info(&session).await?;
    Ok(())
}

/// The service's own logout is at an address.
pub async fn logout_is_at_an_address(subject: Idp) -> Outcome {
    subject.needs(Caps::LOGOUT)?;
    let url = subject.handle.logout_url(&subject.logged_in().await?).await?;
    holds("it is an address", url.expose_secret().starts_with("http"))
}

/// A session whose tokens were revoked is not refreshed.
pub async fn revoked_session_is_not_refreshed(subject: Idp) -> Outcome {
    subject.needs(Caps::REVOKE)?;
    let session = subject.refreshable().await?;
    subject.handle.revoke(session.clone()).await?;
    expect_kind("a session that was revoked", subject.handle.refresh(&session).await, ErrorKind::Unauthenticated).map(drop)
}
