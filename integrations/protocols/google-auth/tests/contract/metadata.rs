//! The metadata server.

use std::time::Duration;

use circle_core_common::ErrorKind;
use circle_core_common::credentials::CredentialRequest;
use circle_core_protocol_google_auth::GoogleCredentialsConfig;
use circle_core_testkit::{Break, Place, Reply};

use crate::{Machine, TOKEN};

const METADATA: GoogleCredentialsConfig = GoogleCredentialsConfig::Metadata;

fn answer(text: &str) -> Reply {
    Reply::json(text).header("Metadata-Flavor", "Google")
}

#[tokio::test]
async fn it_is_asked_for_the_scopes_and_in_its_own_words() {
    for (variable, host) in [
        (None, "metadata.google.internal"),
        (Some("169.254.169.254"), "169.254.169.254"),
        (Some(" metadata.goog "), "metadata.goog"),
    ] {
        let machine = Machine::new();
        if let Some(variable) = variable {
            machine.os.set("GCE_METADATA_HOST", variable);
        }
        machine.canned.always(answer(TOKEN));
        let lease = machine.load(&METADATA).await.unwrap();
        assert_eq!(lease.expires_at(), Some(machine.cx().clock().timestamp() + Duration::from_secs(3599)));
        let request = machine.canned.received().remove(0);
        assert_eq!(
            (&*request.method, request.header("host"), request.header("metadata-flavor")),
            ("GET", Some(host), Some("Google"))
        );
        assert_eq!(
            request.target,
            "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fdevstorage.read_write"
        );
        assert_eq!((request.header("traceparent"), request.header("authorization")), (None, None));
    }
}

#[tokio::test]
async fn several_scopes_are_one_parameter() {
    let machine = Machine::new();
    machine.canned.always(answer(TOKEN));
    let asked = CredentialRequest::new().scopes(["b", "a"]);
    machine.tokens(&METADATA).requesting(asked).get(&machine.cx()).await.unwrap();
    assert_eq!(machine.canned.received()[0].query(), "scopes=a%2Cb");
    let error =
        machine.tokens(&METADATA).requesting(CredentialRequest::new().audience("a")).get(&machine.cx()).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported));
}

#[tokio::test]
async fn somebody_else_who_answers_is_not_believed() {
    for reply in [Reply::json(TOKEN), Reply::json(TOKEN).header("Metadata-Flavor", "Other"), answer("<html>hunter2</html>")] {
        let machine = Machine::new();
        machine.canned.always(reply);
        let error = machine.load(&METADATA).await.unwrap_err();
        assert!(error.is(ErrorKind::Decode) && !format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_variable_leads_to_metadata_servers_only() {
    for host in [
        "evil.example.net",
        "10.0.0.1",
        "127.0.0.1:8080",
        "a@metadata.google.internal",
        "metadata.google.internal/x",
        "localhost",
    ] {
        let machine = Machine::new();
        machine.os.set("GCE_METADATA_HOST", host);
        let error = machine.load(&METADATA).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("`GCE_METADATA_HOST`"), "{host}: {error}");
        assert_eq!(machine.canned.hits(), 0);
    }
    // An emulator on this machine, where the service allows it.
    let machine = Machine::new();
    machine.os.set("GCE_METADATA_HOST", "127.0.0.1:8080");
    machine.canned.always(answer(TOKEN));
    let cx = machine.build().allow_loopback(true);
    METADATA.credentials_from(&cx, &machine.os.os(), ["a"]).unwrap().get(&machine.cx()).await.unwrap();
}

#[tokio::test]
async fn without_one_it_is_not_configured_and_with_a_broken_one_it_is_named() {
    let machine = Machine::jumping();
    machine.canned.always(Reply::ok("").breaking(Place::Start, Break::Reset));
    let error = machine.load(&METADATA).await.unwrap_err();
    assert_eq!(error.message(), "no credentials are configured (instance metadata: nobody answers)");

    let machine = Machine::new();
    machine.canned.always(Reply::ok("<h1>no account</h1>").with_status(404));
    let error = machine.load(&METADATA).await.unwrap_err();
    assert!(error.is(ErrorKind::NotFound) && error.message().starts_with("credentials from `instance metadata`: "), "{error}");
}

/// Over a socket: what is plain `http`, and on this machine, passes the guards of the real transport, too.
#[tokio::test]
async fn a_server_on_this_machine_is_reached() {
    let server = circle_core_testkit::FaultServer::start().await.unwrap();
    server.always(answer(TOKEN));
    let os = circle_core_testkit::FakeOs::new().with_variable("GCE_METADATA_HOST", server.address().to_string());
    // A clock that stands: a busy machine is no machine without a server.
    let clock = circle_core_testkit::ManualClock::new();
    let environment = circle_core_common::Environment::builder().clock(clock.clock()).build();
    let build = circle_core_common::BuildContext::new(environment.clone(), "documents").allow_loopback(true);
    let cx = circle_core_common::CallContext::new(&environment, &circle_core_common::credentials::LOAD, None);
    METADATA.credentials_from(&build, &os.os(), ["a"]).unwrap().get(&cx).await.unwrap();
    assert_eq!(server.received()[0].header("metadata-flavor"), Some("Google"));
}
