//! The suite of vector stores: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so.

pub mod collections;
mod decorated;
pub mod faults;
pub mod filters;
pub mod lifecycle;
pub mod listing;
pub mod negative;
pub mod queries;
pub mod rankings;
pub mod records;
pub mod sharing;

pub use negative::{NEGATIVES, without};

use std::time::Duration;

use super::{Collection, CollectionSpec, Consistency, Match, Metric, Record, VectorStore, VectorStoreCapabilities};
use crate::error::Result;
use crate::suite::{Case, Failed, Outcome, Subject, equal};

type Caps = VectorStoreCapabilities;
type Store = Subject<VectorStore>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<VectorStore>] = crate::cases![VectorStore:
    collections {
        ensure_is_idempotent,
        ensure_with_another_spec_is_a_conflict,
        ensure_race_leaves_one_spec,
        ensure_outside_the_limits_is_invalid_input,
        ensure_with_an_unknown_metric_is_unsupported,
        call_on_a_missing_collection_is_not_found,
        drop_takes_everything_and_is_idempotent,
        collection_made_again_is_empty,
        collections_are_apart,
        collection_name_outside_the_limits_is_invalid_input,
    }
    records {
        put_then_get_round_trips_everything,
        put_again_replaces_the_whole_record,
        put_under_weird_ids_round_trips,
        put_of_another_width_is_invalid_input,
        put_of_what_is_not_valid_sends_nothing,
        put_many_keeps_the_last_of_equal_ids,
        put_many_marks_only_what_does_not_fit,
        bulk_is_split_by_the_limits,
        bulk_of_nothing_sends_nothing,
        get_many_is_in_order_with_none_for_the_absent,
        delete_then_get_is_none,
        delete_many_counts_what_was_there,
        delete_where_deletes_exactly_what_matches,
        delete_where_without_a_condition_is_invalid_input,
        put_after_delete_is_there,
        count_follows_every_write,
    }
    queries {
        query_gives_the_nearest_first,
        query_scores_are_those_of_the_metric,
        query_finds_what_a_full_scan_finds,
        query_of_an_empty_collection_finds_nothing,
        query_gives_at_most_top_k,
        query_gives_whole_matches,
        query_follows_every_write,
        query_of_another_width_is_invalid_input,
        query_outside_the_limits_is_invalid_input,
        query_of_a_vector_without_direction_is_no_failure,
    }
    rankings {
        min_score_leaves_out_what_is_below,
        group_by_gives_at_most_so_many_of_each,
        hybrid_finds_words_and_nearness,
        hybrid_keeps_filter_and_limit,
        named_vectors_are_searched_apart,
        sparse_vectors_are_searched_by_their_product,
        namespaces_are_apart,
    }
    filters {
        filter_means_the_same_everywhere,
        filter_values_are_bound_not_pasted,
        filter_is_applied_before_top_k,
        filter_beyond_the_bounds_is_invalid_input,
        filter_with_an_unknown_operator_is_unsupported,
        filter_is_emulated_where_allowed,
        filter_that_is_too_selective_to_emulate_is_an_error,
        filter_of_another_provider_is_unsupported,
    }
    listing {
        list_has_every_record_once,
        list_carries_vectors_only_when_asked,
        list_with_a_filter_has_what_matches,
        list_pages_cover_everything_once,
        list_pages_are_stable_under_writes,
        list_cursor_belongs_to_its_list,
        list_of_many_is_complete,
    }
    sharing {
        concurrent_puts_are_all_kept,
        concurrent_puts_of_one_id_leave_one_whole,
        concurrent_deletes_and_puts_keep_ids_apart,
        second_client_sees_the_same_store,
        two_clients_writing_at_once_lose_nothing,
        reopened_store_has_everything,
        store_reopened_between_writes_loses_nothing,
    }
    faults {
        put_with_a_lost_answer_can_be_repeated,
        delete_with_a_lost_answer_can_be_repeated,
        busy_unavailable_and_cut_calls_are_retryable,
        put_many_with_a_failed_call_marks_its_own_records,
        list_with_a_failed_page_is_never_short,
        silent_store_is_a_timeout_at_the_deadline,
        silent_store_is_cancelled_at_once,
        dropped_call_leaves_the_client_whole,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        extension_of_another_provider_is_unsupported,
        report_counts_calls,
        every_call_has_exactly_one_span,
        no_payload_or_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout,
    }
];

impl Subject<VectorStore> {
    /// A collection of the case's own, which need not be there.
    fn collection(&self, name: &str) -> Collection {
        self.collection_of(&self.handle, name)
    }

    fn collection_of(&self, store: &VectorStore, name: &str) -> Collection {
        store.collection(self.name(name).replace('/', "-"))
    }

    /// A metric that the store knows: the cosine, where it does.
    fn metric(&self) -> Metric {
        let metrics = self.handle.capabilities().metrics;
        if metrics.contains(&Metric::Cosine) { Metric::Cosine } else { metrics.first().copied().unwrap_or_default() }
    }

    /// A collection of vectors of four numbers.
    async fn notes(&self) -> Result<Collection, Failed> {
        let notes = self.collection("notes");
        notes.ensure(CollectionSpec::new(4).metric(self.metric())).await?;
        Ok(notes)
    }

    /// Waits until a collection has so many records, where a store takes its time to show what was written.
    async fn settled(&self, collection: &Collection, count: u64) -> Outcome {
        if self.handle.capabilities().consistency == Consistency::Eventual {
            for _ in 0..200 {
                if collection.count().await? == count {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        equal("the number of records", &collection.count().await?, &count)
    }
}

/// A vector in the first quarter of a plane, by its angle in degrees: the larger the angle, the farther from 0.
fn at(degrees: f32) -> [f32; 4] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [cos, sin, 0.0, 0.0]
}

/// A record at an angle.
fn record(id: impl AsRef<str>, degrees: f32) -> Record {
    Record::new(id.as_ref(), at(degrees))
}

fn ids(matches: &[Match]) -> Vec<&str> {
    matches.iter().map(|found| found.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("collections.rs"),
            include_str!("records.rs"),
            include_str!("queries.rs"),
            include_str!("rankings.rs"),
            include_str!("filters.rs"),
            include_str!("listing.rs"),
            include_str!("sharing.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
