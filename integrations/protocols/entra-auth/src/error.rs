//! What Entra refuses, by the number in its words: `AADSTS7000215`.

use std::fmt;

use circle_core_common::{Error, ErrorKind, Reason};
use circle_core_protocol_oidc::OAuthError;

/// A refusal of Entra: the provider's own error behind an [`Error`], with the [`OAuthError`] behind it.
///
/// The numbers are for people: Microsoft may change them at any time. What a program reacts to is the kind of the [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntraError {
    /// The number behind `AADSTS`.
    pub code: u32,
    /// What mends it, where that is known.
    pub remedy: Option<&'static str>,
    oauth: OAuthError,
}

impl fmt::Display for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}", self.code)?;
        self.remedy.map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

impl std::error::Error for EntraError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.oauth)
    }
}

/// A kind, the fine code where there is one, and what mends it.
type Meaning = (ErrorKind, Option<Reason>, Option<&'static str>);

/// What a number means to an application without a user.
fn meaning(code: u32) -> Option<Meaning> {
    let wrong = |remedy| Some((ErrorKind::ConfigInvalid, None, Some(remedy)));
    let unknown = |reason, remedy| Some((ErrorKind::Unauthenticated, reason, Some(remedy)));
    let denied = |remedy| Some((ErrorKind::PermissionDenied, None, Some(remedy)));
    match code {
        7_000_215 | 70_002 => unknown(None, "the client secret is wrong: give its value, not its id"),
        7_000_222 => unknown(None, "the client secret has expired: make another one for the application"),
        7_000_218 => unknown(None, "the application needs a secret, a certificate or an assertion"),
        700_025 => wrong("the application is registered as a public client, which proves nothing"),
        700_027 | 50_012 => {
            let remedy = "the assertion is not what was signed, or its certificate is not registered with the application";
            unknown(Some(Reason::SignatureInvalid), remedy)
        }
        700_024 | 500_133 => unknown(
            None,
            "the assertion is not good at this time: look at this machine's clock, and whether its token is replaced",
        ),
        700_030 => unknown(None, "the subject of the certificate is none that the application allows"),
        70_021 | 700_211 | 700_212 | 700_213 => unknown(
            None,
            "the application has no federated credential for the issuer, the subject and the audience of this token",
        ),
        700_229 => unknown(None, "the token of a user is no proof for an application: give one of a workload"),
        700_016 | 700_011 => wrong("the tenant has no such application: look at `tenant_id` and `client_id`"),
        90_002 => wrong("there is no such tenant in this cloud: look at `tenant_id` and `authority_host`"),
        50_128 | 90_019 | 9_001_023 | 50_194 => {
            wrong("name the tenant itself: `common`, `organizations` and `consumers` are none")
        }
        90_038 | 90_051 | 900_382 | 900_432 => wrong("the tenant is in another cloud: look at `authority_host`"),
        50_001 | 500_011 | 650_057 => wrong("the tenant does not know the resource that the token is for"),
        28_002 | 70_011 | 700_022 | 700_023 => {
            Some((ErrorKind::InvalidInput, None, Some("ask for `resource/.default`, of one resource")))
        }
        7_000_112 | 70_001 => denied("the application is disabled"),
        65_001 | 650_056 | 90_094 => denied("an administrator has to consent to what the application asks for"),
        53_003 | 530_032 | 530_035 => denied("a policy of the tenant blocks the application"),
        50_196 | 90_055 => Some((ErrorKind::RateLimited, None, None)),
        90_006 | 90_012 | 90_024 | 90_033 | 90_090 => Some((ErrorKind::Unavailable, None, None)),
        _ => None,
    }
}

/// The number in the words of a refusal.
fn code(words: &str) -> Option<u32> {
    let (_, rest) = words.split_once("AADSTS")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The error of a refusal by what its number means, with what mends it; any other as it is.
pub(crate) fn told(error: Error) -> Error {
    let Some(oauth) = error.provider_error::<OAuthError>() else { return error };
    let Some(code) = oauth.description.as_deref().and_then(code) else { return error };
    let status = error.detail().and_then(|detail| detail.status).unwrap_or_default();
    // A server that fails or has too much to do says so by its status, whatever its words are.
    let known = meaning(code).filter(|_| status != 429 && status < 500);
    let (kind, reason, remedy) = known.unwrap_or((error.kind(), error.reason(), None));
    let message = match remedy {
        Some(remedy) => format!("{} ({remedy})", error.message()),
        None => error.message().to_owned(),
    };
    let mut told = Error::new(kind, message).with_sent(error.sent()).with_attempts(error.attempts());
    if kind == error.kind() {
        told = told.with_retryable(error.is_retryable());
    }
    told = reason.into_iter().fold(told, Error::with_reason);
    told = error.detail().cloned().into_iter().fold(told, Error::with_detail);
    told.with_source(EntraError { code, remedy, oauth: oauth.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_the_words() {
        for (words, number) in [
            ("AADSTS7000215: Invalid client secret provided. Trace ID: 1", Some(7_000_215)),
            ("AADSTS70021", Some(70_021)),
            ("Error: AADSTS90002: Tenant 'x' not found.", Some(90_002)),
            ("AADSTS: x", None),
            ("AADSTS99999999999999", None),
            ("aadsts70021", None),
            ("", None),
        ] {
            assert_eq!(code(words), number, "{words}");
        }
    }
}
