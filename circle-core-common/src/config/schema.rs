//! JSON Schema of services and of a whole configuration file.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Segment;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of a config struct, as it is read (draft 2020-12).
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of a service's table: the provider's own keys, the common ones, and `provider` fixed to `id`.
///
/// `config` is [`schema_of`] the provider's struct, `common` that of [`Common`](super::Common::schema). No other key is
/// valid, because [`decode`](super::decode) accepts none.
#[must_use]
pub fn schema_for_service(id: &str, config: Value, common: Value) -> Value {
    let mut types = Map::new();
    let mut service = hoist(config, "", &mut types);
    let mut common = hoist(common, "common:", &mut types);
    service.remove("$schema");
    service.insert("title".to_owned(), id.into());
    service.insert("type".to_owned(), "object".into());
    let mut properties = take_object(&mut service, "properties");
    properties.extend(take_object(&mut common, "properties"));
    let mut tag = take_object(&mut properties, "provider");
    tag.remove("type");
    tag.insert("const".to_owned(), id.into());
    properties.insert("provider".to_owned(), tag.into());
    service.insert("properties".to_owned(), properties.into());
    let mut required = vec![json!("provider")];
    if let Some(Value::Array(own)) = service.remove("required") {
        required.extend(own.into_iter().filter(|key| key != "provider"));
    }
    service.insert("required".to_owned(), required.into());
    // A struct with `flatten` says itself what else it takes.
    service.entry("additionalProperties").or_insert(Value::Bool(false));
    if !types.is_empty() {
        service.insert("$defs".to_owned(), types.into());
    }
    service.into()
}

/// The schema of a whole `circle.toml`, for editors, from the [`schema_for_service`] of each provider by id, and the
/// schemas of the other top-level keys by name.
///
/// A profile's tables may be partial, so there only the names of the keys are checked.
#[must_use]
pub fn document_schema<'n>(
    services: impl IntoIterator<Item = (&'n str, Value)>,
    sections: impl IntoIterator<Item = (&'n str, Value)>,
) -> Value {
    let mut types = Map::new();
    let (mut whole, mut partial) = (Vec::new(), Vec::new());
    for (id, schema) in services {
        let service = hoist(schema, &format!("type:{id}:"), &mut types);
        partial.push(reference(&format!("overlay:{id}")));
        types.insert(format!("overlay:{id}"), overlay_of(&service));
        whole.push(reference(&format!("service:{id}")));
        types.insert(format!("service:{id}"), service.into());
    }
    let mut properties = Map::new();
    for (name, schema) in sections {
        properties.insert(name.to_owned(), hoist(schema, &format!("type:{name}:"), &mut types).into());
    }
    // A profile's section is partial too.
    let mut profile: Map<String, Value> = properties.keys().map(|name| (name.clone(), json!({ "type": "object" }))).collect();
    profile.insert("services".to_owned(), tables(one_of("anyOf", partial)));
    let profile = json!({ "type": "object", "properties": profile, "additionalProperties": false });
    properties.insert("version".to_owned(), json!({ "const": 1, "description": "The version of this format." }));
    properties.insert("services".to_owned(), tables(one_of("oneOf", whole)));
    properties.insert("profiles".to_owned(), tables(profile));
    json!({
        "$schema": DIALECT,
        "title": "Circle Core configuration",
        "type": "object",
        "properties": properties,
        "required": ["version"],
        "additionalProperties": false,
        "$defs": types,
    })
}

fn tables(each: Value) -> Value {
    json!({ "type": "object", "additionalProperties": each })
}

/// An empty `anyOf` or `oneOf` is no valid schema: without a provider any table is.
fn one_of(keyword: &str, schemas: Vec<Value>) -> Value {
    if schemas.is_empty() { json!({ "type": "object" }) } else { json!({ keyword: schemas }) }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The same keys, none required, nothing said about what is in them but for the provider.
fn overlay_of(service: &Map<String, Value>) -> Value {
    let properties: Map<String, Value> = service
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, schema)| (key.clone(), if key == "provider" { schema.clone() } else { Value::Bool(true) }))
        .collect();
    let additional = service.get("additionalProperties").is_some_and(|schema| *schema != Value::Bool(false));
    json!({ "type": "object", "properties": properties, "additionalProperties": additional })
}

