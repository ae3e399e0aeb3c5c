//! What proves who a user is, and what does not.

use super::Idp;
use crate::error::ErrorKind;
use crate::interfaces::token_verifier::TokenRefusal;
use crate::interfaces::token_verifier::conformance::Forgery;
use crate::suite::{Outcome, equal, expect_kind};

impl Idp {
    /// Checks that a login is refused whose proof is wrong in this alone.
    async fn refuses_proof(&self, forgery: Forgery, why: Option<TokenRefusal>) -> Outcome {
        self.user()?.forge(forgery)?;
        let (login, answer) = self.agreed().await?;
        let finished = self.handle.finish_login(login.state, &answer).await;
        let error = expect_kind(format!("a proof with {forgery:?}"), finished, ErrorKind::Unauthenticated)?;
        match why {
            Some(why) => equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&why)),
            None => Ok(()),
        }
    }
}

/// What proves a user to another login is no proof to this one: what was kept says which it is.
pub async fn proof_for_another_login_is_refused(subject: Idp) -> Outcome {
    let ((mut one, answer), (other, _)) = (subject.agreed().await?, subject.agreed().await?);
    one.state.nonce = other.state.nonce;
    let error = expect_kind("another nonce", subject.handle.finish_login(one.state, &answer).await, ErrorKind::Unauthenticated)?;
    equal("the refusal", &error.provider_error::<TokenRefusal>(), &Some(&TokenRefusal::Nonce))
}

/// A proof with the nonce of another login is refused.
pub async fn proof_of_another_nonce_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Nonce, Some(TokenRefusal::Nonce)).await
}

/// A proof for another client is refused.
pub async fn proof_for_another_client_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Audience, Some(TokenRefusal::Audience)).await
}

/// A proof of another issuer is refused.
pub async fn proof_of_another_issuer_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Issuer, Some(TokenRefusal::Issuer)).await
}

/// A proof that has ended is refused.
pub async fn proof_that_has_ended_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Expired, Some(TokenRefusal::Expired)).await
}

/// A proof that is signed by an algorithm which was not chosen is refused.
pub async fn proof_of_an_algorithm_that_was_not_chosen_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Algorithm, Some(TokenRefusal::Algorithm)).await
}

/// A proof that is not signed is refused.
pub async fn proof_that_is_not_signed_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Unsigned, None).await
}

/// A proof that another key has signed is refused.
pub async fn proof_of_another_key_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Signature, Some(TokenRefusal::Signature)).await
}

/// A proof that speaks of nobody is refused.
pub async fn proof_of_nobody_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::Subject, Some(TokenRefusal::Subject)).await
}

/// A proof that came with another access token is refused.
pub async fn proof_for_another_access_token_is_refused(subject: Idp) -> Outcome {
    subject.refuses_proof(Forgery::AccessTokenHash, Some(TokenRefusal::AccessTokenHash)).await
}
