//! Lists of records.

use std::collections::BTreeSet;

use super::{Caps, Store, record};
use crate::error::{ErrorKind, Reason};
use crate::filter::Filter;
use crate::interfaces::vector_store::{Collection, ListOptions, Metric, Record};
use crate::suite::{Failed, Outcome, equal, expect_reason, holds, to_the_end, written_down};

async fn filled(subject: &Store, count: usize) -> Result<Collection, Failed> {
    let notes = subject.notes().await?;
    notes.put_many((0..count).map(|number| record(format!("id-{number:05}"), 1.0).field("number", number))).await?.all()?;
    subject.settled(&notes, count as u64).await?;
    Ok(notes)
}

fn sorted(records: &[Record]) -> Vec<String> {
    let mut ids: Vec<String> = records.iter().map(|record| record.id.to_string()).collect();
    ids.sort_unstable();
    ids
}

fn all(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("id-{number:05}")).collect()
}

/// A list has every record once, with its fields and text.
pub async fn list_has_every_record_once(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    equal("the empty list", &notes.list().all().await?.len(), &0)?;
    notes.put_many([record("b", 0.0).field("n", 1).text("b"), record("a", 0.0)]).await?.all()?;
    notes.put(record("a", 1.0).field("n", 2)).await?;
    notes.put(record("c", 1.0)).await?;
    subject.settled(&notes, 3).await?;
    notes.delete("c").await?;
    subject.settled(&notes, 2).await?;
    let mut listed = notes.list().all().await?;
    listed.sort_by(|one, other| one.id.cmp(&other.id));
    let expected = [Record::without_vector("a").field("n", 2), Record::without_vector("b").field("n", 1).text("b")];
    equal("the records", &listed, &expected)
}

/// A list carries vectors only when it is asked to.
pub async fn list_carries_vectors_only_when_asked(subject: Store) -> Outcome {
    let notes = filled(&subject, 3).await?;
    holds("none by default", notes.list().all().await?.iter().all(|listed| listed.vector.is_none()))?;
    let listed = notes.list_with(ListOptions::new().with_vectors()).all().await?;
    equal("records", &listed.len(), &3)?;
    for listed in listed {
        let near = listed.vector.is_some_and(|vector| Metric::Cosine.score(&vector, &super::at(1.0)) > 0.999);
        holds(format!("the vector of {}", listed.id), near)?;
    }
    Ok(())
}

/// A list by a filter has what matches, over all pages.
pub async fn list_with_a_filter_has_what_matches(subject: Store) -> Outcome {
    subject.needs(Caps::LIST_FILTER)?;
    let notes = filled(&subject, 40).await?;
    let filter = Filter::gte("number", 15) & Filter::lt("number", 32);
    let listed = notes.list_with(ListOptions::new().filter(filter)).page_size(4).all().await?;
    equal("the ids", &sorted(&listed), &all(32)[15..])
}

/// Pages of any size have at most that many records, and together every record once.
pub async fn list_pages_cover_everything_once(subject: Store) -> Outcome {
    let notes = filled(&subject, 11).await?;
    for size in [1, 3, 10, 11, 12] {
        let list = || notes.list().page_size(size);
        let covered = to_the_end(list().page().await?, size, list).await?;
        equal(format!("the pages of {size}"), &sorted(&covered), &all(11))?;
    }
    equal("the first 7", &notes.list().page_size(3).limit(7).all().await?.len(), &7)
}

/// Puts and deletes between two pages leave out no record that was not touched, and show none twice.
pub async fn list_pages_are_stable_under_writes(subject: Store) -> Outcome {
    let notes = filled(&subject, 30).await?;
    let list = || notes.list().page_size(5);
    let first = list().page().await?;
    let deleted: Vec<String> = first.items.iter().take(2).map(|listed| listed.id.to_string()).collect();
    notes.delete_many(&deleted).await?;
    notes.put_many(["id-", "id-00000a", "id-00015a", "zz"].map(|id| record(id, 0.0))).await?.all()?;
    notes.put_many((10..30).map(|number| record(format!("id-{number:05}"), 2.0))).await?.all()?;
    subject.settled(&notes, 32).await?;
    let shown = to_the_end(first, 5, list).await?;
    let shown: Vec<String> = shown.iter().map(|listed| listed.id.to_string()).collect();
    let unique: BTreeSet<&String> = shown.iter().collect();
    equal("records that are shown twice", &(shown.len() - unique.len()), &0)?;
    for id in all(30).iter().filter(|id| !deleted.contains(id)) {
        holds(format!("{id}, which was there all the time, is shown"), unique.contains(id))?;
    }
    Ok(())
}

/// A cursor survives being written down; that of another collection or filter is `InvalidInput`, and nothing is sent.
pub async fn list_cursor_belongs_to_its_list(subject: Store) -> Outcome {
    let notes = filled(&subject, 5).await?;
    let first = notes.list().page_size(2).page().await?;
    let read = written_down(&first.next)?;
    let rest = notes.list().starting_at(read.clone()).all().await?;
    equal("the rest", &rest.len(), &3)?;
    let calls = async {
        let other = subject.collection("other").list().starting_at(read.clone()).page().await;
        expect_reason("another collection", other, ErrorKind::InvalidInput, Reason::ForeignCursor)?;
        let filtered = notes.list_with(ListOptions::new().filter(Filter::eq("a", 1))).starting_at(read).page().await;
        expect_reason("another filter", filtered, ErrorKind::InvalidInput, Reason::ForeignCursor)
    };
    subject.sends_nothing(calls).await.map(drop)
}

/// A list of many records is complete.
pub async fn list_of_many_is_complete(subject: Store) -> Outcome {
    let count = subject.scale.pick(200, 5000);
    let notes = filled(&subject, count).await?;
    equal("the ids", &sorted(&notes.list().all().await?), &all(count))
}
