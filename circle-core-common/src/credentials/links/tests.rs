use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::context::CallContext;
use crate::credentials::paused::environment;
use crate::credentials::{
    Chain, ChainReport, CredentialCache, CredentialRequest, CredentialSource, FileStamp, Found, LOAD, Lease, Link, Os, OsSource,
};
use crate::error::{ErrorKind, Result};
use crate::secret::SecretRef;

/// Variables and files of a test.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<HashMap<String, String>>>);

impl Machine {
    fn new(has: &[(&str, &str)]) -> Self {
        let machine = Self::default();
        machine.set("HOME", "/ann");
        has.iter().for_each(|(name, value)| machine.set(name, value));
        machine
    }

    fn set(&self, name: &str, value: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    fn os(&self) -> Os {
        Os::from_source(self.clone())
    }
}

#[async_trait]
impl OsSource for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }

    async fn stamp(&self, _: &Path) -> io::Result<FileStamp> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let files = self.0.lock().unwrap();
        Ok(files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?.clone().into_bytes())
    }
}

/// Exchanges a token for its upper case.
struct Shouting;

#[async_trait]
impl TokenExchange for Shouting {
    type Credential = SecretString;

    async fn exchange(&self, cx: &CallContext, token: &SecretString, _: &CredentialRequest) -> Result<Lease<SecretString>> {
        let lease = Lease::new(SecretString::from(token.expose_secret().to_uppercase()));
        Ok(lease.until(cx.clock().timestamp() + Duration::from_secs(600)))
    }
}

/// A metadata service that answers after so long.
struct Metadata(Duration);

#[async_trait]
impl Link for Metadata {
    type Credential = SecretString;

    fn name(&self) -> std::borrow::Cow<'static, str> {
        "metadata".into()
    }

    async fn find(&self, cx: &CallContext) -> Result<Found<SecretString>> {
        cx.clock().sleep(self.0).await;
        Ok(stated::found("of the machine"))
    }
}

fn chain(machine: &Machine, reference: Option<SecretRef>, metadata: Option<Duration>) -> Chain<SecretString> {
    let file = |usual: &str, variable: &str| TextFile::new(machine.os()).usually(usual).named_by(variable);
    let chain = Chain::new()
        .then(Stated::reference(reference, &environment()))
        .then(Variables::new(machine.os(), ["ACME_TOKEN", "ACME_KEY"]))
        .then(file("~/.acme/token", "ACME_TOKEN_FILE"));
    #[cfg(feature = "config")]
    let chain = chain.then(ProfileFile::new(file("~/.acme/profiles", "ACME_PROFILES"), "token").profile_by("ACME_PROFILE"));
    let workload = WorkloadIdentity::new(TextFile::new(machine.os()).named_by("ACME_IDENTITY"), Shouting);
    let metadata = InstanceMetadata::new(Metadata(metadata.unwrap_or_default()), metadata.is_some());
    chain.then(workload).then(metadata)
}

