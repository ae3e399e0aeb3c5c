//! The suite of key-value storage: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so.

pub mod basic;
pub mod bulk;
pub mod cas;
mod decorated;
pub mod expiry;
pub mod faults;
pub mod increment;
pub mod lifecycle;
pub mod listing;
pub mod negative;
pub mod reading;
pub mod transaction;
pub mod watching;

pub use negative::{NEGATIVES, without};

use super::{Entry, KeyValueStore, KeyValueStoreCapabilities, ListOrder};
use crate::error::{Error, ErrorKind, Result};
use crate::suite::{Case, Failed, Outcome, Subject, equal};

type Caps = KeyValueStoreCapabilities;
type Store = Subject<KeyValueStore>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<KeyValueStore>] = crate::cases![KeyValueStore:
    basic {
        get_absent_is_none,
        put_then_get_round_trips_every_byte,
        empty_value_is_not_absent,
        put_again_replaces_the_value,
        version_changes_with_every_write,
        version_stays_without_a_write,
        value_above_the_limit_is_invalid_input,
        key_outside_the_limits_is_invalid_input,
        put_under_weird_keys_round_trips,
        key_of_the_longest_length_round_trips,
        delete_absent_is_ok,
        delete_then_get_is_none,
        concurrent_writes_and_reads_keep_keys_apart,
        typed_view_round_trips,
    }
    cas {
        create_of_the_present_is_already_exists,
        create_of_the_deleted_succeeds,
        create_race_has_one_winner,
        replace_of_the_current_version_makes_another,
        replace_of_a_stale_version_is_a_conflict,
        replace_of_the_absent_is_a_conflict,
        replace_with_a_malformed_version_is_invalid_input,
        replace_with_a_version_that_was_serialised_succeeds,
        replace_race_loses_no_success,
        update_under_race_applies_every_change,
        update_gives_the_new_entry,
        delete_if_match_deletes_only_that_version,
        condition_without_sense_is_invalid_input,
        create_repeated_with_its_id_is_not_already_exists,
        update_repeated_with_its_id_is_applied_once,
    }
    bulk {
        get_many_is_in_order_with_none_for_the_absent,
        put_many_writes_each,
        put_many_with_one_stale_marks_only_it,
        put_many_repeated_with_its_id_is_not_already_exists,
        delete_many_gives_one_result_per_key,
        bulk_of_nothing_sends_nothing,
        put_many_with_an_invalid_key_writes_nothing,
        bulk_is_split_by_the_limits,
    }
    transaction {
        transaction_makes_all_writes,
        transaction_applies_writes_in_order,
        transaction_with_a_delete_of_the_absent_succeeds,
        transaction_with_a_stale_version_changes_nothing,
        transaction_with_a_create_of_the_present_changes_nothing,
        transaction_with_conditions_that_hold_succeeds,
        transaction_with_a_touch_of_the_absent_changes_nothing,
        transaction_race_has_one_winner,
        transaction_is_never_seen_in_part,
        transaction_above_the_limit_is_invalid_input,
        transaction_of_nothing_sends_nothing,
    }
    expiry {
        ttl_ends_the_entry_never_early,
        ttl_is_reported_within_its_precision,
        put_without_ttl_clears_it,
        put_with_another_ttl_replaces_it,
        persist_takes_the_expiry_away,
        touch_extends_the_life,
        touch_of_the_absent_is_not_found,
        increment_keeps_the_expiry,
        expired_is_absent_everywhere,
        ttl_below_the_minimum_is_invalid_input,
        ttl_beyond_all_measure_does_not_wrap,
    }
    increment {
        increment_starts_at_zero,
        increment_works_on_decimal_text,
        increment_race_loses_nothing,
        increment_beyond_the_largest_number_is_an_overflow,
        increment_of_no_number_is_invalid_input,
        increment_is_emulated_where_allowed,
        increment_that_is_emulated_is_one_call,
        increment_that_is_emulated_near_the_expiry_succeeds,
        increment_with_an_idempotency_key_is_unsupported,
    }
    listing {
        list_prefix_is_compared_byte_for_byte,
        list_has_whole_entries,
        list_follows_every_write,
        list_pages_cover_everything_once,
        list_pages_are_stable_under_writes,
        list_of_many_is_complete,
        list_cursor_belongs_to_its_list,
        delete_prefix_deletes_exactly_its_keys,
        delete_prefix_of_nothing_is_invalid_input,
        typed_list_tells_what_it_cannot_read,
    }
    watching {
        watch_tells_every_write_in_order,
        watch_tells_every_kind_of_write,
        watch_tells_only_what_changed_under_its_prefix,
        watch_tells_of_expiry,
        watches_do_not_share_changes,
        watch_read_too_slowly_lags_or_leaves_out_nothing,
        watch_ends_when_the_client_is_closed,
    }
    reading {
        strong_read_sees_the_last_write,
        second_client_sees_the_same_store,
        write_with_an_older_fence_is_fenced,
        fence_outlives_the_entry,
        fence_is_per_key,
        transaction_with_an_older_fence_changes_nothing,
    }
    faults {
        create_with_a_lost_answer_is_never_already_exists,
        replace_with_a_lost_answer_is_never_a_conflict,
        transaction_with_a_lost_answer_is_never_refused,
        increment_with_a_lost_answer_is_applied_once,
        create_cut_before_it_is_done_can_be_repeated,
        put_with_a_lost_answer_can_be_repeated,
        put_many_with_a_lost_answer_is_never_already_exists,
        create_whose_lookup_fails_is_unknown,
        get_and_list_of_a_missing_container_are_not_found,
        busy_unavailable_and_cut_calls_are_retryable,
        bulk_with_a_failed_call_marks_its_own_keys,
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
        report_counts_calls_and_names_the_write,
        every_call_has_exactly_one_span,
        no_payload_or_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout,
        resolve_of_a_foreign_error_is_invalid_input,
        typed_error_shows_no_value,
    }
];

impl Subject<KeyValueStore> {
    /// The entry of a key that must be there.
    async fn entry(&self, key: &str) -> Result<Entry, Failed> {
        self.handle.get(key).await?.ok_or_else(|| Failed::Wrong(format!("{key} is absent")))
    }

    fn without_namespace(&self, key: &str) -> String {
        key.strip_prefix(&self.namespace).unwrap_or(key).to_owned()
    }

    /// Names from a list, in order: as they came where the store lists in order, else sorted.
    fn in_order(&self, mut names: Vec<String>) -> Vec<String> {
        if self.handle.capabilities().list_order != ListOrder::Key {
            names.sort_unstable();
        }
        names
    }

    /// Checks that a list has exactly these names, in this order where the store has one.
    async fn lists(&self, prefix: &str, names: &[&str]) -> Outcome {
        let listed = self.handle.list(prefix).all().await?;
        let listed = listed.iter().map(|entry| self.without_namespace(entry.key.as_str())).collect();
        equal(format!("the list of {prefix:?}"), &self.in_order(listed), names)
    }
}

/// The number in a value.
fn number(value: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    text.ok_or_else(|| Error::new(ErrorKind::Decode, format!("{value:?} is no number")))
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("basic.rs"),
            include_str!("cas.rs"),
            include_str!("bulk.rs"),
            include_str!("transaction.rs"),
            include_str!("expiry.rs"),
            include_str!("increment.rs"),
            include_str!("listing.rs"),
            include_str!("watching.rs"),
            include_str!("reading.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
