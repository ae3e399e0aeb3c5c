//! The hub: config to handles, problems, references, degraded start, health, shutdown.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use circle_core::memory::Memory;
use circle_core::object_store::{MockObjectStoreProvider, ObjectStoreCapabilities};
use circle_core::resilience::{BreakerState, Idempotency, Policy, RemoteOperation};
use circle_core::{
    BuildContext, Environment, Error, ErrorKind, Health, HealthState, Hub, Integration, KeyValueStore, ObjectStore, ProviderInfo,
    Reason, Registry, Result, SecretRef, Service, ServiceRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// A service over another one, as layer 4 has them: it offers what it refers to.
struct Mirror;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MirrorConfig {
    store: ServiceRef<ObjectStore>,
    #[serde(default)]
    token: Option<SecretRef>,
    #[serde(default)]
    retries: u32,
}

impl Integration for Mirror {
    type Config = MirrorConfig;
    const NAME: &'static str = "mirror";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];

    async fn build(config: MirrorConfig, cx: BuildContext) -> Result<Service> {
        assert!(config.retries < 100 && config.token.is_none());
        Service::of(cx.service(&config.store)?)
    }
}

/// A service that can be reached or not.
struct Switch;

static REACHABLE: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SwitchConfig {}

impl Integration for Switch {
    type Config = SwitchConfig;
    const NAME: &'static str = "switch";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];

    async fn build(_: SwitchConfig, _: BuildContext) -> Result<Service> {
        if REACHABLE.load(Ordering::SeqCst) {
            return Service::of(ObjectStore::new(Memory::new()));
        }
        Err(Error::new(ErrorKind::Connection, "no route to the switch"))
    }
}

fn registry() -> Registry {
    Registry::with_enabled().with::<Mirror>().with::<Switch>()
}

async fn build(toml: &str) -> Result<Hub> {
    Hub::builder().toml(toml, "circle.toml").registry(registry()).build().await
}

fn problems(toml: &str) -> String {
    Hub::builder().toml(toml, "circle.toml").registry(registry()).check().unwrap_err().message().to_owned()
}

#[tokio::test]
async fn a_file_becomes_handles_that_share_a_provider() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle.toml");
    std::fs::write(&path, "version = 1\n[services.documents]\nprovider = \"memory\"\n").unwrap();
    let hub = Hub::from_file(&path).await.unwrap();
    let (one, two): (ObjectStore, ObjectStore) = (hub.get("documents").unwrap(), hub.get("documents").unwrap());
    one.put("a", "1").await.unwrap();
    assert_eq!(two.get("a").await.unwrap().text().await.unwrap(), "1");
    let kv: KeyValueStore = hub.get("documents").unwrap();
    kv.put("k", "v").await.unwrap();
    assert_eq!(format!("{one:?}"), "ObjectStore(documents: memory)");
    assert!(one.native::<Memory>().is_some());
}

#[tokio::test]
async fn wrong_names_and_interfaces_say_what_there_is() {
    let hub = build("version = 1\n[services.documents]\nprovider = \"memory\"\n[services.copy]\nprovider = \"mirror\"\nstore = \"documents\"\n")
        .await
        .unwrap();
    let error = hub.get::<ObjectStore>("dokuments").unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, Some(Reason::UnknownService)));
    assert_eq!(error.message(), "there is no service `dokuments`, did you mean `documents`?");
    let error = hub.get::<ObjectStore>("zzz").unwrap_err();
    assert_eq!(error.message(), "there is no service `zzz`; there are: copy, documents");
    let error = hub.get::<KeyValueStore>("copy").unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::ConfigInvalid, Some(Reason::WrongInterface)));
    assert_eq!(error.message(), "`copy` offers ObjectStore, not KeyValueStore");
}

#[test]
fn all_problems_are_told_at_once_each_with_its_place() {
    let text = problems(
        r#"version = 1
[services.a]
provider = "memry"
[services.b]
provider = "mirror"
stor = "a"
[services.c]
provider = "mirror"
store = "nowhere"
retries = "many"
[services.d]
provider = "mirror"
store = "e"
[services.e]
provider = "mirror"
store = "d"
[services.f]
provider = "memory"
resilience = { attempts = 3 }
"#,
    );
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "services.a.provider (circle.toml:3): unknown provider `memry`, did you mean `memory`?",
        "services.b.stor (circle.toml:6): unknown key, did you mean `store`?",
        "services.c.store (circle.toml:9): there is no service `nowhere`",
        "services.c.retries (circle.toml:10): expected a whole number from 0 to 4294967295, found text `many`",
        "services.d.store (circle.toml:13): services refer to each other: d → e → d",
        "services.f.resilience (circle.toml:19): `memory` runs in this process: no call leaves it, so `resilience` has nothing to act on",
    ];
    for start in expected {
        assert!(lines.iter().any(|line| line.contains(start)), "{start}\nis not in\n{text}");
    }
}

