//! Measures contestants in turn, in one process and one run, and says how they compare.
//!
//! Every round runs each contestant once, so that whatever disturbs the machine disturbs them all. A time is the median
//! of the rounds; a ratio is the median of the rounds' own ratios to the first contestant, with the order statistics
//! that hold that median with a probability of 95 %.

pub mod call_path;
#[cfg(feature = "models")]
pub mod event_streams;

use std::time::{Duration, Instant};

/// One of those that are compared.
pub struct Contestant<'a> {
    name: String,
    /// Makes so many calls.
    run: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Contestant<'a> {
    /// A contestant whose closure makes the given number of calls.
    pub fn new(name: impl Into<String>, run: impl FnMut(u32) + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// A contestant whose closure makes one call.
    pub fn each(name: impl Into<String>, mut call: impl FnMut() + 'a) -> Self {
        Self::new(name, move |calls| (0..calls).for_each(|_| call()))
    }
}

/// What is compared, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Contest<'a> {
    /// What one call does.
    pub title: &'a str,
    /// Rounds that count.
    pub rounds: usize,
    /// Calls of each contestant in a round.
    pub calls: u32,
}

impl Contest<'_> {
    /// Runs the contest and prints its table. The first contestant is what the others are compared with.
    pub fn run(self, mut contestants: Vec<Contestant<'_>>) {
        let times = self.times(0, &mut contestants);
        let (low, high) = interval(self.rounds);
        println!("\n| {} | time (95 %) | allocations | × first (95 %) |\n|---|---:|---:|---:|", self.title);
        for (contestant, own) in contestants.iter_mut().zip(&times) {
            let allocations = counted(allocations(|| (contestant.run)(1)));
            let ratios = sorted(own.iter().zip(&times[0]).map(|(time, first)| time / first).collect());
            let (times, ratio) = (sorted(own.clone()), median(&ratios));
            let [time, fastest, slowest] = [median(&times), times[low], times[high]].map(readable);
            let (name, from, to) = (&contestant.name, ratios[low], ratios[high]);
            println!("| {name} | {time} ({fastest} to {slowest}) | {allocations} | {ratio:.3} ({from:.3} to {to:.3}) |");
        }
    }

    /// As [`run`](Self::run), for calls that handle so many events each: the table is about events, and its ratios are of
    /// events in a second. Of every contestant, one call ahead of those that count clears up what the one before left in the heap
    /// and the caches, which is as much work as some of these calls.
    pub fn run_events(self, events: usize, mut contestants: Vec<Contestant<'_>>) {
        let times = self.times(1, &mut contestants);
        let (low, high) = interval(self.rounds);
        println!("\n| {} | events per second | allocations per event | × first (95 %) |\n|---|---:|---:|---:|", self.title);
        for (contestant, own) in contestants.iter_mut().zip(&times) {
            let allocations = allocations(|| (contestant.run)(1)).map(|count| format!("{:.2}", count as f64 / events as f64));
            let allocations = counted(allocations);
            let ratios = sorted(own.iter().zip(&times[0]).map(|(time, first)| first / time).collect());
            let thousands = events as f64 * 1e6 / median(&sorted(own.clone()));
            let ratio = median(&ratios);
            println!(
                "| {} | {thousands:.0} k | {allocations} | {ratio:.2} ({:.2} to {:.2}) |",
                contestant.name, ratios[low], ratios[high]
            );
        }
    }

    /// The nanoseconds of a call, of every contestant in every round, behind so many calls that are not counted.
    fn times(self, ahead: u32, contestants: &mut [Contestant<'_>]) -> Vec<Vec<f64>> {
        let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(self.rounds); contestants.len()];
        // One round more than is counted: the first warms up.
        for round in 0..=self.rounds {
            for (contestant, times) in contestants.iter_mut().zip(&mut times) {
                if ahead > 0 {
                    (contestant.run)(ahead);
                }
                let start = Instant::now();
                (contestant.run)(self.calls);
                let taken = start.elapsed().as_nanos() as f64 / f64::from(self.calls);
                if round > 0 {
                    times.push(taken);
                }
            }
        }
        times
    }
}

/// How many allocations a call makes. Counting them costs time, so that a run tells either these or its times.
#[cfg(feature = "allocations")]
fn allocations(call: impl FnOnce()) -> Option<u64> {
    Some(allocation_counter::measure(call).count_total)
}

#[cfg(not(feature = "allocations"))]
fn allocations(_: impl FnOnce()) -> Option<u64> {
    None
}

fn counted(count: Option<impl ToString>) -> String {
    count.map_or_else(|| "not counted".to_owned(), |count| count.to_string())
}

fn readable(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.1?}", Duration::from_nanos(nanoseconds as u64))
    }
}

/// The ranks, counted from 0, between which the median of so many values lies with a probability of 95 %: the widest
/// tails of the binomial distribution with p = ½ that together hold at most 5 %.
fn interval(count: usize) -> (usize, usize) {
    let (mut term, mut tail) = (0.5_f64.powi(count as i32), 0.0);
    for rank in 0..count / 2 {
        tail += term;
        if tail > 0.025 {
            let low = rank.saturating_sub(1);
            return (low, count - 1 - low);
        }
        term *= (count - rank) as f64 / (rank + 1) as f64;
    }
    (0, count - 1)
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks from the tables of the sign test (counted from 1 there: 14 and 28 of 41, 6 and 16 of 21, 1 and 6 of 6).
    #[test]
    fn intervals_are_those_of_the_sign_test() {
        assert_eq!((interval(41), interval(21), interval(6)), ((13, 27), (5, 15), (0, 5)));
    }
}
