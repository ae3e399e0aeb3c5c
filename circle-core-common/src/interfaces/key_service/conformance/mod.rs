//! The suite of key services: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so. Keys cannot be made through the interface, so that the subject names those that there are:
//! [`SuiteKeys`].

pub mod data_keys;
mod decorated;
pub mod encrypting;
pub mod faults;
pub mod lifecycle;
pub mod listing;
pub mod negative;
pub mod rotation;
pub mod signing;

pub use negative::{NEGATIVES, without};

use super::{Algorithm, Context, KeyName, KeyService, KeyServiceCapabilities};
use crate::suite::{Case, Failed, Subject};

type Caps = KeyServiceCapabilities;
type Keys = Subject<KeyService>;

/// The keys that cases use. Cases that share a service share them, and rotate them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SuiteKeys {
    /// A key that encrypts.
    pub encrypting: Option<KeyName>,
    /// Another one.
    pub other: Option<KeyName>,
    /// Keys that sign, each with an algorithm.
    pub signing: Vec<(KeyName, Algorithm)>,
}

impl SuiteKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names two keys that encrypt.
    #[must_use]
    pub fn encrypting(mut self, key: impl Into<KeyName>, other: impl Into<KeyName>) -> Self {
        (self.encrypting, self.other) = (Some(key.into()), Some(other.into()));
        self
    }

    /// Names a key that signs.
    #[must_use]
    pub fn signing(mut self, key: impl Into<KeyName>, algorithm: Algorithm) -> Self {
        self.signing.push((key.into(), algorithm));
        self
    }
}

/// Every behaviour that is pinned.
pub const SUITE: &[Case<KeyService>] = crate::cases![KeyService:
    encrypting {
        encrypted_bytes_come_back,
        equal_plaintexts_are_encrypted_differently,
        another_key_is_corrupt,
        another_context_is_corrupt,
        flipped_bit_is_corrupt,
        cut_ciphertext_is_corrupt,
        key_that_is_not_there_is_not_found,
        plaintext_outside_the_limit_is_invalid_input,
        name_outside_the_limits_is_invalid_input,
    }
    data_keys {
        data_key_is_decrypted_from_its_encrypted_form,
        data_keys_are_never_the_same,
        data_key_under_another_context_is_corrupt,
    }
    signing {
        signature_is_verified,
        signature_of_another_message_is_corrupt,
        flipped_bit_of_a_signature_is_corrupt,
        public_key_is_a_subject_public_key_info,
        algorithms_are_those_that_are_declared,
        key_that_encrypts_does_not_sign,
    }
    rotation {
        rotated_key_decrypts_what_it_encrypted_before,
        rotated_key_verifies_what_it_signed_before,
        rotation_makes_another_version,
    }
    listing {
        list_has_the_keys,
        list_pages_cover_everything_once,
    }
    faults {
        busy_unavailable_and_cut_calls_are_retryable,
        silent_service_is_a_timeout_at_the_deadline,
        silent_service_is_cancelled_at_once,
        dropped_call_leaves_the_client_whole,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        every_call_has_exactly_one_span,
        no_plaintext_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout,
    }
];

impl Subject<KeyService> {
    /// A key that encrypts.
    fn key(&self) -> Result<&KeyName, Failed> {
        self.keys.encrypting.as_ref().ok_or_else(|| Failed::Skipped("the subject names no key that encrypts".to_owned()))
    }

    /// Another one.
    fn other_key(&self) -> Result<&KeyName, Failed> {
        self.keys.other.as_ref().ok_or_else(|| Failed::Skipped("the subject names one key that encrypts alone".to_owned()))
    }

    /// The keys that sign.
    fn signing_keys(&self) -> Result<&[(KeyName, Algorithm)], Failed> {
        match self.keys.signing.as_slice() {
            [] => Err(Failed::Skipped("the subject names no key that signs".to_owned())),
            keys => Ok(keys),
        }
    }

    /// A context, where the service binds one.
    fn context(&self, value: &str) -> Context {
        if self.handle.capabilities().context { Context::from([("suite", value)]) } else { Context::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("encrypting.rs"),
            include_str!("data_keys.rs"),
            include_str!("signing.rs"),
            include_str!("rotation.rs"),
            include_str!("listing.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
