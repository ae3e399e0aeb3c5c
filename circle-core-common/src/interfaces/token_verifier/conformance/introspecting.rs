//! What the authority says of tokens.

use super::{Caps, Gate, ToIssue};
use crate::interfaces::token_verifier::TokenHint;
use crate::suite::{Outcome, equal, holds};

/// A token that is good is active, whatever it was said to be.
pub async fn good_token_is_active(subject: Gate) -> Outcome {
    subject.needs(Caps::INTROSPECT)?;
    let (authority, token) = (subject.authority()?, subject.issue(&ToIssue::new()).await?);
    for hint in [None, Some(TokenHint::AccessToken)] {
        let told = subject.handle.introspect(&token, hint).await?;
        holds("it is active", told.active)?;
        holds("it is good for the scope", told.allows(&authority.scope()))?;
        holds("it is good for no other", !told.allows(&format!("{}x", authority.scope())))?;
    }
    Ok(())
}

/// A text that is no token is not active, and no error.
pub async fn text_that_is_no_token_is_not_active(subject: Gate) -> Outcome {
    subject.needs(Caps::INTROSPECT)?;
    subject.authority()?;
    let told = subject.handle.introspect(&"no-such-token-at-all".into(), None).await?;
    equal("whether it is active", &told.active, &false)
}

/// A token that was revoked is not active.
pub async fn revoked_token_is_not_active(subject: Gate) -> Outcome {
    subject.needs(Caps::INTROSPECT)?;
    let token = subject.issue(&ToIssue::new()).await?;
    holds("it is active before", subject.handle.introspect(&token, None).await?.active)?;
    subject.authority()?.revoke(&token).await?;
    equal("whether it is active", &subject.handle.introspect(&token, None).await?.active, &false)
}
