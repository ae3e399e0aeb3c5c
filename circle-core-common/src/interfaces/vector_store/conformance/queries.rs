//! Finding what is near.

use super::{Store, at, ids, record};
use crate::error::ErrorKind;
use crate::interfaces::vector_store::{CollectionSpec, Metric, Record, VectorQuery};
use crate::suite::{Outcome, equal, expect_kind, holds};

/// Matches come best first: the nearest has the highest score.
pub async fn query_gives_the_nearest_first(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes
        .put_many([("far", 80.0), ("near", 10.0), ("middle", 45.0), ("here", 0.0)].map(|(id, angle)| record(id, angle)))
        .await?
        .all()?;
    subject.settled(&notes, 4).await?;
    let found = notes.query(VectorQuery::near(at(0.0))).await?;
    equal("the ids", &ids(&found), &["here", "near", "middle", "far"])?;
    holds("the scores fall", found.windows(2).all(|pair| pair[0].score > pair[1].score))
}

/// Of every metric that the store knows, a score is what [`Metric::score`] says: higher is better, and comparable
/// between stores. What the store called it is beside.
pub async fn query_scores_are_those_of_the_metric(subject: Store) -> Outcome {
    for metric in subject.handle.capabilities().metrics {
        let notes = subject.collection(&format!("{metric:?}").to_lowercase());
        notes.ensure(CollectionSpec::new(3).metric(*metric)).await?;
        let vectors = [[1.0, 0.0, 0.0], [2.0, 1.0, 0.5], [-1.0, 0.5, 0.0], [0.1, 0.1, 0.1]];
        notes.put_many(vectors.iter().enumerate().map(|(at, vector)| Record::new(at.to_string(), *vector))).await?.all()?;
        subject.settled(&notes, 4).await?;
        let question = [1.5, 0.5, 0.25];
        let found = notes.query(VectorQuery::near(question)).await?;
        equal(format!("matches by {metric:?}"), &found.len(), &4)?;
        for found in &found {
            let vector = found.id.as_str().parse::<usize>().ok().and_then(|at| vectors.get(at)).copied().unwrap_or_default();
            let expected = metric.score(&vector, &question);
            let close = (found.score - expected).abs() <= 1e-3 * expected.abs().max(1.0);
            holds(format!("the score of {vector:?} by {metric:?} is {expected}, not {}", found.score), close)?;
            equal("the metric", &found.metric, &Some(*metric))?;
            holds("the raw score is a number", found.raw_score.is_finite())?;
        }
        holds(format!("the scores by {metric:?} do not rise"), found.windows(2).all(|pair| pair[0].score >= pair[1].score))?;
    }
    Ok(())
}

