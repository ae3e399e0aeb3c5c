//! The servers that `services.sh` can install, start and stop.

use crate::workspace::Workspace;

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
