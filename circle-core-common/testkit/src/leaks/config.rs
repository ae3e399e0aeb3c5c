//! A configuration out of nothing but its schema, with a canary in every place of a secret.

use circle_core_common::suite::Canary;
use serde_json::{Map, Value, json};

/// What stands for every name: of a thing, of a recipient.
pub(super) const NAME: &str = "circle";

/// How a secret looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A key.
    Plain,
    /// An address with a key in its path.
    Address,
    /// A token of three parts.
    Jwt,
    /// 32 bytes in Base64.
    Key,
}

impl Form {
    pub(super) const ALL: [Self; 4] = [Self::Plain, Self::Address, Self::Jwt, Self::Key];
}

/// Which of several configurations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    form: Form,
    /// Whether optional texts are given too.
    whole: bool,
    /// Which variant of an enumeration, by its place.
    variant: usize,
}

/// A configuration, and the secrets in it.
pub(super) struct Filled {
    pub(super) config: Value,
    pub(super) secrets: Vec<Canary>,
}

/// How many places of secrets there are.
pub(super) fn slots(schema: &Value) -> usize {
    secrets_in(schema, schema, 0)
}

/// All configurations that differ in something that a schema cannot tell the worth of, the plainest first.
pub(super) fn choices(schema: &Value, form: Form) -> impl Iterator<Item = Choice> {
    let variants = longest_enumeration(schema).max(1);
    [false, true].into_iter().flat_map(move |whole| (0..variants).map(move |variant| Choice { form, whole, variant }))
}

pub(super) fn fill(schema: &Value, choice: Choice) -> Filled {
    let mut filler = Filler { root: schema, choice, base: base(schema), secrets: Vec::new() };
    let config = filler.value(schema, "", 0).unwrap_or_else(|| json!({}));
    Filled { config, secrets: filler.secrets }
}

/// Schemas refer to themselves.
const DEEPEST: usize = 12;

/// What [`SecretRef`](circle_core_common::SecretRef) says of itself.
fn is_secret(schema: &Value) -> bool {
    let pattern = |schema: &Value| schema["pattern"].as_str().is_some_and(|pattern| pattern.starts_with("^(env|file|"));
    alternatives(schema).is_some_and(|all| all.iter().any(pattern)) || pattern(schema)
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"].into_iter().find_map(|keyword| schema[keyword].as_array())
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let named = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    named.unwrap_or(schema)
}

fn secrets_in(root: &Value, schema: &Value, depth: usize) -> usize {
    let schema = resolved(root, schema);
    if is_secret(schema) {
        return 1;
    }
    if depth > DEEPEST {
        return 0;
    }
    let within = |schema: &Value| secrets_in(root, schema, depth + 1);
    let most = alternatives(schema).into_iter().flatten().map(within).max().unwrap_or(0);
    let own: usize = schema["properties"].as_object().into_iter().flat_map(Map::values).map(within).sum();
    let each = [&schema["additionalProperties"], &schema["items"]].into_iter().map(within).sum::<usize>();
    let all: usize = schema["allOf"].as_array().into_iter().flatten().map(within).sum();
    most + own + each + all
}

fn longest_enumeration(schema: &Value) -> usize {
    let constants = |all: &Vec<Value>| all.iter().filter(|of| of.get("const").is_some() || of.get("enum").is_some()).count();
    let own = schema["enum"].as_array().map_or(0, Vec::len).max(alternatives(schema).map_or(0, constants));
    let within = match schema {
        Value::Object(all) => all.values().map(longest_enumeration).max().unwrap_or(0),
        Value::Array(all) => all.iter().map(longest_enumeration).max().unwrap_or(0),
        _ => 0,
    };
    own.max(within)
}

/// Where the service is, if the schema says so: secrets that are addresses must often lead there.
fn base(schema: &Value) -> String {
    let defaults = schema["properties"].as_object().into_iter().flat_map(Map::values).filter_map(|of| of["default"].as_str());
    let known = defaults.filter(|default| default.starts_with("https://")).find(|default| !default.contains('{'));
    known.unwrap_or("https://service.test").trim_end_matches('/').to_owned()
}

struct Filler<'s> {
    root: &'s Value,
    choice: Choice,
    base: String,
    secrets: Vec<Canary>,
}

impl<'s> Filler<'s> {
    fn value(&mut self, schema: &'s Value, name: &str, depth: usize) -> Option<Value> {
        let schema = resolved(self.root, schema);
        if depth > DEEPEST {
            return None;
        }
        if is_secret(schema) {
            return Some(self.secret().into());
        }
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        if let Some(all) = schema["allOf"].as_array() {
            return self.value(all.first()?, name, depth + 1);
        }
        if let Some(example) = schema["examples"].as_array().and_then(|all| all.first()) {
            return Some(example.clone());
        }
        if let Some(all) = schema["enum"].as_array() {
            return all.get(self.choice.variant % all.len().max(1)).cloned();
        }
        if let Some(all) = alternatives(schema) {
            return self.alternative(all, name, depth);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null")?,
            kind => kind,
        };
        match kind.as_str().unwrap_or_default() {
            "object" => Some(self.object(schema, depth)),
            "array" => {
                let secret = secrets_in(self.root, &schema["items"], 0) > 0;
                let item = if secret { self.value(&schema["items"], name, depth + 1) } else { None };
                Some(item.into_iter().collect())
            }
            "string" => {
                Some(schema.get("default").filter(|default| default.is_string()).cloned().unwrap_or_else(|| text(name).into()))
            }
            "integer" | "number" => Some(schema.get("default").or(schema.get("minimum")).cloned().unwrap_or_else(|| 1.into())),
            "boolean" => Some(schema.get("default").cloned().unwrap_or(Value::Bool(false))),
            _ => None,
        }
    }

