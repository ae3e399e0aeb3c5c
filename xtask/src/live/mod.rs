//! `live`: conformance on real servers.

mod install;
mod running;
pub(crate) mod servers;

use std::{
    env, fs,
    path::PathBuf,
    process::{self as std_process, ExitCode},
    time::Instant,
};

use running::Running;
use servers::{SERVERS, Server};

use crate::{
    outcome::{Failure, Problem, Problems, Result},
    process,
    workspace::{Provider, Workspace},
};

pub(crate) const HELP: &str = "\
Runs the conformance test of every provider whose metadata names servers (`live = \"…\"`) on those servers: starts each on a free
port of loopback, sets CIRCLE_LIVE_<SERVER> to its origin, runs the test, stops it whatever happens. Servers that check
signatures know the key AKTEST with the secret SKTEST.

Usage: cargo xtask live [--all] [--install] [provider or server …]

  --all       also providers with the feature `engine` (large engines that default builds leave out), with it on
  --install   installs servers that are missing, from package registries; with CI=true it is always on

Servers are below `live` in the target folder, or in CIRCLE_LIVE_DIR. One that is missing is skipped; with CI=true that is an
error. CIRCLE_LIVE_<SERVER>, when it is set before, is a server that runs already, which is used as it is.
Exit code: 0 all passed, or nothing to run; 1 a test failed or a server is missing in CI; 2 could not run.";

/// The non-default feature of a provider behind which an engine stands that adds many crates or C code.
const ENGINE: &str = "engine";
/// The crate of the examples.
const EXAMPLES: &str = "examples";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let folder = env::var_os("CIRCLE_LIVE_DIR").map_or_else(|| workspace.target.join("live"), PathBuf::from);
    let mut options = Options::new(SERVERS, workspace.root.join(folder));
    options.ci = env::var("CI").is_ok_and(|value| value == "true");
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("all") => options.all = true,
            Long("install") => options.install = true,
            Value(name) => options.names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(live(&workspace, &options)?.finish("live"))
}

struct Options {
    servers: &'static [Server],
    /// Where servers are installed.
    folder: PathBuf,
    all: bool,
    install: bool,
    ci: bool,
    names: Vec<String>,
}

impl Options {
    fn new(servers: &'static [Server], folder: PathBuf) -> Self {
        Self { servers, folder, all: false, install: false, ci: false, names: Vec::new() }
    }

    fn server(&self, name: &str) -> Result<&'static Server> {
        let server = self.servers.iter().find(|server| server.name == name);
        server.ok_or_else(|| Failure::new(format!("there is no server `{name}`; `cargo xtask check` says who names it")))
    }
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
        .filter(|provider| !provider.circle.live.0.is_empty() || (options.all && has_engine(provider)))
        .collect();
    if chosen.is_empty() {
        println!("no provider chosen here names a live server: there is nothing to run");
    }
    let mut problems = Problems::default();
    for provider in chosen {
        problems.extend(on_its_servers(workspace, provider, options)?);
    }
    Ok(problems)
}

fn is_called(provider: &Provider<'_>, name: &str) -> bool {
    provider.name == name || provider.circle.live.0.iter().any(|server| server == name)
}

fn has_engine(provider: &Provider<'_>) -> bool {
    provider.package.features.contains_key(ENGINE)
}

fn on_its_servers(workspace: &Workspace, provider: &Provider<'_>, options: &Options) -> Result<Option<Problem>> {
    let began = Instant::now();
    let names = provider.circle.live.0.join(", ");
    let data = workspace.target.join("live-data").join(std_process::id().to_string());
    let mut conformance = process::cargo(&workspace.root);
    conformance.args(["test", "--package", &provider.package.name, "--test", "conformance"]);
    if options.all && has_engine(provider) {
        conformance.args(["--features", ENGINE]);
    }
    let mut commands = vec![conformance];
    commands.extend(applications(workspace, provider));
    let mut running = Vec::new();
    for name in &provider.circle.live.0 {
        let server = options.server(name)?;
        if env::var_os(server.variable()).is_some() {
            println!("{} is a server that runs already", server.variable());
            continue;
        }
        if let Err(missing) = installed(server, options) {
            let what = format!("the server `{name}` of `{}` is missing: {missing}", provider.name);
            if options.ci {
                let remedy = "make it installable, or put it into CIRCLE_LIVE_DIR";
                return Ok(Some(Problem::new("live-server", provider.package.file("Cargo.toml"), what, remedy)));
            }
            println!("skipped: {what}");
            return Ok(None);
        }
        let started = Running::start(server, &options.folder, &data)?;
        for command in &mut commands {
            command.env(server.variable(), started.origin());
        }
        running.push(started);
    }
    let mut passed = true;
    for command in &mut commands {
        passed = passed && process::show(command)?;
    }
    drop(running);
    if passed {
        let _ = fs::remove_dir_all(&data);
    } else if data.exists() {
        println!("what the servers said is in {}", data.display());
    }
    let result = if passed { "conforms" } else { "does not conform" };
    let on = if names.is_empty() { "its engine" } else { &names };
    println!("`{}` {result} on {on} ({} s)", provider.name, began.elapsed().as_secs());
    Ok((!passed).then(|| {
        Problem::new(
            "live-test",
            provider.package.file("tests/conformance.rs"),
            format!("`{}` does not conform on {on}", provider.name),
            "the failed cases are above",
        )
    }))
}

