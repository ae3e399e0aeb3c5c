//! Profiles and variables over a file.

use proptest::prelude::*;

use super::*;

const FILE: &str = r#"
version = 1
[services.documents]
provider = "filesystem"
root = "./data"
resilience = { attempt_timeout = "20s", retry = { max_attempts = 4 } }
[services.my-Jobs]
provider = "memory"
max-depth = 1
[profiles.production.services.documents]
provider = "s3"
bucket = "acme"
[profiles.staging.services.documents]
root = "/srv"
resilience = { retry = { max_attempts = 9 } }
[profiles.staging.services.extra]
provider = "memory"
[profiles.same.services.documents]
provider = "filesystem"
sync = true
[profiles.staging.audit]
path = "x"
"#;

fn tree() -> Tree {
    Tree::from_toml(FILE, "circle.toml").unwrap()
}

fn environment(tree: &mut Tree, variables: &[(&str, &str)]) -> Result<(), Problems> {
    tree.apply_environment("CIRCLE", variables.iter().copied())
}

/// `a.b=text (origin)` for every scalar of a service.
fn show(tree: &Tree, service: &str) -> Vec<String> {
    fn walk(node: &Node, path: &KeyPath, out: &mut Vec<String>) {
        match &node.value {
            Value::Table(table) => table.iter().for_each(|(key, node)| walk(node, &path.key(key), out)),
            other => out.push(format!("{path}={} ({})", other.scalar().unwrap(), node.origin)),
        }
    }
    let mut out = Vec::new();
    walk(tree.service(service).unwrap(), &KeyPath::root(), &mut out);
    out
}

#[test]
fn another_provider_replaces_the_table() {
    let mut tree = tree();
    tree.apply_profile("production").unwrap();
    assert_eq!(
        show(&tree, "documents"),
        ["bucket=acme (circle.toml:12 (profile production))", "provider=s3 (circle.toml:11 (profile production))"]
    );
}

#[test]
fn the_same_or_no_provider_merges_key_by_key() {
    let mut staging = tree();
    staging.apply_profile("staging").unwrap();
    assert_eq!(
        show(&staging, "documents"),
        [
            "provider=filesystem (circle.toml:4)",
            "resilience.attempt_timeout=20s (circle.toml:6)",
            "resilience.retry.max_attempts=9 (circle.toml:15 (profile staging))",
            "root=/srv (circle.toml:14 (profile staging))",
        ]
    );
    assert_eq!(show(&staging, "extra"), ["provider=memory (circle.toml:17 (profile staging))"]);
    assert_eq!(staging.get("audit").unwrap().get("path").unwrap().as_text(), Some("x"));

    let mut same = tree();
    same.apply_profile("same").unwrap();
    assert_eq!(show(&same, "documents").len(), 5);
}

#[test]
fn a_base_without_provider_keeps_its_keys() {
    let text = "services.a.required = true\nprofiles.p.services.a.provider = \"s3\"";
    let mut tree = Tree::from_toml(text, "f").unwrap();
    tree.apply_profile("p").unwrap();
    assert_eq!(show(&tree, "a").len(), 2);
}

#[test]
fn an_unknown_profile_names_the_known_ones() {
    for (name, text, message) in [
        (
            "prodution",
            FILE,
            "profiles.prodution (f): unknown profile; defined are `production`, `same`, `staging`, did you mean `production`?",
        ),
        ("x", FILE, "profiles.x (f): unknown profile; defined are `production`, `same`, `staging`"),
        ("x", "", "profiles.x (f): unknown profile; none is defined"),
    ] {
        let mut tree = Tree::from_toml(text, "f").unwrap();
        assert_eq!(tree.apply_profile(name).unwrap_err().to_string(), message);
    }
}

