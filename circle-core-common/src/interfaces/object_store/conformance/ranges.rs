//! Getting parts of objects.

use super::{Caps, Store, without};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::{ErrorKind, Reason};
use crate::interfaces::object_store::{ByteRange, GetOptions};
use crate::suite::{Outcome, equal, expect_kind, expect_reason};

const CONTENT: &str = "0123456789";

async fn part(subject: &Store, range: impl Into<ByteRange>, expected: &str) -> Outcome {
    let (key, range) = (subject.name("a"), range.into());
    let object = subject.handle.get_with(&key, GetOptions::new().range(range)).await?;
    equal(format!("the size of the whole object, got by {range:?}"), &object.meta.size, &(CONTENT.len() as u64))?;
    let reported = object.range.clone();
    equal(format!("the bytes of {range:?}"), &object.text().await?, expected)?;
    equal(format!("the length of the range reported for {range:?}"), &(reported.end - reported.start), &(expected.len() as u64))?;
    if !expected.is_empty() {
        let start = CONTENT.find(expected).unwrap_or_default() as u64;
        equal(format!("the start of the range reported for {range:?}"), &reported.start, &start)?;
    }
    Ok(())
}

async fn prepared(subject: &Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    subject.handle.put(subject.name("a"), CONTENT).await?;
    Ok(())
}

/// A range gives exactly its bytes, wherever it lies; its end is exclusive.
pub async fn get_range_gives_exactly_its_bytes(subject: Store) -> Outcome {
    prepared(&subject).await?;
    part(&subject, 0..1, "0").await?;
    part(&subject, 2..5, "234").await?;
    part(&subject, 9..10, "9").await?;
    part(&subject, 0..10, CONTENT).await?;
    part(&subject, ..4, "0123").await
}

/// A range without an end gives what is left.
pub async fn get_range_from_gives_the_rest(subject: Store) -> Outcome {
    prepared(&subject).await?;
    part(&subject, 0.., CONTENT).await?;
    part(&subject, 7.., "789").await
}

/// A range of length 0 is empty.
pub async fn get_range_of_length_zero_is_empty(subject: Store) -> Outcome {
    prepared(&subject).await?;
    part(&subject, 0..0, "").await?;
    part(&subject, 4..4, "").await
}

/// A range that starts at the end is empty.
pub async fn get_range_at_the_end_is_empty(subject: Store) -> Outcome {
    prepared(&subject).await?;
    part(&subject, 10.., "").await?;
    part(&subject, 10..20, "").await
}

/// A range that starts behind the end is `RangeNotSatisfiable`.
pub async fn get_range_behind_the_end_is_not_satisfiable(subject: Store) -> Outcome {
    prepared(&subject).await?;
    for range in [ByteRange::From(11), ByteRange::Bounded(11, 12), ByteRange::From(u64::MAX / 2)] {
        let result = subject.handle.get_with(subject.name("a"), GetOptions::new().range(range)).await;
        expect_reason(format!("{range:?}"), result, ErrorKind::InvalidInput, Reason::RangeNotSatisfiable)?;
    }
    Ok(())
}

/// A range that ends behind the end is cut there.
pub async fn get_range_past_the_end_is_cut(subject: Store) -> Outcome {
    prepared(&subject).await?;
    part(&subject, 8..1000, "89").await?;
    part(&subject, 0..u64::MAX, CONTENT).await
}

/// A range that ends before it starts is `InvalidInput`, and nothing is sent. (A negative offset cannot be written.)
pub async fn get_range_reversed_is_invalid_input(subject: Store) -> Outcome {
    let options = GetOptions::new().range(ByteRange::Bounded(5, 2));
    let call = async { expect_kind("get", subject.handle.get_with(subject.name("a"), options).await, ErrorKind::InvalidInput) };
    subject.sends_nothing(call).await.map(drop)
}

/// Any range of an empty object that starts at 0 is empty; one behind that is not satisfiable.
pub async fn get_range_of_an_empty_object_is_empty(subject: Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    let key = subject.name("empty");
    subject.handle.put(&key, "").await?;
    for range in [ByteRange::From(0), ByteRange::Bounded(0, 10), ByteRange::Bounded(0, 0)] {
        let object = subject.handle.get_with(&key, GetOptions::new().range(range)).await?;
        equal(format!("{range:?}"), &object.text().await?, "")?;
    }
    let result = subject.handle.get_with(&key, GetOptions::new().range(1..2)).await;
    expect_reason("1..2", result, ErrorKind::InvalidInput, Reason::RangeNotSatisfiable).map(drop)
}

/// A range of what is not there is `NotFound`.
pub async fn get_range_of_missing_is_not_found(subject: Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    let result = subject.handle.get_with(subject.name("missing"), GetOptions::new().range(0..10)).await;
    expect_kind("get", result, ErrorKind::NotFound).map(drop)
}

/// A suffix gives the last bytes.
pub async fn get_suffix_gives_the_last_bytes(subject: Store) -> Outcome {
    subject.needs(Caps::GET_SUFFIX)?;
    subject.handle.put(subject.name("a"), CONTENT).await?;
    part(&subject, ByteRange::Suffix(3), "789").await?;
    part(&subject, ByteRange::Suffix(10), CONTENT).await?;
    part(&subject, ByteRange::Suffix(0), "").await
}

/// A suffix longer than the object is the whole object, an empty one included.
pub async fn get_suffix_longer_than_the_object_is_all_of_it(subject: Store) -> Outcome {
    subject.needs(Caps::GET_SUFFIX)?;
    subject.handle.put(subject.name("a"), CONTENT).await?;
    part(&subject, ByteRange::Suffix(1000), CONTENT).await?;
    let key = subject.name("empty");
    subject.handle.put(&key, "").await?;
    let object = subject.handle.get_with(&key, GetOptions::new().suffix(5)).await?;
    equal("the suffix of nothing", &object.text().await?, "")
}

/// Without `get_suffix`, a suffix is emulated by size and range for a caller who allows it, and the report says so.
pub async fn get_suffix_is_emulated_where_allowed(subject: Store) -> Outcome {
    subject.needs(Caps::GET_RANGE)?;
    let key = subject.name("a");
    subject.handle.put(&key, CONTENT).await?;
    let report = CallReport::new();
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let store = without(&subject, Caps::GET_SUFFIX)?.with(options);
    for (length, expected) in [(3, "789"), (1000, CONTENT)] {
        let object = store.get_with(&key, GetOptions::new().suffix(length)).await?;
        equal(format!("the last {length} bytes"), &object.text().await?, expected)?;
    }
    equal("what the report says was emulated", &report.get().emulated, &["get_suffix", "get_suffix"])?;
    let result = store.get_with(subject.name("missing"), GetOptions::new().suffix(3)).await;
    expect_kind("a suffix of what is not there", result, ErrorKind::NotFound).map(drop)
}

/// Nothing that the provider can do is emulated, even for a caller who allows it.
pub async fn get_suffix_is_not_emulated_without_need(subject: Store) -> Outcome {
    subject.needs(Caps::GET_SUFFIX)?;
    subject.handle.put(subject.name("a"), CONTENT).await?;
    let report = CallReport::new();
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let object = subject.handle.with(options).get_with(subject.name("a"), GetOptions::new().suffix(2)).await?;
    equal("the last bytes", &object.text().await?, "89")?;
    equal("what the report says was emulated", &report.get().emulated, &[""; 0])
}
