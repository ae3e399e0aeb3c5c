//! The files, folders and features that prose and layouts name: they are there.

use std::collections::BTreeSet;

use super::{commands::is_made_up, markdown::Document};
use crate::{outcome::Problem, workspace::Workspace};

/// What is made when it is first needed, and the room of providers that none has needed so far.
const MADE_LATER: [&str; 3] = [".github/CODEOWNERS", "xtask/coverage.json", "src/auth.rs"];

pub(super) fn check(file: &str, document: &Document, places: &BTreeSet<&str>, workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |line: usize, path: &str| {
        let what = format!("names `{path}`, which is nowhere in the repository");
        problems.push(Problem::new("place", format_args!("{file}:{line}"), what, "name a file or folder that is there"));
    };
    for (line, code) in document.code.iter().filter(|(_, code)| is_path(code, places)) {
        if !is_there(code, places) {
            report(*line, code);
        }
    }
    for block in document.blocks.iter().filter(|block| block.is("text") && is_layout(&block.text, places)) {
        for (line, text) in (block.line + 1..).zip(block.text.lines()) {
            let named = text.split_whitespace().take_while(|word| word.contains(['/', '.']) && !word.ends_with('.'));
            named.filter(|path| !is_placeholder(path) && !is_there(path, places)).for_each(|path| report(line, path));
        }
    }
    for (line, feature) in &document.features {
        let mut features = workspace.packages.iter().flat_map(|package| package.features.keys());
        if !features.any(|one| one == feature) {
            let what = format!("names the feature `{feature}`, which no crate has");
            let remedy = "name one that a Cargo.toml has";
            problems.push(Problem::new("feature", format_args!("{file}:{line}"), what, remedy));
        }
    }
    problems
}

/// Whether code is a path of this repository: it begins with a folder of its root, or ends like a file of Rust.
fn is_path(code: &str, places: &BTreeSet<&str>) -> bool {
    let is_word = !code.contains(char::is_whitespace) && !is_placeholder(code);
    let first = code.split('/').next().unwrap_or_default();
    is_word && code.contains('/') && (code.ends_with(".rs") || (!first.is_empty() && places.contains(first)))
}

fn is_placeholder(path: &str) -> bool {
    path.contains(['<', '*', '…', '{', '"', '(', '['])
}

/// From the root, or within a crate: what a page says of crates is so of one of them.
fn is_there(path: &str, places: &BTreeSet<&str>) -> bool {
    let path = path.trim_end_matches('/');
    let ending = format!("/{path}");
    MADE_LATER.contains(&path) || is_made_up(path) || places.contains(path) || places.iter().any(|place| place.ends_with(&ending))
}

/// Whether a block draws folders: its first line begins with one.
fn is_layout(text: &str, places: &BTreeSet<&str>) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.ends_with('/') && places.contains(first.split('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    fn guide(text: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.write("docs/guide.md", text);
        fixture
    }

    #[test]
    fn places_that_are_there_are_accepted() {
        guide(
            "`integrations/data-storage/memory`, `docs/`, `src/config.rs`, `integrations/<category>/<name>`, `tests/<it>.rs`, \
             `application/json`, `reports/q3.md`, the feature `memory`\n\
             ```text\ncircle-core/      the facade\n  src/lib.rs  …  and more\nintegrations/<category>/  crates\n```\n\
             ```text\nreports/ and more\n```\n",
        )
        .expect_clean();
    }

    #[test]
    fn places_that_are_not_are_reported() {
        for wrong in ["docs/absent.md", "integrations/data-storage/absent", "src/absent.rs", "circle-core/src/absent/"] {
            guide(&format!("# Guide\n\nSee `{wrong}`.\n")).expect("place", "docs/guide.md:3");
        }
        guide("```text\ncircle-core/     the facade\n  absent.rs      no room\n```\n").expect("place", "docs/guide.md:3");
    }

    #[test]
    fn features_that_no_crate_has_are_reported() {
        guide("With the feature `absent`.\n").expect("feature", "docs/guide.md:1");
        guide("With the features `memory` and `filesystem`.\n").expect_clean();
    }
}
