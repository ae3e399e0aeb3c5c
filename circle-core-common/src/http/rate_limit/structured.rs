//! `RateLimit` and `RateLimit-Policy`: structured fields (RFC 9651) of the IETF draft.

use std::time::Duration;

use http::HeaderMap;

use super::{LimitScope, LimitUnit, RateLimit};

/// A member of a list: its text without quotes, and its parameters.
struct Item<'t> {
    name: &'t str,
    parameters: Vec<(&'t str, &'t str)>,
}

impl Item<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }
}

/// `"default";r=50;t=30` with `"default";q=100;w=60`; or, in draft 7, `limit=100, remaining=50, reset=30`.
pub(super) fn read(headers: &HeaderMap) -> Vec<RateLimit> {
    let limits = items(headers, "ratelimit");
    if limits.is_empty() {
        return Vec::new();
    }
    // A dictionary, whose members have their value where an item has its parameters.
    let member = |key: &str| limits.iter().find_map(|item| item.name.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    if let Some(remaining) = member("remaining") {
        let reset_after = member("reset").map(Duration::from_secs);
        return vec![RateLimit { limit: member("limit"), remaining: Some(remaining), reset_after, ..RateLimit::default() }];
    }
    let policies = items(headers, "ratelimit-policy");
    let limits = limits.iter().filter_map(|item| {
        let remaining = item.number("r")?;
        let policy = policies.iter().find(|policy| policy.name == item.name);
        let unit = match policy.and_then(|policy| policy.text("qu")) {
            None | Some("requests" | "request") => LimitUnit::Requests,
            Some("concurrent-requests" | "concurrency") => LimitUnit::Concurrent,
            Some(_) => LimitUnit::Amount,
        };
        let name = match item.text("pk") {
            Some(partition) => format!("{};{partition}", item.name),
            None => item.name.to_owned(),
        };
        Some(RateLimit {
            scope: LimitScope::Named(name),
            unit,
            limit: policy.and_then(|policy| policy.number("q")),
            remaining: Some(remaining),
            reset_after: item.number("t").map(Duration::from_secs),
            ..RateLimit::default()
        })
    });
    limits.collect()
}

/// The members of a list, which may be spread over several headers.
fn items<'h>(headers: &'h HeaderMap, name: &str) -> Vec<Item<'h>> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| split(text, ',')).filter_map(item).collect()
}

fn item(text: &str) -> Option<Item<'_>> {
    let mut parts = split(text, ';').into_iter();
    let name = unquoted(parts.next()?);
    let parameters = parts.map(|part| part.split_once('=').map_or((part, ""), |(key, value)| (key.trim(), unquoted(value))));
    (!name.is_empty()).then(|| Item { name, parameters: parameters.collect() })
}

/// Without the quotes of a string or the colons of bytes. An escape in a name stays: names are only compared.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let within = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark);
    within('"').or_else(|| within(':')).unwrap_or(text)
}

/// The parts between separators that are not within a string.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(text[start..at].trim());
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}
