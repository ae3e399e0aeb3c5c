//! How one service refers to another.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::handle::Handle;

/// A reference to another service by its name, in a config struct: `store = "documents"`.
///
/// The hub builds what is referred to first; a cycle, an unknown name or a wrong interface is a config error.
pub struct ServiceRef<H> {
    name: String,
    handle: PhantomData<fn() -> H>,
}

impl<H: Handle> ServiceRef<H> {
    /// A reference to this service.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), handle: PhantomData }
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<H> Clone for ServiceRef<H> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), handle: PhantomData }
    }
}

impl<H> PartialEq for ServiceRef<H> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<H: Handle> fmt::Debug for ServiceRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceRef({}: {})", self.name, H::NAME)
    }
}

impl<H> Serialize for ServiceRef<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de, H: Handle> Deserialize<'de> for ServiceRef<H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // The name tells the config reader which interface is meant.
        deserializer.deserialize_newtype_struct(H::REFERENCE, Name).map(Self::new)
    }
}

#[cfg(feature = "config")]
impl<H: Handle> schemars::JsonSchema for ServiceRef<H> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("ServiceRef<{}>", H::NAME).into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": format!("The name of a service that offers {}.", H::NAME) })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A reference to another service by its name, whatever that offers: what decorates services of several interfaces has these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyServiceRef {
    name: String,
}

impl AnyServiceRef {
    /// The interface that the config reader says such a reference needs.
    pub const INTERFACE: &'static str = "*";

    /// A reference to this service.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Serialize for AnyServiceRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for AnyServiceRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("$circle.service:*", Name).map(Self::new)
    }
}

#[cfg(feature = "config")]
impl schemars::JsonSchema for AnyServiceRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnyServiceRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "The name of a service." })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// The name of a service, as a reference is written.
struct Name;

impl<'de> serde::de::Visitor<'de> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a service")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<String, D::Error> {
        String::deserialize(deserializer)
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<String, E> {
        Ok(name.to_owned())
    }
}
