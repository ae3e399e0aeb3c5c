//! Putting, getting, deleting.

use serde_json::json;

use super::{Caps, Store, at, record};
use crate::error::{ErrorKind, Reason};
use crate::filter::Filter;
use crate::interfaces::vector_store::{CollectionSpec, Metric, Record};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// A record comes back as it was put: its vector (of a cosine collection, its direction), every kind of field, text.
pub async fn put_then_get_round_trips_everything(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let fields = json!({
        "text": "Rīga \u{1f980} \"quoted\" \\ \n", "integer": 9_007_199_254_740_993_i64, "negative": -1, "float": 1.5,
        "yes": true, "no": false, "list": ["a", "b"], "object": { "deep": { "x": 1 } }, "empty": "",
    });
    let mut put = record("a", 30.0).text("What it stands for.\nIn two lines.");
    put.fields = fields.as_object().cloned().unwrap_or_default();
    notes.put(put.clone()).await?;
    let got = notes.get("a").await?;
    let vector = got.as_ref().and_then(|got| got.vector.clone()).unwrap_or_else(|| [0.0; 4].into());
    holds("the vector", Metric::Cosine.score(&vector, &at(30.0)) > 0.999 && vector.len() == 4)?;
    let without = |record: Option<Record>| record.map(|record| Record { vector: None, ..record });
    equal("the record", &without(got), &without(Some(put)))
}

/// A put replaces the record whole: fields and text of the old one are gone.
pub async fn put_again_replaces_the_whole_record(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0).field("old", 1).field("both", 1).text("old")).await?;
    notes.put(record("a", 90.0).field("both", 2)).await?;
    subject.settled(&notes, 1).await?;
    let got = notes.get("a").await?.unwrap_or_else(|| Record::without_vector("absent"));
    equal("the fields", &json!(got.fields), &json!({ "both": 2 }))?;
    equal("the text", &got.text, &None)?;
    holds("the vector is the new one", got.vector.is_some_and(|vector| Metric::Cosine.score(&vector, &at(90.0)) > 0.999))
}

/// Ids are any text, byte for byte, up to the longest.
pub async fn put_under_weird_ids_round_trips(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let long = "x".repeat(usize::try_from(subject.handle.capabilities().id_max.as_u64()).unwrap_or(512));
    let weird = ["a", "A", "a/b", "../x", " ", "a b", "%2F", "0", "-1", "'", "\"", "日本", "e\u{301}", "é", "\n", &long];
    let put = weird.iter().enumerate().map(|(number, id)| record(id, 1.0).field("number", number));
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, weird.len() as u64).await?;
    for (number, id) in weird.iter().enumerate() {
        let got = notes.get(*id).await?;
        equal(format!("the number of {id:?}"), &got.as_ref().and_then(|got| got.fields.get("number")), &Some(&json!(number)))?;
        equal("the id", &got.map(|got| got.id.to_string()).as_deref(), &Some(*id))?;
    }
    equal("deleted", &notes.delete_many(["a", "%2F", &long]).await?.unwrap_or(3), &3)?;
    subject.settled(&notes, weird.len() as u64 - 3).await
}

/// A vector of another width than the collection's is `InvalidInput`, and nothing is put.
pub async fn put_of_another_width_is_invalid_input(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    for vector in [vec![1.0; 3], vec![1.0; 5]] {
        expect_kind("put", notes.put(Record::new("a", vector)).await, ErrorKind::InvalidInput)?;
    }
    subject.settled(&notes, 0).await
}

