//! The whole configuration of an application.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::problem::MAX_PROBLEMS;
use super::suggest::{list, nearest};
use super::{KeyPath, Node, Origin, Problem, Problems, Table, Value, json, toml};

/// The largest file that is read. A configuration is written by people; anything larger is the wrong file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The version of the format that this release reads.
const VERSION: i128 = 1;

/// The configuration tree: one file's values, and what a profile and the environment laid over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub(super) root: Table,
    pub(super) origin: Origin,
}

impl Default for Tree {
    /// A tree without a file, for a configuration that is in the environment alone.
    fn default() -> Self {
        let version = Node::new(Value::Integer(VERSION), Origin::Code);
        Self { root: Table::from([("version".to_owned(), version)]), origin: Origin::Code }
    }
}

impl Tree {
    /// Reads TOML; `name` is what messages call the file.
    ///
    /// # Errors
    ///
    /// Every syntax error with its line; text over 1 MiB or nested more than 64 deep.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Problems> {
        Self::parse(text, name, toml::parse)
    }

    /// Reads JSON; `name` is what messages call the file. A `$schema` at the top, for editors, is left out.
    ///
    /// # Errors
    ///
    /// The first syntax error, or every `null` and repeated key; text over 1 MiB or nested more than 64 deep.
    pub fn from_json(text: &str, name: &str) -> Result<Self, Problems> {
        let mut tree = Self::parse(text, name, json::parse)?;
        tree.root.remove("$schema");
        Ok(tree)
    }

    /// Reads a `.toml` or `.json` file. This reads from the disk and blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, has another extension or is no UTF-8, and all of [`Tree::from_toml`] and
    /// [`Tree::from_json`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Problems> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let refuse = |message: String| Problem::new(KeyPath::root(), Origin::file(&name), message);
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Self::from_toml,
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::from_json,
            _ => {
                return Err(refuse("a configuration file ends in .toml or .json".to_owned()).into());
            }
        };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| refuse(format!("cannot be read: {error}")))?;
        // The size comes first: a cut file may end inside a character.
        if bytes.len() as u64 > MAX_BYTES {
            return Err(too_large(&name));
        }
        let text = String::from_utf8(bytes).map_err(|_| refuse("the file is not UTF-8".to_owned()))?;
        format(&text, &name)
    }

    fn parse(text: &str, name: &str, read: fn(&str, &str) -> Result<Table, Problems>) -> Result<Self, Problems> {
        if text.len() as u64 > MAX_BYTES {
            return Err(too_large(name));
        }
        let mut root = read(text.strip_prefix('\u{feff}').unwrap_or(text), name)?;
        if let Some(profiles) = root.get_mut("profiles").and_then(Node::as_table_mut) {
            for (profile, node) in profiles {
                node.mark_profile(&Arc::from(profile.as_str()));
            }
        }
        Ok(Self { root, origin: Origin::file(name) })
    }

    /// The value of a top-level key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.root.get(key)
    }

    /// The table of one service.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Node> {
        self.get("services")?.get(name)
    }

    /// The configured services by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Node)> {
        entries(self.get("services"))
    }

    /// The names of the profiles that the file defines.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        entries(self.get("profiles")).map(|(name, _)| name)
    }

    /// Checks what belongs to no service: `version`, the top-level keys, and that tables are tables where they must be.
    ///
    /// `sections` are the top-level keys that the caller reads besides `version`, `services` and `profiles`. A profile may
    /// have them too. All profiles are looked at, not only the one that was applied.
    #[must_use]
    pub fn check(&self, sections: &[&str]) -> Problems {
        let mut problems = Problems::new();
        let root = KeyPath::root();
        match self.root.get("version") {
            None => {
                let message = format!("missing key; write `version = {VERSION}`");
                problems.push(Problem::new(root.key("version"), self.origin.clone(), message));
            }
            Some(Node { value: Value::Integer(VERSION), .. }) => {}
            Some(node) => {
                let message = match &node.value {
                    Value::Integer(other) => {
                        format!("this release reads version {VERSION}, not {other}")
                    }
                    other => format!("expected the number {VERSION}, found {}", other.kind()),
                };
                problems.push(Problem::new(root.key("version"), node.origin.clone(), message));
            }
        }
        check_keys(&self.root, &root, &[&["version", "services", "profiles"], sections].concat(), &mut problems);
        check_services(self.root.get("services"), &root, &mut problems);
        if let Some(profiles) = self.root.get("profiles") {
            let path = root.key("profiles");
            for (name, profile) in check_table(profiles, &path, &mut problems) {
                let path = path.key(name);
                let table = check_table(profile, &path, &mut problems);
                check_keys(table, &path, &[&["services"], sections].concat(), &mut problems);
                check_services(table.get("services"), &path, &mut problems);
            }
        }
        problems.sort();
        problems
    }
}

