use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use circle_core_common::credentials::{ChainReport, FileStamp, LOAD, OsSource};
use circle_core_common::{CallContext, Environment, ErrorKind, SecretRef};
use secrecy::ExposeSecret;

use super::*;

/// Variables and files of a test.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    variables: HashMap<String, String>,
    files: HashMap<String, (String, u64)>,
    reads: u32,
}

impl Machine {
    fn new(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let machine = Self::default();
        for (name, value) in variables.iter().chain(&[("HOME", "/ann")]) {
            machine.0.lock().unwrap().variables.insert((*name).to_owned(), (*value).to_owned());
        }
        for (path, text) in files {
            machine.write(path, text);
        }
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let mut state = self.0.lock().unwrap();
        let version = state.files.get(path).map_or(0, |(_, version)| version + 1);
        state.files.insert(path.to_owned(), (text.to_owned(), version));
    }

    fn os(&self) -> Os {
        Os::from_source(self.clone())
    }
}

#[async_trait]
impl OsSource for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().variables.get(name).cloned()
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let state = self.0.lock().unwrap();
        let (text, version) = state.files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(*version));
        Ok(FileStamp { length: text.len() as u64, modified })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        Ok(state.files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?.0.clone().into_bytes())
    }
}

fn build() -> BuildContext {
    BuildContext::new(Environment::default(), "test")
}

fn context() -> CallContext {
    CallContext::new(&Environment::default(), &LOAD, None)
}

/// `id/secret/token`, or the error's message.
async fn load(config: &AwsCredentialsConfig, machine: &Machine) -> Result<String, circle_core_common::Error> {
    let lease = config.credentials_from(&build(), &machine.os()).unwrap().get(&context()).await?;
    let token = lease.token().map_or("-", |token| token.expose_secret());
    Ok(format!("{}/{}/{token}", lease.access_key_id(), lease.secret_access_key().expose_secret()))
}

const CREDENTIALS: &str = "/ann/.aws/credentials";
const CONFIG: &str = "/ann/.aws/config";
const KEYS: &str = "[default]\naws_access_key_id = D\naws_secret_access_key = ds\n\
                    [audit]\naws_access_key_id = A\naws_secret_access_key = as\naws_session_token = at\n";

#[tokio::test]
async fn the_default_chain_takes_the_first_that_is_configured() {
    let environment = [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "es"), ("AWS_SESSION_TOKEN", "et")];
    let chain = AwsCredentialsConfig::DefaultChain;
    for (variables, files, expected) in [
        (&environment[..], &[(CREDENTIALS, KEYS)][..], "E/es/et"),
        (&environment[..2], &[], "E/es/-"),
        (&[("AWS_ACCESS_KEY_ID", " "), ("AWS_SECRET_ACCESS_KEY", "")], &[(CREDENTIALS, KEYS)], "D/ds/-"),
        (&[("AWS_PROFILE", "audit")], &[(CREDENTIALS, KEYS)], "A/as/at"),
        (&[("AWS_PROFILE", "")], &[(CREDENTIALS, KEYS)], "D/ds/-"),
        (&[], &[(CONFIG, "[default]\naws_access_key_id=C\naws_secret_access_key=cs\nregion=r")], "C/cs/-"),
        // The credentials file is the stronger, key by key.
        (&[], &[(CONFIG, "[default]\naws_access_key_id=C\naws_session_token=ct"), (CREDENTIALS, KEYS)], "D/ds/ct"),
        (&[("AWS_SHARED_CREDENTIALS_FILE", "~/other")], &[("/ann/other", KEYS)], "D/ds/-"),
        (
            &[("AWS_CONFIG_FILE", "/etc/aws"), ("AWS_PROFILE", "x")],
            &[("/etc/aws", "[profile x]\naws_access_key_id=X\naws_secret_access_key=xs")],
            "X/xs/-",
        ),
    ] {
        assert_eq!(load(&chain, &Machine::new(variables, files)).await.unwrap(), expected, "{variables:?} {files:?}");
    }
}

#[tokio::test]
async fn what_is_configured_but_broken_stops_the_chain_and_is_named() {
    let broken = "[default]\naws_access_key_id=D";
    for (variables, files, kind, message) in [
        (
            &[("AWS_ACCESS_KEY_ID", "E")][..],
            &[(CREDENTIALS, KEYS)][..],
            ErrorKind::ConfigInvalid,
            "credentials from `environment`: `AWS_ACCESS_KEY_ID` is set, but not `AWS_SECRET_ACCESS_KEY`",
        ),
        (
            &[("AWS_SECRET_ACCESS_KEY", "s3cr3t")],
            &[],
            ErrorKind::ConfigInvalid,
            "credentials from `environment`: `AWS_SECRET_ACCESS_KEY` is set, but not `AWS_ACCESS_KEY_ID`",
        ),
        (
            &[("AWS_PROFILE", "none")],
            &[(CREDENTIALS, KEYS)],
            ErrorKind::ConfigInvalid,
            "credentials from `profile`: there is no profile `none` in ~/.aws/credentials and ~/.aws/config; `AWS_PROFILE` names it",
        ),
        (
            &[],
            &[(CREDENTIALS, broken)],
            ErrorKind::ConfigInvalid,
            "credentials from `profile`: the profile `default` in ~/.aws/credentials and ~/.aws/config has `aws_access_key_id`, but \
             not `aws_secret_access_key`",
        ),
        (
            &[],
            &[(CREDENTIALS, "s3cr3t")],
            ErrorKind::ConfigInvalid,
            "credentials from `profile`: ~/.aws/credentials:1: expected a profile such as `[default]`",
        ),
    ] {
        let error = load(&AwsCredentialsConfig::DefaultChain, &Machine::new(variables, files)).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message));
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_configured_is_told_link_by_link() {
    let machine = Machine::new(&[], &[(CONFIG, "[default]\nregion = r")]);
    let error = load(&AwsCredentialsConfig::DefaultChain, &machine).await.unwrap_err();
    assert_eq!(
        error.message(),
        "no credentials are configured (environment: neither `AWS_ACCESS_KEY_ID` nor `AWS_SECRET_ACCESS_KEY` is set; workload \
         identity: `AWS_WEB_IDENTITY_TOKEN_FILE` is not set; profile: the profile `default` in ~/.aws/credentials and ~/.aws/config has no \
         credentials; container: neither `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` nor `AWS_CONTAINER_CREDENTIALS_FULL_URI` is set; instance \
         metadata: it is not switched on)"
    );
    assert_eq!(error.provider_error::<ChainReport>().unwrap().links().count(), 5);
}

