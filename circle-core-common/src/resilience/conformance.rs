//! The suite of [`RateLimitStore`]: one public function per pinned behaviour. Each takes a store and a key of its own; the
//! time is given, so none of them waits.

use std::sync::Arc;
use std::time::Duration;

use super::{RateLimitStore, SharedRate, TakeRequest, Taken};
use crate::suite::{Failed, Outcome, at_once, equal, holds};
use crate::units::Timestamp;

type Store = Arc<dyn RateLimitStore>;

/// Every behaviour that is pinned, over keys that begin with `prefix` and have not been used before.
///
/// # Errors
/// The first that does not hold.
pub async fn rate_limit_store(store: Store, prefix: &str) -> Outcome {
    take_gives_the_burst_and_then_the_rate(&store, &format!("{prefix}-rate")).await?;
    take_after_idle_time_gives_no_more_than_the_burst(&store, &format!("{prefix}-idle")).await?;
    take_of_another_key_is_not_limited(&store, &format!("{prefix}-key")).await?;
    take_of_several_is_all_or_nothing(&store, &format!("{prefix}-cost")).await?;
    take_with_clocks_that_differ_keeps_the_rate(&store, &format!("{prefix}-clock")).await?;
    take_race_gives_no_more_than_the_burst(&store, &format!("{prefix}-race")).await
}

const RATE: SharedRate = SharedRate { per_second: 10.0, burst: 5 };

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix(1_800_000_000, 0) + Duration::from_millis(millis)
}

async fn take(store: &Store, key: &str, cost: u32, millis: u64) -> crate::Result<Taken> {
    store.take(TakeRequest { key, cost, rate: RATE, now: at(millis) }).await
}

/// How many are granted one by one, and what is said then.
async fn all(store: &Store, key: &str, millis: u64) -> Result<(u32, Duration), Failed> {
    for granted in 0..1000 {
        if let Taken::Wait(wait) = take(store, key, 1, millis).await? {
            return Ok((granted, wait));
        }
    }
    Err(Failed::Wrong("a thousand were granted in one moment".to_owned()))
}

/// As many as the burst go at once, then one in each interval; the wait that is told is how long until the next.
pub async fn take_gives_the_burst_and_then_the_rate(store: &Store, key: &str) -> Outcome {
    equal("the burst, and the wait", &all(store, key, 0).await?, &(5, Duration::from_millis(100)))?;
    equal("before the wait is over", &take(store, key, 1, 99).await?, &Taken::Wait(Duration::from_millis(1)))?;
    equal("when it is over", &all(store, key, 100).await?, &(1, Duration::from_millis(100)))?;
    equal("after three intervals", &all(store, key, 400).await?.0, &3)
}

/// What is not used is not saved up.
pub async fn take_after_idle_time_gives_no_more_than_the_burst(store: &Store, key: &str) -> Outcome {
    all(store, key, 0).await?;
    equal("after an hour", &all(store, key, 3_600_000).await?.0, &5)
}

/// A key has a rate of its own, whatever letters it holds.
pub async fn take_of_another_key_is_not_limited(store: &Store, key: &str) -> Outcome {
    all(store, key, 0).await?;
    for other in [format!("{key}/ü \u{1F980}?*%"), format!("{key}{}", "x".repeat(5000))] {
        equal("the burst of another key", &all(store, &other, 0).await?.0, &5)?;
    }
    Ok(())
}

/// Several are granted together or not at all; more than the burst when a whole burst is there, and they are owed.
pub async fn take_of_several_is_all_or_nothing(store: &Store, key: &str) -> Outcome {
    equal("three of five", &take(store, key, 3, 0).await?, &Taken::Granted)?;
    equal("three of two", &take(store, key, 3, 0).await?, &Taken::Wait(Duration::from_millis(100)))?;
    equal("two of two: the refusal took nothing", &take(store, key, 2, 0).await?, &Taken::Granted)?;
    equal("twenty of five, a burst later", &take(store, key, 20, 500).await?, &Taken::Granted)?;
    equal("one behind them", &take(store, key, 1, 500).await?, &Taken::Wait(Duration::from_millis(1600)))
}

/// Two processes, one of them a second behind, get together what one would.
pub async fn take_with_clocks_that_differ_keeps_the_rate(store: &Store, key: &str) -> Outcome {
    let mut granted = 0;
    for step in 0..100 {
        for behind in [0, 1000] {
            let answer = take(store, key, 1, 1000 + step * 100 - behind).await?;
            granted += u32::from(answer == Taken::Granted);
        }
    }
    // Ten seconds at ten each second, and the burst.
    holds(format_args!("{granted} granted in ten seconds"), (100..=105).contains(&granted))
}

/// Of 32 callers at once as many are granted as the burst has.
pub async fn take_race_gives_no_more_than_the_burst(store: &Store, key: &str) -> Outcome {
    let callers = (0..32).map(|_| {
        let (store, key) = (Arc::clone(store), key.to_owned());
        async move { take(&store, &key, 1, 0).await }
    });
    let answers = at_once(callers).await?;
    let granted = answers.into_iter().collect::<crate::Result<Vec<_>>>()?;
    let granted = granted.iter().filter(|answer| **answer == Taken::Granted).count();
    // Whoever loses too many races is told to ask again.
    holds(format_args!("{granted} of 5 granted"), (1..=5).contains(&granted))?;
    let rest = all(store, key, 0).await?.0 as usize;
    equal("those that are left", &(granted + rest), &5)
}