/// Moves a schema's `$defs` to `types` under a prefix and points its references there.
fn hoist(mut schema: Value, prefix: &str, types: &mut Map<String, Value>) -> Map<String, Value> {
    redirect(&mut schema, prefix);
    let mut schema = match schema {
        Value::Object(schema) => schema,
        // `true`, the schema of everything.
        _ => Map::new(),
    };
    types.extend(take_object(&mut schema, "$defs").into_iter().map(|(name, schema)| (format!("{prefix}{name}"), schema)));
    schema.remove("$schema");
    schema
}

fn redirect(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(|schema| redirect(schema, prefix)),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{prefix}{name}");
                        }
                    }
                    _ => redirect(value, prefix),
                }
            }
        }
        _ => {}
    }
}

fn take_object(map: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match map.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// The required keys of the object at `path` that has the key `field`; just `field` where the schema does not say.
pub(super) fn required_with(root: &Value, path: &[Segment], field: &str) -> Vec<String> {
    let mut at = alternatives(root, root);
    for segment in path {
        at = at.into_iter().filter_map(|schema| step(schema, segment)).flat_map(|schema| alternatives(root, schema)).collect();
    }
    let object = at.into_iter().find(|schema| schema.pointer("/properties").is_some_and(|keys| keys.get(field).is_some()));
    let required = object.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    let mut keys: Vec<String> = required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    if !keys.iter().any(|key| key == field) {
        keys.push(field.to_owned());
    }
    keys
}

fn step<'s>(schema: &'s Value, segment: &Segment) -> Option<&'s Value> {
    match segment {
        Segment::Index(index) => schema.get("prefixItems").and_then(|items| items.get(index)).or_else(|| schema.get("items")),
        Segment::Key(key) => {
            schema.get("properties").and_then(|properties| properties.get(&**key)).or_else(|| schema.get("additionalProperties"))
        }
    }
}

/// A schema with everything that it refers to or that it is one of.
fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut found: Vec<&Value> = vec![schema];
    let mut next = 0;
    while let Some(schema) = found.get(next).copied() {
        next += 1;
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let choices = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array());
        for schema in target.and_then(|target| root.pointer(target)).into_iter().chain(choices.flatten()) {
            // A type that contains itself would come round for ever.
            if !found.iter().any(|known| std::ptr::eq(*known, schema)) {
                found.push(schema);
            }
        }
    }
    found
}

