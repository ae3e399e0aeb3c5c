//! Laying a profile or the environment over the tree.
//!
//! One rule for both: an overlay of a service that names another `provider` replaces the service's table, because the
//! keys of one provider mean nothing to another; otherwise it merges key by key, nested tables too. An overlay of a
//! service is all that one profile, or all variables together, say about it.

use std::ffi::OsString;

use super::node::MAX_DEPTH;
use super::suggest::{list, nearest, same_key};
use super::{KeyPath, Node, Origin, Problem, Problems, Table, Tree, Value, toml};

impl Tree {
    /// Lays the tables under `profiles.<name>` over the tree: `services`, and the top-level sections that it has.
    ///
    /// # Errors
    ///
    /// A profile that is not defined, with the names of those that are.
    pub fn apply_profile(&mut self, name: &str) -> Result<(), Problems> {
        let Some(profile) = self.get("profiles").and_then(|profiles| profiles.get(name)).cloned() else {
            let message = match list(self.profiles()) {
                none if none.is_empty() => "unknown profile; none is defined".to_owned(),
                known => format!("unknown profile; defined are {known}"),
            };
            let path = KeyPath::root().key("profiles").key(name);
            let meant = nearest(name, self.profiles());
            return Err(Problem::new(path, self.origin.clone(), message).with_suggestion(meant).into());
        };
        // A profile that is no table is a problem of `check`, which looks at all of them.
        if let Value::Table(overlay) = profile.value {
            self.apply(overlay, Spelling::Exact)?;
        }
        Ok(())
    }

    /// Lays the variables that start with `prefix` and `__` over the tree: `CIRCLE__SERVICES__DOCUMENTS__BUCKET` is
    /// `services.documents.bucket`.
    ///
    /// A segment stands for the key that it equals but for case and `-` against `_`; where there is none, for the segment
    /// in lower case. `std::env::vars_os` gives the variables of the process. The text becomes what the field asks for: a number, `a, b` for a list, `[…]` and `{ … }` as in TOML.
    /// Empty text is the empty string, the empty list, or an optional value that is absent.
    ///
    /// # Errors
    ///
    /// Every variable that cannot be placed or whose value is not UTF-8; then nothing is applied.
    pub fn apply_environment<N: Into<OsString>, V: Into<OsString>>(
        &mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Problems> {
        let mut variables: Vec<(String, OsString)> = variables
            .into_iter()
            // A name that is not UTF-8 is none of ours.
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())))
            .filter(|(name, _)| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("__")))
            .collect();
        // The order of an environment is an accident; in this one a table comes before the keys in it.
        variables.sort();

        let mut overlay = Node::default();
        let mut problems = Problems::new();
        for (name, value) in variables {
            let origin = Origin::Environment(name.as_str().into());
            let keys: Vec<String> =
                name[prefix.len() + "__".len()..].split("__").map(|key| key.to_ascii_lowercase().replace('-', "_")).collect();
            let path = keys.iter().fold(KeyPath::root(), |path, key| path.key(key));
            let placed = match keys.first().map(String::as_str) {
                Some("version" | "profiles") => Err("cannot be set by the environment".to_owned()),
                _ if keys.len() > MAX_DEPTH => Err(format!("nested more than {MAX_DEPTH} deep")),
                _ if keys.iter().any(String::is_empty) => Err("a segment of the name is empty".to_owned()),
                _ => match value.into_string() {
                    Ok(text) => place(&mut overlay, &keys, text, &origin),
                    Err(_) => Err("the value is not UTF-8".to_owned()),
                },
            };
            if let Err(message) = placed {
                problems.push(Problem::new(path, origin, message));
            }
        }
        problems.or(())?;
        match overlay.value {
            Value::Table(overlay) => self.apply(overlay, Spelling::Loose),
            _ => Ok(()),
        }
    }

    fn apply(&mut self, overlay: Table, spelling: Spelling) -> Result<(), Problems> {
        let mut merged = self.root.clone();
        let mut merging = Merging { spelling, problems: Problems::new() };
        let root = KeyPath::root();
        for (key, node) in overlay {
            let path = root.key(&key);
            let Some(key) = merging.key_of(&merged, key, &node, &path) else {
                continue;
            };
            if key == "services" {
                let services = merged.entry(key).or_default();
                merging.services(services, node, &path);
            } else {
                merging.entry(&mut merged, key, node, &path);
            }
        }
        merging.problems.or(())?;
        self.root = merged;
        Ok(())
    }
}

