//! The suites themselves: a provider that is right but for one defect fails exactly the cases that it should, and cases
//! that share a store keep to themselves.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core_common::Handle;
#[cfg(feature = "seal")]
use circle_core_common::interfaces::key_service::{self, Algorithm, KeyService, conformance::SuiteKeys};
use circle_core_common::interfaces::key_value_store::{self, KeyValueStore};
use circle_core_common::interfaces::object_store::{self, ObjectStore};
use circle_core_common::interfaces::secret_store::{self, SecretStore};
use circle_core_memory::Memory;
use circle_core_testkit::{Broken, Case, Counted, Defect, Failed, Scale, Script, Scripted, Subject, Traffic, outcomes};

/// The store in memory, with a defect, between the faults and the count.
fn broken(defect: Defect, script: &Script, traffic: &Traffic) -> Counted<Broken<Scripted<Memory>>> {
    let memory = Scripted::new(Memory::with_versions(), script.clone());
    Counted::over(Broken::new(memory, defect), traffic)
}

fn subject<H: Handle>(make: impl Fn(&Script, &Traffic) -> H) -> Subject<H> {
    let (script, traffic) = (Script::new(), Traffic::new());
    let mut subject = Subject::new(make(&script, &traffic), traffic);
    subject.second = Some(subject.handle.clone());
    subject.faults = Some(Arc::new(script));
    subject.native = Some(|handle| handle.native::<Memory>().is_some());
    subject.scale = Scale::Small;
    subject
}

async fn failing<H: Handle>(
    cases: impl IntoIterator<Item = &'static Case<H>>,
    subject: impl Fn() -> Subject<H> + Send,
) -> Vec<&'static str> {
    let outcomes = outcomes(cases, subject).await;
    outcomes.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_)))).map(|(name, _)| name).collect()
}

/// Finds a defect when two of its writers meet between a look and a write, which no scheduler promises: it may fail.
const BY_LUCK: &str = "update_under_race_applies_every_change";

