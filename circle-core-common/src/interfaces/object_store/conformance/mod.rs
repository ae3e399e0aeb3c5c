//! The suite of object storage: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so.

pub mod basic;
pub mod bulk;
pub mod conditional;
pub mod copying;
mod decorated;
pub mod downloads;
pub mod faults;
pub mod keys;
pub mod large;
pub mod lifecycle;
pub mod listing;
pub mod metadata;
pub mod multipart;
pub mod negative;
pub mod presign;
pub mod ranges;
pub mod versions;

use std::time::Duration;

use bytes::Bytes;

pub use negative::{NEGATIVES, without};

use super::{ListConsistency, ObjectStore, ObjectStoreCapabilities};
use crate::body::{Body, ByteStream};
use crate::error::Result;
use crate::suite::{Case, Outcome, Subject, equal};

type Caps = ObjectStoreCapabilities;
type Store = Subject<ObjectStore>;

const MIB: usize = 1 << 20;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<ObjectStore>] = crate::cases![ObjectStore:
    basic {
        get_missing_is_not_found,
        head_missing_is_not_found,
        empty_key_is_invalid_input,
        put_then_get_round_trips_every_size,
        put_answers_as_head_and_get_do,
        put_again_replaces_the_whole_object,
        get_into_stream_gives_the_whole_content,
        put_of_a_stream_round_trips,
        put_of_a_stream_with_a_wrong_length_leaves_nothing,
        put_above_the_limit_is_invalid_input,
        put_of_unknown_length_where_it_must_be_known_is_invalid_input,
        writer_without_parts_is_one_object,
        files_round_trip,
        get_as_text_or_json_of_other_bytes_is_decode,
        writer_finished_without_a_write_is_an_empty_object,
        writer_of_small_pieces_is_one_object,
        writer_dropped_leaves_a_new_key_absent,
        writer_dropped_leaves_the_old_object,
        put_dropped_midway_leaves_what_was_there,
        put_of_a_breaking_stream_leaves_what_was_there,
        delete_missing_is_ok,
        delete_then_get_is_not_found,
        delete_leaves_the_neighbours,
        concurrent_writes_and_reads_keep_keys_apart,
        put_is_atomic_for_readers,
        concurrent_puts_of_one_key_serve_one_of_them,
    }
    ranges {
        get_range_gives_exactly_its_bytes,
        get_range_from_gives_the_rest,
        get_range_of_length_zero_is_empty,
        get_range_at_the_end_is_empty,
        get_range_behind_the_end_is_not_satisfiable,
        get_range_past_the_end_is_cut,
        get_range_reversed_is_invalid_input,
        get_range_of_an_empty_object_is_empty,
        get_range_of_missing_is_not_found,
        get_suffix_gives_the_last_bytes,
        get_suffix_longer_than_the_object_is_all_of_it,
        get_suffix_is_emulated_where_allowed,
        get_suffix_is_not_emulated_without_need,
    }
    conditional {
        create_of_the_present_is_already_exists,
        create_of_the_deleted_succeeds,
        create_race_has_one_winner,
        replace_of_the_current_version_makes_another,
        replace_of_a_stale_version_is_a_conflict,
        replace_of_the_absent_is_a_conflict,
        replace_with_a_version_that_was_serialised_succeeds,
        replace_race_loses_no_success,
        update_under_race_applies_every_change,
        update_gives_none_for_the_absent,
        create_repeated_with_its_id_is_not_already_exists,
        get_if_match_gives_only_that_version,
        get_if_none_match_of_the_current_is_not_modified,
        get_if_none_match_of_missing_is_not_found,
        delete_if_match_deletes_only_that_version,
        put_with_a_matching_checksum_succeeds,
        put_with_another_checksum_leaves_the_old_object,
    }
    listing {
        list_of_nothing_is_empty,
        list_sends_nothing_before_its_end,
        list_prefix_is_compared_byte_for_byte,
        list_is_in_byte_order,
        list_tells_size_and_version,
        list_delimiter_folds_deeper_keys,
        list_delimiter_can_be_any_text,
        list_delimiter_keeps_the_byte_order,
        list_folder_marker_comes_once,
        list_with_an_empty_delimiter_is_invalid_input,
        list_start_after_is_exclusive,
        list_pages_cover_everything_once,
        list_pages_are_stable_under_inserts,
        list_pages_are_stable_under_deletes,
        list_of_ten_thousand_is_complete,
        list_limit_ends_the_list,
        list_with_a_page_size_of_zero_is_invalid_input,
        list_cursor_survives_being_written_down,
        list_cursor_of_another_list_is_refused,
        list_after_put_is_as_declared,
        list_after_delete_is_as_declared,
    }
    keys {
        put_under_weird_keys_round_trips,
        delete_of_weird_keys_deletes_each_alone,
        keys_that_differ_in_case_are_different,
        keys_may_be_folders_of_other_keys,
        key_of_the_longest_length_round_trips,
        key_longer_than_the_limit_is_invalid_input,
    }
    metadata {
        metadata_round_trips,
        metadata_is_replaced_with_the_object,
        content_type_given_wins,
        content_type_that_is_none_is_invalid_input,
        metadata_name_that_is_none_is_invalid_input,
        metadata_names_that_differ_in_case_are_invalid_input,
        metadata_with_control_characters_is_invalid_input,
        metadata_beyond_ascii_is_never_mangled,
        metadata_stays_when_a_put_is_refused,
    }
    copying {
        copy_has_content_and_metadata,
        copy_replaces_its_target,
        copy_of_missing_is_not_found,
        copy_does_not_alias_its_source,
        copy_if_absent_of_the_present_is_already_exists,
        copy_if_absent_race_has_one_winner,
        copy_of_an_older_version_has_its_content,
    }
    multipart {
        upload_out_of_order_is_joined_in_order,
        upload_of_concurrent_parts_is_joined_in_order,
        upload_is_invisible_before_its_end,
        upload_may_end_with_a_small_part,
        upload_of_an_index_again_replaces_the_part,
        upload_may_leave_out_indices,
        upload_is_resumed_by_its_id,
        upload_aborted_leaves_nothing,
        upload_completed_takes_no_more_parts,
        upload_completed_with_wrong_parts_is_invalid_input,
        upload_completed_with_a_foreign_tag_is_refused,
        upload_part_below_the_minimum_is_invalid_input_at_the_end,
        upload_part_outside_the_limits_is_invalid_input,
        upload_completed_last_wins,
        upload_race_leaves_one_whole,
        upload_if_absent_is_decided_at_its_end,
        upload_if_match_of_a_stale_version_is_a_conflict,
        upload_resumed_keeps_its_precondition,
        upload_keeps_metadata,
    }
    large {
        writer_of_three_parts_round_trips,
        writer_dropped_aborts_its_upload,
        writer_cancelled_aborts_its_upload,
        put_above_the_split_is_sent_in_parts,
        put_in_parts_that_ends_early_leaves_what_was_there,
        put_in_parts_with_a_wrong_length_leaves_nothing,
        put_in_parts_of_a_stalling_body_is_a_timeout,
    }
    bulk {
        delete_many_of_2500_gives_one_result_per_key,
        delete_many_of_nothing_sends_nothing,
        delete_many_with_an_invalid_key_deletes_nothing,
        delete_many_of_the_same_key_twice_is_ok,
    }
    versions {
        get_version_gives_the_older_content,
        get_version_that_never_was_is_not_found,
        delete_of_a_versioned_object_leaves_its_versions,
        delete_of_a_marker_restores_the_object,
        delete_of_a_version_is_for_good,
        list_versions_has_all_newest_first,
    }
    presign {
        presign_get_works_without_credentials,
        presign_put_works_without_credentials,
        presign_get_sent_as_put_is_forbidden,
        presign_get_expired_is_forbidden,
        presign_put_enforces_its_content_type,
        presign_outside_the_limit_is_invalid_input,
        presign_debug_shows_no_signature,
    }
    faults {
        create_with_a_lost_answer_is_never_already_exists,
        replace_with_a_lost_answer_is_never_a_conflict,
        copy_if_absent_with_a_lost_answer_is_never_already_exists,
        upload_if_absent_with_a_lost_answer_is_never_already_exists,
        update_with_a_lost_answer_applies_its_change_once,
        create_cut_before_it_is_done_can_be_resolved_and_repeated,
        put_with_a_lost_answer_can_be_repeated,
        conflicting_request_is_repeated,
        conflicting_request_does_not_repeat_a_stream,
        put_of_a_stream_is_not_repeated,
        put_repeated_after_a_fault_sends_the_whole_body,
        writer_with_a_failed_part_is_whole_or_nothing,
        writer_with_a_lost_piece_is_closed,
        get_and_list_of_a_missing_container_are_not_found,
        throttled_call_says_how_long_to_wait,
        unavailable_and_cut_calls_are_retryable,
        list_with_a_failed_page_is_never_short,
        delete_many_with_a_failed_call_marks_its_own_keys,
        slow_answer_is_an_answer,
        silent_service_is_a_timeout_at_the_deadline,
        silent_service_is_cancelled_at_once,
        dropped_call_leaves_the_client_whole,
    }
    downloads {
        get_of_a_body_that_is_cut_is_resumed_or_fails,
        get_of_a_body_that_is_cut_twice_is_resumed,
        get_of_a_body_that_is_cut_never_mixes_versions,
        get_of_a_body_that_ends_early_is_never_short,
        get_of_a_body_that_cannot_be_resumed_fails,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        body_limit_bounds_what_is_collected,
        extension_of_another_provider_is_unsupported,
        report_counts_calls_and_names_the_write,
        every_call_has_exactly_one_span,
        no_payload_or_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout,
        second_client_sees_the_same_store,
    }
];

