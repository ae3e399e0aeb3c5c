use circle_core_common::config::{KeyPath, Tree, decode};

use super::*;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Service {
    #[serde(default)]
    credentials: AwsCredentialsConfig,
}

fn read(line: &str) -> Result<AwsCredentialsConfig, String> {
    let text = format!("version = 1\n[services.s]\nprovider = \"x\"\n{line}\n");
    let mut table = Tree::from_toml(&text, "c.toml").unwrap().service("s").cloned().unwrap();
    let mut problems = circle_core_common::config::Problems::new();
    circle_core_common::config::Common::take(&mut table, &KeyPath::service("s"), &mut problems);
    let decoded = decode::<Service>(&table, &KeyPath::service("s"), &[]);
    decoded.value.map(|service| service.credentials).map_err(|problems| problems.to_string())
}

#[test]
fn every_form_is_read() {
    for (line, form) in [
        ("", "DefaultChain"),
        ("credentials = \"default-chain\"", "DefaultChain"),
        ("credentials = \"environment\"", "Environment"),
        ("credentials = \"anonymous\"", "Anonymous"),
        ("credentials = \"default-chain-with-instance\"", "DefaultChainWithInstance"),
        ("credentials = \"container\"", "Container"),
        ("credentials = \"instance\"", "Instance"),
        (
            "credentials = { role_arn = \"arn:aws:iam::1:role/r\" }",
            "Role(RoleConfig { role_arn: \"arn:aws:iam::1:role/r\", by: Credentials(DefaultChain, None), session_name: None, \
             session_duration: None, region: None })",
        ),
        (
            "[services.s.credentials]\nrole_arn = \"arn:a\"\nsource = { profile = \"p\" }\nexternal_id = \"x\"\nsession_name = \"n\"\n\
             session_duration = \"30m\"\nregion = \"eu-west-1\"",
            "Role(RoleConfig { role_arn: \"arn:a\", by: Credentials(Profile(\"p\"), Some(\"x\")), session_name: Some(\"n\"), \
             session_duration: Some(1800s), region: Some(\"eu-west-1\") })",
        ),
        (
            "credentials = { role_arn = \"arn:a\", web_identity_token_file = \"/t\" }",
            "Role(RoleConfig { role_arn: \"arn:a\", by: WebIdentity(\"/t\"), session_name: None, session_duration: None, region: None })",
        ),
        ("credentials = { profile = \"audit\" }", "Profile(\"audit\")"),
        (
            "credentials = { access_key_id = \"AKIA\", secret_access_key = \"env:S\" }",
            "Static(StaticCredentialsConfig { access_key_id: Plain(\"AKIA\"), secret_access_key: SecretRef(env:S), session_token: None })",
        ),
        (
            "[services.s.credentials]\naccess_key_id = \"env:I\"\nsecret_access_key = \"literal:s3cr3t\"\nsession_token = \"file:t\"",
            "Static(StaticCredentialsConfig { access_key_id: Reference(SecretRef(env:I)), secret_access_key: \
             SecretRef(literal:[REDACTED]), session_token: Some(SecretRef(file:t)) })",
        ),
    ] {
        assert_eq!(format!("{:?}", read(line).unwrap()), form, "{line}");
    }
}

#[test]
fn every_mistake_has_its_place_and_no_value() {
    for (line, message) in [
        ("credentials = \"s3cr3t\"", "expected \"default-chain\""),
        ("credentials = 7", "expected \"default-chain\""),
        ("credentials = { profil = \"a\" }", "did you mean `profile`"),
        ("credentials = { profile = \"a\", session_token = \"env:T\" }", "`profile` stands alone"),
        ("credentials = { access_key_id = \"s3cr3t\" }", "`access_key_id` needs `secret_access_key`"),
        ("credentials = { secret_access_key = \"env:S\" }", "`secret_access_key` needs `access_key_id`"),
        ("credentials = { access_key_id = \"A\", secret_access_key = \"s3cr3t\" }", "not a reference to a secret"),
        ("credentials = { access_key_id = \" \", secret_access_key = \"env:S\" }", "the value is not valid"),
        ("credentials = {}", "write `profile`"),
        ("credentials = { role_arn = \"s3cr3t\" }", "`role_arn` is the ARN of a role"),
        ("credentials = { source = \"environment\" }", "need `role_arn`"),
        ("credentials = { role_arn = \"arn:a\", profile = \"p\" }", "stands in `source`"),
        ("credentials = { role_arn = \"arn:a\", source = \"anonymous\" }", "nobody assumes a role anonymously"),
        ("credentials = { role_arn = \"arn:a\", source = \"instance\", web_identity_token_file = \"/t\" }", "exclude each other"),
        (
            "credentials = { role_arn = \"arn:a\", external_id = \"s3cr3t\", web_identity_token_file = \"/t\" }",
            "`external_id` is for",
        ),
        ("credentials = { role_arn = \"arn:a\", session_duration = \"5m\" }", "from 15m to 12h"),
        ("credentials = { role_arn = \"arn:a\", source = { profil = \"x\" } }", "did you mean `profile`"),
    ] {
        let problem = read(line).unwrap_err();
        assert!(problem.contains(message) && problem.contains("c.toml:4") && !problem.contains("s3cr3t"), "{line}: {problem}");
    }
}

#[test]
fn every_form_may_come_from_the_environment() {
    for (variable, value, form) in [
        ("CREDENTIALS", "environment", "Environment"),
        ("CREDENTIALS", "{ profile = \"audit\" }", "Profile(\"audit\")"),
        ("CREDENTIALS__PROFILE", "audit", "Profile(\"audit\")"),
        ("CREDENTIALS", "instance", "Instance"),
    ] {
        let mut tree = Tree::from_toml("version = 1\n[services.s]\nprovider = \"x\"\n", "c.toml").unwrap();
        tree.apply_environment("CIRCLE", [(format!("CIRCLE__SERVICES__S__{variable}"), value)]).unwrap();
        let mut table = tree.service("s").cloned().unwrap();
        let mut problems = circle_core_common::config::Problems::new();
        circle_core_common::config::Common::take(&mut table, &KeyPath::service("s"), &mut problems);
        let decoded = decode::<Service>(&table, &KeyPath::service("s"), &[]);
        assert_eq!(format!("{:?}", decoded.value.unwrap().credentials), form, "{variable}");
    }
}

#[test]
fn the_schema_knows_every_form() {
    let schema = circle_core_common::config::schema_of::<Service>();
    let text = serde_json::to_string(&schema).unwrap();
    for part in [
        "default-chain",
        "environment",
        "anonymous",
        "\"profile\"",
        "secret_access_key",
        "session_token",
        "role_arn",
        "web_identity_token_file",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