/// Numbers that look random, the same in every run.
fn scattered(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// Of many vectors, the matches are those that a look at all of them gives; a store that looks at some may miss one of
/// ten.
pub async fn query_finds_what_a_full_scan_finds(subject: Store) -> Outcome {
    const WIDTH: usize = 24;
    let (notes, metric) = (subject.collection("many"), subject.metric());
    notes.ensure(CollectionSpec::new(24).metric(metric)).await?;
    let count = subject.scale.pick(200, 3000);
    let vectors: Vec<Vec<f32>> = (0..count).map(|number| scattered(u32::try_from(number).unwrap_or(0) + 1, WIDTH)).collect();
    let records = vectors.iter().enumerate().map(|(number, vector)| Record::new(format!("{number:05}"), vector.clone()));
    notes.put_many(records).await?.all()?;
    subject.settled(&notes, count as u64).await?;
    for question in 0..5 {
        let question = scattered(1_000_000 + question, WIDTH);
        let mut scan: Vec<(f32, String)> = vectors
            .iter()
            .enumerate()
            .map(|(number, vector)| (metric.score(vector, &question), format!("{number:05}")))
            .collect();
        scan.sort_by(|one, other| other.0.total_cmp(&one.0));
        let found = notes.query(VectorQuery::near(question).top_k(10)).await?;
        equal("matches", &found.len(), &10)?;
        let known = ids(&found).into_iter().filter(|id| scan[..10].iter().any(|(_, best)| best == id)).count();
        holds(format!("{known} of the best 10 are found"), known >= 9)?;
    }
    Ok(())
}

/// Where there is nothing, nothing is found.
pub async fn query_of_an_empty_collection_finds_nothing(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    equal("matches", &notes.query(VectorQuery::near(at(0.0))).await?.len(), &0)
}

/// There are as many matches as asked for, or as there are records; ten, when nothing is said.
pub async fn query_gives_at_most_top_k(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many((0..15).map(|number| record(format!("{number:02}"), number as f32))).await?.all()?;
    subject.settled(&notes, 15).await?;
    equal("matches", &notes.query(VectorQuery::near(at(0.0))).await?.len(), &10)?;
    for (top_k, expected) in [(1, 1), (3, 3), (15, 15), (100, 15)] {
        let found = notes.query(VectorQuery::near(at(0.0)).top_k(top_k)).await?;
        equal(format!("the best {top_k}"), &found.len(), &expected)?;
        equal("the first", &found.first().map(|first| first.id.as_str()), &Some("00"))?;
    }
    Ok(())
}

/// A match has fields and text of its record, and its vector when it was asked for.
pub async fn query_gives_whole_matches(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 30.0).field("lang", "en").field("year", 2024).text("The text.")).await?;
    subject.settled(&notes, 1).await?;
    for with_vectors in [false, true] {
        let mut query = VectorQuery::near(at(30.0));
        query.with_vectors = with_vectors;
        let found = notes.query(query).await?;
        equal("matches", &found.len(), &1)?;
        equal("the fields", &serde_json::json!(found[0].fields), &serde_json::json!({ "lang": "en", "year": 2024 }))?;
        equal("the text", &found[0].text.as_deref(), &Some("The text."))?;
        equal("whether there is a vector", &found[0].vector.is_some(), &with_vectors)?;
        if let Some(vector) = &found[0].vector {
            holds("it is the record's", Metric::Cosine.score(vector, &at(30.0)) > 0.999)?;
        }
    }
    Ok(())
}

/// What was put is found by the next query, with its new vector when it was put again; what was deleted is not.
pub async fn query_follows_every_write(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many([record("a", 0.0), record("b", 60.0)]).await?.all()?;
    subject.settled(&notes, 2).await?;
    let near = || VectorQuery::near(at(0.0));
    equal("the ids", &ids(&notes.query(near()).await?), &["a", "b"])?;
    notes.put(record("c", 1.0)).await?;
    subject.settled(&notes, 3).await?;
    equal("with another", &ids(&notes.query(near()).await?), &["a", "c", "b"])?;
    notes.put(record("a", 90.0)).await?;
    notes.delete("c").await?;
    subject.settled(&notes, 2).await?;
    equal("after changes", &ids(&notes.query(near()).await?), &["b", "a"])
}

/// A question of another width than the collection's is `InvalidInput`.
pub async fn query_of_another_width_is_invalid_input(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put(record("a", 0.0)).await?;
    for vector in [vec![1.0; 3], vec![1.0; 5]] {
        expect_kind("query", notes.query(VectorQuery::near(vector)).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// A question that cannot be right anywhere is `InvalidInput`, and nothing is sent.
pub async fn query_outside_the_limits_is_invalid_input(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let above = subject.handle.capabilities().top_k_max.saturating_add(1);
    let mut nothing = VectorQuery::near(at(0.0));
    nothing.vector = None;
    let queries = [
        nothing,
        VectorQuery::near(at(0.0)).top_k(0),
        VectorQuery::near(at(0.0)).top_k(above),
        VectorQuery::near([f32::NAN, 0.0, 0.0, 0.0]),
        VectorQuery::near([0.0; 0]),
    ];
    let calls = async {
        for query in queries {
            let what = format!("a query for the best {}", query.top_k);
            expect_kind(what, notes.query(query).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// A vector of zeros has no direction: it is near nothing, and no failure, kept or asked for.
pub async fn query_of_a_vector_without_direction_is_no_failure(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    notes.put_many([record("a", 0.0), Record::new("zero", [0.0; 4])]).await?.all()?;
    subject.settled(&notes, 2).await?;
    let found = notes.query(VectorQuery::near(at(0.0))).await?;
    equal("the first", &found.first().map(|first| first.id.as_str()), &Some("a"))?;
    let zero = notes.query(VectorQuery::near([0.0; 4])).await?;
    holds("scores are numbers", found.iter().chain(&zero).all(|found| found.score.is_finite()))
}
