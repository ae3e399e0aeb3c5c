//! Several writers, several clients, and a store that is opened again.

use serde_json::json;

use super::{Store, at, ids, record};
use crate::context::CallContext;
use crate::filter::Filter;
use crate::interfaces::vector_store::{GET, Metric, VectorQuery};
use crate::suite::{Outcome, at_once, equal, holds};

/// Puts at the same time lose nothing.
pub async fn concurrent_puts_are_all_kept(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let writers = subject.scale.pick(4, 16);
    let calls = (0..writers).map(|writer| {
        let notes = notes.clone();
        async move {
            for number in 0..5 {
                notes.put(record(format!("{writer:02}-{number}"), 0.0).field("writer", writer)).await?;
            }
            Ok::<_, crate::Error>(())
        }
    });
    for result in at_once(calls).await? {
        result?;
    }
    subject.settled(&notes, writers as u64 * 5).await
}

/// Of puts of one id at the same time one stays, whole: its vector and its fields are of one writer.
pub async fn concurrent_puts_of_one_id_leave_one_whole(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let calls = (0..12).map(|writer| {
        let notes = notes.clone();
        async move { notes.put(record("a", 7.0 * writer as f32).field("writer", writer).text(writer.to_string())).await }
    });
    for result in at_once(calls).await? {
        result?;
    }
    subject.settled(&notes, 1).await?;
    let got = notes.get("a").await?;
    let writer = got.as_ref().and_then(|got| got.text.as_deref()).and_then(|text| text.parse::<u32>().ok()).unwrap_or(99);
    equal("the field", &got.as_ref().and_then(|got| got.fields.get("writer")), &Some(&json!(writer)))?;
    let vector = got.and_then(|got| got.vector).unwrap_or_else(|| [0.0; 4].into());
    holds("the vector is of the same writer", Metric::Cosine.score(&vector, &at(7.0 * writer as f32)) > 0.9999)
}

/// Deletes and puts of different ids at the same time do not meet.
pub async fn concurrent_deletes_and_puts_keep_ids_apart(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many((0..20).map(|number| record(format!("old-{number}"), 0.0).field("old", true))).await?.all()?;
    subject.settled(&notes, 20).await?;
    let calls = (0..10).map(|number| {
        let notes = notes.clone();
        async move {
            match number % 2 {
                0 => notes.delete(format!("old-{number}")).await,
                _ => notes.put(record(format!("new-{number}"), 0.0).field("old", false)).await,
            }
        }
    });
    for result in at_once(calls).await? {
        result?;
    }
    subject.settled(&notes, 20).await?;
    if subject.handle.capabilities().delete_where {
        notes.delete_where(Filter::eq("old", true)).await?;
        subject.settled(&notes, 5).await?;
    }
    Ok(())
}

/// A second client sees what the first writes, at once, and the other way round.
pub async fn second_client_sees_the_same_store(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let other = subject.second()?.collection(&notes.location().collection);
    notes.put(record("a", 0.0)).await?;
    subject.settled(&other, 1).await?;
    other.put(record("b", 50.0)).await?;
    subject.settled(&notes, 2).await?;
    equal("the ids", &ids(&notes.query(VectorQuery::near(at(0.0))).await?), &["a", "b"])?;
    notes.delete("a").await?;
    subject.settled(&other, 1).await?;
    equal("the ids", &ids(&other.query(VectorQuery::near(at(0.0))).await?), &["b"])
}

/// Two clients that write at the same time lose nothing of each other's.
pub async fn two_clients_writing_at_once_lose_nothing(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let other = subject.second()?.collection(&notes.location().collection);
    let each = subject.scale.pick(5, 20);
    let calls = [("one", notes.clone()), ("two", other.clone())].map(|(name, notes)| async move {
        for number in 0..each {
            notes.put(record(format!("{name}-{number}"), 0.0)).await?;
            if number % 4 == 3 {
                notes.delete(format!("{name}-{}", number - 1)).await?;
            }
        }
        Ok::<_, crate::Error>(())
    });
    for result in at_once(calls).await? {
        result?;
    }
    let left = 2 * (each - each / 4) as u64;
    subject.settled(&notes, left).await?;
    subject.settled(&other, left).await
}

/// What was written is there after the client was closed and the store opened again.
pub async fn reopened_store_has_everything(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let name = notes.location().collection.clone();
    let put =
        (0..30).map(|number| record(format!("{number:02}"), number as f32).field("n", number).text(format!("text {number}")));
    notes.put_many(put).await?.all()?;
    notes.put(record("05", 89.0).field("n", 500)).await?;
    notes.delete_many(["07", "08"]).await?;
    subject.settled(&notes, 28).await?;
    let before = notes.list().all().await?;
    let provider = subject.handle.provider()?;
    provider.close(&CallContext::new(provider.environment(), &GET, None)).await?;
    let reopened = subject.reopened().await?.collection(&name);
    subject.settled(&reopened, 28).await?;
    equal("the records", &reopened.list().all().await?, &before)?;
    let got = reopened.get("05").await?;
    equal("the field", &got.and_then(|got| got.fields.get("n").cloned()), &Some(json!(500)))?;
    equal("the ids", &ids(&reopened.query(VectorQuery::near(at(0.0)).top_k(3)).await?), &["00", "01", "02"])
}

/// A store that is opened again after every write loses nothing, over as many openings as there are writes.
pub async fn store_reopened_between_writes_loses_nothing(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let name = notes.location().collection.clone();
    let rounds = subject.scale.pick(4, 25);
    for round in 0..rounds {
        let reopened = subject.reopened().await?.collection(&name);
        reopened.put(record(format!("{round:02}"), round as f32).field("round", round)).await?;
        if round % 5 == 4 {
            reopened.delete(format!("{:02}", round - 1)).await?;
        }
        if round % 10 == 9 && subject.handle.capabilities().delete_where {
            reopened.delete_where(Filter::eq("round", round - 3)).await?;
        }
    }
    let mut left = rounds - rounds / 5;
    if subject.handle.capabilities().delete_where {
        left -= rounds / 10;
    }
    subject.settled(&subject.reopened().await?.collection(&name), left as u64).await
}