impl Subject<ObjectStore> {
    /// The content of an object.
    async fn content(&self, key: &str) -> Result<Bytes> {
        self.handle.get(key).await?.bytes().await
    }

    fn without_namespace(&self, key: &str) -> String {
        key.strip_prefix(&self.namespace).unwrap_or(key).to_owned()
    }

    /// Checks that a list has exactly these names, in this order; at once, or within the time that the provider
    /// declares.
    async fn lists(&self, prefix: &str, names: &[&str]) -> Outcome {
        let bound = match self.handle.capabilities().list_consistency {
            ListConsistency::Strong => Duration::ZERO,
            ListConsistency::Within(bound) => bound,
        };
        let started = tokio::time::Instant::now();
        loop {
            let late = started.elapsed() >= bound;
            let listed = self.handle.list(prefix).all().await?;
            let listed: Vec<_> = listed.iter().map(|meta| self.without_namespace(meta.key.as_str())).collect();
            if listed == names || late {
                return equal(format!("the list of {prefix:?}"), &listed, names);
            }
            tokio::time::sleep(bound / 20).await;
        }
    }
}

/// So many bytes that tell one place, and one content, from another.
fn bytes(length: usize, seed: u8) -> Bytes {
    // Copied from one block: a case must not keep a thread that others wait for.
    const BLOCK: usize = 251 * 256;
    let block: Vec<u8> = (0..length.min(BLOCK)).map(|at| (at % 251) as u8 ^ (at / 251) as u8 ^ seed).collect();
    let mut bytes = block.repeat(length.div_ceil(BLOCK));
    bytes.truncate(length);
    bytes.into()
}

/// A body that announces `length` bytes, gives the first ones, and then nothing more.
fn stalling(first: Bytes, length: u64) -> Body {
    let stream = ByteStream::unfold(Some(first), |first| async move {
        match first {
            Some(first) => Ok(Some((first, None))),
            None => std::future::pending().await,
        }
    });
    Body::from_stream(stream, Some(length))
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("basic.rs"),
            include_str!("ranges.rs"),
            include_str!("conditional.rs"),
            include_str!("listing.rs"),
            include_str!("keys.rs"),
            include_str!("metadata.rs"),
            include_str!("copying.rs"),
            include_str!("multipart.rs"),
            include_str!("bulk.rs"),
            include_str!("versions.rs"),
            include_str!("presign.rs"),
            include_str!("faults.rs"),
            include_str!("downloads.rs"),
            include_str!("large.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
