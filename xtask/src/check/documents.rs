//! The documents: links that lead somewhere, Rust that is compiled, TOML that can be read, commands and places that exist.

pub(crate) mod commands;
pub(crate) mod markdown;
mod places;
mod promises;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml_edit::DocumentMut;

use crate::{
    outcome::{Problem, Result},
    workspace::Workspace,
};
use markdown::Document;

/// Its files are documents of crates that do not exist yet.
const TEMPLATES: &str = "xtask/templates/";
const CHANGELOG: &str = "CHANGELOG.md";
/// Where documents are named whose Rust is compiled and run.
const GUIDES: &str = "guides.rs";

/// What a block may be; only a known one is checked.
const LANGUAGES: [&str; 7] = ["rust", "toml", "json", "sh", "console", "text", "mermaid"];

/// Every document of the repository, by its path.
pub(crate) fn all(workspace: &Workspace) -> Result<BTreeMap<String, Document>> {
    Ok(documents(workspace, &files(workspace)?))
}

/// Every file of the repository.
pub(crate) fn files(workspace: &Workspace) -> Result<Vec<String>> {
    super::files::tracked(workspace)
}

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Problem>> {
    let files = super::files::tracked(workspace)?;
    let documents = documents(workspace, &files);
    let places = places(&files);
    let compiled = compiled(workspace, &files);
    let commands = commands::Checker::new(workspace, &files)?;
    let mut problems = Vec::new();
    if let Some(policy) = documents.get(promises::POLICY) {
        problems.extend(promises::check(policy, &files, workspace));
    }
    for (file, document) in &documents {
        problems.extend(links(file, document, &documents, &places));
        problems.extend(rust(file, document, &compiled));
        problems.extend(toml(file, document));
        problems.extend(json(file, document));
        problems.extend(languages(file, document));
        problems.extend(commands.check(file, document));
        // What a changelog names was there once.
        if file != CHANGELOG {
            problems.extend(places::check(file, document, &places, workspace));
        }
    }
    Ok(problems)
}

fn documents(workspace: &Workspace, files: &[String]) -> BTreeMap<String, Document> {
    let markdown = files.iter().filter(|file| file.ends_with(".md") && !file.starts_with(TEMPLATES));
    markdown.filter_map(|file| Some((file.clone(), markdown::read(&workspace.text(file)?)))).collect()
}

/// Files and folders, those of the root included.
fn places(files: &[String]) -> BTreeSet<&str> {
    let mut places = BTreeSet::from([""]);
    for file in files {
        let mut place = file.as_str();
        while places.insert(place) {
            place = place.rsplit_once('/').map_or("", |(folder, _)| folder);
        }
    }
    places
}

fn links(file: &str, document: &Document, documents: &BTreeMap<String, Document>, places: &BTreeSet<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for link in &document.links {
        // What lies outside the repository needs a network to be looked up.
        if link.target.contains("://") || link.target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = match link.target.split_once('#') {
            Some((path, anchor)) => (path, Some(anchor)),
            None => (link.target.as_str(), None),
        };
        let place = if path.is_empty() { Some(file.to_owned()) } else { beside(file, path) };
        let wrong = match place {
            Some(place) if places.contains(place.as_str()) => anchor
                .filter(|anchor| documents.get(&place).is_some_and(|there| !there.anchors.iter().any(|one| one == anchor)))
                .map(|anchor| {
                    let known = documents.get(&place).map(|there| there.anchors.join(", ")).unwrap_or_default();
                    (format!("there is no heading `#{anchor}` in {place}"), format!("there are {known}"))
                }),
            _ => Some((
                format!("`{path}` leads to no file of the repository"),
                "name a file or folder, relative to this one".to_owned(),
            )),
        };
        if let Some((what, remedy)) = wrong {
            problems.push(Problem::new("link", format_args!("{file}:{}", link.line), what, remedy));
        }
    }
    problems
}

/// A path as written in a file, relative to the root; `None` where it leads out of it.
fn beside(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Documents that are compiled as documentation of some Rust: `#[doc = include_str!("…")]`, or named in a `guides.rs`.
fn compiled(workspace: &Workspace, files: &[String]) -> BTreeSet<String> {
    let mut compiled = BTreeSet::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let guides = Path::new(file).file_name().is_some_and(|name| name == GUIDES);
        for line in workspace.text(file).unwrap_or_default().lines() {
            let named = match line.split_once("doc = include_str!(\"") {
                Some((_, named)) => named.split('"').next(),
                None if guides => line.split_once(" = \"").and_then(|(_, named)| named.strip_suffix("\";")),
                None => None,
            };
            compiled.extend(named.filter(|named| named.ends_with(".md")).and_then(|named| beside(file, named)));
        }
    }
    compiled
}

