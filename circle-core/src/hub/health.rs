//! How the services are.

mod json;

use std::fmt;
use std::time::Duration;

use circle_core_common::resilience::{BreakerState, EndpointState, Policy};
use circle_core_common::scope::{ServiceStats, SloReport, SloState, Usage};
use circle_core_common::{CallContext, CallOptions, Environment, Error, ErrorKind, HealthState, Reason};

use super::{HEALTH, Slot};

/// How the services of a hub are; `Display` is a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthReport {
    /// One per service, by name.
    pub services: Vec<ServiceHealth>,
}

impl HealthReport {
    /// Whether every service serves.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.services.iter().all(|service| service.state == HealthState::Healthy)
    }
}

/// How one service is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceHealth {
    /// The service's name.
    pub service: String,
    /// The provider's id.
    pub provider: String,
    /// Whether it serves.
    pub state: HealthState,
    /// How long its answer took.
    pub latency: Option<Duration>,
    /// Calls since the start.
    pub calls: u64,
    /// Calls since the start that failed on the service's side: unavailable, connection, timeout, and the like.
    pub failures: u64,
    /// How its calls stand against its objectives, where it has any. It does not change `state`: that says whether the service
    /// serves now.
    pub slo: Option<SloReport>,
    /// What its calls used, by tenant.
    pub usage: Vec<Usage>,
    /// The endpoints that its calls went to, by key: breaker, attempts that run, tokens left for retries. Empty for a
    /// provider whose calls do not leave the process.
    pub endpoints: Vec<EndpointState>,
    /// What the provider or its error says, in one line.
    pub note: Option<String>,
    /// Why the probe failed.
    pub error: Option<Error>,
    /// The last failed call.
    pub last_error: Option<Error>,
}

impl ServiceHealth {
    /// The share of calls that failed, 0 to 1.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.failures as f64 / self.calls as f64 }
    }
}

impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&ServiceHealth) -> &str| {
            self.services.iter().map(|service| text(service).chars().count()).max().unwrap_or(0)
        };
        let (names, providers) = (width(|service| &service.service), width(|service| &service.provider));
        for (at, service) in self.services.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            let state = service.state.to_string();
            write!(f, "{:<names$}  {:<providers$}  {state:<9}", service.service, service.provider)?;
            match service.latency {
                Some(latency) => write!(f, "  {:>8}", format!("{:.1} ms", latency.as_secs_f64() * 1000.0))?,
                None => write!(f, "  {:>8}", "-")?,
            }
            write!(f, "  {:.1} % errors", service.error_rate() * 100.0)?;
            if let Some(slo) = service.slo.as_ref().filter(|slo| slo.state != SloState::Unmeasured) {
                write!(f, "  {slo}")?;
            }
            for endpoint in &service.endpoints {
                if let Some(breaker) = endpoint.breaker.filter(|breaker| *breaker != BreakerState::Closed) {
                    let key = if endpoint.key.is_empty() { "breaker" } else { &endpoint.key };
                    write!(f, "  {key} {breaker}")?;
                }
            }
            if let Some(note) = &service.note {
                write!(f, "  {note}")?;
            }
        }
        Ok(())
    }
}

fn unasked(environment: &Environment, slot: &Slot) -> ServiceHealth {
    let stats = ServiceStats::of(environment, &slot.name);
    ServiceHealth {
        service: slot.name.clone(),
        provider: slot.provider.clone(),
        state: HealthState::Degraded,
        latency: None,
        calls: stats.calls(),
        failures: stats.failures(),
        slo: stats.objectives(environment.clock()),
        usage: stats.usage(),
        endpoints: Policy::of(environment, &slot.name).map(|policy| policy.endpoints()).unwrap_or_default(),
        note: None,
        error: None,
        last_error: stats.last_error(),
    }
}

/// What to say of a service whose provider panicked when it was asked.
pub(super) fn panicked(environment: &Environment, slot: &Slot) -> ServiceHealth {
    let error = Error::new(ErrorKind::Internal, "the provider panicked when it was asked for its health");
    ServiceHealth {
        state: HealthState::Unhealthy,
        note: Some(error.to_string()),
        error: Some(error),
        ..unasked(environment, slot)
    }
}

pub(super) async fn probe(environment: &Environment, slot: &Slot, within: Duration) -> ServiceHealth {
    let mut report = unasked(environment, slot);
    let provider = match slot.service.provider() {
        Ok(provider) => provider,
        Err(error) => {
            report.note = Some(error.to_string());
            report.error = Some(error);
            return report;
        }
    };
    let options = CallOptions::new().timeout(within);
    let cx = CallContext::new(environment, &HEALTH, Some(options.into()));
    let answer = cx.guard(provider.health(&cx)).await;
    report.latency = Some(cx.clock().now().since(cx.started()));
    match answer {
        Ok(health) => {
            report.state = health.state;
            report.note = health.note;
        }
        Err(error) => {
            let degraded = error.reason() == Some(Reason::Degraded);
            report.state = if degraded { HealthState::Degraded } else { HealthState::Unhealthy };
            report.note = Some(error.to_string());
            report.error = Some(error);
        }
    }
    report
}
