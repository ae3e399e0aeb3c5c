//! Killed at any moment, the next run goes on, and answers as if nothing had been.

use std::time::{Duration, Instant};

use crate::program::Place;

/// Forty documents of this edition.
fn write(place: &Place, edition: u32) {
    for number in 0..40 {
        let parts = (0..5).map(|part| format!("# Part {part}\n\nRule {number} of part {part} is from edition {edition}.\n\n"));
        place.write(&format!("rules-{number}.md"), parts.collect::<String>());
    }
}

#[test]
fn a_run_that_was_killed_is_ended_by_the_next() {
    let place = Place::new();
    write(&place, 0);
    let began = Instant::now();
    place.ask("What is rule 7 of part 3?").ok();
    let whole = began.elapsed();
    let rounds = if std::env::var_os("CIRCLE_FULL").is_some() { 60 } else { 8 };
    let mut killed = 0;
    for round in 1..=rounds {
        write(&place, round);
        let mut child = place.command(["docs", "What is rule 7 of part 3?"]).spawn().unwrap();
        // Spread evenly over the time that a run takes.
        std::thread::sleep(whole * (round * 7 % rounds) / rounds + Duration::from_millis(1));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();

        let done = place.ask("What is rule 7 of part 3?").ok();
        assert!(done.summary().starts_with("40 documents: "), "{}", done.out);
        let other = (0..round).find(|edition| done.out.contains(&format!("edition {edition}.")));
        assert_eq!(other, None, "{}", done.out);
        assert!(done.out.contains(&format!("edition {round}.")), "{}", done.out);
        assert!(place.ask("What is rule 7 of part 3?").ok().summary().contains(" 40 unchanged"), "round {round}");
    }
    assert!(killed > 0, "no kill came in time");
}
