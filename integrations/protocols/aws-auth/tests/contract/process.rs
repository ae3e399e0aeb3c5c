//! Programs that print credentials: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>.

use circle_core_common::ErrorKind;
use circle_core_testkit::Telemetry;

use crate::{CANARY, END, Machine, body, session};

const PRINTED: &str = r#"{"Version":1,"AccessKeyId":"ASIARUN","SecretAccessKey":"hunter2canary-s","SessionToken":"hunter2canary-t","Expiration":"2000-01-01T01:00:00Z"}"#;

fn machine(command: &str, prints: Option<&str>) -> Machine {
    let machine = Machine::configured(&format!("[default]\ncredential_process = {command}\n"));
    machine.system.state().prints = prints.map(str::to_owned);
    machine
}

#[tokio::test]
async fn a_program_is_run_without_a_shell() {
    let machine = machine(r#""~/my creds" --user 'ann b' $HOME;id"#, Some(PRINTED));
    assert_eq!(machine.found().await.unwrap(), format!("ASIARUN {END}"));
    let ran = machine.system.state().ran.clone();
    let arguments = ["--user", "ann b", "$HOME;id"].map(str::to_owned).to_vec();
    assert_eq!(ran, [("/ann/my creds".to_owned(), arguments)]);
}

#[tokio::test]
async fn what_a_program_prints_may_take_a_role() {
    let machine = machine("/bin/creds", Some(r#"{"Version":1,"AccessKeyId":"AKIDRUN","SecretAccessKey":"hunter2canary"}"#));
    assert_eq!(machine.found().await.unwrap(), "AKIDRUN -");
    machine.write(
        crate::CONFIG,
        "[default]\nrole_arn = arn:r\nsource_profile = run\n[profile run]\ncredential_process = /bin/creds\n",
    );
    machine.canned.always(session("AssumeRole", "ASIAROLE"));
    assert_eq!(machine.found().await.unwrap(), format!("ASIAROLE {END}"));
    let role = machine.canned.received().remove(0);
    assert!(role.header("authorization").unwrap().contains("Credential=AKIDRUN/") && body(&role).contains("arn%3Ar"));
}

#[tokio::test]
async fn what_is_wrong_is_told_without_arguments_or_output() {
    for (command, prints, kind, says) in [
        (
            "/bin/creds hunter2canary",
            None,
            ErrorKind::ConfigInvalid,
            "the program `/bin/creds` gives nothing: it ended with exit status: 1",
        ),
        ("/bin/creds 'hunter2canary", None, ErrorKind::ConfigInvalid, "`credential_process` has a quote that is not closed"),
        ("/bin/creds hunter2canary", Some(""), ErrorKind::Decode, "cannot be read as JSON"),
        ("/bin/creds", Some("hunter2canary"), ErrorKind::Decode, "cannot be read as JSON"),
        ("/bin/creds", Some(r#"{"Version":2,"SecretAccessKey":"hunter2canary"}"#), ErrorKind::Decode, "has no `Version` of 1"),
        ("/bin/creds", Some(r#"{"Version":1,"SecretAccessKey":"hunter2canary"}"#), ErrorKind::Decode, "has no `AccessKeyId`"),
    ] {
        let (machine, telemetry) = (machine(command, prints), Telemetry::new());
        let error = telemetry.within(machine.found()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.message().starts_with("credentials from `profile`: the profile `default`: ") && error.message().contains(says),
            "{error}"
        );
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
    }
    let ended = machine("/bin/creds", Some(&PRINTED.replace("2000", "1999"))).found().await.unwrap_err();
    assert!(ended.is(ErrorKind::Unauthenticated), "{ended}");
}
