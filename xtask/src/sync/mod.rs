//! `sync`: what the crates say about themselves, written where others read it.

mod block;
mod configuration;
mod facade;
mod maturity;
mod plan;
mod roadmap;
mod status;

use std::{env, process::ExitCode};

use crate::{
    outcome::{Problems, Result},
    schemas,
    workspace::Workspace,
};
pub(crate) use maturity::COVERAGE_RECORD;
use plan::Plan;

pub(crate) const HELP: &str = "\
Regenerates, from the provider crates themselves: the facade's features, optional dependencies, re-exports and registry
table; the maturity in each provider's metadata; the status table docs/integrations/README.md; the roadmap docs/roadmap.md,
beside what docs/roadmap.toml plans; and the configuration table in each provider's README. Text outside the marker lines `xtask sync: <name> begin` and `end` is left alone.

Usage: cargo xtask sync [--check] [--no-schemas]

  --check        write nothing; report every file that would change
  --no-schemas   leave out the configuration tables, which need the facade to build

Maturity: alpha = tests/contract.rs; beta = tests/conformance.rs; stable = both, a live server in the metadata, and at
least 90 % line coverage in xtask/coverage.json (`cargo xtask coverage --record`).

Exit code: 0 nothing to do or written, 1 `--check` found differences or a file lacks its markers, 2 could not run.";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let (mut check, mut schemas) = (false, true);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("check") => check = true,
            Long("no-schemas") => schemas = false,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let mut problems = Problems::default();
    let mut plan = Plan::new(&workspace);
    crates(&mut plan, &mut problems)?;
    // The configuration tables come out of the built facade, so the facade has to be right first.
    let stale = plan.differences();
    let facade_is_right = !check || stale.is_empty();
    if check {
        problems.extend(stale);
    } else {
        plan.write()?;
    }
    if schemas && facade_is_right {
        let entries = schemas::of_every_service(&workspace)?;
        let mut plan = Plan::new(&workspace);
        configuration::sync(&mut plan, &mut problems, &entries);
        if check {
            problems.extend(plan.differences());
        } else {
            plan.write()?;
        }
    }
    Ok(problems.finish(if check { "sync --check" } else { "sync" }))
}

/// Everything that the manifests and folders tell without a build.
fn crates(plan: &mut Plan<'_>, problems: &mut Problems) -> Result<()> {
    facade::sync(plan, problems);
    maturity::sync(plan, problems)?;
    status::sync(plan, problems);
    roadmap::sync(plan, problems);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    /// Plans against the fixture; the files that would change, and the problems.
    pub(crate) fn planned(fixture: &Fixture) -> (Vec<String>, Vec<&'static str>) {
        let workspace = fixture.workspace();
        let (mut plan, mut problems) = (Plan::new(&workspace), Problems::default());
        crates(&mut plan, &mut problems).expect("a plan");
        let stale = plan.differences().into_iter().map(|problem| problem.at).collect();
        (stale, problems.into_vec().iter().map(|problem| problem.rule).collect())
    }

    fn written(fixture: &Fixture) {
        let workspace = fixture.workspace();
        let (mut plan, mut problems) = (Plan::new(&workspace), Problems::default());
        crates(&mut plan, &mut problems).expect("a plan");
        assert!(problems.is_empty(), "{problems:?}");
        plan.write().expect("written");
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let fixture = Fixture::new();
        written(&fixture);
        assert_eq!(planned(&fixture), (vec![], vec![]));
        fixture.expect_clean();
    }

    #[test]
    fn a_new_provider_reaches_the_facade_and_the_status_table() {
        let fixture = Fixture::new();
        written(&fixture);
        fixture.provider("cloud", "acme");
        let (stale, problems) = planned(&fixture);
        assert_eq!(problems, Vec::<&str>::new());
        assert_eq!(
            stale,
            [
                "circle-core/Cargo.toml",
                "circle-core/src/lib.rs",
                "circle-core/src/registry/enabled.rs",
                "docs/integrations/README.md",
                "docs/roadmap.md",
            ]
        );
        written(&fixture);
        let manifest = fixture.read("circle-core/Cargo.toml");
        assert!(manifest.contains("\nacme = [\"dep:circle-core-acme\"]\n"), "{manifest}");
        let face = fixture.read("circle-core/src/lib.rs");
        assert!(face.contains("#[cfg(feature = \"acme\")]\n"), "{face}");
        let table = fixture.read("docs/integrations/README.md");
        assert!(table.contains("| cloud | `acme` | ObjectStore | beta |"), "{table}");
        fixture.expect_clean();
    }

    #[test]
    fn a_service_behind_a_feature_has_a_feature_of_the_facade() {
        let fixture = Fixture::new();
        fixture.provider("cloud", "acme");
        let manifest = "integrations/cloud/acme/Cargo.toml";
        fixture.replace(manifest, "live = \"none\"", "live = \"none\"\nbehind = { acme = \"engine\" }");
        fixture.append(manifest, "\n[features]\nengine = []\n");
        written(&fixture);
        let facade = fixture.read("circle-core/Cargo.toml");
        let features = "\nacme = [\"dep:circle-core-acme\"]\nacme-engine = [\"acme\", \"circle-core-acme/engine\"]\n";
        assert!(facade.contains(features), "{facade}");
        let registry = fixture.read("circle-core/src/registry/enabled.rs");
        assert!(
            registry.contains("#[cfg(feature = \"acme-engine\")]\n    let registry = registry.with::<crate::acme::Acme>();"),
            "{registry}"
        );
        assert!(registry.contains("(\"acme\", \"acme-engine\"),"), "{registry}");
        fixture.expect_clean();
    }

    #[test]
    fn text_outside_the_markers_stays() {
        let fixture = Fixture::new();
        written(&fixture);
        fixture.append("docs/integrations/README.md", "\nMore about maturity.\n");
        fixture.append("circle-core/Cargo.toml", "\n[package.metadata.docs.rs]\nall-features = true\n");
        assert_eq!(planned(&fixture).0, Vec::<String>::new());
    }

    #[test]
    fn a_file_without_markers_is_a_problem() {
        let fixture = Fixture::new();
        fixture.replace("circle-core/Cargo.toml", "# xtask sync: features end\n", "");
        assert_eq!(planned(&fixture).1, ["sync-markers"]);
    }
}
