use std::sync::Arc;

use secrecy::ExposeSecret;

use super::*;
use crate::profile_file::{FileKind, parse};

fn shared(config: &str, credentials: &str) -> Shared {
    let read = |text, kind| Arc::new(parse(text, kind, "f").unwrap());
    let (config, credentials) = (read(config, FileKind::Config), read(credentials, FileKind::Credentials));
    Shared { config, credentials, places: "f".to_owned() }
}

/// `base <- role(of its profile) <- …`, or the error's message.
fn told(config: &str, name: &str) -> String {
    let plan = match plan(&shared(config, "[keys]\naws_access_key_id = K\naws_secret_access_key = s3cr3t"), name) {
        Ok(Some(plan)) => plan,
        Ok(None) => return "nothing".to_owned(),
        Err(error) => {
            assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
            return format!("! {}: {}", error.kind().code(), error.message());
        }
    };
    assert!(!format!("{plan:?}").contains("s3cr3t"), "{plan:?}");
    let role = |role: &Role| {
        let Role { arn, session_name, external_id, duration } = role;
        let more = [session_name.clone(), external_id.clone(), duration.map(|duration| duration.as_secs().to_string())];
        let more: Vec<_> = more.into_iter().flatten().collect();
        if more.is_empty() { arn.clone() } else { format!("{arn}({})", more.join(",")) }
    };
    let base = match &plan.base {
        Base::Key(key) => format!("key {}", key.access_key_id()),
        Base::WebIdentity { role: of, token_file } => format!("web {} {token_file}", role(of)),
        Base::Sso(sso) => format!("{sso:?}"),
        Base::Process(command) => format!("run {}", command.expose_secret().replace("s3cr3t", "*")),
        other => format!("{other:?}").to_lowercase(),
    };
    let roles = plan.roles.iter().map(|(name, of)| format!(" <- {} by {name}", role(of)));
    format!("{base} of {}{}", plan.of.0, roles.collect::<String>())
}

#[test]
fn a_profile_comes_to_first_credentials_and_roles() {
    for (config, expected) in [
        ("[profile p]\nregion = r", "nothing"),
        ("[profile p]\naws_access_key_id = A\naws_secret_access_key = s3cr3t", "key A of p"),
        ("[profile p]\nrole_arn = R\nsource_profile = keys", "key K of keys <- R by p"),
        (
            "[profile p]\nrole_arn = R\nsource_profile = keys\nrole_session_name = n\nexternal_id = e\nduration_seconds = 900",
            "key K of keys <- R(n,e,900) by p",
        ),
        (
            "[profile p]\nrole_arn = R1\nsource_profile = q\n[profile q]\nrole_arn = R2\nsource_profile = keys",
            "key K of keys <- R2 by q <- R1 by p",
        ),
        // Of itself.
        (
            "[profile p]\nrole_arn = R\nsource_profile = p\naws_access_key_id = A\naws_secret_access_key = x",
            "key A of p <- R by p",
        ),
        // A key counts before a role, in what is only a source.
        (
            "[profile p]\nrole_arn = R1\nsource_profile = q\n\
             [profile q]\nrole_arn = R2\nsource_profile = keys\naws_access_key_id = A\naws_secret_access_key = x",
            "key A of q <- R1 by p",
        ),
        ("[profile p]\nrole_arn = R\ncredential_source = Environment", "environment of p <- R by p"),
        ("[profile p]\nrole_arn = R\ncredential_source = EcsContainer", "container of p <- R by p"),
        ("[profile p]\nrole_arn = R\ncredential_source = Ec2InstanceMetadata", "instance of p <- R by p"),
        ("[profile p]\nrole_arn = R\nweb_identity_token_file = /t\nrole_session_name = n", "web R(n) /t of p"),
        (
            "[profile p]\nrole_arn = R1\nsource_profile = q\n[profile q]\nrole_arn = R2\nweb_identity_token_file = /t",
            "web R2 /t of q <- R1 by p",
        ),
        ("[profile p]\ncredential_process = /bin/creds --key s3cr3t", "run /bin/creds --key * of p"),
        (
            "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_start_url = u\nsso_region = eu",
            "Sso { session: Some(\"s\"), start_url: \"u\", region: \"eu\", account_id: \"1\", role_name: \"r\" } of p",
        ),
        (
            "[profile p]\nsso_start_url = u\nsso_region = eu\nsso_account_id = 1\nsso_role_name = r",
            "Sso { session: None, start_url: \"u\", region: \"eu\", account_id: \"1\", role_name: \"r\" } of p",
        ),
        (
            "[profile p]\nrole_arn = R\nsource_profile = q\n[profile q]\nsso_start_url = u\nsso_region = eu\nsso_account_id = 1\nsso_role_name = r",
            "Sso { session: None, start_url: \"u\", region: \"eu\", account_id: \"1\", role_name: \"r\" } of q <- R by p",
        ),
    ] {
        assert_eq!(told(config, "p"), expected, "{config}");
    }
}