    /// The one with most secrets; of those that have none, the one that is chosen.
    fn alternative(&mut self, all: &'s [Value], name: &str, depth: usize) -> Option<Value> {
        let secrets = |schema: &Value| secrets_in(self.root, schema, 0);
        let best = all.iter().max_by_key(|schema| secrets(schema)).filter(|schema| secrets(schema) > 0);
        let chosen = best.or_else(|| {
            let some: Vec<&Value> = all.iter().filter(|schema| schema["type"] != "null").collect();
            some.get(self.choice.variant % some.len().max(1)).copied()
        });
        self.value(chosen?, name, depth + 1)
    }

    fn object(&mut self, schema: &'s Value, depth: usize) -> Value {
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            // An example is given for what a call cannot do without.
            let wanted = required.contains(&name.as_str())
                || of.get("examples").is_some()
                || secrets_in(self.root, of, 0) > 0
                || (self.choice.variant > 0 && is_enumeration(self.root, of))
                || (self.choice.whole && is_text(self.root, of));
            if wanted && let Some(value) = self.value(of, name, depth + 1) {
                object.insert(name.clone(), value);
            }
        }
        let each = &schema["additionalProperties"];
        if secrets_in(self.root, each, 0) > 0
            && let Some(value) = self.value(each, NAME, depth + 1)
        {
            object.insert(NAME.to_owned(), value);
        }
        object.into()
    }

    /// A reference to a new secret.
    fn secret(&mut self) -> String {
        let canary = Canary::new();
        let text = match self.choice.form {
            Form::Plain => canary.secret().to_owned(),
            Form::Address => format!("{}/services/{}", self.base, canary.secret()),
            Form::Jwt => {
                // Of three canaries in place of what a token says: one that shows a part of it shows it.
                let (head, tail) = (Canary::new(), Canary::new());
                let token = format!("ey{}.ey{}.{}", head.secret(), canary.secret(), tail.secret());
                self.secrets.extend([head, tail, Canary::of(token.chars().rev().collect::<String>())]);
                token
            }
            // Its letters are all of the alphabet.
            Form::Key => format!("{:A<43}=", canary.secret()),
        };
        self.secrets.push(canary);
        format!("literal:{text}")
    }
}

/// Whether a key takes one of a few texts.
fn is_enumeration(root: &Value, schema: &Value) -> bool {
    let schema = resolved(root, schema);
    let some = |all: &Vec<Value>| {
        let mut some = all.iter().filter(|schema| schema["type"] != "null").peekable();
        some.peek().is_some() && some.all(|schema| is_enumeration(root, schema))
    };
    schema.get("enum").is_some() || schema.get("const").is_some() || alternatives(schema).is_some_and(some)
}

/// Whether an optional key takes a text that is not one of a few.
fn is_text(root: &Value, schema: &Value) -> bool {
    let schema = resolved(root, schema);
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    kinds.iter().any(|kind| kind == "string") && schema.get("default").is_none_or(Value::is_null)
}

/// A text for a key, by its name.
fn text(name: &str) -> String {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["url", "uri", "endpoint", "base", "issuer"]) {
        "https://service.test".to_owned()
    } else if has(&["region", "location"]) {
        "eu-west-1".to_owned()
    } else if has(&["email"]) {
        "circle@service.test".to_owned()
    } else {
        NAME.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::SecretRef;
    use circle_core_common::config::schema_of;

    use super::*;

    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Config {
        preset: Preset,
        bucket: String,
        endpoint: Option<String>,
        parts: Option<u32>,
        key: SecretRef,
        more: Option<SecretRef>,
        keys: Vec<SecretRef>,
        by_name: std::collections::BTreeMap<String, SecretRef>,
        nested: Nested,
        other: Option<Preset>,
        table: Option<Table>,
    }

    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Table {
        name: String,
    }

    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    enum Preset {
        One,
        Two,
    }

    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    #[serde(untagged)]
    enum Nested {
        Name(String),
        Pair { id: String, secret: SecretRef, session: Option<SecretRef> },
    }

    #[test]
    fn every_place_of_a_secret_has_one_of_its_own() {
        let schema = schema_of::<Config>();
        assert_eq!(slots(&schema), 6);
        let all: Vec<Choice> = choices(&schema, Form::Plain).collect();
        let plain = fill(&schema, all[0]);
        assert_eq!(plain.secrets.len(), 6);
        let text = plain.config.to_string();
        assert!(plain.secrets.iter().all(|secret| text.matches(secret.secret()).count() == 1), "{text}");
        assert_eq!(
            (&plain.config["preset"], &plain.config["bucket"], plain.config.get("endpoint")),
            (&json!("One"), &json!(NAME), None)
        );
        assert_eq!((&plain.config["nested"]["id"], plain.config.get("other")), (&json!(NAME), None));
        let whole = fill(&schema, *all.last().unwrap());
        assert_eq!((&whole.config["preset"], &whole.config["endpoint"]), (&json!("Two"), &json!("https://service.test")));
        assert_eq!((&whole.config["other"], whole.config.get("table")), (&json!("Two"), None));
    }

    #[test]
    fn a_token_shows_in_each_of_its_parts() {
        let schema = schema_of::<Config>();
        let filled = fill(&schema, choices(&schema, Form::Jwt).next().unwrap());
        let token = filled.config["key"].as_str().unwrap().strip_prefix("literal:").unwrap();
        let backwards: String = token.chars().rev().collect();
        for shown in token.split('.').chain([backwards.as_str()]) {
            assert!(filled.secrets.iter().any(|secret| secret.is_in(shown)), "{shown}");
        }
    }
}
