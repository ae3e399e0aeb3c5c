//! Managed identities: of virtual machines, App Service and Azure Arc.

use circle_core_common::ErrorKind;
use circle_core_common::credentials::CredentialRequest;
use circle_core_protocol_entra_auth::{EntraCredentialsConfig, ManagedIdentity};
use circle_core_testkit::{Break, Place, Reply};
use secrecy::ExposeSecret;

use crate::{CANARY, CLIENT, Machine, TOKEN, address};

const MANAGED: EntraCredentialsConfig = EntraCredentialsConfig::ManagedIdentity(ManagedIdentity::SystemAssigned);
/// As Azure's machines answer; the clock of the tests stands at 946684800.
const ANSWER: &str = r#"{"access_token":"t1","client_id":"c","expires_in":"86000","expires_on":"946688400","ext_expires_in":"86399","not_before":"1","resource":"https://storage.azure.com","token_type":"Bearer"}"#;
const KEY: &str = "/var/opt/azcmagent/tokens/1f2e-a_b.key";

fn user_assigned() -> [(ManagedIdentity, &'static str, &'static str); 4] {
    [
        (ManagedIdentity::SystemAssigned, "", ""),
        (ManagedIdentity::ClientId("c".to_owned()), "&client_id=c", "&client_id=c"),
        (ManagedIdentity::ObjectId("o".to_owned()), "&object_id=o", "&object_id=o"),
        (ManagedIdentity::ResourceId("/sub/r".to_owned()), "&msi_res_id=%2Fsub%2Fr", "&mi_res_id=%2Fsub%2Fr"),
    ]
}

#[tokio::test]
async fn a_machine_is_asked_for_its_identity() {
    for (identity, parameter, _) in user_assigned() {
        let machine = Machine::new();
        machine.canned.always(Reply::json(ANSWER));
        let lease = machine.load(&EntraCredentialsConfig::ManagedIdentity(identity)).await.unwrap();
        // The token was made before it was asked for: what counts is when it ends.
        assert_eq!((lease.secret().expose_secret(), lease.expires_at()), ("t1", Some("2000-01-01T01:00:00Z".parse().unwrap())));
        let request = machine.canned.received().remove(0);
        let expected = format!(
            "169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com{parameter}"
        );
        assert_eq!((&*request.method, address(&request)), ("GET", expected));
        assert_eq!(
            (request.header("metadata"), request.header("authorization"), request.header("traceparent")),
            (Some("true"), None, None)
        );
    }
}

#[tokio::test]
async fn another_resource_can_be_asked_for_and_nothing_else() {
    let machine = Machine::new();
    machine.canned.always(Reply::json(ANSWER));
    let tokens = machine.tokens(&MANAGED);
    tokens.requesting(CredentialRequest::new().scopes(["api://orders/.default"])).get(&machine.cx()).await.unwrap();
    assert!(machine.canned.received()[0].query().ends_with("&resource=api%3A%2F%2Forders"));
    for asked in
        [CredentialRequest::new().claims("{}"), CredentialRequest::new().audience("a"), CredentialRequest::new().scopes(["a"])]
    {
        assert!(tokens.requesting(asked).get(&machine.cx()).await.unwrap_err().is(ErrorKind::Unsupported));
    }
    assert_eq!(machine.canned.hits(), 1);
}

#[tokio::test]
async fn what_a_machine_answers_is_what_azure_documents() {
    for (status, kind, retryable) in [
        (400, ErrorKind::ConfigInvalid, false),
        (404, ErrorKind::Unavailable, true),
        (410, ErrorKind::Unavailable, true),
        (429, ErrorKind::RateLimited, true),
        (500, ErrorKind::Internal, true),
        (403, ErrorKind::PermissionDenied, false),
    ] {
        let machine = Machine::jumping();
        let body = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        machine.canned.always(if status == 403 { Reply::status(403) } else { Reply::json(body).with_status(status) });
        let error = machine.token(&MANAGED).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status}: {error}");
        assert!(status != 400 || error.message().contains("has no managed identity, or not the one"), "{error}");
    }
    let machine = Machine::jumping();
    machine.canned.always(Reply::ok("").breaking(Place::Start, Break::Reset));
    assert!(machine.token(&MANAGED).await.unwrap_err().is(ErrorKind::Connection));
    let machine = Machine::jumping();
    machine.canned.always(Reply::redirect(302, "https://evil.example.net/"));
    assert!(machine.token(&MANAGED).await.is_err() && machine.canned.hits() == 1);
}

