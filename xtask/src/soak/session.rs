//! Running scenarios one after the other, each on a runtime of its own.

use std::{process::ExitCode, time::Instant};

use circle_core_testkit::soak::{self, Calls, Soaked};
use tokio::runtime::{Builder, Runtime};

use crate::outcome::{Context as _, Failure, Result};

struct Sizes {
    tasks: usize,
    calls: u64,
    keys: usize,
}

type Scenario = (&'static str, fn(&Sizes) -> Result<Soaked>);

const SCENARIOS: &[Scenario] =
    &[("crowd", crowd), ("throttled", throttled), ("half-open", half_open), ("calls", calls), ("keys", keys)];

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    use lexopt::prelude::*;
    let mut sizes = Sizes { tasks: 10_000, calls: 1_000_000, keys: 1_000_000 };
    let mut names = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("tasks") => sizes.tasks = arguments.value()?.parse()?,
            Long("calls") => sizes.calls = arguments.value()?.parse()?,
            Long("keys") => sizes.keys = arguments.value()?.parse()?,
            Value(name) => names.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if let Some(unknown) = names.iter().find(|name| SCENARIOS.iter().all(|(known, _)| known != name)) {
        return Err(Failure::new(format!("no scenario `{unknown}`; `--help` lists them")));
    }
    let mut broken = 0;
    for (name, scenario) in SCENARIOS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|chosen| chosen == name)) {
        let began = Instant::now();
        let soaked = scenario(&sizes)?;
        println!(
            "{name:<10} {:>7.1} s  {}",
            began.elapsed().as_secs_f64(),
            if soaked.broken.is_empty() { "kept" } else { "BROKEN" }
        );
        for (figure, value) in &soaked.figures {
            println!("    {figure:<18} {value}");
        }
        for promise in &soaked.broken {
            println!("    broken: {promise}");
        }
        broken += soaked.broken.len();
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn paused() -> Result<Runtime> {
    Builder::new_current_thread().enable_time().start_paused(true).build().context("starting a runtime")
}

fn crowd(sizes: &Sizes) -> Result<Soaked> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().context("starting a runtime")?;
    Ok(runtime.block_on(soak::crowd(sizes.tasks)))
}

fn throttled(sizes: &Sizes) -> Result<Soaked> {
    Ok(paused()?.block_on(soak::throttle_storm(sizes.tasks)))
}

fn half_open(sizes: &Sizes) -> Result<Soaked> {
    Ok(paused()?.block_on(soak::half_open_storm(sizes.tasks)))
}

fn calls(sizes: &Sizes) -> Result<Soaked> {
    let (runtime, calls) = (paused()?, Calls::new().context("making a client")?);
    // What is made once: buffers, names of metrics.
    runtime.block_on(calls.make(1_000));
    let mut made = None;
    let counted = allocation_counter::measure(|| made = Some(runtime.block_on(calls.make(sizes.calls))));
    let made = made.unwrap_or_default();
    Ok(Soaked::new("calls")
        .figure("calls", sizes.calls)
        .figure("succeeded", made.succeeded)
        .figure("failed", made.failed)
        .figure("allocations each", format_args!("{:.1}", counted.count_total as f64 / sizes.calls.max(1) as f64))
        .figure("held at most", format_args!("{} bytes", counted.bytes_max))
        .figure("kept", format_args!("{} bytes", counted.bytes_current))
        .promise("every call ends", made.succeeded + made.failed == sizes.calls)
        .promise("memory is flat: not 1 KiB is kept", counted.bytes_current.abs() < 1024)
        .promise("no more than 64 KiB is held at a time", counted.bytes_max < 64 * 1024)
        .promise("no place is kept", calls.in_flight() == 0))
}

fn keys(sizes: &Sizes) -> Result<Soaked> {
    let mut soaked = None;
    let counted = allocation_counter::measure(|| soaked = Some(soak::many_keys(sizes.keys)));
    let soaked = soaked.ok_or_else(|| Failure::new("the scenario did not run"))?;
    Ok(soaked
        .figure("held at most", format_args!("{} KiB", counted.bytes_max / 1024))
        // 256 endpoints of a few KiB each.
        .promise("no more than 4 MiB is held at a time", counted.bytes_max < 4 << 20))
}
