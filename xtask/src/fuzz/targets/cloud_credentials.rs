//! Credentials of clouds that come as files: whoever writes one may say where its secrets go.

use std::{io, path::Path};

use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Result, SecretRef,
    credentials::{FileStamp, LOAD, Os, OsSource},
    http::{Transport, TransportRequest, TransportResponse},
};
use circle_core_protocol_entra_auth::{ApplicationConfig, ApplicationProof, EntraCredentialsConfig};
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_protocol_oidc::AccessToken;

use super::Target;

/// In capital letters, so that no host is spelt like it: those may be shown.
const SECRET: &str = "S3CR3T";

pub(super) const GOOGLE: Target = Target {
    name: "google-credentials",
    promise: "whatever a credentials file says, its secrets go to Google and into no error",
    dictionary: &[
        b"\"type\":\"service_account\"",
        b"\"type\":\"authorized_user\"",
        b"\"type\":\"external_account\"",
        b"\"type\":\"impersonated_service_account\"",
        b"\"token_uri\":",
        b"\"token_url\":",
        b"\"service_account_impersonation_url\":",
        b"\"source_credentials\":{",
        b"\"credential_source\":{\"url\":",
        b"\"headers\":{",
        b"\"format\":{\"type\":\"json\"",
        b"https://oauth2.googleapis.com/token",
        b"https://sts.googleapis.com",
        b".googleapis.com",
        b"https://evil.example.net",
        b"accounts.google.com",
        b"http://169.254.169.254",
        b"@",
        b"#",
        b"?",
        b"\\\\",
        b"\"S3CR3T\"",
        b"null",
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let config = GoogleCredentialsConfig::key(SecretRef::literal(text));
        let error = refused(|cx, os| config.credentials_from(cx, os, ["a"]));
        // Which file holds a token is told.
        let names_a_file =
            serde_json::from_str::<serde_json::Value>(text).is_ok_and(|file| file.to_string().contains("\"file\":"));
        assert!(names_a_file || !error.contains(SECRET), "{error}");
    },
};

pub(super) const ENTRA: Target = Target {
    name: "entra-certificate",
    promise: "any text for a certificate with its key is refused, and no error repeats it",
    dictionary: &[
        b"-----BEGIN CERTIFICATE-----\n",
        b"\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"ENCRYPTED ",
        b"-----",
        b"MII",
        b"AAAA",
        b"=",
        b"S3CR3T",
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let proof = ApplicationProof::Certificate(SecretRef::literal(text));
        let config = EntraCredentialsConfig::Application(ApplicationConfig::new("contoso.example", "app", proof));
        let error = refused(|cx, os| config.credentials_from(cx, os, "https://storage.azure.com"));
        assert!(!error.contains(SECRET), "{error}");
    },
};

type Tokens = circle_core_common::credentials::CredentialCache<AccessToken>;

/// The error of credentials on a machine without variables, files and a network.
fn refused(credentials: impl FnOnce(&BuildContext, &Os) -> Option<Tokens>) -> String {
    let environment = Environment::builder().transport(Nowhere).build();
    let cx = BuildContext::new(environment.clone(), "fuzzed");
    let (Some(credentials), Ok(runtime)) =
        (credentials(&cx, &Os::from_source(Nowhere)), tokio::runtime::Builder::new_current_thread().enable_time().build())
    else {
        panic!("the credentials of the target");
    };
    match runtime.block_on(credentials.get(&CallContext::new(&environment, &LOAD, None))) {
        Ok(_) => panic!("a token without a network"),
        Err(error) => format!("{error} {error:?}"),
    }
}

struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse> {
        let origin = &request.target.origin;
        let is_known = ["accounts.google.com", "login.microsoftonline.com"].contains(&origin.host());
        // What is read from elsewhere is a token: nothing but the headers of the file goes there.
        let is_read = request.method == "GET";
        assert!(is_read || is_known || origin.host().ends_with(".googleapis.com"), "a secret was sent to {origin}");
        Err(Error::new(ErrorKind::Unsupported, "there is no network"))
    }
}

#[async_trait::async_trait]
impl OsSource for Nowhere {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    async fn stamp(&self, _: &Path) -> io::Result<FileStamp> {
        Err(io::ErrorKind::NotFound.into())
    }

    async fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
