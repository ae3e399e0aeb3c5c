//! The configuration table on each provider's page, from the JSON Schema of its config struct.

use serde_json::{Map, Value};

use super::{
    block::{self, Comment},
    plan::Plan,
};
use crate::{
    outcome::{Problem, Problems},
    schemas::Entries,
    workspace::Provider,
};

pub(super) fn sync(plan: &mut Plan<'_>, problems: &mut Problems, entries: &Entries) {
    for provider in plan.workspace.providers() {
        let body = body(&provider, problems, entries);
        block::fill(plan, problems, &provider.package.file("README.md"), Comment::Html, "configuration", &body);
    }
}

fn body(provider: &Provider<'_>, problems: &mut Problems, entries: &Entries) -> String {
    let at = provider.package.file("Cargo.toml");
    let mut tables = Vec::new();
    for (service, interfaces) in &provider.circle.services {
        let Some(entry) = entries.get(service) else {
            problems.push(Problem::new(
                "registry",
                &at,
                format!("the built registry knows no service `{service}`"),
                "make `Integration::NAME` and the metadata agree",
            ));
            continue;
        };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.join(", ")
        };
        if sorted(interfaces) != sorted(&entry.interfaces) {
            problems.push(Problem::new(
                "registry",
                &at,
                format!("`{service}` offers {} by the metadata, {} by its type", sorted(interfaces), sorted(&entry.interfaces)),
                "make `Integration::INTERFACES` and the metadata agree",
            ));
        }
        tables.push((service, table(&entry.schema)));
    }
    match &tables[..] {
        [(_, table)] => table.clone(),
        several => several.iter().map(|(service, table)| format!("`provider = \"{service}\"`\n\n{table}\n")).collect(),
    }
}

/// Keys of tables in tables in tables are shown; what is nested deeper is described by its table.
const DEEPEST: usize = 2;

fn table(schema: &Value) -> String {
    let mut rows = String::new();
    let definitions = schema.get("$defs").and_then(Value::as_object);
    properties(schema, definitions, "", &mut rows);
    if rows.is_empty() {
        return "It has no keys of its own.\n".to_owned();
    }
    format!("| Key | Type | Default | Meaning |\n|---|---|---|---|\n{rows}")
}

/// One row per key, the keys of tables below their table.
fn properties(schema: &Value, definitions: Option<&Map<String, Value>>, prefix: &str, rows: &mut String) {
    let required: Vec<_> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(keys) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    for (key, property) in keys {
        let resolved = resolve(property, definitions);
        let default = match property.get("default").or_else(|| resolved.get("default")) {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            None | Some(Value::Null) => "–".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let description =
            property.get("description").or_else(|| resolved.get("description")).and_then(Value::as_str).unwrap_or_default();
        *rows += &format!(
            "| `{prefix}{key}` | {} | {} | {} |\n",
            cell(&kind(resolved, definitions)),
            cell(&default),
            cell(description)
        );
        // A type may hold itself.
        if prefix.matches('.').count() < DEEPEST {
            properties(resolved, definitions, &format!("{prefix}{key}."), rows);
        }
    }
}

/// Follows a reference, and looks through `T or null`, which is how an optional value is written.
fn resolve<'s>(schema: &'s Value, definitions: Option<&'s Map<String, Value>>) -> &'s Value {
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|path| definitions?.get(path.strip_prefix("#/$defs/")?));
    if let Some(referred) = referred {
        return resolve(referred, definitions);
    }
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array)
        && let [one] =
            options.iter().filter(|option| option.get("type").and_then(Value::as_str) != Some("null")).collect::<Vec<_>>()[..]
    {
        return resolve(one, definitions);
    }
    schema
}