#[test]
fn what_is_half_said_is_told_and_nothing_else_is_tried() {
    let key = "aws_access_key_id = A\naws_secret_access_key = s3cr3t\n";
    for (config, expected) in [
        ("[profile p]\naws_access_key_id = A", "has `aws_access_key_id`, but not `aws_secret_access_key`"),
        ("[profile p]\naws_secret_access_key = s3cr3t", "has `aws_secret_access_key`, but not `aws_access_key_id`"),
        (
            &format!("[profile p]\nrole_arn = R\n{key}"),
            "has `role_arn`, but neither `source_profile`, `credential_source` nor `web_identity_token_file`",
        ),
        (
            "[profile p]\nrole_arn = R\nsource_profile = keys\ncredential_source = Environment",
            "has both `source_profile` and `credential_source`",
        ),
        (
            "[profile p]\nrole_arn = R\ncredential_source = s3cr3t",
            "has another `credential_source` than `Environment`, `EcsContainer` and `Ec2InstanceMetadata`",
        ),
        ("[profile p]\nrole_arn = R\nsource_profile = s3cr3t", "names a source profile that does not exist"),
        ("[profile p]\nrole_arn = R\nsource_profile = p", "is to give the credentials for a role, and has none"),
        (
            "[profile p]\nrole_arn = R\nsource_profile = keys\nduration_seconds = 60",
            "has a `duration_seconds` that is not from 900 to 43200",
        ),
        (
            "[profile p]\nrole_arn = R\nsource_profile = keys\nduration_seconds = 1h",
            "has a `duration_seconds` that is not from 900 to 43200",
        ),
        (&format!("[profile p]\nweb_identity_token_file = /t\n{key}"), "has `web_identity_token_file`, but not `role_arn`"),
        (
            &format!("[profile p]\ncredential_source = Environment\n[profile q]\n{key}"),
            "has `credential_source`, but not `role_arn`",
        ),
        (&format!("[profile p]\nsso_session = s3cr3t\n{key}"), "names an SSO session that does not exist"),
        ("[profile p]\nsso_session = s\n[sso-session s]\nsso_region = eu", "signs in by SSO, and `sso_start_url` is missing"),
        (
            "[profile p]\nsso_session = s\n[sso-session s]\nsso_region = eu\nsso_start_url = u",
            "signs in by SSO, and `sso_account_id` is missing",
        ),
        (&format!("[profile p]\nsso_account_id = 1\n{key}"), "signs in by SSO, and `sso_start_url` is missing"),
        (
            "[profile p]\nsso_session = s\nsso_start_url = v\nsso_account_id = 1\nsso_role_name = r\n\
             [sso-session s]\nsso_region = eu\nsso_start_url = u",
            "has another `sso_start_url` than its SSO session `s`",
        ),
    ] {
        assert_eq!(told(config, "p"), format!("! config_invalid: the profile `p` in f {expected}"), "{config}");
    }
}

#[test]
fn profiles_in_a_circle_are_told_as_one() {
    let config = "[profile p]\nrole_arn = R1\nsource_profile = q\n[profile q]\nrole_arn = R2\nsource_profile = r\n\
                  [profile r]\nrole_arn = R3\nsource_profile = q";
    let expected = "! config_invalid: the profiles in f take their roles in a circle: `p`, `q`, `r`, `q`";
    assert_eq!(told(config, "p"), expected);
}

#[test]
fn what_needs_a_person_is_not_supported_and_says_what_to_do() {
    for (config, remedy) in [
        ("[profile p]\nrole_arn = R\nsource_profile = keys\nmfa_serial = arn:mfa", "aws sts get-session-token"),
        ("[profile p]\nlogin_session = arn:user", "aws configure export-credentials"),
    ] {
        let told = told(config, "p");
        assert!(told.starts_with("! unsupported: the profile `p` in f ") && told.contains(remedy), "{told}");
    }
}

proptest::proptest! {
    /// However profiles lead to each other, the way ends.
    #[test]
    fn any_profiles_come_to_something(edges in proptest::collection::vec((0..8_usize, 0..9_usize, 0..4_u8), 0..12)) {
        let mut config = String::new();
        for (from, to, kind) in edges {
            config += &match kind {
                0 => format!("[profile p{from}]\nrole_arn = R\nsource_profile = p{to}\n"),
                1 => format!("[profile p{from}]\naws_access_key_id = A\naws_secret_access_key = s3cr3t\n"),
                2 => format!("[profile p{from}]\nrole_arn = R\ncredential_source = Environment\n"),
                _ => format!("[profile p{from}]\nregion = r\n"),
            };
        }
        if shared(&config, "").profile("p0").is_some() {
            told(&config, "p0");
        }
    }
}
