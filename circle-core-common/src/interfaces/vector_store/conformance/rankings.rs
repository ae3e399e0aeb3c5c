//! What is made of matches: lowest scores, groups, several searches; and what is kept apart.

use std::collections::BTreeMap;

use super::{Caps, Store, at, ids, record};
use crate::error::ErrorKind;
use crate::filter::Filter;
use crate::interfaces::vector_store::{CollectionSpec, Metric, Record, SparseVector, VectorQuery};
use crate::suite::{Outcome, equal, expect_kind, holds};

/// No match is below the lowest score, and none that is not below it is left out.
pub async fn min_score_leaves_out_what_is_below(subject: Store) -> Outcome {
    subject.needs(Caps::MIN_SCORE)?;
    let notes = subject.notes().await?;
    notes.put_many((0..10).map(|number| record(format!("{number}"), 10.0 * number as f32))).await?.all()?;
    subject.settled(&notes, 10).await?;
    let all = notes.query(VectorQuery::near(at(0.0))).await?;
    for min_score in [-2.0, all[9].score, (all[4].score + all[5].score) / 2.0, (all[0].score + all[1].score) / 2.0, 1e9] {
        let found = notes.query(VectorQuery::near(at(0.0)).min_score(min_score)).await?;
        let expected: Vec<&str> = all.iter().filter(|one| one.score >= min_score).map(|one| one.id.as_str()).collect();
        equal(format!("matches of at least {min_score}"), &ids(&found), &expected)?;
    }
    Ok(())
}

/// Of each value of the field there are at most so many matches, the best ones, best first; records without the field
/// are left out; `top_k` counts matches.
pub async fn group_by_gives_at_most_so_many_of_each(subject: Store) -> Outcome {
    subject.needs(Caps::GROUP_BY)?;
    let notes = subject.notes().await?;
    // Document d0 is nearest with everything it has, then d1, then d2.
    let chunk = |document: usize, part: usize| {
        record(format!("d{document}-{part}"), (10 * document + part) as f32).field("document", format!("d{document}"))
    };
    let chunks = (0..3).flat_map(|document| (0..5).map(move |part| chunk(document, part)));
    notes.put_many(chunks.chain([record("loose", 0.5)])).await?.all()?;
    subject.settled(&notes, 16).await?;
    let query = || VectorQuery::near(at(0.0));
    equal("one of each", &ids(&notes.query(query().group_by("document", 1)).await?), &["d0-0", "d1-0", "d2-0"])?;
    let two = notes.query(query().group_by("document", 2)).await?;
    equal("two of each", &ids(&two), &["d0-0", "d0-1", "d1-0", "d1-1", "d2-0", "d2-1"])?;
    let few = notes.query(query().group_by("document", 2).top_k(3)).await?;
    equal("the best 3 of those", &ids(&few), &["d0-0", "d0-1", "d1-0"])?;
    let filtered = notes.query(query().group_by("document", 1).filter(Filter::ne("document", "d0"))).await?;
    equal("with a filter", &ids(&filtered), &["d1-0", "d2-0"])
}

/// A hybrid query finds what has the words and what is near, what is both first; words alone find what has them.
pub async fn hybrid_finds_words_and_nearness(subject: Store) -> Outcome {
    subject.needs(Caps::HYBRID)?;
    let notes = subject.notes().await?;
    let texts = [
        ("both", 1.0, "A zeppelin over the harbour"),
        ("near", 0.0, "An unrelated remark"),
        ("words", 89.0, "The zeppelin in the museum"),
        ("neither", 85.0, "Nothing of the kind"),
    ];
    notes.put_many(texts.map(|(id, angle, text)| record(id, angle).text(text))).await?.all()?;
    subject.settled(&notes, 4).await?;
    let joined = notes.query(VectorQuery::near(at(0.0)).hybrid("zeppelin")).await?;
    equal("the first of both", &joined.first().map(|first| first.id.as_str()), &Some("both"))?;
    for id in ["near", "words"] {
        holds(format!("`{id}` is found"), joined.iter().any(|found| found.id == id))?;
    }
    holds("the scores do not rise", joined.windows(2).all(|pair| pair[0].score >= pair[1].score))?;
    holds("they are of no single metric", joined.iter().all(|found| found.metric.is_none()))?;
    let words = notes.query(VectorQuery::words("zeppelin museum")).await?;
    equal("by words alone", &ids(&words), &["words", "both"])?;
    equal("by words that are nowhere", &notes.query(VectorQuery::words("xylophone")).await?.len(), &0)
}

/// Filter and limit hold for hybrid queries, too.
pub async fn hybrid_keeps_filter_and_limit(subject: Store) -> Outcome {
    subject.needs(Caps::HYBRID)?;
    let notes = subject.notes().await?;
    let put =
        (0..20).map(|number| record(format!("{number:02}"), number as f32).field("odd", number % 2 == 1).text("a common word"));
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, 20).await?;
    let found = notes.query(VectorQuery::near(at(0.0)).hybrid("common").filter(Filter::eq("odd", true)).top_k(4)).await?;
    equal("matches", &found.len(), &4)?;
    holds("all are odd", found.iter().all(|found| found.fields.get("odd") == Some(&true.into())))?;
    let words = notes.query(VectorQuery::words("common").filter(Filter::eq("odd", false)).top_k(50)).await?;
    equal("matches by words", &words.len(), &10)
}

