//! The suites themselves: a provider that is right but for one defect fails cases that are about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::interfaces::vector_store::VectorStore;
use circle_core_testkit::{Broken, Case, Defect, Failed, Scale, Subject, Suited, outcomes};

use crate::{EmbeddedEmbeddings, EmbeddedVectors};

async fn failing<H: Suited>(cases: &'static [Case<H>], make: impl Fn() -> Subject<H>) -> BTreeSet<&'static str> {
    let scaled = || {
        let mut subject = make();
        subject.scale = Scale::Small;
        subject.second = Some(subject.handle.clone());
        subject
    };
    let outcomes = outcomes(cases, scaled).await;
    outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_)))).map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_vector_stores_are_found_out() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::EnsuresAnything, &["ensure_with_another_spec_is_a_conflict", "ensure_race_leaves_one_spec"]),
        (Defect::MergesRecords, &["put_again_replaces_the_whole_record"]),
        (Defect::ScoresDistances, &["query_gives_the_nearest_first", "query_scores_are_those_of_the_metric"]),
        (Defect::FiltersLate, &["filter_is_applied_before_top_k"]),
        (Defect::MatchesTheMissing, &["filter_means_the_same_everywhere"]),
        (Defect::IgnoresGroups, &["group_by_gives_at_most_so_many_of_each"]),
        (Defect::IgnoresMinScore, &["min_score_leaves_out_what_is_below"]),
        (Defect::IgnoresNamespaces, &["namespaces_are_apart"]),
        (Defect::ReordersBulks, &["get_many_is_in_order_with_none_for_the_absent"]),
        (Defect::ListsOnePage, &["list_pages_cover_everything_once", "list_with_a_filter_has_what_matches"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    for (defect, expected) in table {
        let make = || Subject::<VectorStore>::over(Arc::new(Broken::new(EmbeddedVectors::in_memory(), *defect)));
        let failing = failing(VectorStore::SUITE, make).await;
        assert!(expected.iter().all(|case| failing.contains(case)), "{defect:?} fails {failing:?}");
    }
    let right = failing(VectorStore::SUITE, || Subject::<VectorStore>::over(Arc::new(EmbeddedVectors::in_memory()))).await;
    assert!(right.is_empty(), "{right:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_embedding_models_are_found_out() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::CutsTexts, &["text_beyond_the_context_is_refused_not_cut"]),
        (Defect::IgnoresWidth, &["chosen_width_is_given"]),
        (Defect::Unnormalised, &["embedding_is_finite_and_of_length_one_where_announced"]),
        (Defect::ReordersBulks, &["embed_many_is_in_the_order_of_the_inputs", "embed_many_is_split_by_count"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    for (defect, expected) in table {
        let make = || {
            let mut subject = Subject::<EmbeddingModel>::over(Arc::new(Broken::new(EmbeddedEmbeddings::new(), *defect)));
            subject.scale = Scale::Full;
            subject
        };
        let outcomes = outcomes(EmbeddingModel::SUITE, make).await;
        let failing: BTreeSet<&str> =
            outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_)))).map(|(name, _)| name).collect();
        assert!(expected.iter().all(|case| failing.contains(case)), "{defect:?} fails {failing:?}");
    }
}
