//! What a user's build compiles, by `cargo tree`.

use std::collections::BTreeSet;

use crate::{
    outcome::{Problem, Result},
    process,
    workspace::{FACADE, Workspace},
};

/// A default build of the facade stays below this many crates, its own included.
pub(crate) const DEFAULT_CRATES: usize = 65;

/// Crates that no build of ours may pull in, whichever providers are on.
const NEVER: [(&str, &str); 3] = [
    ("openssl-sys", "rustls is the one TLS stack"),
    ("rsa", "its timing leak has no fix (RUSTSEC-2023-0071)"),
    ("backoff", "it is unmaintained (RUSTSEC-2025-0012)"),
];

/// Crates that the embedded defaults have no use for.
const NOT_BY_DEFAULT: [(&str, &str); 8] = [
    ("reqwest", "the embedded defaults speak no HTTP"),
    ("hyper", "the embedded defaults speak no HTTP"),
    ("rustls", "the embedded defaults speak no TLS"),
    ("ring", "the embedded defaults speak no TLS"),
    ("aws-lc-sys", "the embedded defaults speak no TLS"),
    ("cc", "the embedded defaults compile no C"),
    ("cmake", "the embedded defaults compile no C"),
    ("mockall", "mocks are for tests"),
];

/// The crates that a build of the facade compiles, as `name vVersion`.
pub(crate) fn crates(workspace: &Workspace, features: &[&str]) -> Result<BTreeSet<String>> {
    let text = process::output(
        process::cargo(&workspace.root)
            .args(["tree", "--package", FACADE, "--edges", "normal,build", "--prefix", "none"])
            .args(features),
    )?;
    Ok(distinct(&text))
}

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let default = crates(workspace, &[])?;
    let mut problems = forbidden(&default, "by default", &NOT_BY_DEFAULT);
    if default.len() >= DEFAULT_CRATES {
        problems.push(over_budget(default.len()));
    }
    let every = crates(workspace, &["--features", &workspace.facade_providers().join(",")])?;
    problems.extend(forbidden(&every, "with every provider", &NEVER));
    Ok(problems)
}

pub(crate) fn over_budget(count: usize) -> Problem {
    Problem::new(
        "default-crates",
        "circle-core/Cargo.toml",
        format!("a default build compiles {count} crates, and must stay below {DEFAULT_CRATES}"),
        "see who brings them with `cargo tree -p circle-core -e normal,build`, and put them behind a feature",
    )
}

fn distinct(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            // A feature line or a blank has no version.
            let version = words.next().filter(|version| version.starts_with('v'))?;
            Some(format!("{name} {version}"))
        })
        .collect()
}

fn forbidden(crates: &BTreeSet<String>, build: &str, list: &[(&str, &str)]) -> Vec<Problem> {
    list.iter()
        .filter(|(name, _)| crates.iter().any(|found| found.split(' ').next() == Some(name)))
        .map(|(name, why)| {
            Problem::new(
                "forbidden-crate",
                "circle-core/Cargo.toml",
                format!("a build {build} compiles `{name}`, but {why}"),
                format!("see who brings it with `cargo tree -p circle-core -e normal,build -i {name}`"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "circle-core v0.1.0 (circle-core)\nserde v1.0.228\nserde_derive v1.0.228 (proc-macro)\n\n\
                        serde v1.0.228 (*)\nopenssl-sys v0.9.1\nrand v0.9.0\nrand v0.10.0\n";

    #[test]
    fn a_provider_that_is_not_synced_yet_does_not_stop_the_check() {
        let fixture = crate::fixture::Fixture::new();
        fixture.provider("cloud", "acme");
        assert_eq!(check(&fixture.workspace()).expect("a check"), []);
    }

    #[test]
    fn a_crate_counts_once_per_version() {
        assert_eq!(distinct(TREE).len(), 6);
    }

    #[test]
    fn a_forbidden_crate_is_reported_with_its_reason() {
        let problems = forbidden(&distinct(TREE), "with every provider", &NEVER);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].what.contains("`openssl-sys`, but rustls"), "{}", problems[0]);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_no_hit() {
        assert_eq!(forbidden(&distinct("rsa-like v1.0.0\nccc v1.0.0\n"), "", &NEVER), []);
    }
}
