//! Rate limits that services tell in headers, in one form.
//!
//! | Who | What they send |
//! |---|---|
//! | the IETF draft [1] | `RateLimit` and `RateLimit-Policy` as structured fields; until draft 7 `RateLimit: limit=…, remaining=…, reset=…`; until draft 6, and at GitLab, DigitalOcean, PagerDuty, Twitch: `RateLimit-Limit`, `-Remaining`, `-Reset` |
//! | GitHub [2], Datadog [3], Discord [4], Reddit [5], Jira [6], Auth0, Vercel and most others | `X-RateLimit-Limit`, `-Remaining`, `-Reset`, or `-Reset-After`; `-Resource`, `-Name` or `-Bucket` name the limit; `-Global` and `-Scope: global` say that it is everything's |
//! | Confluence Data Center [7] | the same with `-FillRate` and `-Interval-Seconds` |
//! | Okta, X, Zendesk [8] | `X-Rate-Limit-…`; Zendesk's own endpoints `Zendesk-RateLimit-…: total=…; remaining=…; resets=…` |
//! | OpenAI [9], Azure OpenAI, Groq, Tomorrow.io [15] | `X-RateLimit-Remaining-…` for each of several: `Requests`, `Tokens`, `Minute` |
//! | Anthropic [10], Linear [11] | `Anthropic-RateLimit-…-Remaining`, `X-RateLimit-…-Remaining` |
//! | Shopify [12], Salesforce [13] | `32/40`: used of how many |
//! | HubSpot [14] | `X-HubSpot-RateLimit-Remaining` with `-Interval-Milliseconds`, and of a second and a day |
//! | Azure Resource Manager [16] | `x-ms-ratelimit-remaining-…`, which has no end |
//! | Sentry [17] | `X-Sentry-Rate-Limit-…`; `X-Sentry-Rate-Limits: 60:error;transaction:organization` |
//! | Fastly | `Fastly-RateLimit-Remaining`, `-Reset` |
//!
//! [1]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
//! [2]: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
//! [3]: https://docs.datadoghq.com/api/latest/rate-limits/
//! [4]: https://docs.discord.com/developers/topics/rate-limits
//! [5]: https://github.com/reddit/reddit/wiki/API
//! [6]: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
//! [7]: https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html
//! [8]: https://developer.zendesk.com/documentation/ticketing/using-the-zendesk-api/best-practices-for-avoiding-rate-limiting/
//! [9]: https://platform.openai.com/docs/guides/rate-limits
//! [10]: https://docs.anthropic.com/en/api/rate-limits
//! [11]: https://linear.app/developers/rate-limiting
//! [12]: https://shopify.dev/docs/api/admin-rest/usage/rate-limits
//! [13]: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
//! [14]: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
//! [15]: https://docs.tomorrow.io/reference/rate-limiting
//! [16]: https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/request-limits-and-throttling
//! [17]: https://develop.sentry.dev/sdk/expected-features/rate-limiting/

mod families;
mod own;
mod reset;
mod structured;

use http::{HeaderMap, StatusCode};

use super::retry_after::{answered, retry_after};
use crate::clock::Clock;
use crate::resilience::{Attempt, Counted, Endpoint};
pub use crate::resilience::{LimitScope, LimitUnit, RateLimit, Refill};
use crate::units::Timestamp;

/// Whether a header tells of a rate limit. Nearly no answer has such headers: one look at the names that are there costs less
/// than looking for each.
fn tells(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => name.contains("ratelimit") || name.contains("rate-limit") || name == families::SHOPIFY,
        Some(b'r') => name.starts_with("ratelimit"),
        Some(b'a') => name.starts_with("anthropic-ratelimit"),
        Some(b'z') => name.starts_with("zendesk-ratelimit"),
        Some(b'f') => name.starts_with("fastly-ratelimit"),
        Some(b's') => name == families::SALESFORCE,
        _ => false,
    }
}

impl RateLimit {
    /// Reads the limit that is used up most, of those that [`all_from_headers`](Self::all_from_headers) finds.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let limits = Self::all_from_headers(headers, now).into_iter().filter(|limit| limit.unit != LimitUnit::Concurrent);
        limits.min_by(|one, other| one.left().total_cmp(&other.left()))
    }

    /// Reads every limit that the headers of an answer tell of, in the forms of the IETF draft and of some thirty services.
    ///
    /// A moment counts from the answer's own `Date`; `now` is used where there is none. What cannot be read, and limits of 0,
    /// which gateways send for *unknown*, are left out.
    #[must_use]
    pub fn all_from_headers(headers: &HeaderMap, now: Timestamp) -> Vec<Self> {
        if headers.keys().any(|name| tells(name.as_str())) { read(headers, now) } else { Vec::new() }
    }
}

/// Lets an endpoint heed what an answer tells of limits; whether it refuses only requests of this kind.
pub(super) fn heed(
    endpoint: &Endpoint,
    attempt: Attempt,
    counted: Counted<'_>,
    (status, headers): (StatusCode, &HeaderMap),
    clock: &Clock,
) -> bool {
    // GitHub refuses with 403 what others refuse with 429.
    let refuses = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN);
    let refused = if refuses { retry_after(headers, clock.timestamp()) } else { None };
    // The clock is read only when there is something to read.
    let tells = headers.keys().any(|name| tells(name.as_str()));
    let limits = if tells { read(headers, clock.timestamp()) } else { Vec::new() };
    endpoint.hear(attempt, counted, &limits, refused)
}

fn read(headers: &HeaderMap, now: Timestamp) -> Vec<RateLimit> {
    let at = answered(headers, now);
    let mut found = structured::read(headers);
    families::read(headers, at, &mut found);
    own::read(headers, at, &mut found);
    found.retain(|limit| limit.limit != Some(0) && (limit.limit.is_some() || limit.remaining.is_some()));
    // Who is in transition sends one limit under the names of two families.
    for at in (1..found.len()).rev() {
        if found[..at].iter().any(|other| other.scope == found[at].scope && other.unit == found[at].unit) {
            found.remove(at);
        }
    }
    if super::headers::text(headers, "x-ratelimit-nearlimit").is_some_and(|near| near.eq_ignore_ascii_case("true")) {
        found.iter_mut().for_each(|limit| limit.near = true);
    }
    found
}

#[cfg(test)]
mod tests;
