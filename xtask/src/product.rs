//! The build of this program that has the product's own code in it.

use std::{ffi::OsString, path::Path, process::Command};

use crate::{process, workspace::FACADE};

/// A command that runs a task there, with these features of the facade on.
pub(crate) fn command(
    root: &Path,
    facade_features: &[&str],
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Command {
    build("product", root, facade_features, arguments)
}

/// A command that runs a task in the build with this feature of the program's own.
fn build(own: &str, root: &Path, facade_features: &[&str], arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
    let mut features = vec![own.to_owned()];
    features.extend(facade_features.iter().map(|feature| format!("{FACADE}/{feature}")));
    let mut command = process::cargo(root);
    command.args(["run", "--quiet", "--package", "xtask", "--features", &features.join(","), "--"]);
    command.args(arguments.into_iter().map(Into::into));
    command
}

/// Runs the same task with the same arguments there.
#[cfg(not(feature = "product"))]
pub(crate) fn again(facade_features: &[&str]) -> crate::outcome::Result<std::process::ExitCode> {
    again_with("product", facade_features)
}

/// Runs the same task with the same arguments in the build with this feature.
#[cfg(not(all(feature = "leaks", feature = "soak")))]
pub(crate) fn again_with(own: &str, facade_features: &[&str]) -> crate::outcome::Result<std::process::ExitCode> {
    use std::{env, process::ExitCode};

    use crate::outcome::Context as _;

    let here = env::current_dir().context("finding the current folder")?;
    let status = build(own, &here, facade_features, env::args_os().skip(1)).status().context("starting cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