fn rust(file: &str, document: &Document, compiled: &BTreeSet<String>) -> Vec<Problem> {
    if compiled.contains(file) {
        return Vec::new();
    }
    let blocks = document.blocks.iter().filter(|block| block.is("rust") && !block.has("ignore"));
    let problem = |line| {
        Problem::new(
            "rust-block",
            format_args!("{file}:{line}"),
            "holds Rust that nobody compiles",
            "name the file in circle-core/src/guides.rs; a fragment is `rust,ignore`",
        )
    };
    blocks.map(|block| problem(block.line)).collect()
}

fn toml(file: &str, document: &Document) -> Vec<Problem> {
    let blocks = document.blocks.iter().filter(|block| block.is("toml"));
    blocks
        .filter_map(|block| {
            let error = block.text.parse::<DocumentMut>().err()?;
            let why = error.message().to_owned();
            Some(Problem::new(
                "toml-block",
                format_args!("{file}:{}", block.line),
                format!("holds no TOML: {why}"),
                "write it as it is read",
            ))
        })
        .collect()
}

fn json(file: &str, document: &Document) -> Vec<Problem> {
    let blocks = document.blocks.iter().filter(|block| block.is("json"));
    let wrong = blocks.filter_map(|block| Some((block, serde_json::from_str::<serde_json::Value>(&block.text).err()?)));
    wrong
        .map(|(block, error)| {
            let at = format_args!("{file}:{}", block.line).to_string();
            Problem::new("json-block", at, format!("holds no JSON: {error}"), "write it as it is read")
        })
        .collect()
}

fn languages(file: &str, document: &Document) -> Vec<Problem> {
    let unknown = document.blocks.iter().filter(|block| !LANGUAGES.iter().any(|language| block.is(language)));
    unknown
        .map(|block| {
            let what = format!("holds a block of `{}`, which nobody checks", block.info);
            Problem::new("block", format_args!("{file}:{}", block.line), what, format!("there are {}", LANGUAGES.join(", ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::fixture::Fixture;

    const GUIDE: &str = "docs/guide.md";

    fn guide(text: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.write("docs/other.md", "# The other\n\n## One way\n");
        fixture.write(GUIDE, text);
        fixture
    }

    #[test]
    fn links_that_lead_somewhere_are_accepted() {
        guide(
            "# Guide\n[a](other.md), [b](other.md#one-way), [c](#guide), [d](../integrations/data-storage/memory/README.md), \
             [e](../circle-core), [f](https://example.org/x#y), [g](mailto:a@example.org), [h](../)\n",
        )
        .expect_clean();
    }

    #[test]
    fn links_that_lead_nowhere_are_reported() {
        for wrong in ["absent.md", "../docs/absent/", "other.md#another-way", "#other", "../../outside.md", "/docs/other.md/x"] {
            guide(&format!("# Guide\n\n[a]({wrong})\n")).expect("link", "docs/guide.md:3");
        }
    }

    #[test]
    fn rust_that_nobody_compiles_is_reported() {
        let text = "```rust,no_run\nlet a = 1;\n```\n";
        guide(text).expect("rust-block", "docs/guide.md:1");
        guide("```rust,ignore\nlet a = …;\n```\n").expect_clean();
        let fixture = guide(text);
        fixture.write("circle-core/src/guides.rs", "guides! {\n    guide = \"../../docs/guide.md\";\n}\n");
        fixture.expect_clean();
        let fixture = guide(text);
        fixture.append("circle-core-common/src/lib.rs", "#![doc = include_str!(\"../../docs/guide.md\")]\n");
        fixture.expect_clean();
    }

    #[test]
    fn json_that_is_none_is_reported_and_so_is_a_block_that_nobody_checks() {
        guide("```json\n{ \"a\": [1] }\n```\n").expect_clean();
        guide("```json\n{ a: 1 }\n```\n").expect("json-block", "docs/guide.md:1");
        guide("```\nWhat is it?\n```\n").expect("block", "docs/guide.md:1");
        guide("Text.\n\n```bash\ncargo test\n```\n").expect("block", "docs/guide.md:3");
    }

    #[test]
    fn toml_that_is_none_is_reported() {
        guide("```toml\na = 1\n[b]\n```\n").expect_clean();
        guide("Text.\n\n```toml\na = \n```\n").expect("toml-block", "docs/guide.md:3");
        guide("```text\na = \n```\n").expect_clean();
    }
}
