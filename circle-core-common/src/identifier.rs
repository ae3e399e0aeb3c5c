//! Identifiers: names that people write and tokens that services mint.
//!
//! A *name* is never normalised and is validated in the handle, which alone knows the provider's limits. A *token* is
//! opaque: it can be kept, compared for equality and given back, and means nothing else.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares a name that people write: infallible `From` for text, cheap to clone, never normalised.
#[macro_export]
macro_rules! name {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        $vis struct $name(::std::sync::Arc<str>);

        impl $name {
            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name, shared.
            #[must_use]
            pub fn shared(&self) -> &::std::sync::Arc<str> {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.as_str().into())
            }
        }

        impl From<&$name> for $name {
            fn from(name: &Self) -> Self {
                name.clone()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    };
}

/// Declares a token that a service mints: opaque, serialisable, equality only.
#[macro_export]
macro_rules! token {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        $vis struct $name(::std::sync::Arc<str>);

        impl $name {
            /// The token that a provider minted. Applications keep tokens; they never make them.
            #[must_use]
            pub fn new(token: impl Into<::std::sync::Arc<str>>) -> Self {
                Self(token.into())
            }

            /// The token as the provider wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<&$name> for $name {
            fn from(token: &Self) -> Self {
                token.clone()
            }
        }
    };
}

/// The state of a thing at one moment, as its service names it: ETag, generation, or both.
///
/// S3 has only ETags, Google Cloud Storage's preconditions know only generations; a version keeps whatever there is.
/// Compare for equality; give it back in a precondition; read nothing else into it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version {
    // One pointer: versions are passed on in nearly every request and result.
    names: Arc<Names>,
}

#[derive(PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Names {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<Arc<str>>,
}

impl Version {
    fn of(etag: Option<Arc<str>>, generation: Option<Arc<str>>) -> Self {
        Self { names: Arc::new(Names { etag, generation }) }
    }

    /// A version known by its ETag.
    #[must_use]
    pub fn etag(etag: impl Into<Arc<str>>) -> Self {
        Self::of(Some(etag.into()), None)
    }

    /// A version known by its generation or version id.
    #[must_use]
    pub fn generation(generation: impl Into<Arc<str>>) -> Self {
        Self::of(None, Some(generation.into()))
    }

    /// A version known by both.
    #[must_use]
    pub fn new(etag: impl Into<Arc<str>>, generation: impl Into<Arc<str>>) -> Self {
        Self::of(Some(etag.into()), Some(generation.into()))
    }

    /// The ETag, for providers.
    #[must_use]
    pub fn as_etag(&self) -> Option<&str> {
        self.names.etag.as_deref()
    }

    /// The generation, for providers.
    #[must_use]
    pub fn as_generation(&self) -> Option<&str> {
        self.names.generation.as_deref()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.names.etag, &self.names.generation) {
            (Some(etag), Some(generation)) => write!(f, "Version({etag}, {generation})"),
            (Some(one), None) | (None, Some(one)) => write!(f, "Version({one})"),
            (None, None) => f.write_str("Version()"),
        }
    }
}

impl From<&Version> for Version {
    fn from(version: &Self) -> Self {
        version.clone()
    }
}

/// A number that grows with every new holder of a lock; a write that carries an older one is refused.
///
/// The only token with an order, because the order is its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(u64);

impl Fence {
    /// The fence that a lock provider minted.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, for providers.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The id of one logical write: stable over all attempts, and its idempotency key where the service has those.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OperationId(Repr);

// Generated ids are the common case and cost no allocation.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    // Halves, because a `u128` would align every call context to 16 bytes.
    Generated([u64; 2]),
    Given(Arc<str>),
}

impl OperationId {
    /// An id from 128 random bits.
    #[must_use]
    pub const fn generated(bits: u128) -> Self {
        Self(Repr::Generated([(bits >> 64) as u64, bits as u64]))
    }
}

impl From<&str> for OperationId {
    fn from(text: &str) -> Self {
        // A generated id reads back as what it was, so that text and bits compare equal.
        let bits = u128::from_str_radix(text, 16).ok();
        match bits.filter(|bits| format!("{bits:032x}") == text) {
            Some(bits) => Self::generated(bits),
            None => Self(Repr::Given(text.into())),
        }
    }
}

impl From<String> for OperationId {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Generated([high, low]) => write!(f, "{high:016x}{low:016x}"),
            Repr::Given(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationId({self})")
    }
}

impl Serialize for OperationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OperationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.into())
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros make public items")]
mod tests {
    use super::*;

    name! {
        /// A test name.
        pub struct Sample;
    }

    #[test]
    fn names_are_kept_byte_for_byte() {
        for text in ["a//b", "../x", " A ", "Ä"] {
            assert_eq!(Sample::from(text).as_str(), text);
            assert_eq!(&**Sample::from(text).shared(), text);
        }
    }

    #[test]
    fn operation_ids_read_back_equal() {
        for id in [OperationId::generated(7), OperationId::generated(u128::MAX), "order-42".into()] {
            assert_eq!(OperationId::from(id.to_string()), id);
        }
        assert_ne!(OperationId::from("7"), OperationId::generated(7));
    }

    #[test]
    fn versions_survive_serde() {
        let version = Version::new("e", "g");
        let text = serde_json::to_string(&version).unwrap();
        assert_eq!(serde_json::from_str::<Version>(&text).unwrap(), version);
    }
}