async fn load(chain: Chain<SecretString>) -> Result<String> {
    let cx = CallContext::new(&environment(), &LOAD, None);
    Ok(chain.load(&cx).await?.expose_secret().to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_first_that_is_configured_is_taken_in_the_order_of_the_places() {
    let all = [
        ("ACME_TOKEN", " v1 "),
        ("ACME_KEY", "v2"),
        ("ACME_TOKEN_FILE", "/named"),
        ("/named", "named\n"),
        ("/ann/.acme/token", "usual\r\n"),
        ("ACME_IDENTITY", "/projected"),
        ("/projected", "workload\n"),
    ];
    // Each time the first is taken away.
    for (at, expected) in ["v1", "v2", "named", "usual", "usual", "WORKLOAD"].into_iter().enumerate() {
        assert_eq!(load(chain(&Machine::new(&all[at..]), None, None)).await.unwrap(), expected);
    }
    assert!(load(chain(&Machine::new(&all[6..]), None, None)).await.unwrap_err().is(ErrorKind::ConfigInvalid));
    let stated = SecretRef::literal("stated");
    assert_eq!(load(chain(&Machine::new(&all), Some(stated), None)).await.unwrap(), "stated");
    let blank = Machine::new(&[("ACME_TOKEN", " "), ("ACME_KEY", ""), ("ACME_TOKEN_FILE", "\t"), ("ACME_IDENTITY", "")]);
    assert_eq!(load(chain(&blank, None, Some(Duration::ZERO))).await.unwrap(), "of the machine");
}

#[tokio::test(start_paused = true)]
async fn what_is_configured_but_broken_stops_and_is_named_without_values() {
    let with_more = |broken: &[(&str, &str)]| {
        let machine = Machine::new(broken);
        machine.set("ACME_IDENTITY", "/projected");
        machine.set("/projected", "workload");
        machine
    };
    for (broken, reference, says) in [
        (&[][..], Some("file:/surely/not/there"), "credentials from `config`: "),
        (&[], Some("vault:kv/acme#token"), "credentials from `config`: a `vault:` secret needs"),
        (
            &[("ACME_TOKEN_FILE", "/none")],
            None,
            "credentials from `file`: there is no file `/none`, which `ACME_TOKEN_FILE` names",
        ),
        (&[("/ann/.acme/token", " \n")], None, "credentials from `file`: the file `/ann/.acme/token` is empty"),
        #[cfg(feature = "config")]
        (&[("ACME_PROFILE", "x")], None, "credentials from `profile`: the profile `x` was chosen, but there is no file"),
        #[cfg(feature = "config")]
        (
            &[("ACME_PROFILE", "x"), ("/ann/.acme/profiles", "[y]\ntoken='s3cr3t'")],
            None,
            "credentials from `profile`: there is no profile `x` in `/ann/.acme/profiles`",
        ),
        #[cfg(feature = "config")]
        (
            &[("/ann/.acme/profiles", "[default]\n\ntoken = s3cr3t")],
            None,
            "credentials from `profile`: `/ann/.acme/profiles:3` is not TOML",
        ),
        #[cfg(feature = "config")]
        (
            &[("/ann/.acme/profiles", "[default]\ntoken = 7")],
            None,
            "credentials from `profile`: `token` of the profile `default` in `/ann/.acme/profiles` is no text, or a blank one",
        ),
        #[cfg(feature = "config")]
        (
            &[("/ann/.acme/profiles", "[default]\nkey = 's3cr3t'")],
            None,
            "credentials from `profile`: the profile `default` in `/ann/.acme/profiles` has no `token`",
        ),
    ] {
        let reference = reference.map(|text| text.parse().unwrap());
        let error = load(chain(&with_more(broken), reference, Some(Duration::ZERO))).await.unwrap_err();
        assert!(error.message().starts_with(says), "{error}");
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
}

#[cfg(feature = "config")]
#[tokio::test(start_paused = true)]
async fn a_profile_is_the_chosen_one_or_the_default() {
    let profiles = ("/ann/.acme/profiles", "[default]\ntoken = 'd'\n[production]\ntoken = 'p'");
    assert_eq!(load(chain(&Machine::new(&[profiles]), None, None)).await.unwrap(), "d");
    assert_eq!(load(chain(&Machine::new(&[profiles, ("ACME_PROFILE", "production")]), None, None)).await.unwrap(), "p");
    let machine = Machine::new(&[profiles, ("ACME_PROFILE", "production")]);
    let file = TextFile::new(machine.os()).usually("~/.acme/profiles");
    let link = ProfileFile::new(file, "token").profile(Some("default".to_owned())).profile_by("ACME_PROFILE");
    assert_eq!(load(Chain::new().then(link)).await.unwrap(), "d", "the config is nearer than the environment");
    let others = Machine::new(&[("/ann/.acme/profiles", "[production]\ntoken = 'p'")]);
    assert!(load(chain(&others, None, Some(Duration::ZERO))).await.is_ok(), "nobody chose a profile that is not there");
}

#[tokio::test(start_paused = true)]
async fn a_metadata_service_is_asked_when_switched_on_and_for_a_second() {
    let machine = Machine::new(&[]);
    let began = tokio::time::Instant::now();
    let error = load(chain(&machine, None, None)).await.unwrap_err();
    let report: Vec<_> = error.provider_error::<ChainReport>().unwrap().links().map(|(name, _)| name.to_owned()).collect();
    assert_eq!((began.elapsed(), report.last().unwrap().as_str()), (Duration::ZERO, "instance metadata"));
    assert!(error.message().contains("instance metadata: it is not switched on"), "{error}");
    assert!(error.message().contains("environment: `ACME_TOKEN`, `ACME_KEY` not set"), "{error}");
    assert!(error.message().contains("workload identity: `ACME_IDENTITY` is not set"), "{error}");
    assert_eq!(load(chain(&machine, None, Some(Duration::from_millis(900)))).await.unwrap(), "of the machine");
    let began = tokio::time::Instant::now();
    let error = load(chain(&machine, None, Some(Duration::from_secs(25)))).await.unwrap_err();
    assert!(error.message().contains("instance metadata: nobody answers"), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_projected_token_is_read_for_every_exchange() {
    let machine = Machine::new(&[("ACME_IDENTITY", "/projected"), ("/projected", "first")]);
    let cache = CredentialCache::new(chain(&machine, None, None));
    let cx = CallContext::new(&environment(), &LOAD, None);
    assert_eq!(cache.get(&cx).await.unwrap().expose_secret(), "FIRST");
    machine.set("/projected", "second");
    assert_eq!(cache.get(&cx).await.unwrap().expose_secret(), "FIRST");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(cache.get(&cx).await.unwrap().expose_secret(), "SECOND");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_cannot_choose_says_so_instead_of_giving_another() {
    let asked = CredentialRequest::new().scopes(["mail.read"]);
    let cx = CallContext::new(&environment(), &LOAD, None);
    let variables = Machine::new(&[("ACME_TOKEN", "v")]);
    let error = chain(&variables, None, None).load_for(&cx, &asked).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.message().starts_with("credentials from `environment`: "), "{error}");
    // One that is not configured is passed over all the same.
    let workload = Machine::new(&[("ACME_IDENTITY", "/projected"), ("/projected", "w")]);
    assert_eq!(chain(&workload, None, None).load_for(&cx, &asked).await.unwrap().expose_secret(), "W");
}

#[test]
fn a_chain_is_by_tenant_when_a_link_is() {
    let machine = Machine::new(&[]);
    assert!(chain(&machine, None, None).by_tenant(), "an exchange may look at the tenant");
    assert!(!Chain::new().then(Variables::new(machine.os(), ["A"])).by_tenant());
}

#[cfg(feature = "keyring")]
#[tokio::test]
async fn a_keyring_is_read_and_a_machine_without_one_is_not_broken() {
    let store = keyring_core::mock::Store::new().unwrap();
    keyring_core::CredentialStore::build(&*store, "acme", "ann", None).unwrap().set_password("s3cr3t").unwrap();
    let secrets = KeyringSecrets::new(store);
    let cx = CallContext::new(&environment(), &LOAD, None);
    let found = async |service, user| {
        Chain::new()
            .then(Keyring::new(secrets.clone(), service, user))
            .load(&cx)
            .await
            .map(|lease| lease.expose_secret().to_owned())
    };
    assert_eq!(found("acme", "ann").await.unwrap(), "s3cr3t");
    let error = found("acme", "ben").await.unwrap_err();
    assert!(error.message().contains("keyring: the keyring has no `acme/ben`"), "{error}");
    let none = Chain::new().then(Keyring::new(KeyringSecrets::default(), "acme", "ann")).load(&cx).await.unwrap_err();
    assert!(none.message().contains("keyring: the application has set no keyring"), "{none}");
    // As a reference of the config it must be there.
    let environment = crate::Environment::builder().secret_resolver("keyring", secrets.clone()).build();
    for (reference, expected) in [
        ("keyring:acme/ann", Ok("s3cr3t")),
        ("keyring:acme/ben", Err("the secret `keyring:acme/ben`: the keyring has no `acme/ben`")),
        ("keyring:acme", Err("the secret `keyring:acme`: write `keyring:service/user`")),
    ] {
        let source = crate::credentials::SecretSource::new(reference.parse().unwrap(), &environment);
        match (source.load(&cx).await, expected) {
            (Ok(lease), Ok(secret)) => assert_eq!(lease.expose_secret(), secret),
            (Err(error), Err(text)) => assert_eq!(error.message(), text),
            (found, _) => panic!("{reference}: {found:?}"),
        }
    }
}