/// The tests of the examples whose names begin with `live_` and the provider's name: applications on its servers. They
/// are ignored where nobody has started one. With all features: an application needs other providers besides.
fn applications(workspace: &Workspace, provider: &Provider<'_>) -> Vec<std_process::Command> {
    let feature = provider.name;
    let examples = workspace.packages.iter().find(|package| package.dir == EXAMPLES);
    let Some(examples) = examples.filter(|package| package.features.contains_key(feature)) else { return Vec::new() };
    let command = |arguments: &[&str]| {
        let mut command = process::cargo(&workspace.root);
        command.args([arguments[0], "--package", &examples.name, "--all-features"]).args(&arguments[1..]);
        command
    };
    let tests = format!("live_{}", feature.replace('-', "_"));
    // With the name of a test, `cargo test` does not build the programs that the tests run.
    vec![command(&["build", "--examples"]), command(&["test", &tests, "--", "--include-ignored"])]
}

/// Installs a server if that is wanted; otherwise it has to be there.
fn installed(server: &Server, options: &Options) -> Result<()> {
    if options.install || options.ci {
        install::install(server, &options.folder, options.ci)
    } else if install::is_present(server, &options.folder) {
        Ok(())
    } else {
        Err(Failure::new("`cargo xtask live --install` installs it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    const MEMORY: &str = "integrations/data-storage/memory";
    /// Installed, but for `absent`, which no registry has.
    const FAKES: &[Server] = &[
        running::tests::FAKE,
        running::tests::BROKEN,
        Server {
            name: "absent",
            software: "absent 0.0.0",
            source: servers::Source::Cargo { package: "no such package", version: "0.0.0", features: "" },
            ..running::tests::FAKE
        },
    ];

    fn options(fixture: &Fixture) -> Options {
        let options = Options::new(FAKES, fixture.root().join("servers"));
        for name in ["fake", "broken"] {
            fixture.write(&format!("servers/{name}/bin/fake"), "");
        }
        options
    }

    fn problems(fixture: &Fixture, change: impl FnOnce(&mut Options)) -> Vec<&'static str> {
        let mut options = options(fixture);
        change(&mut options);
        let problems = live(&fixture.workspace(), &options).expect("a run");
        problems.into_vec().iter().map(|problem| problem.rule).collect()
    }

    fn on(live: &str, test: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.replace(&format!("{MEMORY}/Cargo.toml"), "live = \"none\"", &format!("live = {live}"));
        fixture.write(&format!("{MEMORY}/tests/conformance.rs"), &format!("//! The suites.\nfn main() {{ {test} }}\n"));
        fixture
    }

    fn data_is_left(fixture: &Fixture) -> bool {
        fixture.root().join("target/live-data").join(std_process::id().to_string()).exists()
    }

    #[test]
    fn with_embedded_providers_only_there_is_nothing_to_run() {
        assert_eq!(problems(&Fixture::new(), |_| {}), [""; 0]);
    }

    #[test]
    fn the_test_runs_on_the_server_and_knows_where_it_is() {
        let knows = "let origin = std::env::var(\"CIRCLE_LIVE_FAKE\").unwrap(); \
                     std::net::TcpStream::connect(origin.strip_prefix(\"http://\").unwrap()).unwrap();";
        let fixture = on("[\"fake\"]", knows);
        assert_eq!(problems(&fixture, |_| {}), [""; 0]);
        assert!(!data_is_left(&fixture));
    }

    #[test]
    fn a_failing_test_is_a_problem_and_the_logs_stay() {
        let fixture = on("\"fake\"", "std::process::exit(1)");
        assert_eq!(problems(&fixture, |_| {}), ["live-test"]);
        assert!(data_is_left(&fixture));
    }

    #[test]
    fn a_missing_server_is_skipped_here_and_a_problem_in_ci() {
        let fixture = on("[\"fake\", \"absent\"]", "std::process::exit(1)");
        assert_eq!(problems(&fixture, |_| {}), [""; 0]);
        assert_eq!(problems(&fixture, |options| options.ci = true), ["live-server"]);
    }

    #[test]
    fn a_server_that_does_not_start_is_no_result() {
        let fixture = on("\"broken\"", "");
        assert!(live(&fixture.workspace(), &options(&fixture)).is_err());
    }

    #[test]
    fn an_engine_runs_with_all_only() {
        let fixture = Fixture::new();
        fixture.append(&format!("{MEMORY}/Cargo.toml"), "\n[features]\nengine = []\n");
        let test = "//! The suites.\nfn main() { std::process::exit(if cfg!(feature = \"engine\") { 1 } else { 0 }) }\n";
        fixture.write(&format!("{MEMORY}/tests/conformance.rs"), test);
        assert_eq!(problems(&fixture, |_| {}), [""; 0]);
        assert_eq!(problems(&fixture, |options| options.all = true), ["live-test"]);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let fixture = Fixture::new();
        let mut options = options(&fixture);
        options.names = vec!["nobody".to_owned()];
        assert!(live(&fixture.workspace(), &options).is_err());
    }
}
