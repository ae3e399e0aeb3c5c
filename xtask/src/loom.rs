//! `loom`: the lock-free parts in every order of threads.

use std::{env, path::PathBuf, process::ExitCode};

use crate::{outcome::Result, process, workspace::Workspace};

pub(crate) const HELP: &str = "\
Runs the lock-free parts of the resilience (breaker, budget, places, limits) in every order in which threads can run them, with loom.
They are built with `--cfg loom`, in a target folder of their own.

Usage: cargo xtask loom

The environment variable LOOM_MAX_PREEMPTIONS (2) says how often a thread is stopped that could have gone on.

Exit code: 0 all hold, 1 one does not, 2 could not run.";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    let workspace = Workspace::load(&env::current_dir().unwrap_or_default())?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.root.join("target"), PathBuf::from);
    let mut command = process::cargo(&workspace.root);
    command.args(["run", "--quiet", "--package", "circle-core-loom", "--target-dir"]).arg(target.join("loom"));
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", "--cfg loom");
    Ok(if process::show(&mut command)? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
