//! `coverage`: line coverage of every crate, measured by cargo-tarpaulin.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Deserialize;

use crate::{
    outcome::{Context as _, Failure, Problem, Problems, Result},
    process,
    sync::COVERAGE_RECORD,
    workspace::{Place, Workspace},
};

pub(crate) const HELP: &str = "\
Measures line coverage with cargo-tarpaulin (ptrace engine) and fails below 85 % in any crate. Examples, benches and xtask
have no limit.

Usage: cargo xtask coverage [-p CRATE …] [--record] [--install]

  -p CRATE    only the tests of this crate, and its own figure; without it all tests of the workspace count for all crates
  --record    write the figures to xtask/coverage.json, from which `sync` derives maturity
  --install   install cargo-tarpaulin if it is missing

Exit code: 0 enough, 1 a crate is below the limit or a test failed, 2 could not run.";

const LIMIT: f64 = 85.0;
const REPORT: &str = "target/xtask/coverage";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let (mut record, mut install, mut packages) = (false, false, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('p') | Long("package") => packages.push(arguments.value()?.string()?),
            Long("record") => record = true,
            Long("install") => install = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    if let Some(unknown) = packages.iter().find(|name| workspace.package(name).is_none()) {
        return Err(Failure::new(format!("the workspace has no crate `{unknown}`")));
    }
    ensure_tarpaulin(&workspace, install)?;
    let report = measure(&workspace, &packages)?;
    let mut figures = per_crate(&workspace, &report);
    figures.retain(|name, _| packages.is_empty() || packages.contains(name));
    let (table, low) = judge(&workspace, &figures);
    print!("{table}");
    if record {
        write_record(&workspace, &figures)?;
    }
    let mut problems = Problems::default();
    problems.extend(low);
    Ok(problems.finish("coverage"))
}

fn ensure_tarpaulin(workspace: &Workspace, install: bool) -> Result<()> {
    if process::output(process::cargo(&workspace.root).args(["tarpaulin", "--version"])).is_ok() {
        return Ok(());
    }
    if !install {
        return Err(Failure::new("cargo-tarpaulin is not installed; `cargo xtask coverage --install` installs it"));
    }
    if process::show(process::cargo(&workspace.root).args(["install", "--locked", "cargo-tarpaulin"]))? {
        Ok(())
    } else {
        Err(Failure::new("cargo-tarpaulin could not be installed; the reason is above"))
    }
}

#[derive(Deserialize)]
struct Report {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: Vec<String>,
    covered: u64,
    coverable: u64,
}

fn measure(workspace: &Workspace, packages: &[String]) -> Result<Report> {
    let mut command = process::cargo(&workspace.root);
    // Another engine's instrumentation needs LLVM tools that a plain toolchain lacks. A folder of its own, because
    // tarpaulin's flags would otherwise rebuild everybody's crates.
    command.args(["tarpaulin", "--engine", "ptrace", "--skip-clean", "--out", "Json", "--output-dir", REPORT]);
    command.args(["--target-dir", &format!("{REPORT}/target")]);
    if packages.is_empty() {
        command.arg("--workspace");
        for package in workspace.packages.iter().filter(|package| package.place == Place::Leaf) {
            command.args(["--exclude", &package.name]);
        }
    }
    // In the workspace's build the crates turn on one another's features; one crate alone has to do it itself.
    if !packages.is_empty() {
        command.arg("--all-features");
    }
    for package in packages {
        command.args(["--packages", package]);
    }
    if !process::show(&mut command)? {
        return Err(Failure::new("cargo-tarpaulin failed; the failed test is above"));
    }
    let file = workspace.path(REPORT).join("tarpaulin-report.json");
    let text = fs::read_to_string(&file).context(format_args!("reading {}", file.display()))?;
    serde_json::from_str(&text).context(format_args!("reading {}", file.display()))
}

/// Lines covered and lines that could be, by crate. Tests are not what is measured.
fn per_crate(workspace: &Workspace, report: &Report) -> BTreeMap<String, (u64, u64)> {
    let mut figures = BTreeMap::<String, (u64, u64)>::new();
    for file in &report.files {
        let path: PathBuf = file.path.iter().collect();
        let Ok(path) = path.strip_prefix(&workspace.root) else {
            continue;
        };
        let owner = workspace
            .packages
            .iter()
            .filter(|package| path.starts_with(Path::new(&package.dir).join("src")) && package.place != Place::Leaf)
            .max_by_key(|package| package.dir.len());
        if let Some(owner) = owner {
            let figure = figures.entry(owner.name.clone()).or_default();
            figure.0 += file.covered;
            figure.1 += file.coverable;
        }
    }
    figures
}

