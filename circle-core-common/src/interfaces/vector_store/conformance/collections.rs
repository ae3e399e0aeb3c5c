//! Collections.

use super::{Store, at, record};
use crate::error::ErrorKind;
use crate::interfaces::vector_store::{CollectionSpec, Metric, VectorQuery};
use crate::suite::{Outcome, at_once, equal, expect_kind, expect_unsupported, holds};

/// A collection that is there with the same spec stays as it is, records included.
pub async fn ensure_is_idempotent(subject: Store) -> Outcome {
    let notes = subject.collection("notes");
    let spec = || CollectionSpec::new(4).metric(subject.metric()).model("a-model");
    notes.ensure(spec()).await?;
    notes.put(record("a", 0.0)).await?;
    subject.settled(&notes, 1).await?;
    notes.ensure(spec()).await?;
    subject.second.as_ref().unwrap_or(&subject.handle).collection(&notes.location().collection).ensure(spec()).await?;
    subject.settled(&notes, 1).await
}

/// A collection that is there with another width, metric or model is `Conflict`, and stays as it is.
pub async fn ensure_with_another_spec_is_a_conflict(subject: Store) -> Outcome {
    let notes = subject.collection("notes");
    let spec = |dimensions, metric| CollectionSpec::new(dimensions).metric(metric).model("a-model");
    notes.ensure(spec(4, subject.metric())).await?;
    expect_kind("another width", notes.ensure(spec(5, subject.metric())).await, ErrorKind::Conflict)?;
    expect_kind("another model", notes.ensure(spec(4, subject.metric()).model("other")).await, ErrorKind::Conflict)?;
    expect_kind("no model", notes.ensure(CollectionSpec::new(4).metric(subject.metric())).await, ErrorKind::Conflict)?;
    if let Some(other) = subject.handle.capabilities().metrics.iter().find(|metric| **metric != subject.metric()) {
        expect_kind("another metric", notes.ensure(spec(4, *other)).await, ErrorKind::Conflict)?;
    }
    notes.put(record("a", 0.0)).await?;
    subject.settled(&notes, 1).await
}

/// Of several at once with two specs, those of one succeed and the others are `Conflict`.
pub async fn ensure_race_leaves_one_spec(subject: Store) -> Outcome {
    let metric = subject.metric();
    let calls = (0..8).map(|number| {
        let notes = subject.collection("notes");
        async move { (number % 2, notes.ensure(CollectionSpec::new(4 + number % 2).metric(metric)).await) }
    });
    let results = at_once(calls).await?;
    let winners: Vec<u32> = results.iter().filter(|(_, result)| result.is_ok()).map(|(spec, _)| *spec).collect();
    holds(format!("{winners:?} are all of one spec"), winners.len() == 4 && winners.iter().all(|spec| *spec == winners[0]))?;
    for (_, result) in results.into_iter().filter(|(_, result)| result.is_err()) {
        expect_kind("the others", result, ErrorKind::Conflict)?;
    }
    Ok(())
}

/// A width of 0, or above the store's, is `InvalidInput`, and nothing is sent.
pub async fn ensure_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    let above = subject.handle.capabilities().dimensions_max.saturating_add(1);
    let calls = async {
        for dimensions in [0, above] {
            let call = subject.collection("notes").ensure(CollectionSpec::new(dimensions).metric(subject.metric())).await;
            expect_kind(format!("{dimensions} dimensions"), call, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A metric that the store does not know is `Unsupported`, and nothing is sent.
pub async fn ensure_with_an_unknown_metric_is_unsupported(subject: Store) -> Outcome {
    let store = subject.with_capabilities(|capabilities| capabilities.metrics = &[Metric::Dot])?;
    let notes = subject.collection_of(&store, "notes");
    subject.sends_nothing(async { expect_unsupported(notes.ensure(CollectionSpec::new(4).euclidean()).await, "metrics") }).await
}

/// Everything but `ensure` and `drop_collection` is `NotFound` where there is no collection.
pub async fn call_on_a_missing_collection_is_not_found(subject: Store) -> Outcome {
    let notes = subject.collection("missing");
    expect_kind("put", notes.put(record("a", 0.0)).await, ErrorKind::NotFound)?;
    expect_kind("get", notes.get("a").await, ErrorKind::NotFound)?;
    expect_kind("delete", notes.delete("a").await, ErrorKind::NotFound)?;
    expect_kind("query", notes.query(VectorQuery::near(at(0.0))).await, ErrorKind::NotFound)?;
    expect_kind("list", notes.list().all().await, ErrorKind::NotFound)?;
    let error = expect_kind("count", notes.count().await, ErrorKind::NotFound)?;
    equal("what the error names", &error.resource(), &Some(notes.location().collection.as_str()))
}

/// A dropped collection is gone with its records, for every client; dropping it again succeeds.
pub async fn drop_takes_everything_and_is_idempotent(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    let name = notes.location().collection.clone();
    subject.handle.drop_collection(&name).await?;
    expect_kind("count", notes.count().await, ErrorKind::NotFound)?;
    let second = subject.second.as_ref().unwrap_or(&subject.handle);
    expect_kind("query", second.collection(&name).query(VectorQuery::near(at(0.0))).await, ErrorKind::NotFound)?;
    subject.handle.drop_collection(&name).await?;
    subject.handle.drop_collection(subject.collection("never").location().collection.clone()).await?;
    Ok(())
}

/// A collection that is dropped and made again, with another width even, is empty.
pub async fn collection_made_again_is_empty(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many([record("a", 0.0), record("b", 1.0)]).await?.all()?;
    subject.handle.drop_collection(&notes.location().collection).await?;
    notes.ensure(CollectionSpec::new(3).metric(subject.metric())).await?;
    subject.settled(&notes, 0).await?;
    equal("get", &notes.get("a").await?, &None)?;
    notes.put(crate::interfaces::vector_store::Record::new("c", [1.0, 0.0, 0.0])).await?;
    subject.settled(&notes, 1).await
}

/// Collections do not see each other's records.
pub async fn collections_are_apart(subject: Store) -> Outcome {
    let (notes, other) = (subject.notes().await?, subject.collection("notes-2"));
    other.ensure(CollectionSpec::new(4).metric(subject.metric())).await?;
    notes.put(record("a", 0.0)).await?;
    other.put_many([record("a", 90.0), record("b", 90.0)]).await?.all()?;
    subject.settled(&notes, 1).await?;
    subject.settled(&other, 2).await?;
    other.delete("a").await?;
    holds("a record of the other collection is there", notes.get("a").await?.is_some())?;
    subject.handle.drop_collection(&other.location().collection).await?;
    subject.settled(&notes, 1).await
}

/// A name that is empty, too long, or has a slash or a control character is `InvalidInput`, and nothing is sent.
pub async fn collection_name_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    let long = usize::try_from(subject.handle.capabilities().name_max.as_u64()).unwrap_or(usize::MAX) + 1;
    let calls = async {
        for name in ["", "a/b", "a\nb", &"a".repeat(long)] {
            let notes = subject.handle.collection(name);
            expect_kind("ensure", notes.ensure(CollectionSpec::new(4)).await, ErrorKind::InvalidInput)?;
            expect_kind("count", notes.count().await, ErrorKind::InvalidInput)?;
            expect_kind("drop", subject.handle.drop_collection(name).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}
