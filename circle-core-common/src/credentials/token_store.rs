//! Where refresh tokens are kept that change with every use.

mod file;
mod key_value;
mod memory;

use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

pub use self::file::FileTokens;
pub use self::key_value::KeyValueTokens;
pub use self::memory::MemoryTokens;

use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::identifier::Version;
use crate::units::Timestamp;

/// An access token with its end.
#[derive(Clone)]
pub struct StoredAccess {
    /// The token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What is kept of a grant: its refresh token, the access token that was made with the one before, and who is at it.
///
/// No `Serialize`: [`to_text`](Self::to_text) writes it down, for a store.
#[derive(Clone)]
#[non_exhaustive]
pub struct TokenRecord {
    /// What the next access token is made with.
    pub refresh_token: SecretString,
    /// The newest access token, for whoever has none yet.
    pub access: Option<StoredAccess>,
    /// Until when somebody is redeeming the refresh token: nobody else may.
    pub claimed_until: Option<Timestamp>,
}

impl TokenRecord {
    /// What a sign-in gave.
    #[must_use]
    pub fn new(refresh_token: impl Into<SecretString>) -> Self {
        Self { refresh_token: refresh_token.into(), access: None, claimed_until: None }
    }

    /// With the access token that came with it.
    #[must_use]
    pub fn access(mut self, token: impl Into<SecretString>, expires_at: Timestamp) -> Self {
        self.access = Some(StoredAccess { token: token.into(), expires_at });
        self
    }

    /// The record as a store writes it down.
    ///
    /// # Errors
    /// `Internal` when it cannot be written.
    pub fn to_text(&self) -> Result<SecretString> {
        let written = Written {
            refresh_token: self.refresh_token.expose_secret().into(),
            access_token: self.access.as_ref().map(|access| access.token.expose_secret().into()),
            expires_at: self.access.as_ref().map(|access| access.expires_at),
            claimed_until: self.claimed_until,
        };
        let text = serde_json::to_string(&written);
        // The error of the serialiser may quote what it could not write.
        text.map(Into::into).map_err(|_| Error::new(ErrorKind::Internal, "a token record cannot be written"))
    }

    /// The record that a store has kept.
    ///
    /// # Errors
    /// `Corrupt` for what is none.
    pub fn from_text(text: &str) -> Result<Self> {
        let written: Written<'_> =
            serde_json::from_str(text).map_err(|_| Error::new(ErrorKind::Corrupt, "what is kept is no token record"))?;
        let access = match (written.access_token, written.expires_at) {
            (Some(token), Some(expires_at)) => Some(StoredAccess { token: token.into_owned().into(), expires_at }),
            _ => None,
        };
        Ok(Self { refresh_token: written.refresh_token.into_owned().into(), access, claimed_until: written.claimed_until })
    }
}

#[derive(Serialize, Deserialize)]
struct Written<'t> {
    refresh_token: std::borrow::Cow<'t, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<std::borrow::Cow<'t, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_until: Option<Timestamp>,
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("access_until", &self.access.as_ref().map(|access| access.expires_at))
            .field("claimed_until", &self.claimed_until)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAccess").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Keeps refresh tokens that are good for one use, so that of several processes one redeems each.
///
/// [`MemoryTokens`] for one process, [`FileTokens`] for several on one machine, [`KeyValueTokens`] for several machines.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// The record of a key as it is now, never an older one, and its version; `None` when there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn read(&self, cx: &CallContext, key: &str) -> Result<Option<(TokenRecord, Version)>>;

    /// Writes a record if that of the key still has this version, or if there is none where `version` is `None`; gives the
    /// new version, which is no earlier one's. `None` says that somebody else was faster. What was written is there after a
    /// crash, where the store outlives one.
    ///
    /// # Errors
    /// Why it cannot be written; `OutcomeUnknown` when it may have been.
    async fn compare_and_swap(
        &self,
        cx: &CallContext,
        key: &str,
        version: Option<&Version>,
        record: &TokenRecord,
    ) -> Result<Option<Version>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_shows_nothing() {
        let end = Timestamp::from_unix(1_700_000_000, 0);
        let mut record = TokenRecord::new("r3fr3sh \"\\ü").access("4cc3ss", end);
        record.claimed_until = Some(end);
        let text = record.to_text().unwrap();
        let again = TokenRecord::from_text(text.expose_secret()).unwrap();
        assert_eq!(again.refresh_token.expose_secret(), "r3fr3sh \"\\ü");
        let access = again.access.as_ref().unwrap();
        assert_eq!((access.token.expose_secret(), access.expires_at, again.claimed_until), ("4cc3ss", end, Some(end)));
        let shown = format!("{again:?} {access:?}");
        assert!(!shown.contains("r3fr3sh") && !shown.contains("4cc3ss"), "{shown}");
        let error = TokenRecord::from_text(r#"{"refresh_token": "r3fr3sh", "expires_at": "r3fr3sh"}"#).unwrap_err();
        assert!(error.is(ErrorKind::Corrupt) && !format!("{error:?}").contains("r3fr3sh"), "{error:?}");
    }
}
