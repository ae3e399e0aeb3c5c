//! What a model writes as arguments: read, and checked against the schema, before a tool sees it.

use std::cell::Cell;
use std::fmt;

use serde_json::{Map, Value};

/// How many schemas are looked at for one call. A schema may refer to itself, and one that is not ours may do so often.
const LOOKS: u32 = 1_000_000;

/// How deep references are followed.
const DEPTH: u32 = 200;

/// The arguments as an object that fits the schema.
///
/// # Errors
/// What is wrong, in words for the model.
pub(super) fn read(text: &str, schema: &Value, most_bytes: usize) -> Result<Value, String> {
    if text.len() > most_bytes {
        return Err(format!("the arguments have {} bytes; at most {most_bytes} are taken", text.len()));
    }
    let arguments = match text.trim() {
        // A tool without parameters is called without a word, or with none.
        "" | "null" => Value::Object(Map::new()),
        text => serde_json::from_str(text).map_err(|error| format!("the arguments are not JSON: {error}"))?,
    };
    check(&arguments, schema)?;
    Ok(arguments)
}

/// Whether arguments are an object that fits the schema, as far as its more common words say. What this does not know it
/// lets pass: the tool looks itself.
///
/// # Errors
/// The first thing that does not fit, and where.
pub(super) fn check(arguments: &Value, schema: &Value) -> Result<(), String> {
    if !arguments.is_object() {
        return Err(format!("the arguments must be an object, not {}", type_of(arguments)));
    }
    let check = Check { root: schema, looks: Cell::new(LOOKS) };
    check.value(&Place::Root, arguments, schema, DEPTH).map_err(|wrong| format!("the arguments do not fit: {wrong}"))
}

struct Check<'s> {
    root: &'s Value,
    looks: Cell<u32>,
}

/// Where in the arguments: `items[2].name`.
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the whole"),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

impl Check<'_> {
    fn value(&self, place: &Place<'_>, value: &Value, schema: &Value, depth: u32) -> Result<(), String> {
        let words = match schema {
            Value::Bool(false) => return Err(format!("`{place}` is not allowed")),
            Value::Object(words) => words,
            _ => return Ok(()),
        };
        let (Some(depth), Some(looks)) = (depth.checked_sub(1), self.looks.get().checked_sub(1)) else { return Ok(()) };
        self.looks.set(looks);
        if let Some(target) = words.get("$ref").and_then(Value::as_str).and_then(|name| self.referred(name)) {
            self.value(place, value, target, depth)?;
        }
        if let Some(types) = words.get("type")
            && !is_of(value, types)
        {
            return Err(format!("`{place}` must be of type {types}, and is {}", type_of(value)));
        }
        if let Some(Value::Array(all)) = words.get("enum")
            && !all.contains(value)
        {
            let all: Vec<String> = all.iter().map(Value::to_string).collect();
            return Err(format!("`{place}` must be one of {}", all.join(", ")));
        }
        if let Some(one) = words.get("const")
            && one != value
        {
            return Err(format!("`{place}` must be {one}"));
        }
        if let Some(Value::Array(all)) = words.get("allOf") {
            all.iter().try_for_each(|schema| self.value(place, value, schema, depth))?;
        }
        // `oneOf` too: that more than one fits is no reason to refuse a call.
        for choices in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = words.get(choices) {
                let tried = choices.iter().map(|schema| self.value(place, value, schema, depth));
                let wrong: Vec<String> = tried.map_while(Result::err).collect();
                if wrong.len() == choices.len() && !choices.is_empty() {
                    return Err(format!("`{place}` fits none of its forms: {}", wrong.join("; ")));
                }
            }
        }
        match value {
            Value::Object(members) => self.object(place, members, words, depth),
            Value::Array(items) => self.items(place, items, words, depth),
            Value::Number(number) => within(place, number.as_f64(), words),
            _ => Ok(()),
        }
    }

    fn object(
        &self,
        place: &Place<'_>,
        members: &Map<String, Value>,
        words: &Map<String, Value>,
        depth: u32,
    ) -> Result<(), String> {
        for name in words.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return Err(format!("`{}` is missing", Place::Member(place, name)));
            }
        }
        let known = words.get("properties").and_then(Value::as_object);
        // What is additional is only known where patterns are.
        let additional = words.get("additionalProperties").filter(|_| !words.contains_key("patternProperties"));
        for (name, member) in members {
            if let Some(schema) = known.and_then(|known| known.get(name)).or(additional) {
                self.value(&Place::Member(place, name), member, schema, depth)?;
            }
        }
        Ok(())
    }

    fn items(&self, place: &Place<'_>, items: &[Value], words: &Map<String, Value>, depth: u32) -> Result<(), String> {
        let bound = |word: &str| words.get(word).and_then(Value::as_u64);
        let count = items.len() as u64;
        if let Some(least) = bound("minItems").filter(|least| count < *least) {
            return Err(format!("`{place}` has {count} items, fewer than {least}"));
        }
        if let Some(most) = bound("maxItems").filter(|most| count > *most) {
            return Err(format!("`{place}` has {count} items, more than {most}"));
        }
        // Behind a prefix the schema is that of the rest only.
        let Some(schema) = words.get("items").filter(|_| !words.contains_key("prefixItems")) else { return Ok(()) };
        items.iter().enumerate().try_for_each(|(at, item)| self.value(&Place::Item(place, at), item, schema, depth))
    }

    fn referred(&self, name: &str) -> Option<&Value> {
        self.root.pointer(name.strip_prefix('#')?)
    }
}

