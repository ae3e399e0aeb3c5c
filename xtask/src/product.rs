//! The build of this program that has the product's own code in it.

use std::{env, process::ExitCode};

use crate::{
    outcome::{Context as _, Result},
    process,
};

/// Runs the same task with the same arguments there.
pub(crate) fn again() -> Result<ExitCode> {
    let here = env::current_dir().context("finding the current folder")?;
    let mut command = process::cargo(&here);
    command.args(["run", "--quiet", "--package", "xtask", "--features", "product", "--"]);
    let status = command.args(env::args_os().skip(1)).status().context("starting cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