/// Each named vector is searched for itself; a record without it is not found by it; an unknown name, or another width, is
/// `InvalidInput`.
pub async fn named_vectors_are_searched_apart(subject: Store) -> Outcome {
    subject.needs(Caps::MULTI_VECTOR)?;
    let notes = subject.collection("named");
    let spec = || CollectionSpec::new(4).metric(subject.metric()).vector("title", 2);
    notes.ensure(spec()).await?;
    notes.ensure(spec()).await?;
    expect_kind("other vectors", notes.ensure(spec().vector("body", 2)).await, ErrorKind::Conflict)?;
    let put = [record("a", 0.0).vector("title", [0.0, 1.0]), record("b", 60.0).vector("title", [1.0, 0.0]), record("c", 30.0)];
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, 3).await?;
    equal("by the record's own", &ids(&notes.query(VectorQuery::near(at(0.0))).await?), &["a", "c", "b"])?;
    let titles = notes.query(VectorQuery::near([1.0, 0.1]).using("title").with_vectors()).await?;
    equal("by title", &ids(&titles), &["b", "a"])?;
    equal("the vector that was compared", &titles[0].vector.as_deref(), &Some(&[1.0, 0.0][..]))?;
    let got = notes.get("a").await?.map(|got| got.vectors).unwrap_or_default();
    equal("the titles of a record", &got, &BTreeMap::from([("title".into(), [0.0, 1.0].into())]))?;
    for query in [VectorQuery::near(at(0.0)).using("title"), VectorQuery::near([1.0, 0.0]).using("body")] {
        expect_kind("query", notes.query(query).await, ErrorKind::InvalidInput)?;
    }
    for put in [record("d", 0.0).vector("title", at(0.0)), record("d", 0.0).vector("body", [1.0, 0.0])] {
        expect_kind("put", notes.put(put).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// Sparse vectors are ranked by their dot product; what shares no place is not found.
pub async fn sparse_vectors_are_searched_by_their_product(subject: Store) -> Outcome {
    subject.needs(Caps::SPARSE)?;
    let notes = subject.notes().await?;
    let sparse = |entries: &[(u32, f32)]| SparseVector::new(entries.iter().copied());
    let put = [
        record("a", 0.0).sparse(sparse(&[(1, 1.0), (7, 2.0)])),
        record("b", 0.0).sparse(sparse(&[(7, 3.0), (4_000_000_000, 1.0)])),
        record("c", 0.0).sparse(sparse(&[(2, 9.0)])),
        record("d", 0.0),
    ];
    notes.put_many(put.clone()).await?.all()?;
    subject.settled(&notes, 4).await?;
    let found = notes.query(VectorQuery::near_sparse(sparse(&[(7, 1.0), (1, 0.5)]))).await?;
    equal("the ids", &ids(&found), &["b", "a"])?;
    equal("the scores", &found.iter().map(|found| found.score).collect::<Vec<_>>(), &[3.0, 2.5])?;
    equal("the metric", &found[0].metric, &Some(Metric::Dot))?;
    let got: Option<Record> = notes.get("b").await?;
    equal("the sparse vector of a record", &got.and_then(|got| got.sparse), &put[1].sparse)
}

/// Namespaces do not see each other's records, nor those in none, in anything; the same id can be in each.
pub async fn namespaces_are_apart(subject: Store) -> Outcome {
    subject.needs(Caps::NAMESPACES)?;
    let notes = subject.notes().await?;
    let (one, two) = (notes.namespace("one"), notes.namespace("two"));
    notes.put(record("a", 0.0).field("in", "none").text("shared word")).await?;
    one.put_many([record("a", 10.0), record("b", 20.0)].map(|put| put.field("in", "one").text("shared word"))).await?.all()?;
    two.put(record("a", 30.0).field("in", "two").text("shared word")).await?;
    for (space, count, name) in [(&notes, 1, "none"), (&one, 2, "one"), (&two, 1, "two")] {
        subject.settled(space, count).await?;
        let found = space.query(VectorQuery::near(at(0.0))).await?;
        equal(format!("matches in {name}"), &found.len(), &usize::try_from(count).unwrap_or(0))?;
        holds("they are its own", found.iter().all(|found| found.fields.get("in") == Some(&name.into())))?;
        let listed = space.list().all().await?;
        equal(format!("the list of {name}"), &listed.len(), &usize::try_from(count).unwrap_or(0))?;
        let got = space.get("a").await?;
        equal("the record of the id", &got.and_then(|got| got.fields.get("in").cloned()), &Some(name.into()))?;
    }
    one.delete("a").await?;
    if one.store().capabilities().delete_where {
        two.delete_where(Filter::exists("in")).await?;
        subject.settled(&two, 0).await?;
    }
    subject.settled(&one, 1).await?;
    subject.settled(&notes, 1).await?;
    holds("a record in no namespace is there", notes.get("a").await?.is_some())
}
