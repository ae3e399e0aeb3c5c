//! `fuzz`: mutated inputs for every parser of text or bytes from outside, on the stable toolchain.

#[cfg(feature = "product")]
mod mutate;
#[cfg(feature = "product")]
mod session;
#[cfg(feature = "product")]
mod targets;

pub(crate) const HELP: &str = "\
Feeds mutated inputs to parsers, and reports those that panic, break a promise such as reading back what was written, or
take longer than a second. Inputs start from the files of xtask/corpus/<target>; a crashing input is saved, and belongs there
once the bug is mended.

Usage: cargo xtask fuzz [--seconds N] [--runs N] [--seed N] [target …]
       cargo xtask fuzz <target> --input FILE
       cargo xtask fuzz --list

  --seconds N    time for each target (default 10); as many run at once as there are cores
  --runs N       stop each target after N inputs; the same seed and N give the same inputs
  --seed N       where the random numbers start (default 0)
  --input FILE   run one input only, without catching its panic
  --list         print the targets

Exit code: 0 nothing found, 1 a finding, 2 could not run.";

/// Without the product's code this is only the door to the build that has it.
#[cfg(not(feature = "product"))]
pub(crate) fn run(_: lexopt::Parser) -> crate::outcome::Result<std::process::ExitCode> {
    crate::product::again(&[])
}

#[cfg(feature = "product")]
pub(crate) use session::run;
