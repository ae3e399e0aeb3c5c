//! A value and where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Origin;

/// How deep tables and lists may nest; deeper input is refused, so that nothing recursive can exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;

/// The keys of a table.
pub type Table = BTreeMap<String, Node>;

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What was configured.
    pub value: Value,
    /// Where.
    pub origin: Origin,
}

/// A configured value. `Debug` shows no text, because text may be a secret.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// A TOML date or time, as text.
    Datetime(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// Text from the environment: it becomes what the field that it lands in asks for.
    Untyped(String),
}

impl Node {
    /// A node.
    #[must_use]
    pub const fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// The table in this node.
    #[must_use]
    pub const fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The table in this node, to change it.
    pub const fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text in this node, from a file or from the environment.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Untyped(text) => Some(text),
            _ => None,
        }
    }

    /// The value of one key, when this is a table that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_table()?.get(key)
    }

    /// Notes on this node and all below it that a profile's table holds them.
    pub(super) fn mark_profile(&mut self, name: &Arc<str>) {
        if let Origin::File { profile, .. } = &mut self.origin {
            *profile = Some(Arc::clone(name));
        }
        match &mut self.value {
            Value::Table(table) => table.values_mut().for_each(|node| node.mark_profile(name)),
            Value::List(list) => list.iter_mut().for_each(|node| node.mark_profile(name)),
            _ => {}
        }
    }
}

impl Default for Node {
    /// An empty table, set in code.
    fn default() -> Self {
        Self::new(Value::Table(Table::new()), Origin::Code)
    }
}

impl Value {
    /// What this is, as a message says it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "the boolean",
            Self::Integer(_) | Self::Float(_) => "the number",
            Self::Text(_) | Self::Untyped(_) => "text",
            Self::Datetime(_) => "the date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// The value as it was written, unless it is a list or a table.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::Text(value) | Self::Datetime(value) | Self::Untyped(value) => Some(value.clone()),
            Self::List(_) | Self::Table(_) => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "Bool({value})"),
            Self::Integer(_) => f.write_str("Integer"),
            Self::Float(_) => f.write_str("Float"),
            Self::Text(_) => f.write_str("Text"),
            Self::Datetime(_) => f.write_str("Datetime"),
            Self::Untyped(_) => f.write_str("Untyped"),
            Self::List(list) => f.debug_list().entries(list).finish(),
            Self::Table(table) => f.debug_map().entries(table).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_shape_and_no_text() {
        let table: Table = [
            ("pin", Value::Integer(4711)),
            ("api_key", Value::Text("hunter2".into())),
            ("token", Value::Untyped("hunter2".into())),
            ("list", Value::List(vec![Node::new(Value::Text("hunter2".into()), Origin::Code)])),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Node::new(value, Origin::Code)))
        .collect();
        let shown = format!("{:?}", Node::new(Value::Table(table), Origin::Code));
        assert!(shown.contains("api_key") && shown.contains("Text"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
    }
}