fn too_large(name: &str) -> Problems {
    let message = format!("larger than {MAX_BYTES} bytes");
    Problem::new(KeyPath::root(), Origin::file(name), message).into()
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    let table = node.and_then(Node::as_table);
    table.into_iter().flatten().map(|(name, node)| (name.as_str(), node))
}

fn check_keys(table: &Table, path: &KeyPath, valid: &[&str], problems: &mut Problems) {
    for (key, node) in table.iter().filter(|(key, _)| !valid.contains(&key.as_str())).take(MAX_PROBLEMS) {
        problems.push(unknown_key(path.key(key), node.origin.clone(), key, valid, &[]));
    }
}

fn check_services(services: Option<&Node>, path: &KeyPath, problems: &mut Problems) {
    if let Some(services) = services {
        let path = path.key("services");
        for (name, service) in check_table(services, &path, problems) {
            check_table(service, &path.key(name), problems);
        }
    }
}

/// The node's table; an empty one, and a problem, when it is something else.
fn check_table<'n>(node: &'n Node, path: &KeyPath, problems: &mut Problems) -> &'n Table {
    static EMPTY: Table = Table::new();
    node.as_table().unwrap_or_else(|| {
        let message = format!("expected a table, found {}", node.value.kind());
        problems.push(Problem::new(path.clone(), node.origin.clone(), message));
        &EMPTY
    })
}

/// The problem of a key that nothing reads: the nearest of `own` and `shared` keys, else all of its own that are valid.
pub(super) fn unknown_key(path: KeyPath, origin: Origin, key: &str, own: &[&str], shared: &[&str]) -> Problem {
    match nearest(key, own.iter().chain(shared).copied()) {
        Some(meant) => Problem::new(path, origin, "unknown key").with_suggestion(Some(meant)),
        None if own.is_empty() => Problem::new(path, origin, "unknown key; none is valid here"),
        None => Problem::new(path, origin, format!("unknown key; valid are {}", list(own.iter().copied()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_reports_everything_outside_services() {
        let tree = Tree::from_toml(
            "versoin = 1\nservices.a = 3\nservices.b.provider = \"s3\"\naudit.path = \"x\"\nzzz = 1\n\
             [profiles.production]\nservice.b.region = \"eu\"\nservices.b = []\naudit.path = \"y\"\n",
            "circle.toml",
        )
        .unwrap();
        assert_eq!(
            tree.check(&["audit"]).to_string(),
            "version (circle.toml): missing key; write `version = 1`\n\
             versoin (circle.toml:1): unknown key, did you mean `version`?\n\
             services.a (circle.toml:2): expected a table, found the number\n\
             zzz (circle.toml:5): unknown key; valid are `version`, `services`, `profiles`, `audit`\n\
             profiles.production.service (circle.toml:7 (profile production)): unknown key, did you mean `services`?\n\
             profiles.production.services.b (circle.toml:8 (profile production)): expected a table, found a list"
        );
    }

    #[test]
    fn check_reads_the_version() {
        for (version, message) in [
            ("1", ""),
            ("2", "version (f:1): this release reads version 1, not 2"),
            ("\"1\"", "version (f:1): expected the number 1, found text"),
        ] {
            let tree = Tree::from_toml(&format!("version = {version}"), "f").unwrap();
            assert_eq!(tree.check(&[]).to_string(), message);
        }
        assert!(Tree::default().check(&[]).is_empty());
    }

    #[test]
    fn both_formats_give_the_same_tree_but_for_lines() {
        let toml = Tree::from_toml("\u{feff}version = 1\n[services.a]\nprovider = \"s3\"\n", "f").unwrap();
        let json = r#"{"$schema": "x.json", "version": 1, "services": {"a": {"provider": "s3"}}}"#;
        let json = Tree::from_json(json, "f").unwrap();
        assert!(json.check(&[]).is_empty());
        let provider = |tree: &Tree| tree.service("a").unwrap().get("provider").unwrap().as_text().map(str::to_owned);
        assert_eq!(provider(&toml), provider(&json));
        assert_eq!(toml.services().map(|(name, _)| name).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn files_are_read_by_extension_and_refused_with_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        assert!(Tree::from_file(write("a.toml", b"version = 1")).is_ok());
        assert!(Tree::from_file(write("a.JSON", b"{\"version\": 1}")).is_ok());
        let mut large = vec![b'#'; 1024 * 1024];
        assert!(Tree::from_file(write("b.toml", &large)).is_ok());
        large.extend("é".as_bytes());
        for (path, message) in [
            (write("a.yaml", b""), "a configuration file ends in .toml or .json"),
            (write("bad.toml", b"\xff"), "the file is not UTF-8"),
            (write("large.toml", &large), "larger than 1048576 bytes"),
            (folder.path().join("none.toml"), "cannot be read: No such file or directory (os error 2)"),
        ] {
            let shown = Tree::from_file(&path).unwrap_err().to_string();
            assert_eq!(shown, format!("{}: {message}", path.display()));
        }
    }
}
