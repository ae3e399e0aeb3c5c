//! The metrics.

use metrics::Unit;

use crate::resilience::{BREAKER_STATE, REJECTED, RETRIES};
use crate::scope::CALL_DURATION;

pub(crate) const HTTP_CACHE: &str = "circle.http.cache";
pub(crate) const HTTP_DURATION: &str = "http.client.request.duration";
pub(crate) const DB_DURATION: &str = "db.client.operation.duration";
pub(crate) const MESSAGING_DURATION: &str = "messaging.client.operation.duration";
pub(crate) const MESSAGES_SENT: &str = "messaging.client.sent.messages";
pub(crate) const MODEL_DURATION: &str = "gen_ai.client.operation.duration";
pub(crate) const FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
pub(crate) const CHUNK_TIME: &str = "gen_ai.client.operation.time_per_output_chunk";
pub(crate) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(crate) const USAGE_CALLS: &str = "circle.usage.calls";
pub(crate) const USAGE_TOKENS: &str = "circle.usage.tokens";
pub(crate) const USAGE_BYTES: &str = "circle.usage.bytes";
pub(crate) const SLO_STATE: &str = "circle.slo.state";
pub(crate) const SLO_BUDGET_LEFT: &str = "circle.slo.budget_left";
pub(crate) const SLO_BURN_RATE: &str = "circle.slo.burn_rate";

/// What kind of instrument a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Adds up.
    Counter,
    /// Is what it was set to last.
    Gauge,
    /// Counts values by their size.
    Histogram,
}

/// One metric.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind it is.
    pub kind: MetricKind,
    /// What it counts in, as UCUM writes it: `s`, `{token}`.
    pub unit: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The boundaries of a histogram's buckets that the conventions want; empty for the others.
    pub buckets: &'static [f64],
}

const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const DB_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
const MODEL_SECONDS: &[f64] = &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

const fn histogram(name: &'static str, unit: &'static str, buckets: &'static [f64], about: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, unit, about, buckets }
}

const fn counter(name: &'static str, unit: &'static str, about: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, unit, about, buckets: &[] }
}

const fn gauge(name: &'static str, about: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, unit: "1", about, buckets: &[] }
}

/// Every metric, for exporters whose buckets are chosen by name:
///
/// ```
/// use circle_core_common::telemetry::METRICS;
/// for metric in METRICS.iter().filter(|metric| !metric.buckets.is_empty()) {
///     println!("{} in {}: {:?}", metric.name, metric.unit, metric.buckets);
/// }
/// ```
pub const METRICS: &[Metric] = &[
    histogram(CALL_DURATION, "s", SECONDS, "Duration of calls through handles, to the end of their streams."),
    counter(HTTP_CACHE, "{request}", "Requests that a cache of HTTP answers was asked for."),
    counter(RETRIES, "{retry}", "Repetitions of requests."),
    counter(REJECTED, "{request}", "Requests that a policy refused."),
    gauge(BREAKER_STATE, "State of circuit breakers: 0 closed, 1 half open, 2 open, 3 isolated."),
    histogram(HTTP_DURATION, "s", SECONDS, "Duration of HTTP client requests."),
    histogram(DB_DURATION, "s", DB_SECONDS, "Duration of database client operations."),
    histogram(MESSAGING_DURATION, "s", SECONDS, "Duration of messaging operation initiated by a producer or consumer client."),
    counter(MESSAGES_SENT, "{message}", "Number of messages producer attempted to send to the broker."),
    histogram(MODEL_DURATION, "s", MODEL_SECONDS, "GenAI operation duration."),
    histogram(FIRST_CHUNK, "s", MODEL_SECONDS, "Time to receive the first chunk."),
    histogram(CHUNK_TIME, "s", MODEL_SECONDS, "Time per output chunk, for each chunk after the first one."),
    histogram(TOKEN_USAGE, "{token}", TOKENS, "Number of input and output tokens used."),
    counter(USAGE_CALLS, "{call}", "Calls by service and tenant."),
    counter(USAGE_TOKENS, "{token}", "Tokens by service and tenant."),
    counter(USAGE_BYTES, "By", "Content sent and received over HTTP, by service and tenant."),
    gauge(SLO_STATE, "State of service level objectives: 0 met, 1 at risk, 2 broken."),
    gauge(SLO_BUDGET_LEFT, "The share of the error budget that is left in the window; below 0 it is overdrawn."),
    gauge(SLO_BURN_RATE, "How fast the error budget is used: at 1 it lasts exactly as long as the window."),
];

/// Tells the exporter the unit and the meaning of every metric. An application calls it once, after it has installed one.
pub fn describe() {
    for metric in METRICS {
        // The facade's own units; what it has no word for stands in the text.
        let unit = match metric.unit {
            "s" => Some(Unit::Seconds),
            "By" => Some(Unit::Bytes),
            unit if unit.starts_with('{') => Some(Unit::Count),
            _ => None,
        };
        metrics::with_recorder(|recorder| match metric.kind {
            MetricKind::Counter => recorder.describe_counter(metric.name.into(), unit, metric.about.into()),
            MetricKind::Gauge => recorder.describe_gauge(metric.name.into(), unit, metric.about.into()),
            MetricKind::Histogram => recorder.describe_histogram(metric.name.into(), unit, metric.about.into()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_rising_buckets_and_names_are_unique() {
        let names: std::collections::HashSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert_eq!(metric.kind == MetricKind::Histogram, !metric.buckets.is_empty(), "{}", metric.name);
            assert!(metric.buckets.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
        }
    }
}