/// A service whose calls leave the process.
struct Distant;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DistantConfig {}

static PING: RemoteOperation = RemoteOperation::new("distant.Ping", Idempotency::Safe, "/ping");

impl Integration for Distant {
    type Config = DistantConfig;
    const NAME: &'static str = "distant";
    const INTERFACES: &'static [&'static str] = &["ObjectStore"];
    const REMOTE: bool = true;

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

    let toml = "version = 1\n[services.a]\nprovider = \"distant\"\nslo = { x = 1 }\n[services.a.resilience]\nretry.max_atempts = 2\n\
                breaker.failure_ratio = 2.0\n[services.b]\nprovider = \"memory\"\nresilience = {}\n";
    let problems =
        Hub::builder().toml(toml, "circle.toml").registry(registry().with::<Distant>()).check().unwrap_err().to_string();
    for line in [
        "services.a.slo (circle.toml:4): `distant` is not measured against objectives yet, so `slo` has nothing to act on",
        "services.a.resilience.retry.max_atempts (circle.toml:6): unknown key, did you mean `max_attempts`?",
        "services.b.resilience (circle.toml:10): `memory` runs in this process",
    ] {
        assert!(problems.contains(line), "{line}\nis not in\n{problems}");
    }
    let schema = registry().with::<Distant>().document_schema();
    let resilience = |service: &str| schema["$defs"][format!("service:{service}")]["properties"]["resilience"].to_string();
    assert!(resilience("distant").contains("total_timeout") && !resilience("memory").contains("total_timeout"));
}

#[test]
fn a_provider_that_is_not_compiled_in_names_its_feature() {
    let known = Hub::builder()
        .toml("version = 1\n[services.a]\nprovider = \"memory\"\n", "circle.toml")
        .registry(Registry::new())
        .check();
    let text = known.unwrap_err().message().to_owned();
    assert!(
        text.contains("the provider `memory` is not in this registry: turn on the feature `memory` of circle-core"),
        "{text}"
    );
}

#[test]
fn a_wrong_interface_in_a_reference_has_its_line() {
    struct Keys;
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct KeysConfig {
        #[expect(dead_code, reason = "only its type matters")]
        keys: ServiceRef<KeyValueStore>,
    }
    impl Integration for Keys {
        type Config = KeysConfig;
        const NAME: &'static str = "keys";
        const INTERFACES: &'static [&'static str] = &["KeyValueStore"];
        async fn build(_: KeysConfig, _: BuildContext) -> Result<Service> {
            Err(Error::new(ErrorKind::Internal, "not built here"))
        }
    }
    let toml = "version = 1\n[services.m]\nprovider = \"mirror\"\nstore = \"n\"\n[services.n]\nprovider = \"memory\"\n[services.k]\nprovider = \"keys\"\nkeys = \"m\"\n";
    let error = Hub::builder().toml(toml, "circle.toml").registry(registry().with::<Keys>()).check().unwrap_err();
    let expected = "services.k.keys (circle.toml:9): `m` offers ObjectStore, not KeyValueStore";
    assert!(error.message().contains(expected), "{error}");
}

#[tokio::test]
async fn profiles_and_variables_merge_or_replace() {
    let toml = r#"version = 1
[services.documents]
provider = "mirror"
store = "base"
[services.base]
provider = "memory"
[profiles.test.services.documents]
provider = "memory"
"#;
    // The profile names another provider, so the base's keys are gone.
    let hub = Hub::builder().toml(toml, "circle.toml").registry(registry()).profile("test").build().await.unwrap();
    assert!(hub.get::<KeyValueStore>("documents").is_ok());
    let variables = [("CIRCLE_PROFILE", "test"), ("CIRCLE__SERVICES__DOCUMENTS__CAPACITY", "1 KiB")];
    let hub = Hub::builder().toml(toml, "circle.toml").registry(registry()).variables("CIRCLE", variables).build().await.unwrap();
    let files: ObjectStore = hub.get("documents").unwrap();
    assert!(files.put("big", vec![0; 5000]).await.unwrap_err().is(ErrorKind::QuotaExceeded));
    let error = Hub::builder().toml(toml, "circle.toml").registry(registry()).profile("tset").build().await.unwrap_err();
    assert!(error.message().contains("tset") && error.message().contains("test"), "{error}");
}

