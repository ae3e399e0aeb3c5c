//! What an authorisation server refuses, typed (RFC 6749, 5.2, and the registry that it opens).

use std::fmt;

use circle_core_common::http::{Answer, Classify, Rule, Said};
use circle_core_common::{Error, ErrorKind};
use http::StatusCode;
use serde::Deserialize;

/// The longest code that is read as one; the registered ones are shorter.
const CODE_MAX: usize = 64;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal => $rule:expr;)+) => {
        /// Why an authorisation server refuses.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum OAuthErrorCode {
            $($(#[$doc])* $variant,)+
            /// A code that is not listed here.
            Other(String),
        }

        impl OAuthErrorCode {
            /// The code as the server writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Other(code) => code,
                }
            }

            fn rule(&self, status: Option<StatusCode>) -> Rule {
                match self {
                    $(Self::$variant => $rule,)+
                    Self::Other(_) => status.filter(|status| !status.is_success()).map_or(Rule::new(ErrorKind::InvalidInput), Rule::of_status),
                }
            }
        }

        impl From<&str> for OAuthErrorCode {
            fn from(code: &str) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// A parameter is missing, unknown or there twice.
    InvalidRequest = "invalid_request" => Rule::new(ErrorKind::InvalidInput);
    /// The client could not be authenticated.
    InvalidClient = "invalid_client" => Rule::new(ErrorKind::Unauthenticated);
    /// The code, the refresh token or the assertion is wrong, used up, revoked or too old.
    InvalidGrant = "invalid_grant" => Rule::new(ErrorKind::Unauthenticated);
    /// The client may not use this grant.
    UnauthorizedClient = "unauthorized_client" => Rule::new(ErrorKind::PermissionDenied);
    /// The server does not know the grant.
    UnsupportedGrantType = "unsupported_grant_type" => Rule::new(ErrorKind::Unsupported);
    /// The scope is unknown, malformed, or more than may be had.
    InvalidScope = "invalid_scope" => Rule::new(ErrorKind::InvalidInput);
    /// RFC 8707: the resource or the audience is none that the server gives tokens for.
    InvalidTarget = "invalid_target" => Rule::new(ErrorKind::InvalidInput);
    /// The user, or the server, said no.
    AccessDenied = "access_denied" => Rule::new(ErrorKind::PermissionDenied);
    /// The server does not give codes this way.
    UnsupportedResponseType = "unsupported_response_type" => Rule::new(ErrorKind::Unsupported);
    /// The server failed.
    ServerError = "server_error" => Rule::new(ErrorKind::Internal).retryable(true);
    /// The server cannot serve now.
    TemporarilyUnavailable = "temporarily_unavailable" => Rule::new(ErrorKind::Unavailable);
    /// RFC 8628: the user has not decided yet.
    AuthorizationPending = "authorization_pending" => Rule::new(ErrorKind::Unavailable).retryable(false);
    /// RFC 8628: the user has not decided yet, and the server is asked too often.
    SlowDown = "slow_down" => Rule::new(ErrorKind::Unavailable).retryable(false);
    /// RFC 8628: the user took too long.
    ExpiredToken = "expired_token" => Rule::new(ErrorKind::Unauthenticated);
    /// RFC 7009: the server does not revoke tokens of this type.
    UnsupportedTokenType = "unsupported_token_type" => Rule::new(ErrorKind::Unsupported);
    /// OpenID Connect: the user has to log in, which was not allowed.
    LoginRequired = "login_required" => Rule::new(ErrorKind::Unauthenticated);
    /// OpenID Connect: the user has to do something, which was not allowed.
    InteractionRequired = "interaction_required" => Rule::new(ErrorKind::Unauthenticated);
    /// OpenID Connect: the user has to consent, which was not allowed.
    ConsentRequired = "consent_required" => Rule::new(ErrorKind::Unauthenticated);
    /// OpenID Connect: the user has to choose an account, which was not allowed.
    AccountSelectionRequired = "account_selection_required" => Rule::new(ErrorKind::Unauthenticated);
    /// RFC 6750: the access token is wrong, revoked or too old.
    InvalidToken = "invalid_token" => Rule::new(ErrorKind::Unauthenticated);
    /// RFC 6750: the access token is good for less.
    InsufficientScope = "insufficient_scope" => Rule::new(ErrorKind::PermissionDenied);
}

