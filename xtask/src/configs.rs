//! `configs`: the configurations in the documents, held against the config structs of every provider.

use std::process::ExitCode;

use crate::{outcome::Result, workspace::Workspace};

pub(crate) const HELP: &str = "\
Checks every TOML block of the documents that is a `circle.toml`, in each of its profiles, as a hub would before it starts:
unknown keys, wrong types, missing keys, references to services. A block without `version` is taken for version 1; one whose
service names no provider is a fragment, and `acme` is the provider that the guides make up: both are left out.

Usage: cargo xtask configs

Exit code: 0 clean, 1 problems (one line each), 2 the facade does not build with every provider.";

#[cfg(not(feature = "product"))]
pub(crate) fn run(_: lexopt::Parser) -> Result<ExitCode> {
    use crate::outcome::Context as _;

    let here = std::env::current_dir().context("finding the current folder")?;
    let workspace = Workspace::load(&here)?;
    // The facade's own providers, which decorate others, are behind a feature of theirs.
    let mut features = workspace.facade_providers();
    features.extend(["encryption", "orchestration"]);
    crate::product::again(&features)
}

#[cfg(feature = "product")]
pub(crate) fn run(_: lexopt::Parser) -> Result<ExitCode> {
    use crate::outcome::{Context as _, Problem, Problems};

    let here = std::env::current_dir().context("finding the current folder")?;
    let workspace = Workspace::load(&here)?;
    let (mut problems, mut checked) = (Problems::default(), 0);
    for (file, document) in crate::check::documents::all(&workspace)? {
        for block in document.blocks.iter().filter(|block| block.is("toml")) {
            let Some(config) = config(block) else { continue };
            checked += 1;
            for profile in std::iter::once(None).chain(config.profiles.iter().map(|profile| Some(profile.as_str()))) {
                let hub = circle_core::Hub::builder().toml(config.text.as_str(), file.as_str());
                let hub = profile.into_iter().fold(hub, |hub, profile| hub.profile(profile));
                if let Err(error) = hub.check() {
                    let remedy = "write it as a hub would accept it";
                    problems.extend(
                        error
                            .message()
                            .lines()
                            .map(|line| Problem::new("config-block", format_args!("{file}:{}", block.line), line, remedy)),
                    );
                }
            }
        }
    }
    println!("{checked} configurations");
    Ok(problems.finish("configs"))
}

/// A block that is a `circle.toml`.
#[cfg(any(feature = "product", test))]
struct Config {
    /// With its lines where they are in the document.
    text: String,
    profiles: Vec<String>,
}

#[cfg(any(feature = "product", test))]
fn config(block: &crate::check::documents::markdown::Block) -> Option<Config> {
    use toml_edit::{DocumentMut, TableLike};

    /// The services of a table: every one has a provider, and none is made up.
    fn real(table: &dyn TableLike) -> bool {
        let services = table.get("services").and_then(|services| services.as_table_like());
        services.is_none_or(|services| {
            services.iter().all(|(_, service)| {
                let provider = service.get("provider").and_then(|provider| provider.as_str());
                provider.is_some_and(|provider| !provider.starts_with("acme"))
            })
        })
    }

    let document: DocumentMut = block.text.parse().ok()?;
    let root = document.as_table();
    if !["services", "profiles", "audit"].iter().any(|key| root.contains_key(key)) || !real(root) {
        return None;
    }
    let profiles = root.get("profiles").and_then(|profiles| profiles.as_table_like());
    let profiles = profiles.into_iter().flat_map(|profiles| profiles.iter().map(|(name, _)| name.to_owned())).collect();
    let version = if root.contains_key("version") { "" } else { "version = 1" };
    let text = format!("{}{version}\n{}", "\n".repeat(block.line - 1), block.text);
    Some(Config { text, profiles })
}

#[cfg(test)]
mod tests {
    use super::config;
    use crate::check::documents::markdown::read;

    fn text(toml: &str) -> Option<String> {
        config(&read(&format!("# A\n\n```toml\n{toml}\n```\n")).blocks[0]).map(|config| config.text)
    }

    #[test]
    fn configurations_keep_their_lines_and_fragments_are_left_out() {
        let service = "[services.a]\nprovider = \"memory\"\n";
        let found = text(service).expect("a configuration");
        assert_eq!(found.lines().position(|line| line == "[services.a]"), Some(3), "{found:?}");
        assert!(found.contains("version = 1\n"), "{found:?}");
        assert_eq!(text(&format!("version = 1\n{service}")).map(|text| text.matches("version").count()), Some(1));
        for fragment in
            ["[dependencies]\na = \"1\"", "[services.a.resilience]\nprofile = \"batch\"", "[services.a]\nprovider = \"acme-x\""]
        {
            assert_eq!(text(fragment), None, "{fragment}");
        }
    }

    #[test]
    fn every_profile_is_checked() {
        let block = &read("```toml\n[profiles.production.services.a]\nroot = \"b\"\n[profiles.test.services.a]\n```\n").blocks[0];
        assert_eq!(config(block).map(|config| config.profiles), Some(vec!["production".to_owned(), "test".to_owned()]));
    }
}
