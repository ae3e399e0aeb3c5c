//! A secret that gives itself away.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A secret that is looked for. What it is put into must not show it: not as it is, nor in hexadecimal, percent encoding,
/// Base64 of either alphabet, or a JSON string.
///
/// Its `Debug` does not show it either.
#[derive(Clone)]
pub struct Canary {
    secret: Arc<str>,
    /// What can be written in capitals or not.
    caseless: Arc<[String]>,
    exact: Arc<[String]>,
}

impl Canary {
    /// A new secret, unique and of letters and digits.
    #[must_use]
    pub fn new() -> Self {
        static CANARIES: AtomicU64 = AtomicU64::new(0);
        let nanos = crate::Clock::System.timestamp().since(crate::Timestamp::UNIX_EPOCH).as_nanos();
        let number = CANARIES.fetch_add(1, Ordering::Relaxed);
        Self::of(format!("canary{nanos:x}x{number:x}"))
    }

    /// A secret that exists: a key, a token. One of a few characters is found where it is not.
    #[must_use]
    pub fn of(secret: impl Into<String>) -> Self {
        let secret = secret.into();
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent = |kept: fn(&u8) -> bool| -> String {
            let encoded = |byte: &u8| if kept(byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
            bytes.iter().map(encoded).collect()
        };
        let reserved_only = percent(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte));
        let quoted = serde_json::Value::from(secret.as_str()).to_string();
        let quoted = quoted.trim_matches('"').to_lowercase();
        let mut caseless = vec![secret.to_lowercase(), hex, percent(|_| false), reserved_only.to_lowercase(), quoted];
        // Within a longer text a secret starts at any of the three places of a Base64 group.
        let mut exact: Vec<_> = (0..3).map(|offset| base64_core(bytes, offset)).collect();
        exact.extend(exact.clone().into_iter().map(|form| form.replace('+', "-").replace('/', "_")));
        for forms in [&mut caseless, &mut exact] {
            // Nothing is in every text.
            forms.retain(|form| !form.is_empty());
            forms.sort_unstable();
            forms.dedup();
        }
        Self { secret: secret.into(), caseless: caseless.into(), exact: exact.into() }
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether a text shows the secret, in any of the encodings.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        self.exact.iter().any(|form| text.contains(form.as_str()))
            || self.caseless.iter().any(|form| lower.contains(form.as_str()))
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canary([REDACTED])")
    }
}

/// The characters of the Base64 of a text that holds `bytes` behind `offset` other bytes, as far as `bytes` alone
/// decide them.
fn base64_core(bytes: &[u8], offset: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |at: usize| {
        let byte = bytes.get((at / 8).checked_sub(offset)?)?;
        Some(byte >> (7 - at % 8) & 1)
    };
    let sextets = (offset + bytes.len()) * 8 / 6;
    let whole = (0..sextets).filter_map(|sextet| {
        (0..6)
            .try_fold(0, |value, bit| Some(value << 1 | bits(sextet * 6 + bit)?))
            .map(|value: u8| ALPHABET[value as usize] as char)
    });
    whole.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_in_every_encoding() {
        let canary = Canary::of("canary17");
        for text in [
            "key=canary17;",
            "CANARY17",
            "63616e6172793137",
            "x63616E6172793137",
            "%63%61%6E%61%72%79%31%37",
            "%63%61%6e%61%72%79%31%37",
            "Y2FuYXJ5MTc=",             // canary17
            "dXNlcjpjYW5hcnkxNw==",     // user:canary17
            "dXNlcnM6Y2FuYXJ5MTc=",     // users:canary17
            "dXNlcjE6Y2FuYXJ5MTc6eA==", // user1:canary17:x
        ] {
            assert!(canary.is_in(text), "{text}");
        }
        for text in ["canary18", "", "Y2FuYXJ4MTc="] {
            assert!(!canary.is_in(text), "{text}");
        }
        assert!(!canary.is_in(&format!("{canary:?}")));
        assert!(!Canary::of("").is_in("anything"));
        assert_ne!(Canary::new().secret(), Canary::new().secret());
    }

    #[test]
    fn a_secret_of_other_characters_is_found_too() {
        let key = Canary::of("a\"b/c+\u{ff}\u{fe}?");
        for text in [
            "a%22b%2Fc%2B%C3%BF%C3%BE%3F",
            r#"{"key":"a\"b/c+ÿþ?"}"#,
            "YSJiL2Mrw7/Dvj8=", // as it is
            "YSJiL2Mrw7_Dvj8",  // for addresses
        ] {
            assert!(key.is_in(text), "{text}");
        }
        assert!(!key.is_in("a%22b%2Fc"));
    }
}
