//! What a failed answer says: code, message, request id.

use http::HeaderMap;
use serde_json::Value;

use super::headers;

/// What a service said about a failure, in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// Its code: `NoSuchKey`.
    pub code: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Its id of the request, where the body has it.
    pub request_id: Option<String>,
    /// What a code means and what mends it, for people, where the service says a code and nothing else.
    pub meaning: Option<&'static str>,
}

impl Said {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the request id.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets what a code means, which is told where there is no message.
    #[must_use]
    pub fn meaning(mut self, meaning: &'static str) -> Self {
        self.meaning = Some(meaning);
        self
    }

    /// Reads the JSON shapes that most services use: `{"error": {"code", "message"}}`, `{"code", "message"}`, OAuth's
    /// `{"error", "error_description"}`, RFC 9457's `{"type", "title", "detail"}`, `{"errors": [{…}]}`.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Self {
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return Self::default() };
        let first = |list: &Value| list.as_array().and_then(|list| list.first()).cloned();
        let nested = [body.get("error").cloned(), body.get("errors").and_then(first)];
        let inner =
            nested.into_iter().flatten().find_map(|value| if let Value::Object(inner) = value { Some(inner) } else { None });
        let field = |names: &[&str]| {
            let tables = inner.iter().chain(std::iter::once(&body));
            tables.flat_map(|table| names.iter().filter_map(|name| table.get(*name))).find_map(plain)
        };
        Self {
            code: field(&["code", "Code", "__type", "error_code", "errorCode", "type", "status", "error", "title"]),
            message: field(&["message", "Message", "error_description", "detail", "msg", "title", "error"]),
            request_id: field(&["request_id", "requestId", "RequestId"]),
            meaning: None,
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The request id, from whichever of the usual headers has it.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&str> {
    const NAMES: [&str; 11] = [
        "x-request-id",
        "x-amz-request-id",
        "x-amzn-requestid",
        "request-id",
        "x-ms-request-id",
        "x-github-request-id",
        "apigw-requestid",
        "x-correlation-id",
        "x-goog-request-id",
        "x-slack-req-id",
        "cf-ray",
    ];
    NAMES.iter().find_map(|name| headers::text(headers, name)).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_shapes() {
        for (body, code, message) in [
            (
                r#"{"error":{"code":"invalid_api_key","message":"Wrong key","type":"auth"}}"#,
                Some("invalid_api_key"),
                Some("Wrong key"),
            ),
            (
                r#"{"error":{"type":"overloaded_error","message":"Overloaded"},"type":"error"}"#,
                Some("overloaded_error"),
                Some("Overloaded"),
            ),
            (r#"{"error":{"code":null,"message":"m","status":"INVALID_ARGUMENT"}}"#, Some("INVALID_ARGUMENT"), Some("m")),
            (r#"{"code":50001,"message":"Missing Access"}"#, Some("50001"), Some("Missing Access")),
            (r#"{"error":"invalid_grant","error_description":"Expired"}"#, Some("invalid_grant"), Some("Expired")),
            (
                r#"{"type":"https://a.example/out","title":"Out","detail":"No credit"}"#,
                Some("https://a.example/out"),
                Some("No credit"),
            ),
            (r#"{"errors":[{"code":"x","message":"y"}]}"#, Some("x"), Some("y")),
            (r#"{"message":"Not Found","documentation_url":"d"}"#, None, Some("Not Found")),
            (r#"{"__type":"ResourceNotFoundException","Message":"m"}"#, Some("ResourceNotFoundException"), Some("m")),
            ("<html>", None, None),
            ("[1]", None, None),
            ("", None, None),
        ] {
            let said = Said::from_json(body.as_bytes());
            assert_eq!((said.code.as_deref(), said.message.as_deref()), (code, message), "{body}");
        }
    }
}