fn within(place: &Place<'_>, number: Option<f64>, words: &Map<String, Value>) -> Result<(), String> {
    let bound = |word: &str| words.get(word).and_then(Value::as_f64);
    let Some(number) = number else { return Ok(()) };
    let below = bound("minimum").filter(|least| number < *least).or(bound("exclusiveMinimum").filter(|least| number <= *least));
    let above = bound("maximum").filter(|most| number > *most).or(bound("exclusiveMaximum").filter(|most| number >= *most));
    match (below, above) {
        (Some(least), _) => Err(format!("`{place}` is {number}, and its least is {least}")),
        (_, Some(most)) => Err(format!("`{place}` is {number}, and its most is {most}")),
        _ => Ok(()),
    }
}

/// Whether a value is of the type, or of one of the types.
fn is_of(value: &Value, types: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // 1.0 is an integer too, as JSON Schema has it.
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.is_empty() || names.iter().any(|name| name.as_str().is_none_or(is)),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "city": { "type": "string" },
                "days": { "type": "integer", "minimum": 1, "maximum": 7 },
                "unit": { "anyOf": [{ "const": "C" }, { "const": "F" }, { "type": "null" }] },
                "stops": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Stop" } },
            },
            "required": ["city"],
            "additionalProperties": false,
            "$defs": { "Stop": {
                "type": "object",
                "properties": { "name": { "enum": ["a", "b"] }, "next": { "$ref": "#/$defs/Stop" } },
                "required": ["name"],
            } },
        })
    }

    #[test]
    fn what_fits_is_read() {
        for text in [
            r#"{"city":"Riga"}"#,
            r#" {"city":"Riga","days":7.0,"unit":null} "#,
            r#"{"city":"","stops":[{"name":"a","next":{"name":"b","other":1}}]}"#,
        ] {
            assert!(read(text, &schema(), 1000).is_ok(), "{text}");
        }
        for nothing in ["", "  ", "{}", "null"] {
            assert_eq!(read(nothing, &json!({ "type": "object" }), 1000), Ok(json!({})));
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        for (text, told) in [
            ("{\"city\":", "not JSON: EOF"),
            ("[]", "must be an object, not an array"),
            ("{}", "`city` is missing"),
            (r#"{"city":7}"#, "`city` must be of type \"string\", and is a number"),
            (r#"{"city":"","days":1.5}"#, "`days` must be of type \"integer\""),
            (r#"{"city":"","days":8}"#, "`days` is 8, and its most is 7"),
            (r#"{"city":"","days":0}"#, "its least is 1"),
            (r#"{"city":"","unit":"K"}"#, "`unit` fits none of its forms: `unit` must be \"C\"; "),
            (r#"{"city":"","stops":[]}"#, "`stops` has 0 items, fewer than 1"),
            (r#"{"city":"","stops":[{"name":"a"},{"name":"c"}]}"#, "`stops[1].name` must be one of \"a\", \"b\""),
            (r#"{"city":"","stops":[{"name":"a","next":{}}]}"#, "`stops[0].next.name` is missing"),
            (r#"{"city":"","country":"LV"}"#, "`country` is not allowed"),
        ] {
            let wrong = read(text, &schema(), 1000).unwrap_err();
            assert!(wrong.contains(told), "{text}: {wrong}");
        }
        assert!(read(&"x".repeat(1001), &schema(), 1000).unwrap_err().contains("1001 bytes"));
        assert!(read(&"[".repeat(1000), &schema(), 1000).unwrap_err().contains("recursion limit"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let endless = json!({ "$ref": "#" });
        assert_eq!(check(&json!({}), &endless), Ok(()));
        let wide = json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }] });
        assert_eq!(check(&json!({}), &wide), Ok(()));
        assert_eq!(check(&json!({ "x": 1 }), &json!({ "properties": { "x": { "$ref": "#/nowhere" } } })), Ok(()));
    }
}
