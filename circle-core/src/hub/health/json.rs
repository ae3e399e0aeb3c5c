//! The report as JSON, for a status page: units stand in the names, and what is not known is left out.

use std::time::Duration;

use circle_core_common::resilience::{BreakerState, EndpointState};
use circle_core_common::scope::{SloReport, Usage};
use circle_core_common::{Error, HealthState, Problem};
use serde::{Serialize, Serializer};

use super::{HealthReport, ServiceHealth};

#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    services: Vec<Service<'a>>,
}

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    provider: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    calls: u64,
    failures: u64,
    error_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo: Option<&'a SloReport>,
    usage: &'a [Usage],
    endpoints: Vec<Endpoint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Problem>,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_for_ms: Option<f64>,
    in_flight: u64,
    retry_tokens: u32,
    held_for_ms: f64,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl<'a> From<&'a EndpointState> for Endpoint<'a> {
    fn from(endpoint: &'a EndpointState) -> Self {
        let (breaker, open_for) = match endpoint.breaker {
            None => (None, None),
            Some(BreakerState::Open { remaining }) => (Some("open"), Some(remaining)),
            Some(BreakerState::HalfOpen) => (Some("half_open"), None),
            Some(BreakerState::Isolated) => (Some("isolated"), None),
            Some(_) => (Some("closed"), None),
        };
        Self {
            endpoint: &endpoint.key,
            breaker,
            open_for_ms: open_for.map(millis),
            in_flight: endpoint.in_flight,
            retry_tokens: endpoint.retry_tokens,
            held_for_ms: millis(endpoint.held),
        }
    }
}

impl<'a> From<&'a ServiceHealth> for Service<'a> {
    fn from(service: &'a ServiceHealth) -> Self {
        Self {
            service: &service.service,
            provider: &service.provider,
            state: match service.state {
                HealthState::Healthy => "healthy",
                HealthState::Impaired => "impaired",
                HealthState::Degraded => "degraded",
                _ => "unhealthy",
            },
            latency_ms: service.latency.map(millis),
            calls: service.calls,
            failures: service.failures,
            error_rate: service.error_rate(),
            slo: service.slo.as_ref(),
            usage: &service.usage,
            endpoints: service.endpoints.iter().map(Endpoint::from).collect(),
            note: service.note.as_deref(),
            error: service.error.as_ref().map(Error::to_problem),
            last_error: service.last_error.as_ref().map(Error::to_problem),
        }
    }
}

impl Serialize for HealthReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = Report { healthy: self.is_healthy(), services: self.services.iter().map(Service::from).collect() };
        report.serialize(serializer)
    }
}