#[test]
fn check_reads_a_file_and_needs_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle.toml");
    std::fs::write(&path, "version = 1\n[services.a]\nprovider = \"memory\"\n[profiles.p.services.a]\ncapacty = \"1 KiB\"\n")
        .unwrap();
    Hub::check(&path, None).unwrap();
    let error = Hub::check(&path, "p").unwrap_err();
    assert!(error.message().contains("did you mean `capacity`?"), "{error}");
    let missing = Hub::check(folder.path().join("none.toml"), None).unwrap_err();
    assert!(missing.is(ErrorKind::ConfigInvalid) && missing.to_string().contains("none.toml"), "{missing}");
}

#[test]
fn a_secret_for_other_profiles_is_refused() {
    let toml = r#"version = 1
[services.m]
provider = "mirror"
store = "n"
token = { from = "env:TOKEN", profiles = ["production"] }
[services.n]
provider = "memory"
[profiles.production]
[profiles.test]
"#;
    let check = |profile: Option<&str>| {
        let hub = Hub::builder().toml(toml, "circle.toml").registry(registry());
        match profile {
            Some(profile) => hub.profile(profile).check(),
            None => hub.check(),
        }
    };
    check(Some("production")).unwrap();
    let error = check(Some("test")).unwrap_err();
    let expected =
        "services.m.token (circle.toml:5): this secret is for the profiles production only, and the active one is `test`";
    assert!(error.message().contains(expected), "{error}");
    assert!(check(None).unwrap_err().message().contains("no profile is active"));
}

#[tokio::test]
async fn a_ready_handle_takes_the_place_of_a_configured_one() {
    let fake = Memory::new();
    ObjectStore::new(fake.clone()).put("a", "fake").await.unwrap();
    let hub = Hub::builder()
        .toml("version = 1\n[services.copy]\nprovider = \"mirror\"\nstore = \"documents\"\n", "circle.toml")
        .registry(registry())
        .service("documents", ObjectStore::new(fake.clone()))
        .service("documents", KeyValueStore::new(fake))
        .build()
        .await
        .unwrap();
    let copy: ObjectStore = hub.get("copy").unwrap();
    assert_eq!(copy.get("a").await.unwrap().text().await.unwrap(), "fake");
    assert!(hub.get::<KeyValueStore>("documents").is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_degraded_and_heals() {
    let toml =
        "version = 1\n[services.remote]\nprovider = \"switch\"\n[services.copy]\nprovider = \"mirror\"\nstore = \"remote\"\n";
    REACHABLE.store(false, Ordering::SeqCst);
    let hub = build(toml).await.unwrap();
    let (remote, copy): (ObjectStore, ObjectStore) = (hub.get("remote").unwrap(), hub.get("copy").unwrap());
    assert!(hub.get::<KeyValueStore>("remote").is_err(), "what it will offer is known before it starts");
    let error = remote.put("a", "1").await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Degraded)));
    assert!(
        error.to_string().contains("`remote` has not started") && error.to_string().contains("no route to the switch"),
        "{error}"
    );
    let health = hub.health().await;
    assert!(health.services.iter().all(|service| service.state == HealthState::Degraded), "{health}");
    assert_eq!(format!("{remote:?}"), "ObjectStore(remote: switch, not started)");

    REACHABLE.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(180)).await;
    remote.put("a", "1").await.unwrap();
    assert_eq!(copy.get("a").await.unwrap().text().await.unwrap(), "1");
    assert!(hub.health().await.is_healthy());
    assert!(remote.native::<Memory>().is_some());

    // A required service that cannot be reached stops the start instead.
    REACHABLE.store(false, Ordering::SeqCst);
    let error = build("version = 1\n[services.remote]\nprovider = \"switch\"\nrequired = true\n").await.unwrap_err();
    assert!(error.is(ErrorKind::Connection) && error.message().contains("`remote`"), "{error}");
}

#[tokio::test]
async fn a_required_service_that_is_not_healthy_stops_the_start() {
    struct Sick;
    impl Integration for Sick {
        type Config = SwitchConfig;
        const NAME: &'static str = "sick";
        const INTERFACES: &'static [&'static str] = &["ObjectStore"];
        async fn build(_: SwitchConfig, _: BuildContext) -> Result<Service> {
            Service::of(ObjectStore::new(mock(|mock| {
                mock.expect_health().returning(|_| Err(Error::new(ErrorKind::Unauthenticated, "who are you")));
                mock.expect_close().times(1).returning(|_| Ok(()));
            })))
        }
    }
    let hub = Hub::builder().toml("version = 1\n[services.s]\nprovider = \"sick\"\nrequired = true\n", "circle.toml");
    let error = hub.registry(Registry::new().with::<Sick>()).build().await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated), "{error}");
    assert!(error.message().starts_with("the required service `s` is unhealthy: "), "{error}");
}

