//! Headers that one service or a few have to themselves, and families whose names are the service's.

use std::time::Duration;

use http::HeaderMap;

use super::families::{SALESFORCE, SHOPIFY, bucket, count, number, rest_of, unit};
use super::reset::reset_after;
use super::{LimitScope, LimitUnit, RateLimit, Refill};
use crate::http::headers::text;
use crate::units::Timestamp;

/// Shopify's buckets are of 20 s: 40 at 2 each second, 400 at 20.
const SHOPIFY_FULL: f64 = 20.0;

pub(super) fn read(headers: &HeaderMap, answered: Timestamp, found: &mut Vec<RateLimit>) {
    for (header, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let header = header.as_str();
        if let Some(kind) = header.strip_prefix("x-ratelimit-remaining-") {
            found.extend(by_suffix(headers, kind, value, answered));
        } else if let Some(kind) = between(header, "anthropic-ratelimit-", "-remaining") {
            let names = ["limit", "reset"].map(|part| format!("anthropic-ratelimit-{kind}-{part}"));
            found.extend(bucket_of(headers, kind, value, &names, answered));
        } else if let Some(name) = between(header, "x-ratelimit-", "-remaining") {
            found.extend(by_infix(headers, name, value, answered));
        } else if let Some(name) = header.strip_prefix("zendesk-ratelimit-") {
            found.extend(zendesk(name, value));
        } else if let Some(name) = header.strip_prefix("x-ms-ratelimit-remaining-") {
            found.extend(azure(name, value));
        } else if header == "x-sentry-rate-limits" {
            found.extend(value.split(',').flat_map(sentry));
        } else if header == "x-sentry-rate-limit-concurrentremaining" {
            let limit = number(headers, "x-sentry-rate-limit-concurrentlimit");
            found.push(RateLimit { unit: LimitUnit::Concurrent, limit, remaining: count(value), ..RateLimit::default() });
        } else if header == SHOPIFY {
            found.extend(used_of(value).map(|(used, limit)| {
                let remaining = limit.saturating_sub(used);
                let reset_after = bucket(limit, remaining, limit as f64 / SHOPIFY_FULL);
                let refill = Refill::Steadily;
                RateLimit { limit: Some(limit), remaining: Some(remaining), reset_after, refill, ..RateLimit::default() }
            }));
        } else if header == SALESFORCE {
            // Of a day, whose hours roll by: nobody is told when.
            found.extend(value.split([',', ';']).find_map(|part| used_of(part.trim().strip_prefix("api-usage=")?)).map(
                |(used, limit)| RateLimit {
                    limit: Some(limit),
                    remaining: Some(limit.saturating_sub(used)),
                    ..RateLimit::default()
                },
            ));
        }
    }
}

fn between<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

/// `X-RateLimit-Remaining-Tokens` of OpenAI and whoever speaks its dialect, and `X-RateLimit-Remaining-Minute`.
fn by_suffix(headers: &HeaderMap, kind: &str, value: &str, answered: Timestamp) -> Option<RateLimit> {
    let names = ["limit", "reset"].map(|part| format!("x-ratelimit-{part}-{kind}"));
    let window = match kind {
        "second" => Some(1),
        "minute" => Some(60),
        "hour" => Some(3600),
        "day" => Some(86_400),
        _ => None,
    };
    if let Some(window) = window {
        let told = text(headers, &names[1]).and_then(|text| reset_after(text, answered));
        return Some(RateLimit {
            scope: LimitScope::Named(kind.to_owned()),
            limit: number(headers, &names[0]),
            remaining: Some(count(value)?),
            reset_after: told.or_else(|| Some(rest_of(Duration::from_secs(window), answered))),
            ..RateLimit::default()
        });
    }
    let mut told = bucket_of(headers, kind, value, &names, answered)?;
    // Azure OpenAI writes this one with a hyphen more.
    let hyphened = || text(headers, &format!("x-rate-limit-reset-{kind}")).and_then(|text| reset_after(text, answered));
    told.reset_after = told.reset_after.or_else(hyphened);
    if kind.ends_with("-minute") || kind.ends_with("-day") {
        told.refill = Refill::AtOnce;
    }
    Some(told)
}

/// A limit of calls of one model, which fills all the time: its reset says when it is full.
fn bucket_of(headers: &HeaderMap, kind: &str, value: &str, names: &[String; 2], answered: Timestamp) -> Option<RateLimit> {
    Some(RateLimit {
        scope: LimitScope::Kind(kind.to_owned()),
        unit: unit(kind),
        limit: number(headers, &names[0]),
        remaining: Some(count(value)?),
        reset_after: text(headers, &names[1]).and_then(|text| reset_after(text, answered)),
        refill: Refill::Steadily,
        ..RateLimit::default()
    })
}

/// `X-RateLimit-Complexity-Remaining` of Linear; the limit of one query has its name in a header of its own.
fn by_infix(headers: &HeaderMap, name: &str, value: &str, answered: Timestamp) -> Option<RateLimit> {
    let called = text(headers, "x-ratelimit-endpoint-name").filter(|_| name.starts_with("endpoint"));
    Some(RateLimit {
        scope: LimitScope::Named(called.map_or_else(|| name.to_owned(), |called| format!("{name} {called}"))),
        unit: unit(name),
        limit: number(headers, &format!("x-ratelimit-{name}-limit")),
        remaining: Some(count(value)?),
        reset_after: text(headers, &format!("x-ratelimit-{name}-reset")).and_then(|text| reset_after(text, answered)),
        ..RateLimit::default()
    })
}

/// `total=100; remaining=99; resets=41`.
fn zendesk(name: &str, value: &str) -> Option<RateLimit> {
    let part = |key: &str| value.split(';').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    Some(RateLimit {
        scope: LimitScope::Named(name.to_owned()),
        limit: part("total"),
        remaining: Some(part("remaining")?),
        reset_after: part("resets").map(Duration::from_secs),
        ..RateLimit::default()
    })
}

/// `11999`, or for `resource` each policy with what is left of it: `Microsoft.Compute/HighCostGet3Min;107`.
fn azure(name: &str, value: &str) -> Vec<RateLimit> {
    let told = |name: &str, remaining: &str| {
        let remaining = Some(remaining.trim().parse().ok()?);
        Some(RateLimit { scope: LimitScope::Named(name.to_owned()), remaining, ..RateLimit::default() })
    };
    match name {
        "resource" => {
            value.split(',').filter_map(|part| part.trim().split_once(';')).filter_map(|(name, left)| told(name, left)).collect()
        }
        name => told(name, value).into_iter().collect(),
    }
}

/// `60:error;transaction:organization:reason`: no category is all.
fn sentry(group: &str) -> Vec<RateLimit> {
    let mut parts = group.trim().split(':');
    let reset_after = parts.next().and_then(crate::http::retry_after::seconds);
    let (Some(reset_after), Some(categories)) = (reset_after, parts.next()) else { return Vec::new() };
    let told = |category: &str| RateLimit {
        scope: if category.is_empty() { LimitScope::Endpoint } else { LimitScope::Named(category.to_owned()) },
        remaining: Some(0),
        reset_after: Some(reset_after),
        ..RateLimit::default()
    };
    categories.split(';').map(told).collect()
}

/// `32/40`.
fn used_of(text: &str) -> Option<(u64, u64)> {
    let (used, of) = text.trim().split_once('/')?;
    Some((used.trim().parse().ok()?, of.trim().parse().ok()?))
}
