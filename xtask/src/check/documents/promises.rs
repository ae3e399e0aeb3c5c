//! The promises of the security policy: the tests and fuzz targets that hold them exist.

use std::collections::BTreeSet;

use super::markdown::Document;
use crate::{outcome::Problem, workspace::Workspace};

pub(super) const POLICY: &str = "SECURITY.md";
/// A folder for each fuzz target.
const TARGETS: &str = "xtask/corpus";

pub(super) fn check(document: &Document, files: &[String], workspace: &Workspace) -> Vec<Problem> {
    let Some(text) = workspace.text(POLICY) else { return Vec::new() };
    let named = names(files, workspace);
    let rows: BTreeSet<usize> = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('|')).map(|(row, _)| row).collect();
    let spans = document.code.iter().filter(|(line, _)| rows.contains(line));
    let missing = spans.filter_map(|(line, code)| {
        let what = match Span::of(code)? {
            Span::Test(name) => (!named.contains(name)).then(|| format!("names the test `{code}`, which nobody has written"))?,
            Span::Target => {
                let folder = format!("{TARGETS}/{code}/");
                let is_known = files.iter().any(|file| file.starts_with(&folder))
                    || workspace.packages.iter().any(|package| package.name == *code);
                (!is_known).then(|| format!("names `{code}`, which is neither a fuzz target nor a crate"))?
            }
        };
        Some(Problem::new("promise", format_args!("{POLICY}:{line}"), what, "name what holds the promise, or take it back"))
    });
    missing.collect()
}

/// What a span of code can name that is looked for.
enum Span<'a> {
    /// A test or a module of tests, by the last part of its path.
    Test(&'a str),
    /// A fuzz target, or a crate.
    Target,
}

impl<'a> Span<'a> {
    fn of(code: &'a str) -> Option<Self> {
        let are_all =
            |allowed: fn(char) -> bool| code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || allowed(c));
        if are_all(|c| c == '_' || c == ':') && (code.contains('_') || code.contains("::")) {
            return code.rsplit("::").next().map(Span::Test);
        }
        (are_all(|c| c == '-') && code.contains('-')).then_some(Span::Target)
    }
}

/// The names of every function and module of the repository.
fn names(files: &[String], workspace: &Workspace) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = workspace.text(file).unwrap_or_default();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let defined = words.windows(2).filter(|pair| pair[0] == "fn" || pair[0] == "mod").map(|pair| pair[1].to_owned());
        names.extend(defined);
    }
    names
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    fn policy(row: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.write(
            "SECURITY.md",
            &format!("# Security\n\n| Promise | Held by |\n|---|---|\n{row}\n\nOutside of it `no_test_at_all`.\n"),
        );
        fixture.append("circle-core-common/src/lib.rs", "#[cfg(test)]\nmod careful {\n    fn nothing_leaks() {}\n}\n");
        fixture.write("xtask/corpus/some-words/one", "x");
        fixture
    }

    #[test]
    fn promises_with_their_tests_are_accepted() {
        policy(
            "| It is `safe = \"yes\"` | tests `careful::nothing_leaks`, `nothing_leaks` of `circle-core-common`; `some-words` |",
        )
        .expect_clean();
    }

    #[test]
    fn promises_without_are_reported() {
        for wrong in ["nothing_is_told", "careful::nothing_is_told", "reckless::tests_of_it", "other-words"] {
            policy(&format!("| It is safe | `{wrong}` |")).expect("promise", "SECURITY.md:5");
        }
    }
}