#[cfg(test)]
#[expect(dead_code, reason = "the structs are here for their schemas")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Common, KeyPath};

    #[derive(JsonSchema)]
    struct S3 {
        /// The bucket.
        bucket: String,
        region: Option<String>,
        auth: Auth,
        parts: Vec<Part>,
        more: BTreeMap<String, Part>,
        boxed: Option<Box<S3>>,
    }

    #[derive(JsonSchema)]
    struct Part {
        size: u64,
        count: u64,
        #[serde(default)]
        note: String,
    }

    #[derive(JsonSchema)]
    enum Auth {
        Chain,
        Keys { id: String, secret: String },
    }

    mod other {
        #[derive(super::JsonSchema)]
        pub(super) struct Queue {
            pub(super) part: Part,
        }

        /// Another type of the same name.
        #[derive(super::JsonSchema)]
        pub(super) struct Part {
            pub(super) text: String,
        }
    }

    fn s3() -> Value {
        schema_for_service("s3", schema_of::<S3>(), Common::schema())
    }

    /// Every `$ref` of a schema, and whether it points at something.
    fn references(root: &Value, schema: &Value, out: &mut Vec<(String, bool)>) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    let found = target.strip_prefix('#').is_some_and(|pointer| root.pointer(pointer).is_some());
                    out.push((target.clone(), found));
                }
                map.values().for_each(|schema| references(root, schema, out));
            }
            Value::Array(list) => list.iter().for_each(|schema| references(root, schema, out)),
            _ => {}
        }
    }

    #[test]
    fn a_service_has_its_own_and_the_common_keys_and_its_tag() {
        let schema = s3();
        let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "allow_loopback",
                "allow_networks",
                "allow_private",
                "auth",
                "boxed",
                "bucket",
                "client_certificate",
                "more",
                "parts",
                "provider",
                "region",
                "required",
                "resilience",
                "slo",
                "trace"
            ]
        );
        assert_eq!(schema["properties"]["provider"]["const"], "s3");
        assert_eq!(schema["properties"]["bucket"]["description"], "The bucket.");
        assert_eq!(schema["required"], json!(["provider", "bucket", "auth", "parts", "more"]));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!((&schema["type"], &schema["title"]), (&json!("object"), &json!("s3")));
    }

    #[test]
    fn types_of_the_common_keys_do_not_meet_those_of_the_provider() {
        let mut common = Common::schema();
        let resilience = schema_of::<other::Queue>();
        common["properties"]["resilience"] = json!({ "$ref": "#/$defs/Part" });
        common["$defs"] = resilience["$defs"].clone();
        let schema = schema_for_service("s3", schema_of::<S3>(), common);
        assert!(schema["$defs"]["Part"]["properties"].get("size").is_some());
        assert!(schema["$defs"]["common:Part"]["properties"].get("text").is_some());
        assert_eq!(schema["properties"]["resilience"]["$ref"], "#/$defs/common:Part");
    }

    #[test]
    fn a_document_holds_every_service_and_every_reference_points_somewhere() {
        let queue = schema_for_service("queue", schema_of::<other::Queue>(), Common::schema());
        let document = document_schema([("s3", s3()), ("queue", queue)], [("audit", schema_of::<other::Queue>())]);
        let mut found = Vec::new();
        references(&document, &document, &mut found);
        assert!(found.len() >= 8, "{found:?}");
        assert!(found.iter().all(|(_, points)| *points), "{found:?}");
        assert_eq!(
            document["properties"]["services"]["additionalProperties"]["oneOf"],
            json!([{ "$ref": "#/$defs/service:s3" }, { "$ref": "#/$defs/service:queue" }])
        );
        assert!(document["$defs"]["type:s3:Part"]["properties"].get("size").is_some());
        assert!(document["$defs"]["type:queue:Part"]["properties"].get("text").is_some());
        assert_eq!(document["required"], json!(["version"]));
        assert!(document["properties"].get("audit").is_some());
    }

    #[test]
    fn a_profiles_table_may_be_partial_but_not_mistyped() {
        let document = document_schema([("s3", s3())], []);
        let overlay = &document["$defs"]["overlay:s3"];
        assert_eq!(overlay.get("required"), None);
        assert_eq!(overlay["properties"]["bucket"], true);
        assert_eq!(overlay["properties"]["provider"]["const"], "s3");
        assert_eq!(overlay["additionalProperties"], false);
        let profile = &document["properties"]["profiles"]["additionalProperties"];
        assert_eq!(profile["properties"]["services"]["additionalProperties"]["anyOf"], json!([{ "$ref": "#/$defs/overlay:s3" }]));
        assert_eq!(document_schema([], [])["properties"]["services"]["additionalProperties"], json!({ "type": "object" }));
    }

    #[test]
    fn required_keys_are_found_at_any_depth() {
        let schema = schema_of::<S3>();
        let root = KeyPath::root();
        for (path, field, expected) in [
            (root.clone(), "bucket", &["auth", "bucket", "more", "parts"][..]),
            (root.key("auth").key("Keys"), "id", &["id", "secret"]),
            (root.key("parts").index(3), "size", &["count", "size"]),
            (root.key("more").key("x"), "count", &["count", "size"]),
            (root.key("boxed").key("parts").index(0), "count", &["count", "size"]),
            (root.key("nowhere"), "x", &["x"]),
        ] {
            let mut found = required_with(&schema, path.segments(), field);
            found.sort();
            assert_eq!(found, expected, "{path}");
        }
    }
}