/// Runs the suite over every defect, some of them at a time.
async fn expect<H: Handle>(
    cases: &'static [Case<H>],
    at_a_time: usize,
    table: &[(Defect, &[&str])],
    make: fn(Defect, &Script, &Traffic) -> H,
) {
    let mut wrong = Vec::new();
    for rows in table.chunks(at_a_time) {
        let run = |defect: Defect| failing(cases, move || subject(|script, traffic| make(defect, script, traffic)));
        let running: Vec<_> = rows.iter().map(|(defect, _)| tokio::spawn(run(*defect))).collect();
        for ((defect, expected), failing) in rows.iter().zip(running) {
            let mut failing = failing.await.unwrap();
            failing.retain(|case| *case != BY_LUCK);
            if failing.iter().collect::<BTreeSet<_>>() != expected.iter().collect() {
                wrong.push(format!("{defect:?} fails {failing:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_object_stores_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::IgnoresIfAbsent,
            &[
                "create_of_the_present_is_already_exists",
                "create_race_has_one_winner",
                "create_repeated_with_its_id_is_not_already_exists",
                "metadata_stays_when_a_put_is_refused",
                "copy_if_absent_of_the_present_is_already_exists",
                "copy_if_absent_race_has_one_winner",
                "upload_if_absent_is_decided_at_its_end",
                "upload_resumed_keeps_its_precondition",
                "no_payload_or_secret_in_spans_logs_and_errors",
            ],
        ),
        (
            Defect::IgnoresIfMatch,
            &[
                "replace_of_a_stale_version_is_a_conflict",
                "replace_of_the_absent_is_a_conflict",
                "replace_race_loses_no_success",
                "upload_if_match_of_a_stale_version_is_a_conflict",
                "second_client_sees_the_same_store",
            ],
        ),
        (
            Defect::RefusesItself,
            &["create_with_a_lost_answer_is_never_already_exists", "replace_with_a_lost_answer_is_never_a_conflict"],
        ),
        (
            Defect::RoundsRanges,
            &[
                "get_range_gives_exactly_its_bytes",
                "get_range_at_the_end_is_empty",
                "get_range_behind_the_end_is_not_satisfiable",
                "get_range_of_an_empty_object_is_empty",
                "get_suffix_is_emulated_where_allowed",
                "get_of_a_body_that_is_cut_is_resumed_or_fails",
                "get_of_a_body_that_ends_early_is_never_short",
            ],
        ),
        (
            Defect::ListsOutOfOrder,
            &[
                "delete_leaves_the_neighbours",
                "list_prefix_is_compared_byte_for_byte",
                "list_is_in_byte_order",
                "list_tells_size_and_version",
                "list_delimiter_folds_deeper_keys",
                "list_delimiter_can_be_any_text",
                "list_delimiter_keeps_the_byte_order",
                "list_folder_marker_comes_once",
                "list_start_after_is_exclusive",
                "list_pages_cover_everything_once",
                "list_pages_are_stable_under_inserts",
                "list_pages_are_stable_under_deletes",
                "list_of_ten_thousand_is_complete",
                "list_limit_ends_the_list",
                "list_cursor_survives_being_written_down",
                "list_cursor_of_another_list_is_refused",
                "list_after_put_is_as_declared",
                "list_after_delete_is_as_declared",
                "put_under_weird_keys_round_trips",
                "keys_that_differ_in_case_are_different",
                "keys_may_be_folders_of_other_keys",
                "upload_is_invisible_before_its_end",
                "list_versions_has_all_newest_first",
                "list_with_a_failed_page_is_never_short",
                "delete_many_with_a_failed_call_marks_its_own_keys",
            ],
        ),
        (
            Defect::ListsOnePage,
            &[
                "list_delimiter_keeps_the_byte_order",
                "list_start_after_is_exclusive",
                "list_pages_cover_everything_once",
                "list_pages_are_stable_under_inserts",
                "list_pages_are_stable_under_deletes",
                "list_limit_ends_the_list",
                "list_cursor_survives_being_written_down",
                "list_cursor_of_another_list_is_refused",
                "list_versions_has_all_newest_first",
                "list_with_a_failed_page_is_never_short",
            ],
        ),
        (Defect::StartsAtTheKey, &["list_start_after_is_exclusive"]),
        (
            Defect::LosesMetadata,
            &[
                "metadata_round_trips",
                "metadata_is_replaced_with_the_object",
                "content_type_given_wins",
                "metadata_beyond_ascii_is_never_mangled",
                "metadata_stays_when_a_put_is_refused",
                "copy_has_content_and_metadata",
                "copy_does_not_alias_its_source",
                "upload_keeps_metadata",
            ],
        ),
        (
            Defect::PutsInHalves,
            &[
                "put_is_atomic_for_readers",
                "put_with_another_checksum_leaves_the_old_object",
                "delete_of_a_version_is_for_good",
                "list_versions_has_all_newest_first",
            ],
        ),
        (
            Defect::NormalisesKeys,
            &["list_delimiter_folds_deeper_keys", "put_under_weird_keys_round_trips", "delete_of_weird_keys_deletes_each_alone"],
        ),
        (Defect::DeletesFolders, &["delete_leaves_the_neighbours", "delete_of_weird_keys_deletes_each_alone"]),
        (Defect::BlamesTheTarget, &["copy_of_missing_is_not_found"]),
        (Defect::Overstates, &["presign_debug_shows_no_signature"]),
        (Defect::LogsContent, &["no_payload_or_secret_in_spans_logs_and_errors"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    expect(object_store::conformance::SUITE, 2, table, |defect, script, traffic| {
        ObjectStore::new(broken(defect, script, traffic))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_key_value_stores_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::IgnoresConditions,
            &[
                "empty_value_is_not_absent",
                "create_of_the_present_is_already_exists",
                "create_race_has_one_winner",
                "replace_of_a_stale_version_is_a_conflict",
                "replace_of_the_absent_is_a_conflict",
                "replace_with_a_malformed_version_is_invalid_input",
                "replace_race_loses_no_success",
                "delete_if_match_deletes_only_that_version",
                "create_repeated_with_its_id_is_not_already_exists",
                "put_many_with_one_stale_marks_only_it",
                "put_many_repeated_with_its_id_is_not_already_exists",
                "transaction_with_a_stale_version_changes_nothing",
                "transaction_with_a_create_of_the_present_changes_nothing",
                "transaction_race_has_one_winner",
                "expired_is_absent_everywhere",
                "increment_is_emulated_where_allowed",
                "watch_tells_only_what_changed_under_its_prefix",
                "second_client_sees_the_same_store",
                "fence_is_per_key",
            ],
        ),
        (
            Defect::TakesEmptyForAbsent,
            &["put_then_get_round_trips_every_byte", "empty_value_is_not_absent", "increment_of_no_number_is_invalid_input"],
        ),
        (Defect::VersionsByContent, &["version_changes_with_every_write"]),
        (
            Defect::TearsTransactions,
            &[
                "transaction_with_a_stale_version_changes_nothing",
                "transaction_with_a_create_of_the_present_changes_nothing",
                "transaction_with_a_touch_of_the_absent_changes_nothing",
                "transaction_is_never_seen_in_part",
                "transaction_with_an_older_fence_changes_nothing",
                "transaction_with_a_lost_answer_is_never_refused",
            ],
        ),
        (Defect::ExpiresEarly, &["ttl_ends_the_entry_never_early", "ttl_is_reported_within_its_precision"]),
        (
            Defect::NeverExpires,
            &[
                "ttl_ends_the_entry_never_early",
                "ttl_is_reported_within_its_precision",
                "put_with_another_ttl_replaces_it",
                "touch_extends_the_life",
                "increment_keeps_the_expiry",
                "expired_is_absent_everywhere",
                "increment_is_emulated_where_allowed",
                "increment_that_is_emulated_near_the_expiry_succeeds",
                "watch_tells_of_expiry",
            ],
        ),
        (
            Defect::IncrementsByReadAndWrite,
            &[
                "increment_keeps_the_expiry",
                "increment_race_loses_nothing",
                "increment_beyond_the_largest_number_is_an_overflow",
                "increment_of_no_number_is_invalid_input",
                "increment_with_a_lost_answer_is_applied_once",
                "every_call_has_exactly_one_span",
            ],
        ),
        (
            Defect::ReordersBulks,
            &[
                "get_many_is_in_order_with_none_for_the_absent",
                "put_many_repeated_with_its_id_is_not_already_exists",
                "bulk_is_split_by_the_limits",
            ],
        ),
        (Defect::IgnoresCase, &["list_prefix_is_compared_byte_for_byte"]),
        (
            Defect::WatchesPutsOnly,
            &["watch_tells_every_write_in_order", "watch_tells_every_kind_of_write", "watch_tells_of_expiry"],
        ),
        (
            Defect::IgnoresFences,
            &[
                "write_with_an_older_fence_is_fenced",
                "fence_outlives_the_entry",
                "transaction_with_an_older_fence_changes_nothing",
            ],
        ),
        (Defect::IgnoresClose, &["watch_ends_when_the_client_is_closed", "close_is_idempotent_and_ends_every_call"]),
    ];
    expect(key_value_store::conformance::SUITE, 6, table, |defect, script, traffic| {
        KeyValueStore::new(broken(defect, script, traffic))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_secret_stores_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (
            Defect::IgnoresSecretConditions,
            &[
                "create_of_the_present_is_already_exists",
                "create_race_has_one_winner",
                "create_repeated_with_its_id_is_not_already_exists",
                "replace_of_a_stale_version_is_a_conflict",
                "replace_of_the_absent_is_a_conflict",
                "replace_race_has_one_winner",
            ],
        ),
        (
            Defect::InventsSecrets,
            &[
                "get_of_the_missing_is_not_found",
                "version_that_is_not_there_is_not_found",
                "replace_of_the_absent_is_a_conflict",
                "delete_then_get_is_not_found",
                "delete_takes_every_version",
                "silent_store_is_a_timeout_at_the_deadline",
                "every_call_has_exactly_one_span",
            ],
        ),
        (Defect::GivesTheNewest, &["version_is_kept_after_the_next", "version_that_is_not_there_is_not_found"]),
        (Defect::DropsEmptyFields, &["fields_round_trip_exactly"]),
        (Defect::FoldsNames, &["names_that_differ_are_different", "list_has_the_names_of_its_prefix"]),
        (Defect::LogsSecrets, &["no_secret_in_spans_logs_and_errors"]),
        (
            Defect::ListsOtherNames,
            &["list_has_the_names_of_its_prefix", "list_pages_cover_everything_once", "list_follows_every_write"],
        ),
        (Defect::IgnoresClose, &["watch_ends_when_the_client_is_closed", "close_is_idempotent_and_ends_every_call"]),
    ];
    expect(secret_store::conformance::SUITE, 4, table, |defect, script, traffic| {
        SecretStore::new(broken(defect, script, traffic))
    })
    .await;
}

/// Runs a suite twice at the same time over one store, and checks that no case meets what is another's.
async fn expect_apart<H: Handle>(cases: &'static [Case<H>], make: impl Fn(&Script, &Traffic) -> H + Send + Sync) {
    // In memory a client *is* the store: who closes it closes it for all.
    let sharing = || cases.iter().filter(|case| !case.name.contains("close"));
    let (one, two) = tokio::join!(failing(sharing(), || subject(&make)), failing(sharing(), || subject(&make)));
    assert_eq!((one, two), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cases_that_share_a_store_keep_to_themselves() {
    let shared = Memory::with_versions();
    let memory = |script: &Script| Scripted::new(shared.clone(), script.clone());
    expect_apart(object_store::conformance::SUITE, |script, traffic| ObjectStore::new(Counted::over(memory(script), traffic)))
        .await;
    expect_apart(key_value_store::conformance::SUITE, |script, traffic| {
        KeyValueStore::new(Counted::over(memory(script), traffic))
    })
    .await;
}

#[cfg(feature = "seal")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_key_services_fail_the_cases_that_they_should() {
    use circle_core_common::Environment;
    use circle_core_memory::{MemoryKeyUse, MemoryKeys, MemoryKeysConfig};

    let table: &[(Defect, &[&str])] = &[
        (Defect::IgnoresContexts, &["another_context_is_corrupt", "data_key_under_another_context_is_corrupt"]),
        (Defect::TrustsSignatures, &["signature_of_another_message_is_corrupt", "flipped_bit_of_a_signature_is_corrupt"]),
        (Defect::EncryptsEqually, &["equal_plaintexts_are_encrypted_differently", "rotation_makes_another_version"]),
        (Defect::RepeatsDataKeys, &["data_keys_are_never_the_same"]),
        (
            Defect::BlamesTheInput,
            &[
                "another_key_is_corrupt",
                "another_context_is_corrupt",
                "flipped_bit_is_corrupt",
                "cut_ciphertext_is_corrupt",
                "data_key_under_another_context_is_corrupt",
                "every_call_has_exactly_one_span",
            ],
        ),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    for (defect, expected) in table {
        let make = || {
            let config = MemoryKeysConfig::new().key("one", MemoryKeyUse::Encrypt).key("two", MemoryKeyUse::Encrypt);
            let memory = MemoryKeys::new(config.key("ed", MemoryKeyUse::Ed25519), &Environment::default()).unwrap();
            let mut subject = subject(|script, traffic| {
                let scripted = Scripted::new(memory.clone(), script.clone());
                KeyService::new(Counted::over(Broken::new(scripted, *defect), traffic))
            });
            subject.native = Some(|handle| handle.native::<MemoryKeys>().is_some());
            subject.keys = SuiteKeys::new().encrypting("one", "two").signing("ed", Algorithm::Ed25519);
            subject
        };
        let failing = failing(key_service::conformance::SUITE, make).await;
        assert_eq!(failing.iter().collect::<BTreeSet<_>>(), expected.iter().collect(), "{defect:?}");
    }
}