/// A record that cannot be right anywhere is `InvalidInput`, with all others of its call, and nothing is sent.
pub async fn put_of_what_is_not_valid_sends_nothing(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let wide = subject.handle.capabilities().dimensions_max as usize + 1;
    let long = "x".repeat(usize::try_from(subject.handle.capabilities().id_max.as_u64()).unwrap_or(512) + 1);
    let invalid = [
        record("", 0.0),
        record(long, 0.0),
        Record::new("a", [f32::NAN, 0.0, 0.0, 0.0]),
        Record::new("a", [f32::INFINITY, 0.0, 0.0, 0.0]),
        Record::new("a", [0.0; 0]),
        Record::new("a", vec![1.0; wide]),
        Record::without_vector("a"),
        record("a", 0.0).field("", 1),
        record("a", 0.0).field("a.b", 1),
    ];
    let calls = async {
        for invalid in invalid {
            let what = format!("put of {:?}", invalid.id);
            expect_kind(what, notes.put_many([record("good", 0.0), invalid]).await, ErrorKind::InvalidInput)?;
        }
        expect_reason("get", notes.get("").await, ErrorKind::InvalidInput, Reason::NameInvalid)?;
        Ok(())
    };
    subject.sends_nothing(calls).await?;
    subject.settled(&notes, 0).await
}

/// Of several records of one id in one call the last one stays, and each has its result.
pub async fn put_many_keeps_the_last_of_equal_ids(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let records = (0..9).map(|number| record(format!("id-{}", number % 3), 1.0).field("number", number));
    equal("results", &notes.put_many(records).await?.all()?.len(), &9)?;
    subject.settled(&notes, 3).await?;
    for id in 0..3 {
        let got = notes.get(format!("id-{id}")).await?;
        equal("the number", &got.and_then(|got| got.fields.get("number").cloned()), &Some(json!(6 + id)))?;
    }
    Ok(())
}

/// A record that does not fit its collection is marked in its place; the others are put.
pub async fn put_many_marks_only_what_does_not_fit(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let results = notes.put_many([record("a", 0.0), Record::new("b", [1.0, 2.0]), record("c", 0.0)]).await?;
    let failed: Vec<_> = results.failures().map(|(at, error)| (at, error.kind())).collect();
    equal("failures", &failed, &[(1, ErrorKind::InvalidInput)])?;
    let there: Vec<bool> = notes.get_many(["a", "b", "c"]).await?.all()?.iter().map(Option::is_some).collect();
    equal("what is there", &there, &[true, false, true])
}

/// A bulk is split by the provider's limit, into as few calls as it allows.
pub async fn bulk_is_split_by_the_limits(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let store = subject.with_capabilities(|capabilities| capabilities.batch_max = 3)?;
    let split = store.collection(&notes.location().collection);
    let ids: Vec<String> = (0..7).map(|number| format!("id-{number}")).collect();
    let calls = |before| subject.traffic.calls() - before;
    let before = subject.traffic.calls();
    split.put_many(ids.iter().map(|id| record(id, 0.0))).await?.all()?;
    equal("calls of put_many", &calls(before), &3)?;
    subject.settled(&notes, 7).await?;
    let before = subject.traffic.calls();
    let got = split.get_many(&ids).await?.all()?;
    equal("calls of get_many", &calls(before), &3)?;
    equal("the ids", &got.into_iter().flatten().map(|got| got.id.to_string()).collect::<Vec<_>>(), &ids)?;
    let before = subject.traffic.calls();
    split.delete_many(&ids).await?;
    equal("calls of delete_many", &calls(before), &3)?;
    subject.settled(&notes, 0).await
}

/// Nothing to do sends nothing.
pub async fn bulk_of_nothing_sends_nothing(subject: Store) -> Outcome {
    let notes = subject.collection("notes");
    let calls = async {
        equal("put_many", &notes.put_many([]).await?.len(), &0)?;
        equal("get_many", &notes.get_many([""; 0]).await?.len(), &0)?;
        equal("delete_many", &notes.delete_many([""; 0]).await?, &Some(0))
    };
    subject.sends_nothing(calls).await
}

