//! Readers of single fields: what a field does not hold, or holds otherwise than documented, is absent and fails no answer.

use std::time::Duration;

use circle_core_common::http::Response;
use circle_core_common::{Error, ErrorKind, Result, Sent, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::wire::{Count, Text};

/// A text; an empty one is none.
pub(crate) fn text<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<String>, D::Error> {
    Ok(Text::deserialize(field)?.owned())
}

/// A count that is not negative.
pub(crate) fn count<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<u64>, D::Error> {
    Ok(Count::deserialize(field)?.0)
}

/// A moment, in seconds since 1970.
pub(crate) fn moment<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<Timestamp>, D::Error> {
    let seconds = Count::deserialize(field)?.0.and_then(|seconds| i64::try_from(seconds).ok());
    Ok(seconds.map(|seconds| Timestamp::from_unix(seconds, 0)))
}

/// A length in seconds, a number or, as vLLM writes it, a text.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<Duration>, D::Error> {
    let seconds = match Value::deserialize(field)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}

/// A number.
pub(crate) fn number<'de, D: Deserializer<'de>>(field: D) -> std::result::Result<Option<f64>, D::Error> {
    Ok(Value::deserialize(field)?.as_f64())
}

/// A list; null is an empty one.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> std::result::Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(field)?.unwrap_or_default())
}

/// An answer that borrows from its body: what is large is not copied before it is decoded.
pub(crate) fn borrowed<'a, T: Deserialize<'a>>(response: &'a Response, what: &str) -> Result<T> {
    serde_json::from_slice(&response.body).map_err(|_| {
        // Read once more for an error that says where, and holds nothing of the answer.
        match response.json::<Value>() {
            Err(error) => error,
            Ok(_) => Error::new(ErrorKind::Decode, format!("the answer is JSON, and no {what}")).with_sent(Sent::Yes),
        }
    })
}