fn kind(schema: &Value, definitions: Option<&Map<String, Value>>) -> String {
    if let Some(title) = schema.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return choices(values.iter().filter(|value| !value.is_null()).map(|value| format!("`{value}`")));
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    for union in ["oneOf", "anyOf"] {
        if let Some(options) = schema.get(union).and_then(Value::as_array) {
            return choices(options.iter().map(|option| kind(resolve(option, definitions), definitions)));
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) if name == "array" => {
            let items = schema.get("items").map(|items| resolve(items, definitions));
            items.map_or_else(|| "list".to_owned(), |items| format!("list of {}", kind(items, definitions)))
        }
        Some(Value::String(name)) if name == "object" => "table".to_owned(),
        Some(Value::String(name)) => match schema.get("examples").and_then(|examples| examples.get(0)) {
            Some(example) => format!("{name}, such as `{example}`"),
            None => name.clone(),
        },
        Some(Value::Array(names)) => {
            choices(names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(str::to_owned))
        }
        _ => "any".to_owned(),
    }
}

fn choices(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(" or ")
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{fixture::Fixture, schemas::Entry};

    #[test]
    fn every_kind_of_key_has_its_row() {
        let schema = json!({
            "type": "object",
            "properties": {
                "bucket": { "type": "string", "description": "The bucket's\nname." },
                "mode": { "$ref": "#/$defs/Mode", "default": "fast" },
                "names": { "type": "array", "items": { "type": "string" }, "default": [] },
                "size": { "anyOf": [{ "$ref": "#/$defs/Size" }, { "type": "null" }], "description": "a | b" },
                "retry": { "$ref": "#/$defs/Retry" },
                "note": { "type": ["string", "null"], "default": null },
            },
            "required": ["bucket"],
            "$defs": {
                "Mode": { "oneOf": [{ "const": "fast" }, { "const": "safe" }] },
                "Size": { "type": "string", "examples": ["5 MiB", "1 GiB"] },
                "Retry": { "type": "object", "properties": { "count": { "type": "integer", "default": 3 } } },
            },
        });
        assert_eq!(
            table(&schema).lines().skip(2).collect::<Vec<_>>(),
            [
                "| `bucket` | string | required | The bucket's name. |",
                "| `mode` | `\"fast\"` or `\"safe\"` | `\"fast\"` |  |",
                "| `names` | list of string | `[]` |  |",
                "| `note` | string | – |  |",
                "| `retry` | table | – |  |",
                "| `retry.count` | integer | `3` |  |",
                "| `size` | string, such as `\"5 MiB\"` | – | a \\| b |",
            ]
        );
    }

    #[test]
    fn a_type_that_holds_itself_ends() {
        let node = json!({ "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" } } });
        let schema = json!({ "properties": { "head": { "$ref": "#/$defs/Node" } }, "$defs": { "Node": node } });
        assert_eq!(table(&schema).lines().skip(2).count(), 3);
    }

    #[test]
    fn a_registry_that_says_otherwise_is_a_problem() {
        let fixture = Fixture::new();
        for page in ["memory", "filesystem"] {
            let page = format!("integrations/data-storage/{page}/README.md");
            fixture.write(&page, "<!-- xtask sync: configuration begin -->\n<!-- xtask sync: configuration end -->\n");
        }
        let workspace = fixture.workspace();
        let says = |interface: &str| Entry { interfaces: vec![interface.to_owned()], schema: json!({}) };
        let problems_of = |entries: Entries| {
            let (mut plan, mut problems) = (Plan::new(&workspace), Problems::default());
            sync(&mut plan, &mut problems, &entries);
            problems.into_vec().into_iter().map(|problem| problem.what).collect::<Vec<_>>()
        };
        let entries =
            |second: &str| Entries::from([("memory".to_owned(), says("ObjectStore")), ("filesystem".to_owned(), says(second))]);
        assert_eq!(problems_of(entries("ObjectStore")), Vec::<String>::new());
        assert_eq!(problems_of(entries("Queue")), ["`filesystem` offers ObjectStore by the metadata, Queue by its type"]);
        assert_eq!(problems_of(Entries::new()).len(), 2);
    }

    #[test]
    fn a_config_without_keys_says_so() {
        assert_eq!(table(&json!({ "type": "object" })), "It has no keys of its own.\n");
    }
}
