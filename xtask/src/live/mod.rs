//! `live`: conformance on real servers.

pub(crate) mod servers;

use std::{env, process::ExitCode};

use crate::{
    outcome::{Failure, Problem, Problems, Result},
    process,
    workspace::{Provider, Workspace},
};

pub(crate) const HELP: &str = "\
Runs the conformance test of every provider whose metadata names a server (`live = \"…\"`) on that server: starts it through
xtask/services.sh, sets CIRCLE_LIVE to its name and whatever `services.sh env` prints, runs the test, stops it.

Usage: cargo xtask live [--all] [--install] [provider or server …]

  --all       also providers with the feature `engine` (large engines that default builds leave out), with it on
  --install   install servers that are missing

A server that is not installed is skipped; with CI=true that is an error.
Exit code: 0 all passed, or nothing to run; 1 a test failed or a server is missing in CI; 2 could not run.";

/// The non-default feature of a provider behind which an engine stands that adds many crates or C code.
const ENGINE: &str = "engine";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let mut options = Options { ci: env::var("CI").is_ok_and(|value| value == "true"), ..Options::default() };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("all") => options.all = true,
            Long("install") => options.install = true,
            Value(name) => options.names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    Ok(live(&workspace, &options)?.finish("live"))
}

#[derive(Default)]
struct Options {
    all: bool,
    install: bool,
    ci: bool,
    names: Vec<String>,
}

fn live(workspace: &Workspace, options: &Options) -> Result<Problems> {
    let providers = workspace.providers();
    for name in &options.names {
        if !providers.iter().any(|provider| is_called(provider, name)) {
            return Err(Failure::new(format!("no provider is called `{name}` or names a server of that name")));
        }
    }
    let chosen: Vec<_> = providers
        .iter()
        .filter(|provider| options.names.is_empty() || options.names.iter().any(|name| is_called(provider, name)))
        .filter(|provider| provider.circle.live != "none" || (options.all && has_engine(provider)))
        .collect();
    if chosen.is_empty() {
        println!("no provider chosen here names a live server: there is nothing to run");
    }
    let mut problems = Problems::default();
    for provider in chosen {
        problems.extend(on_its_server(workspace, provider, options)?);
    }
    Ok(problems)
}

fn is_called(provider: &Provider<'_>, name: &str) -> bool {
    provider.name == name || (provider.circle.live == name && name != "none")
}

fn has_engine(provider: &Provider<'_>) -> bool {
    provider.package.features.contains_key(ENGINE)
}

