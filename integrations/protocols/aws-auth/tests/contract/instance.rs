//! The metadata service of EC2, version 2:
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html>.

use circle_core_common::ErrorKind;
use circle_core_protocol_aws_auth::AwsCredentialsConfig;
use circle_core_testkit::{Reply, Telemetry};

use crate::{CANARY, CONFIG, END, Machine, document, session};

const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn instance(role: &str, id: &str) -> Machine {
    let machine = Machine::new(&[]);
    answer(&machine, role, id);
    machine
}

fn answer(machine: &Machine, role: &str, id: &str) {
    machine.canned.at(TOKEN).always(Reply::ok("hunter2canary-session=="));
    machine.canned.at(ROLES).always(Reply::ok(format!("{role}\n")));
    machine.canned.at(&format!("{ROLES}{role}")).always(document(id));
}

#[tokio::test]
async fn it_is_a_session_a_role_and_its_credentials() {
    let machine = instance("web-server", "ASIAEC2");
    assert_eq!(machine.load(&AwsCredentialsConfig::Instance).await.unwrap(), format!("ASIAEC2 {END}"));
    let at = "169.254.169.254";
    assert_eq!(machine.asked(), [format!("PUT {at}{TOKEN}"), format!("GET {at}{ROLES}"), format!("GET {at}{ROLES}web-server")]);
    let [token, role, credentials] = &machine.canned.received()[..] else { panic!() };
    assert_eq!(token.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("60"));
    assert_eq!(token.header("x-aws-ec2-metadata-token"), None);
    for request in [role, credentials] {
        assert_eq!(request.header("x-aws-ec2-metadata-token"), Some("hunter2canary-session=="));
    }
}

#[tokio::test]
async fn it_is_not_asked_unless_it_is_switched_on() {
    let machine = instance("web-server", "ASIAEC2");
    let error = machine.found().await.unwrap_err();
    assert!(error.message().ends_with("instance metadata: it is not switched on)"), "{error}");
    assert_eq!(machine.canned.hits(), 0);
    assert_eq!(machine.load(&AwsCredentialsConfig::DefaultChainWithInstance).await.unwrap(), format!("ASIAEC2 {END}"));

    let machine = instance("web-server", "ASIAEC2");
    machine.set("AWS_EC2_METADATA_DISABLED", "TRUE");
    let error = machine.load(&AwsCredentialsConfig::Instance).await.unwrap_err();
    assert!(error.message().contains("`AWS_EC2_METADATA_DISABLED` switches it off") && machine.canned.hits() == 0, "{error}");
}

#[tokio::test]
async fn the_name_of_the_role_is_asked_for_at_each_load() {
    let machine = instance("web-server", "ASIAEC2");
    let cache = machine.cache(&AwsCredentialsConfig::Instance);
    machine.ask(&cache).await.unwrap();
    machine.canned.reset();
    answer(&machine, "other-role", "ASIAOTHER");
    cache.invalidate(cache.get(&machine.cx()).await.unwrap().version());
    assert_eq!(machine.ask(&cache).await.unwrap(), format!("ASIAOTHER {END}"));
}

#[tokio::test]
async fn a_profile_names_it_and_that_switches_it_on() {
    let machine = instance("web-server", "ASIAEC2");
    machine.write(CONFIG, "[default]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\nregion = eu-west-1");
    machine.canned.at("/").always(session("AssumeRole", "ASIAROLE"));
    assert_eq!(machine.found().await.unwrap(), format!("ASIAROLE {END}"));
    assert_eq!(machine.asked().last().unwrap(), "POST sts.eu-west-1.amazonaws.com/");
}

