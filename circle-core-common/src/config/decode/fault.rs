//! The error that serde carries while a node is decoded.

use std::fmt;

use serde::de;

use crate::config::suggest::list;
use crate::config::{KeyPath, Node, Origin};

/// Values up to this many characters are shown in messages; longer ones are no typing mistake that one sees at a glance.
const SHOWN: usize = 40;

/// One error of one round. The innermost value that fails gives it its place.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) place: Option<Box<Place>>,
    secret: bool,
}

/// The value that failed.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: KeyPath,
    pub(super) origin: Origin,
    kind: &'static str,
    scalar: Option<String>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Missing(&'static str),
    Repeated(&'static str),
    UnknownField {
        field: String,
        valid: &'static [&'static str],
    },
    UnknownVariant {
        variant: String,
        valid: &'static [&'static str],
    },
    /// What was expected; what was found is the node.
    Mismatch {
        expected: String,
    },
    Other(String),
}

impl Fault {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, place: None, secret: false }
    }

    pub(super) fn expected(what: impl fmt::Display) -> Self {
        Self::new(Kind::Mismatch { expected: what.to_string() })
    }

    /// Gives the fault its place, unless a value further in has.
    pub(super) fn at(mut self, path: &KeyPath, node: &Node) -> Self {
        self.place.get_or_insert_with(|| {
            let (path, origin) = (path.clone(), node.origin.clone());
            Box::new(Place { path, origin, kind: node.value.kind(), scalar: node.value.scalar() })
        });
        self
    }

    /// Notes that the value is that of a secret.
    pub(super) const fn in_secret(mut self) -> Self {
        self.secret = true;
        self
    }

    fn scalar(&self) -> Option<&str> {
        self.place.as_ref()?.scalar.as_deref()
    }

    /// The value, when it may stand in a message.
    pub(super) fn shown(&self) -> Option<&str> {
        let secret = self.secret || self.place.as_ref().is_some_and(|place| place.path.sounds_secret());
        self.scalar().filter(|text| !secret && text.chars().count() <= SHOWN)
    }

    /// "the number `20`", "text", "a list".
    pub(super) fn found(&self) -> String {
        let kind = self.place.as_ref().map_or("another value", |place| place.kind);
        match self.shown() {
            Some("") => "empty text".to_owned(),
            Some(text) => format!("{kind} `{text}`"),
            None => kind.to_owned(),
        }
    }

    pub(super) fn message(&self) -> String {
        match &self.kind {
            Kind::Mismatch { expected } => {
                format!("expected {expected}, found {}", self.found())
            }
            Kind::Repeated(field) => format!("`{field}` is set twice, once by another name of it"),
            Kind::Other(message) => self.without_value(message),
            Kind::Missing(field) => format!("missing key `{field}`"),
            Kind::UnknownField { valid, .. } | Kind::UnknownVariant { valid, .. } => {
                format!("expected one of {}", list(valid.iter().copied()))
            }
        }
    }

    /// A type's own message may quote the value that it refuses; it goes where the value must not be shown.
    fn without_value(&self, message: &str) -> String {
        // A shorter value cannot be told from ordinary words in the message.
        const TELLING: usize = 4;
        let Some(value) = self.scalar().filter(|_| self.shown().is_none()) else {
            return message.to_owned();
        };
        // What stands after a scheme (`literal:…`) is as secret as the whole.
        let rest = value.split_once(':').map_or("", |(_, rest)| rest);
        [value, rest].iter().fold(message.to_owned(), |message, part| {
            if part.is_empty() || !message.contains(part) {
                message
            } else if part.len() < TELLING {
                "the value is not valid".to_owned()
            } else {
                message.replace(part, "[redacted]")
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(Kind::Other(format!("expected {expected}, found {length} values")))
    }

    fn unknown_variant(variant: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownVariant { variant: variant.to_owned(), valid })
    }

    fn unknown_field(field: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownField { field: field.to_owned(), valid })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Kind::Repeated(field))
    }
}
