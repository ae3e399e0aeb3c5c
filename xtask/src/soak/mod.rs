//! `soak`: what is only seen when much happens. The scenarios are the testkit's, and run smaller among its failure tests.

#[cfg(feature = "soak")]
mod session;

pub(crate) const HELP: &str = "\
Runs storms of calls through the policies, and prints what they saw: a crowd over real sockets on two threads, a service that
throttles everybody, an open breaker that everybody comes back to, a million calls, a million endpoints. A promise that was
broken is printed behind its scenario: places or file descriptors that are kept, a caller that is starved, memory that grows.

Usage: cargo xtask soak [--tasks N] [--calls N] [--keys N] [scenario …]

  --tasks N   calls at a time in storms (default 10000)
  --calls N   calls one after the other (default 1000000)
  --keys N    endpoints one after the other (default 1000000)

Scenarios: crowd, throttled, half-open, calls, keys; all of them where none is named.

Exit code: 0 every promise kept, 1 one was broken, 2 could not run.";

/// Without the product's code this is only the door to the build that has it.
#[cfg(not(feature = "soak"))]
pub(crate) fn run(_: lexopt::Parser) -> crate::outcome::Result<std::process::ExitCode> {
    crate::product::again_with("soak", &[])
}

#[cfg(feature = "soak")]
pub(crate) use session::run;