#[test]
fn variables_merge_and_match_keys_loosely() {
    let mut tree = tree();
    environment(
        &mut tree,
        &[
            ("CIRCLE__SERVICES__DOCUMENTS__ROOT", "/env"),
            ("CIRCLE__SERVICES__DOCUMENTS__RESILIENCE__RETRY__MAX_ATTEMPTS", "7"),
            ("CIRCLE__SERVICES__MY_JOBS__MAX_DEPTH", "5"),
            ("CIRCLE__SERVICES__NEW_ONE__PROVIDER", "memory"),
            ("CIRCLE__AUDIT__PATH", "a"),
            ("CIRCLE_PROFILE", "production"),
            ("CIRCLES__SERVICES__X", "other"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(
        show(&tree, "documents"),
        [
            "provider=filesystem (circle.toml:4)",
            "resilience.attempt_timeout=20s (circle.toml:6)",
            "resilience.retry.max_attempts=7 (environment variable CIRCLE__SERVICES__DOCUMENTS__RESILIENCE__RETRY__MAX_ATTEMPTS)",
            "root=/env (environment variable CIRCLE__SERVICES__DOCUMENTS__ROOT)",
        ]
    );
    assert_eq!(
        show(&tree, "my-Jobs"),
        ["max-depth=5 (environment variable CIRCLE__SERVICES__MY_JOBS__MAX_DEPTH)", "provider=memory (circle.toml:8)"]
    );
    assert_eq!(show(&tree, "new_one"), ["provider=memory (environment variable CIRCLE__SERVICES__NEW_ONE__PROVIDER)"]);
    assert_eq!(tree.get("audit").unwrap().get("path").unwrap().as_text(), Some("a"));
}

#[test]
fn all_variables_of_one_service_together_replace_it() {
    let mut tree = tree();
    environment(
        &mut tree,
        &[
            ("CIRCLE__SERVICES__DOCUMENTS__BUCKET", "b"),
            ("CIRCLE__SERVICES__DOCUMENTS__PROVIDER", "s3"),
            ("CIRCLE__SERVICES__DOCUMENTS__REGION", "eu"),
        ],
    )
    .unwrap();
    let keys: Vec<&String> = tree.service("documents").unwrap().as_table().unwrap().keys().collect();
    assert_eq!(keys, ["bucket", "provider", "region"]);
    assert!(tree.service("my-Jobs").is_some());
}

#[test]
fn inline_tables_merge_too() {
    let mut tree = tree();
    environment(
        &mut tree,
        &[
            ("CIRCLE__SERVICES__DOCUMENTS__RESILIENCE", "{ retry = { max_attempts = 2 } }"),
            ("CIRCLE__SERVICES__DOCUMENTS__RESILIENCE__ATTEMPT_TIMEOUT", "1s"),
            ("CIRCLE__SERVICES__X", "{ provider = 'memory' }"),
        ],
    )
    .unwrap();
    let resilience = tree.service("documents").unwrap().get("resilience").unwrap();
    assert_eq!(resilience.get("attempt_timeout").unwrap().as_text(), Some("1s"));
    assert_eq!(resilience.get("retry").unwrap().get("max_attempts").unwrap().value, Value::Integer(2));
    assert_eq!(tree.service("x").unwrap().get("provider").unwrap().as_text(), Some("memory"));
}

#[test]
fn variables_that_cannot_be_placed() {
    let deep = format!("CIRCLE__{}", ["A"; 65].join("__"));
    for (variables, message) in [
        (&[("CIRCLE__VERSION", "1")][..], "version (environment variable CIRCLE__VERSION): cannot be set by the environment"),
        (&[("CIRCLE__A____B", "1")], "a.\"\".b (environment variable CIRCLE__A____B): a segment of the name is empty"),
        (
            &[("CIRCLE__A__B", "1"), ("CIRCLE__A__B__C", "2")],
            "a.b.c (environment variable CIRCLE__A__B__C): environment variable CIRCLE__A__B sets the same key to text",
        ),
        (
            &[("CIRCLE__A__B-C", "1"), ("CIRCLE__A__b_c", "2")],
            "a.b_c (environment variable CIRCLE__A__b_c): environment variable CIRCLE__A__B-C sets the same key",
        ),
        (
            &[("CIRCLE__SERVICES__DOCUMENTS", "s3")],
            "services.documents (environment variable CIRCLE__SERVICES__DOCUMENTS): expected a table, found text",
        ),
    ] {
        let mut tree = tree();
        let before = tree.clone();
        assert_eq!(environment(&mut tree, variables).unwrap_err().to_string(), message);
        assert_eq!(tree, before);
    }
    let shown = environment(&mut tree(), &[(&deep, "")]).unwrap_err().to_string();
    assert!(shown.ends_with("nested more than 64 deep"), "{shown}");
    let broken = [("CIRCLE__SERVICES__DOCUMENTS__RESILIENCE", "{ a = ")];
    let shown = environment(&mut tree(), &broken).unwrap_err().to_string();
    assert!(shown.contains("RESILIENCE): not a table in TOML: "), "{shown}");
    let mut two = Tree::from_toml("services.a-b.x = 1\nservices.A-b.x = 1", "f").unwrap();
    assert_eq!(
        environment(&mut two, &[("CIRCLE__SERVICES__A_B__X", "1")]).unwrap_err().to_string(),
        "services.a_b (environment variable CIRCLE__SERVICES__A_B__X): the variable can mean `A-b`, `a-b`"
    );
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![0xff]);
    let mut tree = tree();
    tree.apply_environment("CIRCLE", [("OTHER".into(), bytes()), (bytes(), bytes())]).unwrap();
    assert_eq!(
        tree.apply_environment("CIRCLE", [("CIRCLE__A__B", bytes())]).unwrap_err().to_string(),
        "a.b (environment variable CIRCLE__A__B): the value is not UTF-8"
    );
}

proptest! {
    #[test]
    fn a_variable_lands_at_its_key(keys in prop::collection::vec("[a-z]([a-z0-9]|_[a-z0-9]){0,8}", 2..6), text in any::<String>()) {
        let name = format!("CIRCLE__{}", keys.join("__").to_uppercase());
        let mut tree = Tree::default();
        // Version and profiles are refused, and a service must be a table.
        prop_assume!(!["version", "profiles", "services"].contains(&keys[0].as_str()));
        tree.apply_environment("CIRCLE", [(name.clone(), text.clone())]).unwrap();
        let node = keys[1..].iter().fold(tree.get(&keys[0]).unwrap(), |node, key| node.get(key).unwrap());
        prop_assert_eq!(node, &Node::new(Value::Untyped(text), Origin::Environment(name.into())));
    }

    #[test]
    fn arbitrary_input_never_panics(
        text in any::<String>(),
        toml in r#"[\[\]{}=.,"'#0-9a-z_ \n-]{0,80}"#,
        variables in prop::collection::vec(("CIRCLE__[A-Za-z_-]{0,30}", any::<String>()), 0..6),
    ) {
        for text in [&text, &toml] {
            if let Ok(mut tree) = Tree::from_toml(text, "f") {
                let _ = tree.check(&[]);
                let _ = tree.apply_profile("a");
                let _ = tree.apply_environment("CIRCLE", variables.clone());
            }
        }
        let _ = tree().apply_environment("CIRCLE", variables);
    }
}