impl fmt::Display for OAuthErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal of an authorisation server: the provider's own error behind an [`Error`].
///
/// ```
/// # use circle_core_common::Error;
/// # use circle_core_protocol_oidc::{OAuthError, OAuthErrorCode};
/// fn must_log_in_again(error: &Error) -> bool {
///     error.provider_error::<OAuthError>().is_some_and(|error| error.code == OAuthErrorCode::InvalidGrant)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// Why.
    pub code: OAuthErrorCode,
    /// The server's own words, without the secrets that were sent.
    pub description: Option<String>,
}

impl OAuthError {
    /// The refusal as the error of a call that no HTTP answer caused: a callback says it in its query.
    pub(crate) fn of_callback(code: &str, description: Option<&str>) -> Error {
        let code = OAuthErrorCode::from(&*shown(code));
        let description = description.map(shown);
        let text = match &description {
            Some(description) => format!("the authorisation server refuses with {code}: {description}"),
            None => format!("the authorisation server refuses with {code}"),
        };
        let rule = code.rule(None);
        let error = Error::new(rule.kind, text).with_source(Self { code, description });
        rule.retryable.into_iter().fold(error, Error::with_retryable)
    }

    /// Whether `error` is this refusal.
    pub(crate) fn is(error: &Error, code: &OAuthErrorCode) -> bool {
        error.provider_error::<Self>().is_some_and(|error| error.code == *code)
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{}: {description}", self.code),
            None => self.code.fmt(f),
        }
    }
}

impl std::error::Error for OAuthError {}

/// What RFC 6749 allows in a code and a description, and not too much of it: whoever leads a browser here writes both.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\')).take(300).collect()
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Judges the answers of authorisation servers: `{"error", "error_description"}`, with whatever status. Errors hold no body of
/// an answer: servers repeat forms.
#[derive(Clone, Copy, Debug)]
pub struct Refusals;

impl Classify for Refusals {
    fn classify(&self, answer: &Answer<'_>) -> Option<Error> {
        let refusal = serde_json::from_slice::<Refusal>(answer.body).ok();
        let refusal = refusal.filter(|refusal| !refusal.error.is_empty() && refusal.error.len() <= CODE_MAX);
        let mut bare = answer.clone();
        bare.body = &[];
        let Some(refusal) = refusal else {
            return (!answer.status.is_success()).then(|| bare.error(Rule::of_status(answer.status), Said::new()));
        };
        let status = answer.status;
        // A gateway in front that fails says so by its status, whatever the page behind it was.
        let code = OAuthErrorCode::from(&*shown(&refusal.error));
        let rule = match status.as_u16() {
            429 | 500.. => Rule::of_status(status),
            _ => code.rule(Some(status)),
        };
        let mut said = Said::new().code(refusal.error.as_str());
        said.message = Some(match &refusal.error_description {
            Some(description) => format!("{}: {description}", refusal.error),
            None => refusal.error.clone(),
        });
        let error = bare.error(rule, said);
        // As redacted, and cut to what may be shown only then: a secret of which letters are missing is not found.
        let detail = error.detail();
        let told = detail.and_then(|detail| detail.message.as_deref()).and_then(|message| message.split_once(": "));
        let description = told.map(|(_, description)| shown(description));
        let code = detail.and_then(|detail| detail.code.as_deref()).map_or(code, |code| OAuthErrorCode::from(&*shown(code)));
        Some(error.with_source(OAuthError { code, description }))
    }
}