/// `get_many` gives one record per id, in order; the absent are `None`, no error.
pub async fn get_many_is_in_order_with_none_for_the_absent(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many(["a", "b", "c"].map(|id| record(id, 0.0))).await?.all()?;
    subject.settled(&notes, 3).await?;
    let got = notes.get_many(["c", "absent", "a", "c"]).await?.all()?;
    let got: Vec<Option<&str>> = got.iter().map(|got| got.as_ref().map(|got| got.id.as_str())).collect();
    equal("the ids", &got, &[Some("c"), None, Some("a"), Some("c")])
}

/// What was deleted is gone; deleting it again succeeds.
pub async fn delete_then_get_is_none(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many(["a", "b"].map(|id| record(id, 0.0))).await?.all()?;
    subject.settled(&notes, 2).await?;
    notes.delete("a").await?;
    notes.delete("a").await?;
    notes.delete("never").await?;
    subject.settled(&notes, 1).await?;
    equal("get", &notes.get("a").await?, &None)?;
    holds("the other is there", notes.get("b").await?.is_some())
}

/// `delete_many` tells how many there were, each once, or that the store does not tell.
pub async fn delete_many_counts_what_was_there(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many(["a", "b", "c"].map(|id| record(id, 0.0))).await?.all()?;
    subject.settled(&notes, 3).await?;
    let deleted = notes.delete_many(["a", "absent", "b", "a"]).await?;
    holds(format!("{deleted:?} is 2, or unknown"), deleted.is_none_or(|deleted| deleted == 2))?;
    subject.settled(&notes, 1).await
}

/// `delete_where` deletes what the filter matches, and nothing else.
pub async fn delete_where_deletes_exactly_what_matches(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE_WHERE)?;
    let notes = subject.notes().await?;
    notes.put_many((0..20).map(|number| record(format!("id-{number:02}"), 0.0).field("number", number))).await?.all()?;
    subject.settled(&notes, 20).await?;
    let deleted = notes.delete_where(Filter::gte("number", 5) & Filter::lt("number", 12)).await?;
    holds(format!("{deleted:?} is 7, or unknown"), deleted.is_none_or(|deleted| deleted == 7))?;
    subject.settled(&notes, 13).await?;
    let left: Vec<bool> =
        notes.get_many(["id-04", "id-05", "id-11", "id-12"]).await?.all()?.iter().map(Option::is_some).collect();
    equal("what is left", &left, &[true, false, false, true])?;
    let deleted = notes.delete_where(Filter::eq("number", 5)).await?;
    holds(format!("{deleted:?} is 0, or unknown"), deleted.is_none_or(|deleted| deleted == 0))
}

/// A filter without a condition would delete everything: `InvalidInput`, and nothing is sent.
pub async fn delete_where_without_a_condition_is_invalid_input(subject: Store) -> Outcome {
    subject.needs(Caps::DELETE_WHERE)?;
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    let calls = async {
        for filter in [Filter::And(vec![]), Filter::And(vec![Filter::And(vec![])])] {
            expect_kind("delete_where", notes.delete_where(filter).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await?;
    subject.settled(&notes, 1).await
}

/// A record that was deleted can be put again, also in the same width of another collection.
pub async fn put_after_delete_is_there(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    for round in 0..5 {
        notes.put(record("a", 0.0).field("round", round)).await?;
        let got = notes.get("a").await?;
        equal("the round", &got.and_then(|got| got.fields.get("round").cloned()), &Some(json!(round)))?;
        notes.delete("a").await?;
        equal("get", &notes.get("a").await?, &None)?;
    }
    notes.ensure(CollectionSpec::new(4).metric(subject.metric())).await?;
    subject.settled(&notes, 0).await
}

/// The count is that of the records, after every write.
pub async fn count_follows_every_write(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    subject.settled(&notes, 0).await?;
    for number in 1..=12 {
        notes.put(record(format!("id-{number}"), 0.0)).await?;
        subject.settled(&notes, number).await?;
    }
    notes.put(record("id-3", 1.0)).await?;
    subject.settled(&notes, 12).await?;
    notes.delete("id-3").await?;
    subject.settled(&notes, 11).await
}
