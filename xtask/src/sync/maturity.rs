//! Maturity as the tests show it, written into each provider's metadata.

use std::collections::BTreeMap;

use toml_edit::value;

use super::plan::Plan;
use crate::{
    outcome::{Context as _, Problem, Problems, Result},
    workspace::{Provider, Workspace},
};

/// Line coverage in per cent of each crate, by package name.
pub(crate) const COVERAGE_RECORD: &str = "xtask/coverage.json";
const STABLE_COVERAGE: f64 = 90.0;

pub(super) fn sync(plan: &mut Plan<'_>, problems: &mut Problems) -> Result<()> {
    let coverage = coverage(plan.workspace)?;
    for provider in plan.workspace.providers() {
        let file = provider.package.file("Cargo.toml");
        let Some(maturity) = maturity(plan.workspace, &provider, &coverage) else {
            problems.push(Problem::new(
                "maturity",
                &file,
                "has neither tests/contract.rs nor tests/conformance.rs",
                "write one: a provider without tests has no maturity",
            ));
            continue;
        };
        if provider.circle.maturity.as_deref() == Some(maturity) {
            continue;
        }
        let mut manifest = provider.package.manifest.clone();
        let circle = manifest
            .get_mut("package")
            .and_then(|package| package.get_mut("metadata")?.get_mut("circle"))
            .ok_or("no `[package.metadata.circle]`")
            .context(format_args!("editing {file}"))?;
        circle["maturity"] = value(maturity);
        plan.set(&file, manifest.to_string());
    }
    Ok(())
}

pub(super) fn maturity(workspace: &Workspace, provider: &Provider<'_>, coverage: &BTreeMap<String, f64>) -> Option<&'static str> {
    let test = |name| workspace.path(&provider.package.file(name)).is_file();
    let (contract, conformance) = (test("tests/contract.rs"), test("tests/conformance.rs"));
    let covered = coverage.get(&provider.package.name).is_some_and(|percent| *percent >= STABLE_COVERAGE);
    if conformance && contract && covered && !provider.circle.live.0.is_empty() {
        Some("stable")
    } else if conformance {
        Some("beta")
    } else {
        contract.then_some("alpha")
    }
}

/// The recorded coverage; empty before the first record.
pub(super) fn coverage(workspace: &Workspace) -> Result<BTreeMap<String, f64>> {
    match workspace.text(COVERAGE_RECORD) {
        Some(text) => serde_json::from_str(&text).context(format_args!("reading {COVERAGE_RECORD}")),
        None => Ok(BTreeMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    const MEMORY: &str = "integrations/data-storage/memory";

    fn of_memory(fixture: &Fixture) -> Option<&'static str> {
        let workspace = fixture.workspace();
        let coverage = coverage(&workspace).expect("a record");
        let providers = workspace.providers();
        let memory = providers.iter().find(|provider| provider.name == "memory");
        maturity(&workspace, memory.expect("memory"), &coverage)
    }

    #[test]
    fn the_tests_decide() {
        let fixture = Fixture::new();
        assert_eq!(of_memory(&fixture), Some("beta"));
        fixture.remove(&format!("{MEMORY}/tests/conformance.rs"));
        assert_eq!(of_memory(&fixture), None);
        fixture.write(&format!("{MEMORY}/tests/contract.rs"), "");
        assert_eq!(of_memory(&fixture), Some("alpha"));
    }

    #[test]
    fn stable_needs_a_server_and_coverage() {
        let fixture = Fixture::new();
        fixture.write(&format!("{MEMORY}/tests/contract.rs"), "");
        fixture.write(COVERAGE_RECORD, "{ \"circle-core-memory\": 91.5 }");
        assert_eq!(of_memory(&fixture), Some("beta"));
        fixture.replace(&format!("{MEMORY}/Cargo.toml"), "live = \"none\"", "live = \"s3s\"");
        assert_eq!(of_memory(&fixture), Some("stable"));
        fixture.write(COVERAGE_RECORD, "{ \"circle-core-memory\": 89.9 }");
        assert_eq!(of_memory(&fixture), Some("beta"));
    }

    #[test]
    fn a_wrong_maturity_is_rewritten_and_nothing_else() {
        let fixture = Fixture::new();
        let manifest = format!("{MEMORY}/Cargo.toml");
        let before = fixture.read(&manifest);
        fixture.replace(&manifest, "maturity = \"beta\"", "maturity = \"stable\"");
        let workspace = fixture.workspace();
        let (mut plan, mut problems) = (Plan::new(&workspace), Problems::default());
        sync(&mut plan, &mut problems).expect("a plan");
        plan.write().expect("written");
        assert_eq!(fixture.read(&manifest), before);
    }
}