/// Puts a variable's text where its segments say, making the tables on the way.
fn place(at: &mut Node, keys: &[String], text: String, origin: &Origin) -> Result<(), String> {
    let [key, rest @ ..] = keys else {
        return Ok(());
    };
    if let Some(table) = inline_table(at)? {
        *at = table;
    }
    let holder = at.origin.clone();
    let Some(table) = at.as_table_mut() else {
        return Err(format!("{holder} sets the same key to text"));
    };
    if !rest.is_empty() {
        let next = table.entry(key.clone()).or_insert_with(|| Node::new(Value::Table(Table::new()), origin.clone()));
        return place(next, rest, text, origin);
    }
    if let Some(other) = table.get(key) {
        return Err(format!("{} sets the same key", other.origin));
    }
    table.insert(key.clone(), Node::new(Value::Untyped(text), origin.clone()));
    Ok(())
}

/// The table that a variable's text holds, when the text is `{ … }`.
pub(super) fn inline_table(node: &Node) -> Result<Option<Node>, String> {
    match &node.value {
        Value::Untyped(text) if text.trim_start().starts_with('{') => {
            toml::parse_value(text, &node.origin).map(Some).map_err(|message| format!("not a table in TOML: {message}"))
        }
        _ => Ok(None),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    /// Keys are those of a file.
    Exact,
    /// Keys are segments of variables' names.
    Loose,
}

struct Merging {
    spelling: Spelling,
    problems: Problems,
}

impl Merging {
    fn services(&mut self, base: &mut Node, overlay: Node, path: &KeyPath) {
        let Some(overlay) = self.table(overlay, path) else {
            return;
        };
        let Some(services) = base.as_table_mut() else {
            return;
        };
        for (name, service) in overlay {
            let path = path.key(&name);
            let Some(name) = self.key_of(services, name, &service, &path) else {
                continue;
            };
            let origin = service.origin.clone();
            let Some(overlay) = self.table(service, &path) else {
                continue;
            };
            match services.get_mut(&name) {
                Some(base) if !names_another_provider(base, &overlay) => {
                    self.node(base, Node::new(Value::Table(overlay), origin), &path);
                }
                _ => {
                    services.insert(name, Node::new(Value::Table(overlay), origin));
                }
            }
        }
    }

    fn table(&mut self, node: Node, path: &KeyPath) -> Option<Table> {
        let problem = |message| Problem::new(path.clone(), node.origin.clone(), message);
        match inline_table(&node) {
            Err(message) => self.problems.push(problem(message)),
            Ok(Some(Node { value: Value::Table(table), .. })) => return Some(table),
            Ok(_) => match node.value {
                Value::Table(table) => return Some(table),
                ref other => self.problems.push(problem(format!("expected a table, found {}", other.kind()))),
            },
        }
        None
    }

    fn node(&mut self, base: &mut Node, mut overlay: Node, path: &KeyPath) {
        if base.as_table().is_some() {
            match inline_table(&overlay) {
                Ok(table) => overlay = table.unwrap_or(overlay),
                Err(message) => {
                    self.problems.push(Problem::new(path.clone(), overlay.origin, message));
                    return;
                }
            }
        }
        match (&mut base.value, overlay) {
            (Value::Table(base), Node { value: Value::Table(overlay), .. }) => {
                for (key, node) in overlay {
                    let path = path.key(&key);
                    if let Some(key) = self.key_of(base, key, &node, &path) {
                        self.entry(base, key, node, &path);
                    }
                }
            }
            (_, overlay) => *base = overlay,
        }
    }

    fn entry(&mut self, base: &mut Table, key: String, overlay: Node, path: &KeyPath) {
        match base.get_mut(&key) {
            Some(base) => self.node(base, overlay, path),
            None => {
                base.insert(key, overlay);
            }
        }
    }

    /// The key of `base` that `key` stands for, or `key` itself when there is none.
    fn key_of(&mut self, base: &Table, key: String, overlay: &Node, path: &KeyPath) -> Option<String> {
        if self.spelling == Spelling::Exact || base.contains_key(&key) {
            return Some(key);
        }
        let mut same = base.keys().filter(|candidate| same_key(candidate, &key));
        match (same.next(), same.next()) {
            (Some(first), Some(second)) => {
                let both = list([first.as_str(), second.as_str()]);
                let message = format!("the variable can mean {both}");
                self.problems.push(Problem::new(path.clone(), overlay.origin.clone(), message));
                None
            }
            (Some(one), None) => Some(one.clone()),
            (None, _) => Some(key),
        }
    }
}

fn names_another_provider(base: &Node, overlay: &Table) -> bool {
    let named = overlay.get("provider").and_then(Node::as_text);
    let before = base.get("provider").and_then(Node::as_text);
    matches!((before, named), (Some(before), Some(named)) if before != named)
}

#[cfg(test)]
mod tests {
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
}
