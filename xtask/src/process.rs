//! Other programs: run, and either captured or shown.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command, Stdio},
};

use crate::outcome::{Context as _, Failure, Result};

/// The cargo that runs this task, so that a toolchain override holds for what the task starts.
pub(crate) fn cargo(dir: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(dir);
    if cfg!(test) {
        // A shared target folder would make the fixtures wait for, and overwrite, one another.
        command.env_remove("CARGO_TARGET_DIR");
    }
    command
}

pub(crate) fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir);
    command
}

/// Standard output of a command that must succeed; its standard error becomes the failure's text.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command.stdin(Stdio::null()).output().context(format_args!("`{line}` did not start"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`{line}` failed: {}", stderr.trim())));
    }
    String::from_utf8(output.stdout).context(format_args!("`{line}` did not print UTF-8"))
}

/// Runs a command whose output the reader sees as it comes; `true` when it succeeded.
pub(crate) fn show(command: &mut Command) -> Result<bool> {
    let line = display(command);
    println!("$ {line}");
    if cfg!(test) {
        // Through `print!`, so that a fixture's failure shows only when the test that expects it fails.
        let output = command.stdin(Stdio::null()).output().context(format_args!("`{line}` did not start"))?;
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Ok(output.status.success());
    }
    let status = command.stdin(Stdio::null()).status().context(format_args!("`{line}` did not start"))?;
    Ok(status.success())
}

fn display(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