fn on_its_server(workspace: &Workspace, provider: &Provider<'_>, options: &Options) -> Result<Option<Problem>> {
    let server = provider.circle.live.as_str();
    let mut running = None;
    if server != "none" {
        let present = servers::is_present(workspace, server)? || (options.install && servers::install(workspace, server)?);
        if !present {
            let what = format!("the server `{server}` of `{}` is not installed", provider.name);
            if options.ci {
                return Ok(Some(Problem::new(
                    "live-server",
                    servers::SCRIPT,
                    what,
                    "install it before: `cargo xtask live --install`",
                )));
            }
            println!("skipped: {what} (`cargo xtask live --install` installs it)");
            return Ok(None);
        }
        running = Some(servers::Running::start(workspace, server)?);
    }
    let mut command = process::cargo(&workspace.root);
    command.args(["test", "--package", &provider.package.name, "--test", "conformance"]);
    if options.all && has_engine(provider) {
        command.args(["--features", ENGINE]);
    }
    if let Some(running) = &running {
        command.env("CIRCLE_LIVE", server).envs(running.environment.iter().map(|(key, value)| (key, value)));
    }
    let passed = process::show(&mut command)?;
    Ok((!passed).then(|| {
        Problem::new(
            "live-test",
            provider.package.file("tests/conformance.rs"),
            format!("`{}` does not conform on {}", provider.name, if running.is_some() { server } else { "its engine" }),
            "the failed cases are above",
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    const MEMORY: &str = "integrations/data-storage/memory";

    /// A workspace whose script, the real one otherwise, has a server that works, one not installed, and one that dies.
    pub(super) fn live_fixture() -> Fixture {
        let fixture = Fixture::new();
        let data = fixture.root().join("services");
        let script = include_str!("../../services.sh").replace(
            "# ---- command line",
            "svc_fake_install() { true; }\n\
             svc_fake_start() { _svc_run fake sleep 60; _svc_wait fake true; }\n\
             svc_fake_stop() { _svc_stop fake; }\n\
             svc_fake_env() { echo CIRCLE_LIVE_ENDPOINT=fake:1; }\n\
             svc_absent_install() { _svc_apt /nonexistent/server no-such-package; }\n\
             svc_absent_start() { false; }\n\
             svc_absent_stop() { _svc_stop absent; }\n\
             svc_broken_install() { true; }\n\
             svc_broken_start() { _svc_run broken false; sleep 0.2; _svc_wait broken false; }\n\
             svc_broken_stop() { _svc_stop broken; }\n\
             # ---- command line",
        );
        fixture.write(servers::SCRIPT, &format!("SVC_DATA='{}'\n{script}", data.display()));
        fixture
    }

    fn problems(fixture: &Fixture, options: &Options) -> Vec<&'static str> {
        let problems = live(&fixture.workspace(), options).expect("a run");
        problems.into_vec().iter().map(|problem| problem.rule).collect()
    }

    fn on(server: &str, test: &str) -> Fixture {
        let fixture = live_fixture();
        fixture.replace(&format!("{MEMORY}/Cargo.toml"), "live = \"none\"", &format!("live = \"{server}\""));
        fixture.write(&format!("{MEMORY}/tests/conformance.rs"), &format!("//! The suites.\nfn main() {{ {test} }}\n"));
        fixture
    }

    #[test]
    fn with_embedded_providers_only_there_is_nothing_to_run() {
        assert_eq!(problems(&live_fixture(), &Options::default()), Vec::<&str>::new());
    }

    #[test]
    fn the_test_runs_on_the_server_and_knows_it() {
        let knows = "assert_eq!(std::env::var(\"CIRCLE_LIVE\").unwrap() + &std::env::var(\"CIRCLE_LIVE_ENDPOINT\").unwrap(), \
                     \"fakefake:1\");";
        let fixture = on("fake", knows);
        assert_eq!(problems(&fixture, &Options::default()), Vec::<&str>::new());
        assert!(!fixture.root().join("services/fake/pid").exists(), "stopped again");
    }

    #[test]
    fn a_failing_test_is_a_problem_and_the_server_stops() {
        let fixture = on("fake", "std::process::exit(1)");
        assert_eq!(problems(&fixture, &Options::default()), ["live-test"]);
        assert!(!fixture.root().join("services/fake/pid").exists(), "stopped again");
    }

    #[test]
    fn a_missing_server_is_skipped_here_and_a_problem_in_ci() {
        let fixture = on("absent", "std::process::exit(1)");
        assert_eq!(problems(&fixture, &Options::default()), Vec::<&str>::new());
        assert_eq!(problems(&fixture, &Options { ci: true, ..Options::default() }), ["live-server"]);
    }

    #[test]
    fn an_engine_runs_with_all_only() {
        let fixture = live_fixture();
        fixture.append(&format!("{MEMORY}/Cargo.toml"), "\n[features]\nengine = []\n");
        let test = "//! The suites.\nfn main() { std::process::exit(if cfg!(feature = \"engine\") { 1 } else { 0 }) }\n";
        fixture.write(&format!("{MEMORY}/tests/conformance.rs"), test);
        assert_eq!(problems(&fixture, &Options::default()), Vec::<&str>::new());
        assert_eq!(problems(&fixture, &Options { all: true, ..Options::default() }), ["live-test"]);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let options = Options { names: vec!["nobody".to_owned()], ..Options::default() };
        assert!(live(&live_fixture().workspace(), &options).is_err());
    }
}
