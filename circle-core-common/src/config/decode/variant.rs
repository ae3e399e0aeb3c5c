//! The variant of an enum: text for a unit, a table with one key for any other.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::Context;
use super::deserializer::NodeDeserializer;
use super::fault::{Fault, Kind};
use crate::config::{KeyPath, Node};

pub(super) struct Variant<'a> {
    name: &'a str,
    content: Option<&'a Node>,
    path: KeyPath,
    cx: &'a Context<'a>,
}

impl<'a> Variant<'a> {
    pub(super) const fn new(name: &'a str, content: Option<&'a Node>, path: KeyPath, cx: &'a Context<'a>) -> Self {
        Self { name, content, path, cx }
    }

    fn with_content<T>(&self, decode: impl FnOnce(NodeDeserializer<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let node = self
            .content
            .ok_or_else(|| Fault::new(Kind::Other(format!("`{name}` takes a value: {{ {name} = … }}", name = self.name))))?;
        decode(NodeDeserializer::new(node, &self.path, self.cx)).map_err(|fault| fault.at(&self.path, node))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.into_deserializer();
        seed.deserialize(name).map(|name| (name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Some(content) if content.as_table().is_none_or(|table| !table.is_empty()) => {
                Err(Fault::new(Kind::Other(format!("`{name}` takes no value: write \"{name}\"", name = self.name))))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.with_content(|content| content.decode(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.with_content(|content| serde::Deserializer::deserialize_seq(content, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.with_content(|content| content.table(Some(fields), visitor))
    }
}
