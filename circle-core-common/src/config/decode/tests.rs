//! Decoding: what the rooms below share.

#![expect(dead_code, reason = "most structs here are decoded for their problems alone")]

mod messages;
mod secrets;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::config::{Tree, Value};

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(default)]
struct Everything {
    text: String,
    flag: bool,
    small: u8,
    signed: i64,
    large: u64,
    ratio: f64,
    letter: char,
    maybe: Option<u32>,
    maybe_text: Option<String>,
    names: Vec<String>,
    numbers: Vec<u16>,
    pair: (u8, String),
    labels: BTreeMap<String, String>,
    by_number: BTreeMap<u16, bool>,
    mode: Mode,
    wrapped: Wrapped,
    retry: Retry,
    #[serde(with = "crate::config::duration")]
    #[schemars(schema_with = "crate::config::duration::schema")]
    wait: Duration,
    #[serde(with = "crate::config::duration::option")]
    #[schemars(schema_with = "crate::config::duration::option::schema")]
    limit: Option<Duration>,
    free: serde_json::Value,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Fast,
    VerySlow,
    Named(String),
    Tuned {
        level: u8,
    },
    Pair(u8, u8),
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
struct Wrapped(u32);

#[derive(Debug, Deserialize, JsonSchema, PartialEq, Default)]
#[serde(default)]
struct Retry {
    max_attempts: u32,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Store {
    bucket: String,
    region: String,
    port: Option<u16>,
    endpoints: Option<Vec<Endpoint>>,
    nested: Option<Box<Store>>,
    mode: Option<Mode>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
struct Endpoint {
    host: String,
    port: u16,
}

fn path() -> KeyPath {
    KeyPath::root().key("services").key("a")
}

fn table(text: &str) -> Node {
    Tree::from_toml(&format!("[services.a]\n{text}"), "f").unwrap().service("a").unwrap().clone()
}

fn problems<T: DeserializeOwned + JsonSchema>(text: &str) -> String {
    decode::<T>(&table(text), &path(), &[]).value.err().map(|problems| problems.to_string()).unwrap_or_default()
}

fn variable(name: &str) -> Origin {
    Origin::Environment(format!("CIRCLE__SERVICES__A__{name}").into())
}

/// One key that a variable sets.
fn from_environment(key: &str, text: &str) -> Result<Everything, String> {
    let node = Node::new(Value::Untyped(text.to_owned()), variable(&key.to_uppercase()));
    let table = Node::new(Value::Table([(key.to_owned(), node)].into()), Origin::Code);
    decode(&table, &path(), &[]).value.map_err(|problems| problems.to_string())
}
