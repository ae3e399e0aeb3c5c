//! What a file may say, and what is said of its mistakes.

use std::collections::BTreeMap;

use circle_core::{
    BuildContext, Error, ErrorKind, Hub, Integration, KeyValueStore, ObjectStore, Registry, Result, Service, ServiceRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::registry;

fn problems(toml: &str) -> String {
    Hub::builder().toml(toml, "circle.toml").registry(registry()).check().unwrap_err().message().to_owned()
}

#[tokio::test]
async fn guides_show_what_is_said() {
    let toml = "version = 1\n\n[services.documents]\nprovider = \"memory\"\ncapacty = \"1 MiB\"\n\n[services.other]\nprovider = \"memry\"\n";
    let error = Hub::builder().toml(toml, "circle.toml").registry(registry()).check().unwrap_err().to_string();
    assert!(include_str!("../../../docs/configuration.md").contains(&format!("```text\n{error}\n```")), "{error}");

    let toml = "version = 1\n[services.documents]\nprovider = \"memory\"\n";
    let hub = Hub::builder().toml(toml, "circle.toml").registry(registry()).build().await.unwrap();
    let error = hub.get::<ObjectStore>("documents").unwrap().get("c").await.unwrap_err().to_string();
    assert!(include_str!("../../../docs/errors.md").contains(&format!("```text\n{error}\n```")), "{error}");
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

#[test]
fn the_schema_of_a_whole_file_knows_every_provider() {
    let schema = registry().document_schema();
    let text = schema.to_string();
    for expected in ["\"const\":\"memory\"", "\"const\":\"mirror\"", "\"audit\"", "\"profiles\""] {
        assert!(text.contains(expected), "{expected}");
    }
    let names: BTreeMap<_, _> = registry().iter().map(|entry| (entry.name(), entry.interfaces().to_vec())).collect();
    assert_eq!(names["memory"], ["ObjectStore", "KeyValueStore", "SecretStore"]);
}