#[tokio::test]
async fn another_address_is_one_of_metadata_or_none() {
    for (variable, value, host) in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6", Some("[fd00:ec2::254]")),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4", Some("169.254.169.254")),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]/", Some("[fd00:ec2::254]")),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.org", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1", None),
    ] {
        let machine = instance("r", "ASIAEC2");
        machine.set(variable, value);
        match (machine.load(&AwsCredentialsConfig::Instance).await, host) {
            (Ok(_), Some(host)) => assert!(machine.canned.received().iter().all(|request| request.header("host") == Some(host))),
            (Err(error), None) => assert!(error.is(ErrorKind::ConfigInvalid) && machine.canned.hits() == 0, "{value}: {error}"),
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn where_nobody_answers_or_there_is_no_role_it_is_not_configured() {
    let machine = Machine::new(&[]);
    machine.canned.always(Reply::hang_up());
    let error = machine.load(&AwsCredentialsConfig::DefaultChainWithInstance).await.unwrap_err();
    assert!(error.message().ends_with("instance metadata: nobody answers)"), "{error}");

    let machine = Machine::new(&[]);
    machine.canned.at(TOKEN).always(Reply::ok("hunter2canary"));
    machine.canned.at(ROLES).always(Reply::status(404));
    let error = machine.load(&AwsCredentialsConfig::Instance).await.unwrap_err();
    assert!(error.message().ends_with("instance metadata: the instance has no role)"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_broken_and_shows_nothing() {
    let json = |text: &str| Reply::json(text.to_owned());
    for (token, role, credentials, kind, says) in [
        (Reply::status(403), None, None, ErrorKind::PermissionDenied, "403"),
        // One of version 1 only: it is not asked without a session.
        (Reply::status(404), None, None, ErrorKind::ConfigInvalid, "404"),
        (Reply::ok("  "), None, None, ErrorKind::Decode, "no token for a session"),
        (Reply::ok("hunter2canary\nx"), None, None, ErrorKind::Decode, "a token that no header can carry"),
        (Reply::redirect(302, "http://evil.example.net"), None, None, ErrorKind::ConfigInvalid, "302"),
        (Reply::ok("t"), Some(Reply::ok("../../hunter2canary")), None, ErrorKind::Decode, "no name of a role"),
        (Reply::ok("t"), Some(Reply::ok("..")), None, ErrorKind::Decode, "no name of a role"),
        (Reply::ok("t"), Some(Reply::ok("")), None, ErrorKind::Decode, "no name of a role"),
        (
            Reply::ok("t"),
            Some(Reply::ok("r")),
            Some(json(r#"{"Token":"hunter2canary"#)),
            ErrorKind::Decode,
            "the syntax is wrong",
        ),
        (
            Reply::ok("t"),
            Some(Reply::ok("r")),
            Some(json(r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume it"}"#)),
            ErrorKind::ConfigInvalid,
            "does the role trust",
        ),
    ] {
        let (machine, telemetry) = (Machine::new(&[]), Telemetry::new());
        machine.canned.at(TOKEN).always(token);
        machine.canned.at(ROLES).always(role.unwrap_or_else(|| Reply::status(500)));
        machine.canned.at(&format!("{ROLES}r")).always(credentials.unwrap_or_else(|| Reply::status(500)));
        let found = telemetry.within(machine.load(&AwsCredentialsConfig::Instance)).await;
        let error = found.unwrap_err();
        assert_eq!(error.kind(), kind, "{says}: {error}");
        assert!(
            error.message().starts_with("credentials from `instance metadata`: ") && error.message().contains(says),
            "{says}: {error}"
        );
        assert!(!telemetry.text().contains(CANARY), "{}", telemetry.text());
    }
}

/// Credentials that have ended are used on while there are no newer ones.
#[tokio::test]
async fn an_instance_goes_on_with_what_it_has_while_the_metadata_service_fails() {
    let machine = instance("web-server", "ASIAEC2");
    let cache = machine.cache(&AwsCredentialsConfig::Instance);
    assert_eq!(machine.ask(&cache).await.unwrap(), format!("ASIAEC2 {END}"));
    machine.advance(3600);
    // It still gives what has ended now: used on for 10 to 15 minutes, and asked for again.
    let end = cache.get(&machine.cx()).await.unwrap().expires_at().unwrap();
    let more = end.since(END.parse().unwrap()).as_secs();
    assert!((600..=900).contains(&more), "{more}");
    for failing in [Reply::status(500), Reply::hang_up(), Reply::status(404), Reply::json("{")] {
        machine.canned.reset();
        machine.canned.always(failing);
        machine.advance(1000);
        assert!(machine.ask(&cache).await.unwrap().starts_with("ASIAEC2 "));
        assert!(machine.canned.hits() > 0);
    }
    // A service that refuses the key is believed: there is no other, so that nothing is repeated.
    let version = cache.get(&machine.cx()).await.unwrap().version();
    assert!(!cache.renew(&machine.cx(), version, |old, new| old.access_key_id() != new.access_key_id()).await);
    machine.canned.reset();
    answer(&machine, "web-server", "ASIANEW");
    machine.advance(1000);
    assert!(machine.ask(&cache).await.unwrap().starts_with("ASIANEW "));
}
