//! A secret that gives itself away.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A unique secret. What it is put into must not show it: not as it is, nor in hexadecimal, percent encoding or Base64.
///
/// Its `Debug` does not show it either.
#[derive(Clone)]
pub struct Canary {
    secret: Arc<str>,
    forms: Arc<[String]>,
}

impl Canary {
    /// A new secret.
    #[must_use]
    pub fn new() -> Self {
        static CANARIES: AtomicU64 = AtomicU64::new(0);
        let nanos = crate::Clock::System.timestamp().since(crate::Timestamp::UNIX_EPOCH).as_nanos();
        let number = CANARIES.fetch_add(1, Ordering::Relaxed);
        Self::from_secret(format!("canary{nanos:x}x{number:x}"))
    }

    fn from_secret(secret: String) -> Self {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut forms = vec![secret.clone(), hex, percent];
        // Within a longer text a secret starts at any of the three places of a Base64 group.
        forms.extend((0..3).map(|offset| base64_core(secret.as_bytes(), offset)));
        Self { secret: secret.into(), forms: forms.into() }
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether a text shows the secret, in any of the encodings.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        // Base64 keeps its case; hexadecimal and percent encoding come in both.
        let lower = text.to_ascii_lowercase();
        self.forms.iter().any(|form| text.contains(form.as_str()))
            || self.forms[..3].iter().any(|form| lower.contains(&form.to_ascii_lowercase()))
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
/// decide them. Letters and digits are the same in both alphabets; a secret of those never meets the other two.
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
        let canary = Canary::from_secret("canary17".into());
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
        assert_ne!(Canary::new().secret(), Canary::new().secret());
    }
}