#[tokio::test]
async fn app_service_is_asked_with_its_header() {
    for (identity, _, parameter) in user_assigned() {
        let machine = Machine::with(&[("IDENTITY_ENDPOINT", "http://localhost:4141/msi/token"), ("IDENTITY_HEADER", "hunter2")]);
        machine.canned.always(Reply::json(r#"{"access_token":"t1","expires_on":"946688400","token_type":"Bearer"}"#));
        let lease = machine.load(&EntraCredentialsConfig::ManagedIdentity(identity)).await.unwrap();
        assert_eq!(lease.expires_at(), Some("2000-01-01T01:00:00Z".parse().unwrap()));
        let request = machine.canned.received().remove(0);
        let expected =
            format!("localhost:4141/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com{parameter}");
        assert_eq!((address(&request), request.header("x-identity-header")), (expected, Some("hunter2")));
    }
}

#[tokio::test]
async fn a_platforms_endpoint_is_on_this_machine_or_below_it() {
    for (endpoint, is_taken) in [
        ("http://127.0.0.1:41741/msi/token", true),
        ("http://169.254.129.4:8081/msi/token", true),
        ("http://evil.example.net/msi/token", false),
        ("https://evil.example.net/msi/token", false),
        ("http://10.0.0.1/msi/token", false),
        ("http://localhost:80@evil.example.net/msi/token", false),
        ("localhost:4141/msi/token", false),
        ("hunter2", false),
    ] {
        let machine = Machine::with(&[("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", "hunter2")]);
        machine.canned.always(Reply::json(TOKEN));
        match machine.token(&MANAGED).await {
            Ok(_) => assert!(is_taken, "{endpoint}"),
            Err(error) => {
                assert!(!is_taken && error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{endpoint}: {error}");
                assert!(error.message().contains("`IDENTITY_ENDPOINT`") && !format!("{error:?}").contains(CANARY), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_error_of_a_platform_tells_its_header() {
    for status in [200, 400, 401, 403, 500] {
        for json in [true, false] {
            let machine = Machine::jumping();
            machine.set(&[("IDENTITY_ENDPOINT", "http://localhost:1/t"), ("IDENTITY_HEADER", "hunter2-header")]);
            let words = r#"{"error":"hunter2-header","error_description":"got hunter2-header"}"#;
            machine.canned.always(if json { Reply::json(words) } else { Reply::ok("hunter2-header") }.with_status(status));
            let error = machine.token(&MANAGED).await.unwrap_err();
            assert!(!format!("{error} {error:?} {:?}", error.to_problem()).contains(CANARY), "{status}: {error:?}");
        }
    }
}

fn arc() -> Machine {
    let machine = Machine::with(&[
        ("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token"),
        ("IMDS_ENDPOINT", "http://localhost:40342"),
        ("PROGRAMDATA", "C:\\ProgramData"),
    ]);
    machine.os.write(KEY, "hunter2-key\n");
    machine
}

fn challenge(path: &str) -> Reply {
    Reply::status(401).header("WWW-Authenticate", format!("Basic realm={path}"))
}

#[cfg(not(windows))]
#[tokio::test]
async fn arc_is_shown_what_is_in_the_file_that_it_names() {
    let machine = arc();
    machine.canned.script([challenge(KEY), Reply::json(ANSWER)]);
    assert_eq!(machine.token(&MANAGED).await.unwrap(), "t1");
    let requests = machine.canned.received();
    let expected =
        "localhost:40342/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2Fstorage.azure.com";
    for request in &requests {
        assert_eq!((address(request).as_str(), request.header("metadata")), (expected, Some("true")));
    }
    let shown: Vec<_> = requests.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(shown, [None, Some("Basic hunter2-key")]);
}

#[tokio::test]
async fn arc_gets_no_other_file() {
    let long = format!("/var/opt/azcmagent/tokens/{}.key", "a".repeat(10));
    for path in [
        "/etc/shadow",
        "/etc/a.key",
        "/var/opt/azcmagent/tokens/../../../../etc/a.key",
        "/var/opt/azcmagent/tokens/sub/a.key",
        "/var/opt/azcmagent/tokens/.key",
        "/var/opt/azcmagent/tokens/a.txt",
        "/var/opt/azcmagent/tokens/..key.key",
        "/var/opt/azcmagent/tokens",
        "var/opt/azcmagent/tokens/a.key",
        "",
        &long,
    ] {
        let machine = arc();
        machine.os.write(path, "hunter2-file");
        machine.os.write(&*long, "hunter2".repeat(1000));
        machine.canned.script([challenge(path), Reply::json(ANSWER)]);
        let error = machine.token(&MANAGED).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConfigInvalid | ErrorKind::Decode), "{path}: {error}");
        assert!(machine.canned.hits() == 1 && !format!("{error:?}").contains(CANARY), "{path}: {error:?}");
    }
    let user = EntraCredentialsConfig::ManagedIdentity(ManagedIdentity::ClientId("c".to_owned()));
    assert!(arc().token(&user).await.unwrap_err().is(ErrorKind::Unsupported));
}

#[tokio::test]
async fn platforms_that_are_not_built_are_named() {
    let here = ("IDENTITY_ENDPOINT", "https://localhost:2377/metadata/identity/oauth2/token");
    for (variables, kind, says) in [
        (
            &[here, ("IDENTITY_HEADER", "h"), ("IDENTITY_SERVER_THUMBPRINT", "t")][..],
            ErrorKind::Unsupported,
            "the managed identity of Service Fabric is not supported",
        ),
        (&[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")], ErrorKind::Unsupported, "Cloud Shell"),
        (&[here], ErrorKind::ConfigInvalid, "`IDENTITY_ENDPOINT` is set, but neither `IDENTITY_HEADER` nor `IMDS_ENDPOINT`"),
    ] {
        let machine = Machine::with(variables);
        let error = machine.token(&MANAGED).await.unwrap_err();
        assert!(error.is(kind) && error.message().contains(says) && machine.canned.hits() == 0, "{error}");
    }
}

#[tokio::test]
async fn the_chain_takes_the_identity_that_the_environment_names() {
    let machine = Machine::with(&[("AZURE_CLIENT_ID", CLIENT)]);
    machine.canned.always(Reply::json(ANSWER));
    machine.load(&EntraCredentialsConfig::DefaultChainAndManagedIdentity).await.unwrap();
    assert!(machine.canned.received()[0].query().ends_with(&format!("&client_id={CLIENT}")));
    // What the config chose is not overruled.
    machine.load(&MANAGED).await.unwrap();
    assert!(!machine.canned.received()[1].query().contains("client_id"));
}

/// Over a socket: what is plain `http`, and on this machine, passes the guards of the real transport, too.
#[tokio::test]
async fn a_platform_on_this_machine_is_reached() {
    let server = circle_core_testkit::FaultServer::start().await.unwrap();
    server.always(Reply::json(TOKEN));
    let os = circle_core_testkit::FakeOs::new()
        .with_variable("IDENTITY_ENDPOINT", format!("{}/msi/token", server.origin()))
        .with_variable("IDENTITY_HEADER", "hunter2");
    // A clock that stands: a busy machine is no machine without a server.
    let clock = circle_core_testkit::ManualClock::new();
    let environment = circle_core_common::Environment::builder().clock(clock.clock()).build();
    let build = circle_core_common::BuildContext::new(environment.clone(), "documents");
    let cx = circle_core_common::CallContext::new(&environment, &circle_core_common::credentials::LOAD, None);
    MANAGED.credentials_from(&build, &os.os(), "https://storage.azure.com").unwrap().get(&cx).await.unwrap();
    assert_eq!(server.received()[0].header("x-identity-header"), Some("hunter2"));
}
