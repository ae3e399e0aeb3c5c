//! What calls tell: metrics with their units and buckets, the trace that calls belong to, usage and objectives.
//!
//! Names are those of OpenTelemetry's semantic conventions 1.44.0 (for generative AI 1.41.0, the last before they moved to a
//! document of their own), and `circle.…` where there is no convention.

mod instrument;
#[cfg(test)]
pub(crate) mod kept;
mod labels;
mod names;
mod trace;

#[cfg(feature = "http")]
pub(crate) use instrument::Series;
pub(crate) use instrument::{Counter, Histogram, set_gauge};
pub(crate) use labels::{Labels, OTHER};
pub(crate) use names::{
    CHUNK_TIME, DB_DURATION, FIRST_CHUNK, MESSAGES_SENT, MESSAGING_DURATION, MODEL_DURATION, SLO_BUDGET_LEFT, SLO_BURN_RATE,
    SLO_STATE, TOKEN_USAGE, USAGE_BYTES, USAGE_CALLS, USAGE_TOKENS,
};
#[cfg(feature = "http")]
pub(crate) use names::{HTTP_CACHE, HTTP_DURATION};
pub use names::{METRICS, Metric, MetricKind, describe};
pub use trace::{Propagator, TraceContext};

pub use crate::scope::{Measured, Objective, ObjectiveReport, Slo, SloReport, SloState, Usage};
