//! `application/x-www-form-urlencoded`.

use serde::Serialize;
use serde_json::Value;

use super::encode;
use crate::error::{Error, ErrorKind, Result};

/// A struct, a map or a list of pairs as a form.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let value = serde_json::to_value(value).map_err(|_| shape())?;
    let mut out = String::new();
    match value {
        Value::Object(fields) => {
            for (name, value) in &fields {
                field(&mut out, name, value)?;
            }
        }
        Value::Array(pairs) => {
            for pair in &pairs {
                let Some([Value::String(name), value]) = pair.as_array().map(Vec::as_slice) else { return Err(shape()) };
                field(&mut out, name, value)?;
            }
        }
        _ => return Err(shape()),
    }
    Ok(out)
}

fn field(out: &mut String, name: &str, value: &Value) -> Result<()> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => &value.to_string(),
        Value::Array(values) => {
            if values.iter().any(Value::is_array) {
                return Err(shape());
            }
            return values.iter().try_for_each(|value| field(out, name, value));
        }
        Value::Object(_) => return Err(shape()),
    };
    if !out.is_empty() {
        out.push('&');
    }
    encode::form(out, name);
    out.push('=');
    encode::form(out, text);
    Ok(())
}

fn shape() -> Error {
    Error::new(ErrorKind::InvalidInput, "a form takes a struct or map of plain values, or a list of pairs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Token<'a> {
        grant_type: &'a str,
        scope: Option<&'a str>,
        ttl: Option<u32>,
        resource: Vec<&'a str>,
    }

    #[test]
    fn structs_and_pairs() {
        let token = Token { grant_type: "a b&c", scope: None, ttl: Some(3), resource: vec!["x", "y"] };
        assert_eq!(encode(&token).unwrap(), "grant_type=a+b%26c&resource=x&resource=y&ttl=3");
        assert_eq!(encode(&[("b", "2"), ("a", "ü"), ("b", "")]).unwrap(), "b=2&a=%C3%BC&b=");
        assert_eq!(encode(&serde_json::json!({})).unwrap(), "");
    }

    #[test]
    fn other_shapes_are_refused() {
        for value in [
            serde_json::json!({"a": {"b": 1}}),
            serde_json::json!(7),
            serde_json::json!([["a"]]),
            serde_json::json!({"a": [["b"]]}),
        ] {
            assert!(encode(&value).unwrap_err().is(ErrorKind::InvalidInput), "{value}");
        }
    }
}
