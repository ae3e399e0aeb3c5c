//! The tasks of the workspace: `cargo xtask <task>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through its output")]

mod budget;
mod check;
mod configs;
mod coverage;
mod examples;
#[cfg(test)]
mod fixture;
mod fuzz;
mod leaks;
mod live;
mod loom;
mod new_integration;
mod outcome;
mod process;
mod product;
mod schemas;
mod soak;
mod source;
mod sync;
mod tree;
mod workspace;

use std::process::ExitCode;

use lexopt::prelude::*;
use outcome::Result;

struct Task {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(lexopt::Parser) -> Result<ExitCode>,
}

const TASKS: &[Task] = &[
    Task {
        name: "check",
        summary: "dependency rules, rooms, metadata, sources, documents; crates built alone",
        help: check::HELP,
        run: check::run,
    },
    Task {
        name: "sync",
        summary: "regenerates facade features, registry, status table, roadmap, configuration tables",
        help: sync::HELP,
        run: sync::run,
    },
    Task { name: "configs", summary: "the configurations in the documents", help: configs::HELP, run: configs::run },
    Task { name: "examples", summary: "the examples in the documents, run", help: examples::HELP, run: examples::run },
    Task { name: "schemas", summary: "the JSON Schema of every service's config", help: schemas::HELP, run: schemas::run },
    Task {
        name: "new-integration",
        summary: "the skeleton of a provider, here or in another repository",
        help: new_integration::HELP,
        run: new_integration::run,
    },
    Task { name: "live", summary: "conformance on real servers", help: live::HELP, run: live::run },
    Task { name: "coverage", summary: "line coverage per crate", help: coverage::HELP, run: coverage::run },
    Task { name: "budget", summary: "crates and cold-build seconds per provider", help: budget::HELP, run: budget::run },
    Task { name: "fuzz", summary: "mutated inputs for every parser of outside text", help: fuzz::HELP, run: fuzz::run },
    Task { name: "soak", summary: "storms of calls, and a million of them, on the policies", help: soak::HELP, run: soak::run },
    Task { name: "leaks", summary: "secrets in everything that providers let out", help: leaks::HELP, run: leaks::run },
    Task { name: "loom", summary: "the lock-free parts in every order of threads", help: loom::HELP, run: loom::run },
];

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(2)
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    let name = match arguments.next()? {
        Some(Value(name)) => name.string()?,
        Some(Long("help") | Short('h')) => {
            println!("{}", overview());
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
        None => {
            eprintln!("{}", overview());
            return Ok(ExitCode::from(2));
        }
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        let names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
        return Err(outcome::Failure::new(format!("no task `{name}`; there are {}", names.join(", "))));
    };
    if std::env::args().skip(2).any(|argument| matches!(&*argument, "--help" | "-h")) {
        println!("{}", task.help);
        return Ok(ExitCode::SUCCESS);
    }
    (task.run)(arguments)
}

fn overview() -> String {
    let mut text = String::from("The tasks of the workspace.\n\nUsage: cargo xtask <task> [--help]\n");
    for task in TASKS {
        text.push_str(&format!("\n  {:<16} {}", task.name, task.summary));
    }
    text
}
