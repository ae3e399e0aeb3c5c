//! How it went, in words and numbers.

use std::fmt::Write;
use std::time::Duration;

use super::crowd::{Outcome, PER_SECOND};
use super::scenario::Scenario;

/// The table of a scenario: a line for each contestant, and below each of them its minute, a character for each second.
#[must_use]
pub fn table(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let trouble = scenario.trouble;
    let (from, until) = (trouble.from.as_secs(), trouble.until.as_secs());
    let mut text = format!("{}: {}, from second {from} to {until}\n", scenario.name, scenario.what);
    let _ = writeln!(text, "  {:<38}{:>9}{:>10}{:>9}{:>9}{:>8}", "", "answered", "requests", "half in", "99 % in", "back");
    for (contestant, outcome) in scenario.contestants.iter().zip(outcomes) {
        let back = outcome.back_after(trouble.until).map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s"));
        let _ = writeln!(
            text,
            "  {:<38}{:>8.1}%{:>9.2}×{:>9}{:>9}{back:>8}\n  {}",
            contestant.name,
            outcome.share() * 100.0,
            outcome.requests_per_call(),
            readable(outcome.wait(0.5)),
            readable(outcome.wait(0.99)),
            line(&outcome.answered),
        );
    }
    text
}

/// Times as people read them.
#[must_use]
pub fn readable(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The share of callers that got an answer, as a line of blocks.
fn line(answered: &[u32]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    answered.iter().map(|answered| BLOCKS[(answered * 7 / PER_SECOND) as usize % BLOCKS.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_blocks_and_times_are_short() {
        assert_eq!(line(&[0, 50, 99, 100]), "▁▄▇█");
        assert_eq!(
            (readable(Duration::from_millis(20)), readable(Duration::from_millis(1250))),
            ("20 ms".into(), "1.2 s".into())
        );
    }
}
