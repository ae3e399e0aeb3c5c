//! Application Default Credentials: which file is taken, and which mistake ends the search.

use circle_core_common::credentials::{ChainReport, CredentialRequest};
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_testkit::Reply;
use secrecy::ExposeSecret;

use crate::user::user;
use crate::{CANARY, FILE, Machine, TOKEN, field};

const CHAIN: GoogleCredentialsConfig = GoogleCredentialsConfig::DefaultChain;
const GCLOUD: &str = "/ann/.config/gcloud/application_default_credentials.json";

/// A user whose refresh token is this.
fn of(token: &str) -> String {
    let mut file = user();
    file["refresh_token"] = token.into();
    file.to_string()
}

#[cfg(not(windows))]
#[tokio::test]
async fn the_first_that_is_configured_is_taken() {
    for (variables, files, expected) in [
        (&[("GOOGLE_APPLICATION_CREDENTIALS", FILE)][..], &[FILE, GCLOUD][..], FILE),
        (&[("GOOGLE_APPLICATION_CREDENTIALS", " ")], &[FILE, GCLOUD], GCLOUD),
        (&[("GOOGLE_APPLICATION_CREDENTIALS", "~/key")], &["/ann/key"], "/ann/key"),
        (&[], &[GCLOUD], GCLOUD),
        (
            &[("CLOUDSDK_CONFIG", "/etc/gcloud")],
            &["/etc/gcloud/application_default_credentials.json", GCLOUD],
            "/etc/gcloud/application_default_credentials.json",
        ),
    ] {
        let machine = Machine::new();
        variables.iter().for_each(|(name, value)| machine.os.set(*name, *value));
        files.iter().for_each(|path| machine.os.write(*path, of(path)));
        machine.canned.at("/token").always(Reply::json(TOKEN));
        machine.load(&CHAIN).await.unwrap();
        assert_eq!(field(&machine.canned.received()[0], "refresh_token").as_deref(), Some(expected), "{variables:?}");
    }
}

#[cfg(not(windows))]
#[tokio::test]
async fn nothing_configured_is_told_link_by_link_and_the_metadata_server_is_not_asked() {
    let machine = Machine::new();
    let error = machine.load(&CHAIN).await.unwrap_err();
    assert_eq!(
        error.message(),
        format!(
            "no credentials are configured (GOOGLE_APPLICATION_CREDENTIALS: it is not set; gcloud: the file \
             `{GCLOUD}` is not there)"
        )
    );
    assert_eq!((error.provider_error::<ChainReport>().unwrap().links().count(), machine.canned.hits()), (2, 0));
}

#[tokio::test]
async fn the_metadata_server_is_asked_last_where_that_was_chosen() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(TOKEN).header("Metadata-Flavor", "Google"));
    machine.load(&GoogleCredentialsConfig::DefaultChainAndMetadata).await.unwrap();
    assert_eq!(machine.canned.received()[0].header("host"), Some("metadata.google.internal"));
}

#[tokio::test]
async fn what_is_configured_but_broken_stops_the_chain_and_is_named() {
    let missing = |name: &str| {
        let mut file = user();
        file.as_object_mut().unwrap().remove(name);
        file.to_string()
    };
    for (content, kind, says) in [
        (None, ErrorKind::ConfigInvalid, ", which `GOOGLE_APPLICATION_CREDENTIALS` names, is not there"),
        (Some(CANARY.to_owned()), ErrorKind::ConfigInvalid, "is not JSON, at line 1, column 1"),
        (Some(format!("[\"{CANARY}\"]")), ErrorKind::ConfigInvalid, "is no JSON object"),
        (Some("{}".to_owned()), ErrorKind::ConfigInvalid, "has no `type`"),
        (Some(format!(r#"{{"type":"{CANARY}"}}"#)), ErrorKind::ConfigInvalid, "is of a type that is not known"),
        (Some(r#"{"type":"gdch_service_account"}"#.to_owned()), ErrorKind::Unsupported, "is of the type `gdch_service_account`"),
        (Some(missing("refresh_token")), ErrorKind::ConfigInvalid, "has no `refresh_token`"),
        (Some(missing("client_secret")), ErrorKind::ConfigInvalid, "has no `client_secret`"),
        (
            Some(format!(r#"{{"type":"service_account","client_email":7,"private_key":"{CANARY}"}}"#)),
            ErrorKind::ConfigInvalid,
            "has another `client_email` than a text",
        ),
        (
            Some(format!(r#"{{"type":"service_account","client_email":"a","private_key":"{CANARY}"}}"#)),
            ErrorKind::ConfigInvalid,
            "the signing key is none in PEM for RS256",
        ),
        (
            Some(format!(
                r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"https://iamcredentials.googleapis.com/a",
                "source_credentials":{{"type":"authorized_user","client_id":"{CANARY}"}}}}"#
            )),
            ErrorKind::ConfigInvalid,
            "`source_credentials` of the file",
        ),
    ] {
        let machine = Machine::new();
        machine.os.set("GOOGLE_APPLICATION_CREDENTIALS", FILE);
        machine.os.write(GCLOUD, of("good"));
        if let Some(content) = content {
            machine.os.write(FILE, content);
        }
        let error = machine.load(&CHAIN).await.unwrap_err();
        let named = error.message().starts_with("credentials from `GOOGLE_APPLICATION_CREDENTIALS`: ");
        assert!(named && error.is(kind) && error.message().contains(says), "{says}: {error}");
        assert!(!format!("{error} {error:?}").contains(CANARY) && machine.canned.hits() == 0, "{error:?}");
    }
}

#[tokio::test]
async fn what_the_config_names_is_taken_and_nothing_else() {
    let machine = Machine::new();
    machine.os.set("GOOGLE_APPLICATION_CREDENTIALS", "/not/there");
    let stated = GoogleCredentialsConfig::AccessToken(SecretRef::literal(" hunter2\n"));
    let lease = machine.load(&stated).await.unwrap();
    assert_eq!((lease.secret().expose_secret(), machine.canned.hits()), ("hunter2", 0));
    assert!(!format!("{lease:?} {stated:?} {:?}", machine.tokens(&stated)).contains(CANARY));
    let asked = machine.tokens(&stated).requesting(CredentialRequest::new().scopes(["a"]));
    assert!(asked.get(&machine.cx()).await.unwrap_err().is(ErrorKind::Unsupported));
    assert!(GoogleCredentialsConfig::Anonymous.credentials(&machine.build(), ["a"]).is_none());
    assert!(matches!(GoogleCredentialsConfig::Anonymous.auth(&machine.build(), ["a"]), circle_core_common::http::Auth::None));
    let error = machine.load(&GoogleCredentialsConfig::file(FILE)).await.unwrap_err();
    assert!(error.message().ends_with("which the config names, is not there"), "{error}");
}
