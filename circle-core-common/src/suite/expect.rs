//! Assertions that say what was expected, and where.

use std::fmt::{Debug, Display};
use std::panic::Location;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Failed, Outcome};
use crate::error::{Error, ErrorKind, Reason, Result};

/// The longest value that a message repeats, in characters.
const SHOWN: usize = 300;

#[track_caller]
fn wrong<T>(text: impl Display) -> std::result::Result<T, Failed> {
    let at = Location::caller();
    let file = at.file().rsplit_once("/src/").map_or(at.file(), |(_, file)| file);
    Err(Failed::Wrong(format!("{text} ({file}:{})", at.line())))
}

fn shown(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

/// Checks that `actual` is `expected`.
///
/// # Errors
/// `Wrong`, with both.
#[track_caller]
pub fn equal<T: PartialEq<U> + Debug + ?Sized, U: Debug + ?Sized>(what: impl Display, actual: &T, expected: &U) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    wrong(format_args!("{what}: expected {}, got {}", shown(&expected), shown(&actual)))
}

/// Checks a condition, said in words.
///
/// # Errors
/// `Wrong`, with those words.
#[track_caller]
pub fn holds(what: impl Display, condition: bool) -> Outcome {
    if condition { Ok(()) } else { wrong(format_args!("does not hold: {what}")) }
}

/// Checks that a call fails with this kind; gives the error.
///
/// # Errors
/// `Wrong` when it succeeds or fails otherwise.
#[track_caller]
pub fn expect_kind<T: Debug>(what: impl Display, result: Result<T>, kind: ErrorKind) -> std::result::Result<Error, Failed> {
    match result {
        Err(error) if error.is(kind) => Ok(error),
        Err(error) => wrong(format_args!("{what}: expected {kind}, got {}: {error}", error.kind())),
        Ok(value) => wrong(format_args!("{what}: expected {kind}, got Ok({})", shown(&value))),
    }
}

/// Checks that a call fails with this kind and reason; gives the error.
///
/// # Errors
/// `Wrong` when it succeeds or fails otherwise.
#[track_caller]
pub fn expect_reason<T: Debug>(
    what: impl Display,
    result: Result<T>,
    kind: ErrorKind,
    reason: Reason,
) -> std::result::Result<Error, Failed> {
    let error = expect_kind(&what, result, kind)?;
    equal(format_args!("{what}: the reason of {error}"), &error.reason(), &Some(reason))?;
    Ok(error)
}

/// Checks that a call is refused for want of this capability.
///
/// # Errors
/// `Wrong` when it succeeds or fails otherwise.
#[track_caller]
pub fn expect_unsupported<T: Debug>(result: Result<T>, capability: &'static str) -> Outcome {
    let error = expect_kind(format_args!("a call that needs {capability}"), result, ErrorKind::Unsupported)?;
    equal("the capability in the error", &error.capability(), &Some(capability))?;
    equal("whether the refused call was sent", &error.sent(), &crate::Sent::No)
}

/// The value, once it was written down and read again.
///
/// # Errors
/// `Wrong` when it cannot be.
#[track_caller]
pub(crate) fn written_down<T: Serialize + DeserializeOwned>(value: &T) -> std::result::Result<T, Failed> {
    let read = serde_json::to_string(value).and_then(|text| serde_json::from_str(&text));
    read.or_else(|error| wrong(format_args!("what was written down cannot be read: {error}")))
}