/// A mock whose health and close the test sets itself, where it wants others than `ready` has.
fn mock(set: impl FnOnce(&mut MockObjectStoreProvider)) -> MockObjectStoreProvider {
    let mut mock = MockObjectStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(ObjectStoreCapabilities::all());
    set(&mut mock);
    mock.expect_health().returning(|_| Ok(Health::healthy()));
    mock
}

#[tokio::test]
async fn shutdown_closes_in_reverse_and_turns_calls_away() {
    let closed: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let store = |name: &'static str| {
        let closed = Arc::clone(&closed);
        ObjectStore::new(mock(|mock| {
            mock.expect_close().returning(move |_| {
                closed.lock().unwrap().push(name);
                Ok(())
            });
        }))
    };
    let hub = Hub::builder().service("one", store("one")).service("two", store("two")).build().await.unwrap();
    hub.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(*closed.lock().unwrap(), ["two", "one"]);

    let hub = build("version = 1\n[services.z]\nprovider = \"memory\"\n[services.a]\nprovider = \"mirror\"\nstore = \"z\"\n")
        .await
        .unwrap();
    let files: ObjectStore = hub.get("a").unwrap();
    files.put("k", "v").await.unwrap();
    let memory = files.native::<Memory>().unwrap().clone();
    hub.shutdown(Duration::from_secs(5)).await.unwrap();
    hub.shutdown(Duration::from_secs(5)).await.unwrap();
    let error = files.get("k").await.unwrap_err();
    assert!(error.is(ErrorKind::Closed), "{error}");
    assert!(ObjectStore::new(memory).get("k").await.unwrap_err().is(ErrorKind::Closed), "the provider itself is closed");
}

#[tokio::test]
async fn health_is_a_table_with_error_rates() {
    let mut flaky = MockObjectStoreProvider::ready();
    let mut calls = 0;
    flaky.expect_head().returning(move |_, _| {
        calls += 1;
        let kind = if calls == 1 { ErrorKind::Unavailable } else { ErrorKind::NotFound };
        Err(Error::new(kind, "no"))
    });
    let hub = Hub::builder().service("files", ObjectStore::new(flaky)).build().await.unwrap();
    let files: ObjectStore = hub.get("files").unwrap();
    for _ in 0..4 {
        files.head("a").await.unwrap_err();
    }
    let report = hub.health().await;
    let service = &report.services[0];
    assert_eq!((service.calls, service.failures), (4, 1), "what is not found is no failure of the service");
    assert_eq!(service.last_error.as_ref().map(Error::kind), Some(ErrorKind::Unavailable));
    let line = report.to_string();
    assert!(line.starts_with("files  mock  healthy ") && line.ends_with("25.0 % errors"), "{line}");
}

#[tokio::test]
async fn a_provider_that_panics_is_unhealthy_and_the_report_goes_on() {
    let panicking = ObjectStore::new(mock(|mock| {
        mock.expect_health().returning(|_| panic!("a bug in a provider"));
    }));
    let hub = Hub::builder().service("bad", panicking).service("good", ObjectStore::new(Memory::new())).build().await.unwrap();
    let report = hub.health().await;
    let states: Vec<_> = report.services.iter().map(|service| (service.service.as_str(), service.state)).collect();
    assert_eq!(states, [("bad", HealthState::Unhealthy), ("good", HealthState::Healthy)]);
}

#[tokio::test]
async fn audit_goes_into_the_configured_file() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("audit.jsonl");
    let toml = format!(
        "version = 1\n[audit]\nfile = {:?}\nmode = \"required\"\n[services.a]\nprovider = \"memory\"\n",
        file.display().to_string()
    );
    let hub = build(&toml).await.unwrap();
    hub.get::<ObjectStore>("a").unwrap().put("k", "v").await.unwrap();
    hub.shutdown(Duration::from_secs(5)).await.unwrap();
    let records = std::fs::read_to_string(file).unwrap();
    assert_eq!(
        records.lines().filter(|line| line.contains("\"object_store.put\"") && line.contains("\"service\":\"a\"")).count(),
        2
    );
}

#[test]
fn the_schema_of_a_whole_file_knows_every_provider() {
    let schema = registry().document_schema();
    let text = schema.to_string();
    for expected in ["\"const\":\"memory\"", "\"const\":\"mirror\"", "\"audit\"", "\"profiles\""] {
        assert!(text.contains(expected), "{expected}");
    }
    let names: BTreeMap<_, _> = registry().iter().map(|entry| (entry.name(), entry.interfaces().to_vec())).collect();
    assert_eq!(names["memory"], ["ObjectStore", "KeyValueStore"]);
}
