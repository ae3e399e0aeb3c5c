//! The servers that `services.sh` can install, start and stop.

use std::process::{Command, Stdio};

use crate::{
    outcome::{Failure, Result},
    process,
    workspace::Workspace,
};

pub(crate) const SCRIPT: &str = "xtask/services.sh";

/// Names of the servers that the script defines.
pub(crate) fn defined(workspace: &Workspace) -> Vec<String> {
    let script = workspace.text(SCRIPT).unwrap_or_default();
    script
        .lines()
        .filter_map(|line| {
            let (name, _) = line.strip_prefix("svc_")?.split_once("_start()")?;
            Some(name.to_owned())
        })
        .collect()
}

pub(super) fn is_present(workspace: &Workspace, server: &str) -> Result<bool> {
    call(workspace, "present", server)
}

pub(super) fn install(workspace: &Workspace, server: &str) -> Result<bool> {
    println!("installing {server}");
    call(workspace, "install", server)
}

/// A server that runs, and is stopped when this is dropped, whatever happens to the tests.
pub(super) struct Running<'w> {
    workspace: &'w Workspace,
    server: String,
    /// What the tests have to know: endpoint and test credentials.
    pub(super) environment: Vec<(String, String)>,
}

impl<'w> Running<'w> {
    pub(super) fn start(workspace: &'w Workspace, server: &str) -> Result<Self> {
        // Made first: a server that came up but never got ready is stopped too.
        let mut running = Self { workspace, server: server.to_owned(), environment: Vec::new() };
        if !call(workspace, "start", server)? {
            return Err(Failure::new(format!("the server `{server}` did not start; its log is above")));
        }
        let lines = process::output(script(workspace).args(["env", server]))?;
        running.environment = lines
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Ok(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !matches!(call(self.workspace, "stop", &self.server), Ok(true)) {
            eprintln!("the server `{}` may still run: `{SCRIPT} stop {}`", self.server, self.server);
        }
    }
}

fn call(workspace: &Workspace, command: &str, server: &str) -> Result<bool> {
    let status = script(workspace)
        .args([command, server])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::new(format!("{SCRIPT} did not start: {error}")))?;
    Ok(status.success())
}

fn script(workspace: &Workspace) -> Command {
    let mut command = Command::new("bash");
    command.arg(workspace.path(SCRIPT)).current_dir(&workspace.root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::live_fixture;

    #[test]
    fn the_real_script_lists_what_is_defined_in_it() {
        let workspace = Workspace::load(env!("CARGO_MANIFEST_DIR").as_ref()).expect("this workspace");
        let listed = process::output(script(&workspace).arg("list")).expect("a list");
        let mut defined = defined(&workspace);
        defined.sort();
        assert_eq!(listed.lines().collect::<Vec<_>>(), defined);
    }

    #[test]
    fn a_server_runs_until_dropped() {
        let fixture = live_fixture();
        let workspace = fixture.workspace();
        assert_eq!(defined(&workspace), ["fake", "absent", "broken"]);
        let pid_file = fixture.root().join("services/fake/pid");
        let running = Running::start(&workspace, "fake").expect("started");
        assert_eq!(running.environment, [("CIRCLE_LIVE_ENDPOINT".to_owned(), "fake:1".to_owned())]);
        let pid = std::fs::read_to_string(&pid_file).expect("a pid");
        let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
        assert!(process.exists() || !std::path::Path::new("/proc").exists());
        drop(running);
        assert!(!pid_file.exists());
        assert!(!process.exists());
    }

    #[test]
    fn what_is_not_installed_is_not_present() {
        let fixture = live_fixture();
        let workspace = fixture.workspace();
        assert!(is_present(&workspace, "fake").expect("an answer"));
        assert!(!is_present(&workspace, "absent").expect("an answer"));
    }

    #[test]
    fn a_server_that_dies_does_not_start() {
        let fixture = live_fixture();
        let workspace = fixture.workspace();
        assert!(Running::start(&workspace, "broken").is_err());
    }
}
