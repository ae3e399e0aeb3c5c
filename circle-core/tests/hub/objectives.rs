//! Objectives in the config, usage by tenant, and the report that shows them.

use std::sync::atomic::{AtomicU32, Ordering};

use circle_core::object_store::{ObjectMeta, ObjectStore};
use circle_core::telemetry::SloState;
use circle_core::{BuildContext, CallOptions, Error, ErrorKind, Health, Hub, Integration, Result, Service, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{mock, registry};

/// A service that fails every tenth time.
struct Shaky;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShakyConfig {}

impl Integration for Shaky {
    type Config = ShakyConfig;
    const NAME: &'static str = "shaky";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];
    const REMOTE: bool = true;

    async fn build(_: ShakyConfig, _: BuildContext) -> Result<Service> {
        let calls = AtomicU32::new(0);
        let store = mock(move |mock| {
            mock.expect_health().returning(|_| Ok(Health::healthy()));
            mock.expect_head().returning(move |_, request| match calls.fetch_add(1, Ordering::Relaxed) % 10 {
                9 => Err(Error::new(ErrorKind::Unavailable, "not now")),
                _ if request.key.as_str() == "absent" => Err(Error::new(ErrorKind::NotFound, "absent")),
                _ => Ok(ObjectMeta::new(request.key, 0, Timestamp::UNIX_EPOCH)),
            });
        });
        Service::of(ObjectStore::new(store))
    }
}

#[tokio::test]
async fn calls_are_measured_against_the_objectives_of_the_config() {
    let toml = "version = 1\n[services.strict]\nprovider = \"shaky\"\nslo = { success = 0.99, p99 = \"1h\" }\n\
                [services.lax]\nprovider = \"shaky\"\n[services.lax.slo]\nsuccess = 0.5\n\
                [services.unmeasured]\nprovider = \"memory\"\nslo.p50 = \"1s\"\n[services.free]\nprovider = \"memory\"\n";
    let hub = Hub::builder().toml(toml, "circle.toml").registry(registry().with::<Shaky>()).build().await.unwrap();
    for name in ["strict", "lax", "unmeasured"] {
        let files: ObjectStore = hub.get(name).unwrap();
        let of_acme = files.with(CallOptions::new().tenant("acme"));
        for call in 0..if name == "unmeasured" { 19 } else { 50 } {
            let files = if call % 5 == 0 { &of_acme } else { &files };
            let _ = files.head(if call % 2 == 0 { "absent" } else { "a" }).await;
        }
    }
    let report = hub.health().await;
    let of = |name: &str| report.services.iter().find(|service| service.service == name).unwrap();
    let states = ["strict", "lax", "unmeasured"].map(|name| of(name).slo.as_ref().unwrap().state);
    assert_eq!(states, [SloState::Broken, SloState::Met, SloState::Unmeasured]);
    assert!(of("free").slo.is_none() && report.is_healthy(), "an objective is no state: {report}");
    let strict = of("strict").slo.as_ref().unwrap();
    let (success, p99) = (&strict.objectives[0], &strict.objectives[1]);
    assert_eq!((success.calls, success.bad, p99.calls, p99.state), (50, 5, 45, SloState::Met));
    assert!(report.to_string().contains("slo broken, success 90.000 % of 99 %, budget -900 %, burning at 10.0"), "{report}");

    let used = &of("strict").usage;
    let counts: Vec<_> = used.iter().map(|usage| (usage.tenant.as_deref(), usage.calls)).collect();
    assert_eq!(counts, [(None, 40), (Some("acme"), 10)]);
    assert_eq!((of("strict").calls, of("strict").failures), (50, 5));

    let json = serde_json::to_value(&report).unwrap();
    let shown = json["services"].as_array().unwrap().iter().find(|service| service["service"] == "strict").unwrap();
    assert_eq!((json["healthy"].as_bool(), shown["state"].as_str()), (Some(true), Some("healthy")));
    assert_eq!((shown["slo"]["state"].as_str(), shown["slo"]["objectives"][0]["bad"].as_u64()), (Some("broken"), Some(5)));
    assert_eq!((shown["usage"][1]["tenant"].as_str(), shown["last_error"]["status"].as_u64()), (Some("acme"), Some(503)));
}
