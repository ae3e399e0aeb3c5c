//! Handles, a start that is degraded, health and shutdown.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core::memory::Memory;
use circle_core::object_store::MockObjectStoreProvider;
use circle_core::{
    BuildContext, Error, ErrorKind, HealthState, Hub, Integration, KeyValueStore, ObjectStore, Reason, Registry, Result, Service,
};

use super::{REACHABLE, SwitchConfig, build, mock, registry};

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

    // All of them at once, by name: nobody mends one to learn of the next.
    let two =
        "version = 1\n[services.t]\nprovider = \"sick\"\nrequired = true\n[services.s]\nprovider = \"sick\"\nrequired = true\n";
    let hub = Hub::builder().toml(two, "circle.toml");
    let error = hub.registry(Registry::new().with::<Sick>()).build().await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated), "{error}");
    let lines: Vec<&str> = error.message().lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "2 required services are not healthy"), "{error}");
    assert!(lines[1].starts_with("the required service `s` is ") && lines[2].starts_with("the required service `t` is "));
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
async fn audit_goes_into_the_configured_file_and_its_anchors() {
    use circle_core::CallOptions;
    use circle_core::audit::{AuditLog, FileAnchor, Integrity, ObjectStoreAnchor, Verifier};

    let folder = tempfile::tempdir().unwrap();
    let (file, anchor): (PathBuf, PathBuf) = (folder.path().join("audit.jsonl"), folder.path().join("anchor"));
    // A key as the log makes it for itself.
    let other = AuditLog::open(folder.path().join("other.jsonl")).unwrap();
    let (key, secret) = (other.verifying_key().clone(), folder.path().join("other.jsonl.key"));
    let text = |path: &PathBuf| format!("{:?}", path.display().to_string());
    let toml = format!(
        "version = 1\n[audit]\nfile = {}\nmode = \"required\"\norigin = \"logs.example/1\"\nkey = {:?}\n\
         anchors = [{{ file = {} }}, {{ store = \"kept\", prefix = \"anchors/\" }}]\n\
         [services.a]\nprovider = \"memory\"\n",
        text(&file),
        format!("file:{}", secret.display()),
        text(&anchor),
    );
    let keeping = format!("[services.kept]\nprovider = \"filesystem\"\nroot = {}\n", text(&folder.path().join("kept")));
    let hub = Hub::builder().toml(format!("{toml}{keeping}"), "circle.toml").build().await.unwrap();
    let store = hub.get::<ObjectStore>("a").unwrap().with(CallOptions::new().principal("ana@example.com"));
    store.put("k", "v").await.unwrap();
    hub.shutdown(Duration::from_secs(60)).await.unwrap();
    let records = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        records.lines().filter(|line| line.contains("\"object_store.put\"") && line.contains("\"service\":\"a\"")).count(),
        2
    );
    assert!(!records.contains("ana@example.com"));
    let later = Hub::builder().toml(format!("version = 1\n{keeping}"), "circle.toml").build().await.unwrap();
    let kept: ObjectStore = later.get("kept").unwrap();
    let anchors = [
        FileAnchor::new(&anchor).checkpoints().unwrap(),
        ObjectStoreAnchor::new(&kept, "anchors/").checkpoints("logs.example/1").await.unwrap(),
    ];
    for anchored in anchors {
        let found = Verifier::new([key.clone()]).anchored(anchored).verify(&file).unwrap();
        assert_eq!((found.integrity, found.records, found.anchored), (Integrity::Intact, 2, 2));
    }
}

#[tokio::test]
async fn what_is_wrong_with_audit_and_access_is_told_with_its_place() {
    for (section, says) in [
        ("[audit]\nfile = 'a'\nanchors = [{}]", "audit.anchors[0]"),
        ("[audit]\nfile = 'a'\nanchors = [{ file = 'b', prefix = 'c' }]", "a file has no prefix"),
        ("[audit]\nfile = 'a'\nanchors = [{ store = 'none' }]", "none"),
        ("[audit]\nfile = 'a'\nkey = 'hunter2'", "reference to a secret"),
        (
            "[audit]\nfile = 'a'\nkey = { from = 'env:K', profiles = ['production'] }",
            "this secret is for the profiles production",
        ),
        ("[access]\ngrants = [{ roles = ['x'], principals = ['ana'] }]", "there is no role `x`"),
        ("[access]\nroles.x.alow = []", "alow"),
    ] {
        let toml = format!("version = 1\n{section}\n");
        let error = Hub::builder().toml(&toml, "circle.toml").check().unwrap_err();
        assert!(error.to_string().contains(says) && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn default_deny_by_config() {
    use circle_core::CallOptions;
    let toml = "version = 1\n[services.a]\nprovider = \"memory\"\n[access.roles.reader]\nallow = [{ services = [\"a\"], classes = [\"read\"] }]\n\
                [[access.grants]]\nroles = [\"reader\"]\nprincipals = [\"ana\"]\n";
    let hub = build(toml).await.unwrap();
    let store = hub.get::<ObjectStore>("a").unwrap();
    let ana = store.with(CallOptions::new().principal("ana"));
    assert!(ana.head("k").await.unwrap_err().is(ErrorKind::NotFound), "it was asked");
    for error in [ana.put("k", "v").await.unwrap_err(), store.head("k").await.unwrap_err()] {
        assert!(error.is(ErrorKind::PermissionDenied), "{error}");
    }
}
