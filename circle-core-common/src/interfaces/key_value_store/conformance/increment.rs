//! Numbers that are added to.

use super::{Caps, Store, number};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::{Error, ErrorKind, Reason};
use crate::suite::{Failed, Outcome, at_once, equal, expect_kind, expect_reason};

/// A number starts at 0, and gives the sum.
pub async fn increment_starts_at_zero(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    let key = subject.name("a");
    for (by, sum) in [(5, 5), (-7, -2), (0, -2), (i64::MAX, i64::MAX - 2)] {
        equal(format!("the sum after {by}"), &subject.handle.increment(&key, by).await?, &sum)?;
    }
    equal("a start at nothing", &subject.handle.increment(subject.name("zero"), 0).await?, &0)
}

/// A number is decimal text to everybody else, and text that is a number can be added to.
pub async fn increment_works_on_decimal_text(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    let key = subject.name("a");
    subject.handle.put(&key, "-41").await?;
    let before = subject.entry(&key).await?.version;
    equal("the sum", &subject.handle.increment(&key, 83).await?, &42)?;
    let entry = subject.entry(&key).await?;
    equal("the value", &entry.value, &"42")?;
    crate::suite::holds("the version changes", entry.version != before)
}

/// Of 64 × 100 additions at the same time none is lost.
pub async fn increment_race_loses_nothing(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    let (adders, additions) = (subject.scale.pick(8, 64), subject.scale.pick(10, 100));
    let key = subject.name("a");
    let results = at_once((0..adders).map(|_| {
        let (store, key) = (subject.handle.clone(), key.clone());
        async move {
            for _ in 0..additions {
                store.increment(&key, 1).await?;
            }
            Ok(())
        }
    }));
    results.await?.into_iter().collect::<Result<(), Error>>()?;
    equal("the number", &number(&subject.entry(&key).await?.value)?, &((adders * additions) as i64))
}

/// A sum that is no 64-bit number is `InvalidInput`, reason `Overflow`, and the number stays.
pub async fn increment_beyond_the_largest_number_is_an_overflow(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    for (start, by) in [(i64::MAX, 1), (i64::MIN, -1)] {
        let key = subject.name("a");
        subject.handle.put(&key, start.to_string()).await?;
        let result = subject.handle.increment(&key, by).await;
        expect_reason("increment", result, ErrorKind::InvalidInput, Reason::Overflow)?;
        equal("the number", &number(&subject.entry(&key).await?.value)?, &start)?;
    }
    Ok(())
}

/// A value that is no number is `InvalidInput`, and stays.
pub async fn increment_of_no_number_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    for value in ["", "a", "1.5", "99999999999999999999"] {
        let key = subject.name("a");
        subject.handle.put(&key, value).await?;
        expect_kind(format!("increment of {value:?}"), subject.handle.increment(&key, 1).await, ErrorKind::InvalidInput)?;
        equal("the value", &subject.entry(&key).await?.value, value.as_bytes())?;
    }
    Ok(())
}

/// Without `increment`, it is emulated by compare-and-swap for a caller who allows it, and the report says so.
pub async fn increment_is_emulated_where_allowed(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let report = CallReport::new();
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let store = super::without(&subject, Caps::INCREMENT)?.with(options);
    let key = subject.name("a");
    equal("the first sum", &store.increment(&key, 40).await?, &40)?;
    equal("the second sum", &store.increment(&key, 2).await?, &42)?;
    equal("what the report says was emulated", &report.get().emulated, &["increment", "increment"])?;
    let results = at_once((0..8).map(|_| {
        let (store, key) = (store.clone(), key.clone());
        async move { store.increment(&key, 1).await }
    }));
    results.await?.into_iter().collect::<Result<Vec<_>, Error>>()?;
    equal("the number", &subject.entry(&key).await?.value, &"50")?;
    if subject.handle.capabilities().ttl {
        let mortal = subject.name("mortal");
        let life = std::time::Duration::from_secs(3600);
        subject.handle.put_with(&mortal, "1", crate::interfaces::key_value_store::PutOptions::new().ttl(life)).await?;
        store.increment(&mortal, 1).await?;
        crate::suite::holds("the expiry is kept", subject.entry(&mortal).await?.expires_at.is_some())?;
    }
    Ok(())
}

/// An increment that is emulated is one call: one span, and one outcome, however many reads and writes it takes.
pub async fn increment_that_is_emulated_is_one_call(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    let report = CallReport::new();
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let store = super::without(&subject, Caps::INCREMENT)?.with(options);
    let telemetry = crate::suite::Telemetry::new();
    let sum = telemetry.within(async { store.increment(subject.name("a"), 1).await }).await?;
    equal("the sum", &sum, &1)?;
    equal("the spans", &telemetry.calls(), &["key_value_store.increment"])?;
    equal("the calls of the report", &report.get().calls, &1)
}

/// An increment that is emulated keeps an expiry that is nearer than the shortest life of an entry, and is not early.
pub async fn increment_that_is_emulated_near_the_expiry_succeeds(subject: Store) -> Outcome {
    subject.needs(Caps::CAS)?;
    subject.needs(Caps::TTL)?;
    let (life, shortest) = (std::time::Duration::from_secs(60), std::time::Duration::from_secs(3600));
    if subject.handle.capabilities().ttl_min > life {
        return Err(Failed::Skipped("an entry cannot live for a minute".to_owned()));
    }
    let store = subject.with_capabilities(|capabilities| (capabilities.increment, capabilities.ttl_min) = (false, shortest))?;
    let store = store.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate));
    let key = subject.name("a");
    subject.handle.put_with(&key, "1", crate::interfaces::key_value_store::PutOptions::new().ttl(life)).await?;
    let before = subject.entry(&key).await?.expires_at;
    equal("the sum", &store.increment(&key, 1).await?, &2)?;
    let after = subject.entry(&key).await?.expires_at;
    crate::suite::holds("the expiry is there, and not earlier", after.is_some() && after >= before)
}

/// No store knows an increment by an id: with an idempotency key it is `Unsupported`, and nothing is sent.
pub async fn increment_with_an_idempotency_key_is_unsupported(subject: Store) -> Outcome {
    subject.needs(Caps::INCREMENT)?;
    let key = subject.name("a");
    let store = subject.handle.with(CallOptions::new().idempotency_key("one"));
    let calls = async { expect_kind("increment", store.increment(&key, 1).await, ErrorKind::Unsupported) };
    subject.sends_nothing(calls).await.map(drop)
}
