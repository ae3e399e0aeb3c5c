//! Why a token is not believed.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// Why a token is not believed: what is behind an error of kind `Unauthenticated` (`PermissionDenied` for a scope). Who has sent
/// the token needs not be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// It is no signed JWT, too long, or asks for something that is not understood.
    Malformed,
    /// Its algorithm is none of those that were chosen.
    Algorithm,
    /// No key of its issuer is the one that it names.
    UnknownKey,
    /// Its signature is not that of the key.
    Signature,
    /// It is of another type than the one expected.
    Type,
    /// Another one issued it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It was given to another client.
    AuthorizedParty,
    /// It belongs to another login.
    Nonce,
    /// It belongs to another access token.
    AccessTokenHash,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It was issued in the future, or does not say when.
    IssuedAt,
    /// The user logged in too long ago.
    AuthenticationAge,
    /// It speaks of another user than the one expected, or of none.
    Subject,
    /// It is good for less than what is needed.
    Scope,
}

impl TokenRefusal {
    const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "it is no signed JWT that is understood here",
            Self::Algorithm => "its algorithm is none of those that were chosen",
            Self::UnknownKey => "its key is none of its issuer's",
            Self::Signature => "its signature is wrong",
            Self::Type => "it is a token of another type",
            Self::Issuer => "another one issued it",
            Self::Audience => "it is for somebody else",
            Self::AuthorizedParty => "it was given to another client",
            Self::Nonce => "it belongs to another login",
            Self::AccessTokenHash => "it belongs to another access token",
            Self::Expired => "its time is over",
            Self::NotYetValid => "its time has not come",
            Self::IssuedAt => "it does not say since when it is good, or from the future on",
            Self::AuthenticationAge => "its user logged in too long ago",
            Self::Subject => "it speaks of another user",
            Self::Scope => "it is good for less",
        }
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for TokenRefusal {}

impl From<TokenRefusal> for Error {
    fn from(refusal: TokenRefusal) -> Self {
        let kind = if refusal == TokenRefusal::Scope { ErrorKind::PermissionDenied } else { ErrorKind::Unauthenticated };
        Self::new(kind, format!("the token is refused: {refusal}")).with_source(refusal)
    }
}
