//! What a verified token says.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;

/// The claims of a token that was verified. `Debug` shows whose it is and when it ends, not what it says of people.
///
/// Verifiers read them out of the token's payload, which is JSON (RFC 7519, 4), and give them away once they are verified.
#[derive(Clone, Deserialize)]
pub struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    aud: Vec<String>,
    #[serde(default, deserialize_with = "moment")]
    exp: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    nbf: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    iat: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    auth_time: Option<Timestamp>,
    azp: Option<String>,
    nonce: Option<String>,
    at_hash: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Claims {
    /// Reads the payload of a token; nothing of it is verified by that.
    ///
    /// # Errors
    /// `Decode` for what is no JSON object, or has a registered claim of another type; the message shows nothing of it.
    pub fn from_json(payload: &[u8]) -> Result<Self> {
        serde_json::from_slice(payload).map_err(|_| Error::new(ErrorKind::Decode, "the payload of a token is none (RFC 7519, 4)"))
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.iss.as_deref().unwrap_or_default()
    }

    /// Whom it speaks of, within its issuer.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.sub.as_deref()
    }

    /// Whom it is for.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.aud
    }

    /// Which client it was given to, where it says so.
    #[must_use]
    pub fn authorized_party(&self) -> Option<&str> {
        self.azp.as_deref()
    }

    /// When it ends; long ago where it does not say.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.exp.unwrap_or(Timestamp::MIN)
    }

    /// When it begins to be good, where it says so.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.nbf
    }

    /// When it was issued, where it says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.iat
    }

    /// When its user logged in, where it says so.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// Which login it belongs to, where it says so: what the login sent.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Which access token it belongs to, where it says so (OpenID Connect Core, 3.1.3.6).
    #[must_use]
    pub fn access_token_hash(&self) -> Option<&str> {
        self.at_hash.as_deref()
    }

    /// What it is good for: `scope` (RFC 9068), or `scp`, which some servers write instead, as text or as a list.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let texts = ["scope", "scp"].into_iter().filter_map(|name| self.other.get(name));
        let texts = texts.flat_map(|value| match value {
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            value => Vec::from_iter(value.as_str()),
        });
        texts.flat_map(|text| text.split_ascii_whitespace())
    }

    /// Another claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.other.get(name)
    }

    /// Another claim, as what it should be; `None` where it is not there.
    ///
    /// # Errors
    /// `Decode` when it is something else.
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        claim(&self.other, name)
    }
}

/// A claim as what it should be.
pub(in crate::interfaces) fn claim<T: DeserializeOwned>(claims: &Map<String, Value>, name: &str) -> Result<Option<T>> {
    let Some(value) = claims.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let failed = |_| Error::new(ErrorKind::Decode, format!("the claim `{name}` is of another type than expected"));
    T::deserialize(value).map(Some).map_err(failed)
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer())
            .field("subject", &self.sub)
            .field("audiences", &self.aud)
            .field("expires_at", &self.exp)
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn registered_claims_are_read_in_every_form_they_have() {
        let one = claims(r#"{"iss":"i","sub":"s","aud":"a","exp":10.9,"iat":1,"scope":"a b","scp":["c","d e"]}"#);
        assert_eq!((one.issuer(), one.subject(), one.audiences()), ("i", Some("s"), &["a".to_owned()][..]));
        assert_eq!((one.expires_at(), one.not_before()), (Timestamp::from_unix(10, 0), None));
        assert_eq!(one.scopes().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        assert_eq!(claims(r#"{"aud":["a","b"]}"#).audiences().len(), 2);
        assert_eq!(claims("{}").expires_at(), Timestamp::MIN);
        for wrong in [r#"{"aud":7}"#, r#"{"exp":"10"}"#, r#"{"nonce":1}"#, r#"{"at_hash":[]}"#, "[]"] {
            assert!(serde_json::from_str::<Claims>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_claims_have_the_type_that_is_asked_for_or_are_decode() {
        let claims = claims(r#"{"groups":["x"],"nothing":null}"#);
        assert_eq!(claims.get_as::<Vec<String>>("groups").unwrap(), Some(vec!["x".to_owned()]));
        assert_eq!(claims.get_as::<String>("nothing").unwrap(), None);
        assert!(claims.get_as::<String>("groups").unwrap_err().is(ErrorKind::Decode));
    }

    #[test]
    fn debug_shows_nothing_of_people() {
        let text = format!("{:?}", claims(r#"{"sub":"s","email":"ann@example.org","nonce":"n0nce"}"#));
        assert!(!text.contains("ann") && !text.contains("n0nce"), "{text}");
    }
}
