//! Archives folders into any object store: `archive --help`.
//!
//! The engine is in `src/archive/`; here are the command line and what it prints.

#[cfg(unix)]
mod args;
#[cfg(unix)]
mod commands;
#[cfg(unix)]
mod help;
#[cfg(unix)]
mod open;
#[cfg(unix)]
mod terminal;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use std::io::Write;

    let mut stderr = std::io::stderr();
    let command = match args::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => {
            // Nobody is left to hear of a failure to report one, here and below.
            let _ = writeln!(stderr, "archive: {}; see --help", one_line(&error));
            return ExitCode::from(commands::USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(commands::execute(command)),
        Err(error) => Err(error.into()),
    };
    result.map_or_else(
        |error| {
            if !error.is_closed_pipe() {
                let _ = writeln!(stderr, "archive: {}", one_line(&error));
            }
            ExitCode::from(commands::FAILED)
        },
        ExitCode::from,
    )
}

#[cfg(unix)]
fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    use std::io::Write;
    // Modes, times and links are kept as Unix has them.
    let _ = writeln!(std::io::stderr(), "archive: this example needs a Unix system");
    ExitCode::from(3)
}