#[tokio::test]
async fn what_the_config_names_is_taken_and_nothing_else() {
    let machine = Machine::new(
        &[("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "es"), ("AWS_PROFILE", "none")],
        &[(CREDENTIALS, KEYS)],
    );
    assert_eq!(load(&AwsCredentialsConfig::profile("audit"), &machine).await.unwrap(), "A/as/at");
    assert_eq!(load(&AwsCredentialsConfig::Environment, &machine).await.unwrap(), "E/es/-");
    let stated = AwsCredentialsConfig::access_key("S", SecretRef::literal("ss"));
    assert_eq!(load(&stated, &machine).await.unwrap(), "S/ss/-");
    assert!(AwsCredentialsConfig::Anonymous.credentials_from(&build(), &machine.os()).is_none());
    let error = load(&AwsCredentialsConfig::profile("gone"), &machine).await.unwrap_err();
    assert!(error.message().ends_with("; the config names it"), "{error}");
}

#[tokio::test]
async fn files_are_read_again_when_they_have_changed() {
    let machine = Machine::new(&[], &[(CREDENTIALS, KEYS)]);
    let cache = AwsCredentialsConfig::DefaultChain.credentials_from(&build(), &machine.os()).unwrap();
    let reads = || machine.0.lock().unwrap().reads;
    let first = cache.get(&context()).await.unwrap();
    assert_eq!((first.access_key_id(), reads()), ("D", 1));
    cache.invalidate(first.version());
    let second = cache.get(&context()).await.unwrap();
    assert_eq!((second.access_key_id(), reads()), ("D", 1), "unchanged: looked at, not read");
    machine.write(CREDENTIALS, "[default]\naws_access_key_id = D2\naws_secret_access_key = s\n");
    cache.invalidate(second.version());
    assert_eq!((cache.get(&context()).await.unwrap().access_key_id(), reads()), ("D2", 2));
    let due = second.refresh_at().unwrap();
    assert!(due > circle_core_common::Timestamp::UNIX_EPOCH, "and without being refused: every minute");
}

/// Sources that mean the same have one cache in a hub; those with secrets in them are told apart by nothing.
#[test]
fn services_of_a_hub_share_what_means_the_same() {
    let role = |source| AwsCredentialsConfig::Role(RoleConfig::new("arn:r", source));
    let key = |config: &AwsCredentialsConfig, cx: &BuildContext| config.key(cx);
    let web = AwsCredentialsConfig::Role(RoleConfig::web_identity("arn:r", "/t"));
    for config in
        [AwsCredentialsConfig::DefaultChain, AwsCredentialsConfig::profile("a"), role(AwsCredentialsConfig::Container), web]
    {
        let other = BuildContext::new(Environment::default(), "other");
        assert_eq!(key(&config, &build()), key(&config, &other), "{config:?}");
        assert_ne!(key(&config, &build()), key(&config, &other.allow_loopback(true)), "{config:?}");
        assert_ne!(key(&config, &build()), key(&role(config.clone()), &build()), "{config:?}");
        assert_ne!(key(&config, &build()), key(&AwsCredentialsConfig::profile("b"), &build()), "{config:?}");
    }
    let stated = AwsCredentialsConfig::access_key("A", SecretRef::literal("s"));
    assert_eq!((key(&stated, &build()), key(&role(role(stated)), &build())), (None, None));
}

/// Whoever has two roles, one by the other, has two caches: no lock waits for itself.
#[tokio::test]
async fn a_role_by_a_role_is_built() {
    let role = |source| AwsCredentialsConfig::Role(RoleConfig::new("arn:r", source));
    let config = role(role(AwsCredentialsConfig::Environment));
    assert!(config.credentials(&build()).is_some());
}

/// What services share lies in the environment: held from there, the environment would live for ever, and its audit log with it.
#[test]
fn what_is_shared_does_not_keep_its_environment_alive() {
    use circle_core_common::access::{AccessControl, AccessRules};

    let role = serde_json::from_str(r#"{"role_arn": "arn:aws:iam::123456789012:role/a"}"#).unwrap();
    let key = AwsCredentialsConfig::access_key("AKIA", SecretRef::literal("s".to_owned()));
    for config in [AwsCredentialsConfig::DefaultChain, AwsCredentialsConfig::profile("a"), key, role] {
        let part: Arc<dyn AccessControl> = Arc::new(AccessRules::new());
        let environment = Environment::builder().access_arc(Arc::clone(&part)).build();
        let cx = BuildContext::from(&environment);
        let credentials = config.credentials(&cx).unwrap();
        assert!(Arc::strong_count(&part) > 1);
        drop((credentials, cx, environment));
        assert_eq!(Arc::strong_count(&part), 1, "{config:?}");
    }
}
