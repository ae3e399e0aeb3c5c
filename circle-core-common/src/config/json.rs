//! JSON with the line of every value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::MAX_DEPTH;
use super::origin::Lines;
use super::problem::MAX_PROBLEMS;
use super::{KeyPath, Node, Origin, Problem, Problems, Table, Value};

/// Reads a document, which must be an object.
pub(super) fn parse(text: &str, name: &str) -> Result<Table, Problems> {
    let lines = Lines::new(name, text);
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let line = u32::try_from(error.line()).ok();
        let origin = Origin::File { name: name.into(), line, profile: None };
        Problem::new(KeyPath::root(), origin, message(&error))
    })?;
    let mut reader = Reader { text, lines, problems: Problems::new() };
    let node = reader.node(raw, &KeyPath::root());
    match node.value {
        Value::Table(table) => reader.problems.or(table),
        _ => Err(Problem::new(KeyPath::root(), node.origin, "expected an object").into()),
    }
}

/// The message without serde_json's own " at line 1 column 2", which the origin says already.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned()
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines,
    problems: Problems,
}

impl<'a> Reader<'a> {
    // A raw value borrows from the text, so its address says where it stands: serde_json's grammar, our lines.
    fn node(&mut self, raw: &'a RawValue, path: &KeyPath) -> Node {
        let json = raw.get();
        let origin = self.lines.at(json.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()));
        let value = match json.bytes().next() {
            Some(b'{' | b'[') if path.segments().len() > MAX_DEPTH => Err(format!("nested more than {MAX_DEPTH} deep")),
            Some(b'{') => read(json).map(|entries| self.table(entries, path)),
            Some(b'[') => read(json).map(|items: Vec<&'a RawValue>| {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(index, item)| self.node(item, &path.index(index))).collect())
            }),
            Some(b'"') => read(json).map(Value::Text),
            Some(b't' | b'f') => read(json).map(Value::Bool),
            Some(b'n') => Err("null is no value; leave the key out".to_owned()),
            _ if json.contains(['.', 'e', 'E']) => read(json).map(Value::Float),
            _ => json.parse().map(Value::Integer).map_err(|_| "the number is too large".to_owned()),
        };
        let value = value.unwrap_or_else(|message| {
            self.refuse(path, &origin, message);
            Value::Bool(false)
        });
        Node::new(value, origin)
    }

    fn table(&mut self, entries: Entries<'a>, path: &KeyPath) -> Value {
        let mut table = Table::new();
        for (key, raw) in entries.0 {
            let path = path.key(&key);
            let node = self.node(raw, &path);
            if table.contains_key(&key) {
                self.refuse(&path, &node.origin, "the key is here twice".to_owned());
            }
            table.insert(key, node);
        }
        Value::Table(table)
    }

    fn refuse(&mut self, path: &KeyPath, origin: &Origin, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(path.clone(), origin.clone(), message));
        }
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| message(&error))
}

/// The entries of an object in their order, so that a key that stands twice is seen.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let table =
            parse("{\n  \"version\": 1,\n  \"services\": {\n    \"a\": { \"x\": [true,\n 2.5, \"z\\u0041\"] }\n  }\n}", "c.json")
                .unwrap();
        assert_eq!(table["version"].origin.to_string(), "c.json:2");
        let a = table["services"].get("a").unwrap();
        assert_eq!(a.origin.to_string(), "c.json:4");
        let Value::List(list) = &a.get("x").unwrap().value else { panic!("{a:?}") };
        let shown: Vec<_> = list.iter().map(|node| (node.origin.to_string(), node.value.scalar().unwrap())).collect();
        let expected = [("c.json:4", "true"), ("c.json:5", "2.5"), ("c.json:5", "zA")];
        assert_eq!(shown, expected.map(|(line, value)| (line.to_owned(), value.to_owned())));
    }

    #[test]
    fn messages() {
        for (text, message) in [
            ("{\n \"a\": 1,\n}", "c.json:3: key must be a string"),
            ("[1]", "c.json:1: expected an object"),
            ("", "c.json:1: EOF while parsing a value"),
            ("{} x", "c.json:1: trailing characters"),
            ("{\"a\":\n null}", "a (c.json:2): null is no value; leave the key out"),
            ("{\"a\": 1,\n\"a\": 2}", "a (c.json:2): the key is here twice"),
            ("{\"a\": \"\\ud800\"}", "a (c.json:1): unexpected end of hex escape"),
            ("{\"a\": 1e999}", "a (c.json:1): number out of range"),
            ("{\"a\": 9999999999999999999999999999999999999999}", "a (c.json:1): the number is too large"),
            (
                "{\"a\": null,\n \"b\": [1, null]}",
                "a (c.json:1): null is no value; leave the key out\nb[1] (c.json:2): null is no value; leave the key out",
            ),
        ] {
            assert_eq!(parse(text, "c.json").unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn deep_input_is_refused() {
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let shown = parse(&nested, "c.json").unwrap_err().to_string();
        assert!(shown.ends_with("nested more than 64 deep"), "{shown}");
        assert!(parse(&"{\"a\":".repeat(200_000), "c.json").is_err());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<u64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn back(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => {
                i64::try_from(*value).map_or_else(|_| u64::try_from(*value).unwrap().into(), serde_json::Value::from)
            }
            Value::Text(value) => value.clone().into(),
            Value::List(list) => list.iter().map(back).collect(),
            Value::Table(table) => table.iter().map(|(key, node)| (key.clone(), back(node))).collect(),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(value in json()) {
            let text = serde_json::to_string_pretty(&serde_json::json!({ "value": value })).unwrap();
            prop_assert_eq!(back(&parse(&text, "c.json").unwrap()["value"]), value);
        }

        #[test]
        fn arbitrary_text_never_panics(text in r#"[\[\]{}:,"0-9a-z.e\\u \n-]{0,60}"#, other in any::<String>()) {
            let _ = parse(&text, "c.json");
            let _ = parse(&other, "c.json");
        }
    }
}
