//! serde's `Deserializer` over a node.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Visitor};

use super::fault::{Fault, Kind};
use super::variant::Variant;
use super::{Context, Reference, SecretUse};
use crate::config::suggest::{list, same_key};
use crate::config::{KeyPath, Node, Origin, Table, Value, toml};

/// The serde name, up to the interface, of a newtype that refers to another service.
const SERVICE: &str = "$circle.service:";
/// The serde name of a newtype that refers to a secret.
const SECRET: &str = "$circle.secret";

#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'a> {
    pub(super) node: &'a Node,
    pub(super) path: &'a KeyPath,
    pub(super) cx: &'a Context<'a>,
}

impl<'a> NodeDeserializer<'a> {
    pub(super) const fn new(node: &'a Node, path: &'a KeyPath, cx: &'a Context<'a>) -> Self {
        Self { node, path, cx }
    }

    /// Decodes and gives an error its place, if it has none yet.
    pub(super) fn decode<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self).map_err(|fault| fault.at(self.path, self.node))
    }

    /// The same place, another node: what a variable's text was read as.
    const fn with<'b>(self, node: &'b Node) -> NodeDeserializer<'b>
    where
        'a: 'b,
    {
        NodeDeserializer { node, path: self.path, cx: self.cx }
    }

    /// The node; a variable's `[…]` or `{ … }` as the list or table that it holds.
    pub(super) fn structured(self) -> Result<Cow<'a, Node>, Fault> {
        match &self.node.value {
            Value::Untyped(text) if text.trim_start().starts_with(['[', '{']) => toml::parse_value(text, &self.node.origin)
                .map(Cow::Owned)
                .map_err(|message| Fault::new(Kind::Other(format!("not a value in TOML: {message}")))),
            _ => Ok(Cow::Borrowed(self.node)),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, least: i128, most: i128, visitor: V) -> Result<V::Value, Fault> {
        let value = match &self.node.value {
            Value::Integer(value) => Some(*value),
            Value::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(value) = value.filter(|value| (least..=most).contains(value)) else {
            let most = if most > i128::from(u32::MAX) { "more".to_owned() } else { most.to_string() };
            return Err(match (least, most.as_str()) {
                (0, "more") => Fault::expected("a whole number, 0 or more"),
                (_, "more") => Fault::expected("a whole number"),
                _ => Fault::expected(format!("a whole number from {least} to {most}")),
            });
        };
        visit_integer(value, visitor)
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match &self.node.value {
            Value::Float(value) => Some(*value),
            // A whole number is a number; beyond 2^53 it loses its last digits, as a fraction would.
            Value::Integer(value) => Some(*value as f64),
            Value::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        };
        visitor.visit_f64(value.ok_or_else(|| Fault::expected("a number"))?)
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) | Value::Untyped(text) | Value::Datetime(text) => visitor.visit_str(text),
            _ => {
                let expected = (&visitor as &dyn Expected).to_string();
                // A type that says more than serde's own "a string" (a size with a unit …) knows best.
                Err(Fault::expected(if expected == "a string" { "text in quotes" } else { &expected }))
            }
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let node = self.structured()?;
        let split;
        let items = match &node.value {
            Value::List(items) => items,
            Value::Untyped(text) => {
                let item = |text: &str| Node::new(Value::Untyped(text.trim().to_owned()), node.origin.clone());
                split = if text.trim().is_empty() { Vec::new() } else { text.split(',').map(item).collect() };
                &split
            }
            _ => return Err(Fault::expected("a list")),
        };
        visitor.visit_seq(Items { items: items.iter().enumerate(), path: self.path, cx: self.cx })
    }

    /// A table for a visitor that takes any key (`fields` absent) or these.
    pub(super) fn table<'de, V: Visitor<'de>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let node = self.structured()?;
        let table = node.as_table().ok_or_else(|| Fault::expected("a table"))?;
        visitor.visit_map(Entries::new(table, fields, self.path, self.cx))
    }
}

fn visit_integer<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value, Fault> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => visitor.visit_u64(value),
        (_, Ok(value)) => visitor.visit_i64(value),
        _ => visitor.visit_i128(value),
    }
}