fn percent((covered, coverable): (u64, u64)) -> f64 {
    if coverable == 0 { 100.0 } else { 100.0 * covered as f64 / coverable as f64 }
}

fn judge(workspace: &Workspace, figures: &BTreeMap<String, (u64, u64)>) -> (String, Vec<Problem>) {
    let mut table = format!("{:<32} {:>8} {:>8} {:>8}\n", "crate", "covered", "lines", "%");
    let mut low = Vec::new();
    for (name, figure) in figures {
        let percent = percent(*figure);
        table += &format!("{name:<32} {:>8} {:>8} {percent:>8.1}\n", figure.0, figure.1);
        if percent < LIMIT {
            let at = workspace.package(name).map(|package| package.dir.clone()).unwrap_or_default();
            let what = format!("the tests reach {percent:.1} % of `{name}`'s lines, less than {LIMIT} %");
            low.push(Problem::new("coverage", at, what, "test what is not reached, or delete it"));
        }
    }
    (table, low)
}

/// Adds the figures to the record, in per cent with one decimal.
fn write_record(workspace: &Workspace, figures: &BTreeMap<String, (u64, u64)>) -> Result<()> {
    let mut record: BTreeMap<String, f64> = match workspace.text(COVERAGE_RECORD) {
        Some(text) => serde_json::from_str(&text).context(format_args!("reading {COVERAGE_RECORD}"))?,
        None => BTreeMap::new(),
    };
    record.extend(figures.iter().map(|(name, figure)| (name.clone(), (percent(*figure) * 10.0).floor() / 10.0)));
    record.retain(|name, _| workspace.package(name).is_some());
    let text = serde_json::to_string_pretty(&record).context("writing the record")?;
    fs::write(workspace.path(COVERAGE_RECORD), text + "\n").context(format_args!("writing {COVERAGE_RECORD}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn report(workspace: &Workspace, files: &[(&str, u64, u64)]) -> Report {
        let file = |(path, covered, coverable): &(&str, u64, u64)| File {
            path: workspace.path(path).components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect(),
            covered: *covered,
            coverable: *coverable,
        };
        Report { files: files.iter().map(file).collect() }
    }

    #[test]
    fn files_count_for_the_crate_that_owns_them() {
        let workspace = Fixture::new().workspace();
        let report = report(
            &workspace,
            &[
                ("circle-core-common/src/lib.rs", 9, 10),
                ("circle-core-common/src/a/b.rs", 1, 10),
                ("circle-core-common/testkit/src/lib.rs", 5, 5),
                ("circle-core-common/tests/x.rs", 0, 50),
                ("xtask/src/main.rs", 0, 50),
            ],
        );
        let figures = per_crate(&workspace, &report);
        let expected = [("circle-core-common".to_owned(), (10, 20)), ("circle-core-testkit".to_owned(), (5, 5))];
        assert_eq!(figures, BTreeMap::from(expected));
        let (_, low) = judge(&workspace, &figures);
        assert_eq!(low.len(), 1);
        assert_eq!(low[0].at, "circle-core-common");
    }

    #[test]
    fn the_report_of_tarpaulin_is_read() {
        let text = r#"{ "files": [{ "path": ["/", "a", "b.rs"], "content": "", "traces": [], "covered": 3, "coverable": 4 }],
                        "coverage": 75.0, "covered": 3, "coverable": 4 }"#;
        let report: Report = serde_json::from_str(text).expect("a report");
        assert_eq!(report.files[0].path.iter().collect::<PathBuf>(), Path::new("/a/b.rs"));
    }

    #[test]
    fn the_record_never_rounds_up_and_keeps_other_crates() {
        let fixture = Fixture::new();
        let workspace = fixture.workspace();
        fixture.write(COVERAGE_RECORD, "{ \"circle-core\": 88.0, \"gone\": 1.0 }");
        write_record(&workspace, &BTreeMap::from([("circle-core-memory".to_owned(), (8_999, 10_000))])).expect("written");
        let record: BTreeMap<String, f64> = serde_json::from_str(&fixture.read(COVERAGE_RECORD)).expect("a record");
        assert_eq!(record, BTreeMap::from([("circle-core".to_owned(), 88.0), ("circle-core-memory".to_owned(), 89.9)]));
    }
}
