//! A credential and how long it may be used.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::units::Timestamp;

/// A credential with the time that it lives; dereferences to the credential.
///
/// A lease without [`expires_at`](Self::expires_at) is good until the service refuses it. A token whose answer names no
/// lifetime must not become one: give it the provider's default, or five minutes.
pub struct Lease<C> {
    value: C,
    expires_at: Option<Timestamp>,
    refresh_at: Option<Timestamp>,
    version: u64,
}

impl<C> Lease<C> {
    /// A lease that does not expire.
    #[must_use]
    pub const fn new(value: C) -> Self {
        Self { value, expires_at: None, refresh_at: None, version: 0 }
    }

    /// A lease that begins now and lives so long, as [`ExpiresIn`](super::ExpiresIn) says.
    #[must_use]
    pub fn living(value: C, life: Duration, now: Timestamp) -> Self {
        Self::new(value).until(now + life)
    }

    /// Sets when the credential ends.
    #[must_use]
    pub const fn until(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Sets when the source wants to be asked again; the credential serves on meanwhile.
    #[must_use]
    pub const fn refresh_from(mut self, refresh_at: Timestamp) -> Self {
        self.refresh_at = Some(refresh_at);
        self
    }

    /// The credential.
    #[must_use]
    pub const fn value(&self) -> &C {
        &self.value
    }

    /// When the credential ends.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// When the source wants to be asked again.
    #[must_use]
    pub const fn refresh_at(&self) -> Option<Timestamp> {
        self.refresh_at
    }

    /// Which load this is; no two leases that caches gave out in this process have the same.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    pub(super) const fn numbered(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// The same lease of something made from the credential.
    #[must_use]
    pub fn map<D>(self, make: impl FnOnce(C) -> D) -> Lease<D> {
        Lease { value: make(self.value), expires_at: self.expires_at, refresh_at: self.refresh_at, version: self.version }
    }

    /// As [`map`](Self::map), where making it may fail.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_map<D, E>(self, make: impl FnOnce(C) -> Result<D, E>) -> Result<Lease<D>, E> {
        let value = make(self.value)?;
        Ok(Lease { value, expires_at: self.expires_at, refresh_at: self.refresh_at, version: self.version })
    }
}

impl<C> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.value
    }
}

impl<C> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("expires_at", &self.expires_at)
            .field("refresh_at", &self.refresh_at)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