/// The name of `names` that a key stands for: a variable's segment may differ in case and in `-` against `_`.
pub(super) fn name_of<'n>(key: &str, origin: &Origin, names: &[&'n str]) -> Option<&'n str> {
    names
        .iter()
        .copied()
        .find(|name| *name == key)
        .or_else(|| names.iter().copied().find(|name| origin.is_environment() && same_key(name, key)))
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(<$type>::MIN.into(), <$type>::MAX.into(), visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visit_integer(*value, visitor),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) | Value::Datetime(text) => visitor.visit_str(text),
            Value::List(_) => self.list(visitor),
            Value::Table(_) => self.table(None, visitor),
            // The field takes several kinds of value: what looks like a table or a list is one if it can be read as one.
            Value::Untyped(text) => match self.structured() {
                Ok(node) if !matches!(node.value, Value::Untyped(_)) => self.with(&node).deserialize_any(visitor),
                _ => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match &self.node.value {
            Value::Bool(value) => Some(*value),
            Value::Untyped(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        visitor.visit_bool(value.ok_or_else(|| Fault::expected("true or false"))?)
    }

    integers! {
        deserialize_i8: i8, deserialize_i16: i16, deserialize_i32: i32, deserialize_i64: i64, deserialize_i128: i128,
        deserialize_u8: u8, deserialize_u16: u16, deserialize_u32: u32, deserialize_u64: u64
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.integer(0, i128::MAX, visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.float(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Untyped(text) if text.is_empty() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit_struct("", visitor)
    }

    /// A provider without configuration is an empty table.
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let node = self.structured()?;
        let table = node.as_table().ok_or_else(|| Fault::expected("an empty table"))?;
        Entries::new(table, Some(&[]), self.path, self.cx);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let (path, origin) = (self.path, &self.node.origin);
        if name == SECRET {
            let found = SecretUse { path: path.clone(), origin: origin.clone() };
            self.cx.found.borrow_mut().secrets.insert(path.clone(), found);
            return visitor.visit_newtype_struct(self).map_err(Fault::in_secret);
        }
        let value = visitor.visit_newtype_struct(self)?;
        if let (Some(interface), Some(service)) = (name.strip_prefix(SERVICE), self.node.as_text()) {
            let found = Reference { path: path.clone(), origin: origin.clone(), service: service.to_owned(), interface };
            self.cx.found.borrow_mut().references.insert(path.clone(), found);
        }
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.table(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.table(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let node = self.structured()?;
        let (name, content) = match &node.value {
            Value::Text(name) | Value::Untyped(name) => (name, None),
            Value::Table(table) => match table.iter().next() {
                Some((name, content)) if table.len() == 1 => (name, Some(content)),
                _ => {
                    return Err(Fault::expected(format!("one key of {}", list(variants.iter().copied()))));
                }
            },
            _ => {
                return Err(Fault::expected(format!("one of {}", list(variants.iter().copied()))));
            }
        };
        let name = name_of(name, &node.origin, variants).unwrap_or(name);
        visitor.visit_enum(Variant::new(name, content, self.path.key(name), self.cx))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    path: &'a KeyPath,
    cx: &'a Context<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        for (index, node) in self.items.by_ref() {
            let path = self.path.index(index);
            if !self.cx.is_left_out(&path) {
                return NodeDeserializer::new(node, &path, self.cx).decode(seed).map(Some);
            }
        }
        Ok(None)
    }
}

struct Entries<'a> {
    entries: std::vec::IntoIter<(KeyPath, &'a str, &'a Node)>,
    value: Option<(KeyPath, &'a Node)>,
    cx: &'a Context<'a>,
}

impl<'a> Entries<'a> {
    /// The entries that serde is to see: those without an earlier fault, and of a struct those that it has.
    fn new(table: &'a Table, fields: Option<&'static [&'static str]>, path: &KeyPath, cx: &'a Context<'a>) -> Self {
        let mut entries = Vec::with_capacity(table.len());
        for (key, node) in table {
            let name = fields.map_or(Some(key.as_str()), |fields| name_of(key, &node.origin, fields));
            let path = path.key(name.unwrap_or(key));
            match name {
                None => cx.unknown(path, &node.origin, key, fields.unwrap_or_default()),
                Some(name) if !cx.is_left_out(&path) => entries.push((path, name, node)),
                Some(_) => {}
            }
        }
        Self { entries: entries.into_iter(), value: None, cx }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((path, name, node)) = self.entries.next() else {
            return Ok(None);
        };
        // Like a variable's text, a key becomes what the map's key type asks for.
        let key = Node::new(Value::Untyped(name.to_owned()), node.origin.clone());
        let decoded = NodeDeserializer::new(&key, &path, self.cx).decode(seed).map(Some);
        self.value = Some((path, node));
        decoded
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        // serde calls this after a key only.
        let (path, node) = self.value.take().ok_or_else(|| Fault::expected("a key before its value"))?;
        NodeDeserializer::new(node, &path, self.cx).decode(seed)
    }
}
