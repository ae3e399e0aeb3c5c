//! What a verified token says.

use circle_core_common::{Error, ErrorKind, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The claims of a token that was verified: a verifier gives them, and nothing else makes any.
#[derive(Clone, Debug)]
pub struct Claims(pub(crate) Payload);

/// What a token says, verified or not.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Payload {
    pub(crate) iss: Option<String>,
    pub(crate) sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) aud: Vec<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(crate) exp: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(crate) nbf: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(crate) iat: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) azp: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) at_hash: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Claims {
    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.iss.as_deref().unwrap_or_default()
    }

    /// Whom it speaks of, within its issuer.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.sub.as_deref()
    }

    /// Whom it is for.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.0.aud
    }

    /// Which client it was given to, where it says so.
    #[must_use]
    pub fn authorized_party(&self) -> Option<&str> {
        self.0.azp.as_deref()
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.exp.unwrap_or(Timestamp::MIN)
    }

    /// When it was issued, where it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.0.iat
    }

    /// When its user logged in, where it says so.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.0.auth_time
    }

    /// What it is good for: `scope` (RFC 9068), or `scp`, which some servers write instead, as text or as a list.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let texts = ["scope", "scp"].into_iter().filter_map(|name| self.0.other.get(name));
        let texts = texts.flat_map(|value| match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            value => Vec::from_iter(value.as_str()),
        });
        texts.flat_map(|text| text.split_ascii_whitespace())
    }

    /// Another claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.other.get(name)
    }

    /// Another claim, as what it should be; `None` where it is not there.
    ///
    /// # Errors
    /// `Decode` when it is something else.
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.0.other.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let failed = |_| Error::new(ErrorKind::Decode, format!("the claim `{name}` is of another type than expected"));
        T::deserialize(value).map(Some).map_err(failed)
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// Seconds since 1970, as a number alone (RFC 7519, 2), which may have a fraction.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    // What is beyond the calendar is its end; `as` keeps numbers within bounds.
    Ok(Some(Timestamp::from_unix(seconds.floor() as i64, 0)))
}
