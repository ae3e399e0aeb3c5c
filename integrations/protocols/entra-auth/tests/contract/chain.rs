//! Which link is taken, and which mistake ends the search.

use circle_core_common::credentials::ChainReport;
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_protocol_entra_auth::EntraCredentialsConfig;
use circle_core_testkit::{Break, Place, Reply};
use secrecy::ExposeSecret;

use crate::keys::Keys;
use crate::{CANARY, CLIENT, Machine, TENANT, TOKEN, body, field};

const CHAIN: EntraCredentialsConfig = EntraCredentialsConfig::DefaultChain;
const NAMES: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT)];
const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "hunter2");
const FILE: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token");

fn machine(variables: &[&[(&str, &str)]]) -> Machine {
    let machine = Machine::with(&variables.concat());
    machine.canned.always(Reply::json(TOKEN));
    machine
}

#[tokio::test]
async fn the_first_that_is_configured_is_taken() {
    let both = machine(&[&NAMES, &[SECRET, FILE]]);
    both.os.write(FILE.1, "workload");
    both.load(&CHAIN).await.unwrap();
    assert!(body(&both.canned.received()[0]).ends_with("&client_secret=hunter2"));

    let blank = machine(&[&NAMES, &[("AZURE_CLIENT_SECRET", " "), FILE]]);
    blank.os.write(FILE.1, "workload\n");
    blank.load(&CHAIN).await.unwrap();
    assert_eq!(field(&blank.canned.received()[0], "client_assertion").as_deref(), Some("workload"));

    let certificate = machine(&[&NAMES, &[("AZURE_CLIENT_CERTIFICATE_PATH", "/app.pem")]]);
    certificate.os.write("/app.pem", Keys::get().pem());
    certificate.load(&EntraCredentialsConfig::Environment).await.unwrap();
    assert_eq!(field(&certificate.canned.received()[0], "client_assertion").unwrap().split('.').count(), 3);
}

#[tokio::test]
async fn a_projected_token_is_read_anew_for_every_exchange() {
    let machine = machine(&[&NAMES, &[FILE]]);
    for token in ["first", "second"] {
        machine.os.write(FILE.1, token);
        machine.load(&EntraCredentialsConfig::WorkloadIdentity).await.unwrap();
    }
    let sent: Vec<_> = machine.canned.received().iter().map(|request| field(request, "client_assertion").unwrap()).collect();
    assert_eq!(sent, ["first", "second"]);
    assert!(
        body(&machine.canned.received()[0])
            .starts_with("grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&")
    );
}

#[tokio::test]
async fn nothing_configured_is_told_link_by_link_and_no_metadata_is_asked() {
    let machine = machine(&[&NAMES]);
    let error = machine.load(&CHAIN).await.unwrap_err();
    assert_eq!(
        error.message(),
        "no credentials are configured (environment: neither `AZURE_CLIENT_SECRET` nor `AZURE_CLIENT_CERTIFICATE_PATH` is set; \
         workload identity: `AZURE_FEDERATED_TOKEN_FILE` is not set)"
    );
    assert_eq!((error.provider_error::<ChainReport>().unwrap().links().count(), machine.canned.hits()), (2, 0));
}

#[tokio::test]
async fn a_machine_that_does_not_answer_is_not_configured_in_the_chain() {
    let machine = Machine::jumping();
    machine.canned.always(Reply::ok("").breaking(Place::Start, Break::Reset));
    let error = machine.load(&EntraCredentialsConfig::DefaultChainAndManagedIdentity).await.unwrap_err();
    let end = "managed identity: `IDENTITY_ENDPOINT` is not set; instance metadata: nobody answers)";
    assert!(error.message().ends_with(end), "{error}");
}

#[tokio::test]
async fn what_is_configured_but_broken_stops_the_chain_and_is_named() {
    let certificate = ("AZURE_CLIENT_CERTIFICATE_PATH", "/app.pem");
    for (variables, files, says) in [
        (&[SECRET, NAMES[0]][..], &[][..], "`environment`: `AZURE_CLIENT_SECRET` is set, but not `AZURE_CLIENT_ID`"),
        (&[SECRET, NAMES[1]], &[], "`environment`: `AZURE_CLIENT_SECRET` is set, but not `AZURE_TENANT_ID`"),
        (
            &[SECRET, certificate, NAMES[0], NAMES[1]],
            &[],
            "`environment`: `AZURE_CLIENT_SECRET` and `AZURE_CLIENT_CERTIFICATE_PATH` are both set",
        ),
        (
            &[certificate, NAMES[0], NAMES[1]],
            &[],
            "`environment`: there is no file `/app.pem`, which `AZURE_CLIENT_CERTIFICATE_PATH` names",
        ),
        (&[certificate, NAMES[0], NAMES[1]], &[("/app.pem", "hunter2")], "`environment`: the client certificate cannot be used"),
        (&[SECRET, ("AZURE_TENANT_ID", "a/b"), NAMES[1]], &[], "`environment`: the tenant is neither an id nor a domain"),
        (&[FILE, NAMES[0], NAMES[1]], &[], "`workload identity`: there is no file `/var/run/token`"),
        (&[FILE, NAMES[0], NAMES[1]], &[("/var/run/token", " \n")], "`workload identity`: the file `/var/run/token` is empty"),
        (
            &[FILE, NAMES[0]],
            &[("/var/run/token", "hunter2")],
            "`workload identity`: `AZURE_FEDERATED_TOKEN_FILE` is set, but not `AZURE_CLIENT_ID`",
        ),
    ] {
        let machine = machine(&[variables]);
        files.iter().for_each(|(path, text)| machine.os.write(*path, *text));
        let error = machine.load(&EntraCredentialsConfig::DefaultChainAndManagedIdentity).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid), "{error}");
        assert!(error.message().starts_with(&format!("credentials from {says}")), "{says}: {error}");
        assert!(!format!("{error:?}").contains(CANARY) && machine.canned.hits() == 0, "{error:?}");
    }
}

#[tokio::test]
async fn what_the_config_names_is_taken_and_nothing_else() {
    let machine = machine(&[&NAMES, &[SECRET]]);
    let stated = EntraCredentialsConfig::AccessToken(SecretRef::literal(" hunter2-token\n"));
    let lease = machine.load(&stated).await.unwrap();
    assert_eq!((lease.secret().expose_secret(), machine.canned.hits()), ("hunter2-token", 0));
    let shown = format!("{lease:?} {stated:?} {:?} {:?}", machine.tokens(&stated), crate::application::by_secret());
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(EntraCredentialsConfig::Anonymous.credentials(&machine.build(), "a").is_none());
    assert!(matches!(EntraCredentialsConfig::Anonymous.auth(&machine.build(), "a"), circle_core_common::http::Auth::None));
    assert!(machine.load(&EntraCredentialsConfig::WorkloadIdentity).await.unwrap_err().is(ErrorKind::ConfigInvalid));
}
