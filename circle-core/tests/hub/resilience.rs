//! A service whose calls leave the process.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use circle_core::resilience::{BreakerState, Idempotency, Policy, RemoteOperation};
use circle_core::{BuildContext, Health, HealthState, Hub, Integration, ObjectStore, Result, Service};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{mock, registry};

/// A service whose calls leave the process.
pub(super) struct Distant;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DistantConfig {}

pub(super) static PING: RemoteOperation = RemoteOperation::new("distant.Ping", Idempotency::Safe, "/ping");

impl Integration for Distant {
    type Config = DistantConfig;
    const NAME: &'static str = "distant";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = &[&PING];

    async fn build(_: DistantConfig, cx: BuildContext) -> Result<Service> {
        let policy = cx.policy();
        assert_eq!(policy.resolved(), cx.policy().resolved());
        let store = mock(move |mock| {
            mock.expect_health().returning(move |cx| {
                let mut call = pin!(policy.run(cx, &PING, |_| async { Ok(Health::healthy()) }));
                match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => panic!("the answer is there"),
                }
            });
        });
        Service::of(ObjectStore::new(store))
    }
}

#[tokio::test]
async fn resilience_is_for_services_whose_calls_leave_the_process() {
    let toml =
        "version = 1\n[services.a]\nprovider = \"distant\"\nresilience = { profile = \"batch\", retry.max_attempts = 2 }\n";
    let hub = Hub::builder().toml(toml, "circle.toml").registry(registry().with::<Distant>()).build().await.unwrap();
    let policy = Policy::of(hub.environment(), "a").unwrap();
    assert_eq!((policy.resolved().max_attempts, policy.resolved().total_timeout), (2, Some(Duration::from_secs(300))));

    let report = hub.health().await;
    assert_eq!(report.services[0].endpoints.len(), 1);
    assert_eq!(report.services[0].endpoints[0].breaker, Some(BreakerState::Closed));
    policy.endpoint("").isolate();
    let report = hub.health().await;
    assert_eq!((report.services[0].state, report.is_healthy()), (HealthState::Unhealthy, false));
    assert!(report.to_string().contains("breaker isolated"), "{report}");

    let toml = "version = 1\n[services.a]\nprovider = \"distant\"\nslo = { success = 1 }\n[services.a.resilience]\nretry.max_atempts = 2\n\
                breaker.failure_ratio = 2.0\n[services.b]\nprovider = \"memory\"\nresilience = {}\n";
    let problems =
        Hub::builder().toml(toml, "circle.toml").registry(registry().with::<Distant>()).check().unwrap_err().to_string();
    for line in [
        "services.a.slo.success (circle.toml:4): expected a number above 0 and below 1: at 1 there is no budget for errors",
        "services.a.resilience.retry.max_atempts (circle.toml:6): unknown key, did you mean `max_attempts`?",
        "services.b.resilience (circle.toml:10): `memory` runs in this process",
    ] {
        assert!(problems.contains(line), "{line}\nis not in\n{problems}");
    }
    let schema = registry().with::<Distant>().document_schema();
    let resilience = |service: &str| schema["$defs"][format!("service:{service}")]["properties"]["resilience"].to_string();
    assert!(resilience("distant").contains("total_timeout") && !resilience("memory").contains("total_timeout"));
}

#[tokio::test]
async fn names_of_remote_operations_are_checked() {
    static PURGE: RemoteOperation = RemoteOperation::new("own.Purge", Idempotency::Idempotent, "/purge");
    let toml = |name: &str| {
        format!(
            "version = 1\n[services.a]\nprovider = \"distant\"\n[services.a.resilience.operations.\"{name}\"]\nattempt_timeout = \"7s\"\n"
        )
    };
    let hub = |name: &str| {
        let registry = registry().with::<Distant>().with_operations([&PURGE]);
        Hub::builder().toml(toml(name), "circle.toml").registry(registry)
    };
    for (name, problem) in [
        ("distant.Pong", "(circle.toml:4): no request of `distant` is called so, did you mean `distant.Ping`?"),
        ("own.Purg", "(circle.toml:4): no request of `distant` is called so, did you mean `own.Purge`?"),
        ("s3.GetObject", "(circle.toml:4): no request of `distant` is called so"),
    ] {
        let problems = hub(name).check().unwrap_err().to_string();
        assert!(problems.contains(&format!("services.a.resilience.operations.\"{name}\" {problem}")), "{problems}");
    }
    for name in [PING.name(), PURGE.name()] {
        let hub = hub(name).build().await.unwrap();
        let policy = Policy::of(hub.environment(), "a").unwrap();
        assert_eq!(policy.resolved_for(name).attempt_timeout, Some(Duration::from_secs(7)));
    }
}
