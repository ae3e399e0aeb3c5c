//! `budget`: what each provider costs its users, in crates and seconds.

use std::{
    env, fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    outcome::{Context as _, Failure, Problems, Result},
    process,
    tree::{self, DEFAULT_CRATES},
    workspace::{FACADE, Workspace},
};

pub(crate) const HELP: &str = "\
Prints how many crates the facade compiles by default, with no feature, and with each provider's feature alone; fails when
a default build reaches the limit.

Usage: cargo xtask budget [--time] [feature …]

  --time       also build each cold, in a temporary target folder: seconds on this machine
  feature …    only these providers

Exit code: 0 within the limit, 1 over it, 2 could not run.";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let (mut time, mut names) = (false, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("time") => time = true,
            Value(name) => names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let builds = builds(&workspace, &names)?;
    let mut problems = Problems::default();
    println!("{:<24} {:>6} {:>8}", "build", "crates", "cold");
    for build in builds {
        let arguments: Vec<_> = build.arguments.iter().map(String::as_str).collect();
        let count = tree::crates(&workspace, &arguments)?.len();
        let seconds = if time { format!("{:.1} s", cold_build(&workspace, &arguments)?.as_secs_f64()) } else { "–".to_owned() };
        println!("{:<24} {count:>6} {seconds:>8}", build.name);
        if build.name == DEFAULT && count >= DEFAULT_CRATES {
            problems.extend([tree::over_budget(count)]);
        }
    }
    println!("limit: a default build stays below {DEFAULT_CRATES} crates");
    Ok(problems.finish("budget"))
}

const DEFAULT: &str = "(default)";

struct Build {
    name: String,
    arguments: Vec<String>,
}

fn builds(workspace: &Workspace, names: &[String]) -> Result<Vec<Build>> {
    let providers: Vec<_> = workspace.facade_providers().into_iter().map(str::to_owned).collect();
    if let Some(unknown) = names.iter().find(|name| !providers.contains(name)) {
        return Err(Failure::new(format!("the facade has no provider `{unknown}`; it has {}", providers.join(", "))));
    }
    let none = || vec!["--no-default-features".to_owned()];
    let mut builds = vec![
        Build { name: DEFAULT.to_owned(), arguments: Vec::new() },
        Build { name: "(no feature)".to_owned(), arguments: none() },
    ];
    builds.extend(providers.into_iter().filter(|name| names.is_empty() || names.contains(name)).map(|name| {
        let mut arguments = none();
        arguments.extend(["--features".to_owned(), name.clone()]);
        Build { name, arguments }
    }));
    Ok(builds)
}

fn cold_build(workspace: &Workspace, arguments: &[&str]) -> Result<Duration> {
    let target = workspace.path("target/xtask/budget");
    clear(&target)?;
    // Downloads are not part of the price: every build has the same lock file.
    process::output(process::cargo(&workspace.root).arg("fetch"))?;
    let start = Instant::now();
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--quiet", "--package", FACADE]).args(arguments).arg("--target-dir").arg(&target);
    process::output(&mut build)?;
    let elapsed = start.elapsed();
    clear(&target)?;
    Ok(elapsed)
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context(format_args!("clearing {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[test]
    fn every_provider_has_a_build_of_its_own() {
        let fixture = Fixture::new();
        let workspace = fixture.workspace();
        let names = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            builds(&workspace, &names).map(|builds| builds.into_iter().map(|build| build.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).expect("builds"), [DEFAULT, "(no feature)", "filesystem", "memory"]);
        assert_eq!(names(&["memory"]).expect("builds"), [DEFAULT, "(no feature)", "memory"]);
        assert!(names(&["nobody"]).is_err());
    }

    #[test]
    fn crates_are_counted_per_feature() {
        let fixture = Fixture::new();
        let workspace = fixture.workspace();
        let count = |features: &[&str]| tree::crates(&workspace, features).expect("a tree").len();
        assert_eq!(count(&[]), 4, "facade, common, two providers");
        assert_eq!(count(&["--no-default-features", "--features", "memory"]), 3);
    }

    #[test]
    fn a_cold_build_takes_time_and_leaves_nothing() {
        let fixture = Fixture::new();
        let workspace = fixture.workspace();
        assert!(cold_build(&workspace, &[]).expect("a build") > Duration::ZERO);
        assert!(!workspace.path("target/xtask/budget").exists());
    }
}
