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
mod tests;
