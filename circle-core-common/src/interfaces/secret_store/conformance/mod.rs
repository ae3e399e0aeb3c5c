//! The suite of secret stores: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so. A store that is only read has its secrets put there by what the subject names:
//! [`PutsSecrets`].

pub mod conditions;
mod decorated;
pub mod deleting;
pub mod faults;
pub mod lifecycle;
pub mod listing;
pub mod negative;
pub mod reading;
pub mod versions;
pub mod watching;

pub use negative::{NEGATIVES, without};

use super::{Secret, SecretFields, SecretStore, SecretStoreCapabilities};
use crate::secret::ExposeSecret as _;
use crate::suite::{Case, Failed, Outcome, Subject, equal};

type Caps = SecretStoreCapabilities;
type Store = Subject<SecretStore>;

/// Puts secrets into a store that is only read, as whoever owns it would.
pub trait PutsSecrets: Send + Sync {
    /// Puts a secret there, in place of what was there.
    fn put(&self, name: &str, fields: &SecretFields);
}

/// Every behaviour that is pinned.
pub const SUITE: &[Case<SecretStore>] = crate::cases![SecretStore:
    reading {
        get_of_the_missing_is_not_found,
        fields_round_trip_exactly,
        single_value_round_trips_exactly,
        field_that_is_not_there_is_not_found,
        names_that_differ_are_different,
        name_outside_the_limits_is_invalid_input,
        debug_is_name_and_version,
        second_client_sees_the_same_store,
    }
    versions {
        put_gives_the_version_that_is_got,
        version_changes_with_every_put,
        version_stays_without_a_put,
        version_is_kept_after_the_next,
        version_that_is_not_there_is_not_found,
        fields_outside_the_limits_are_invalid_input,
        secret_of_the_largest_size_round_trips,
        concurrent_puts_keep_names_apart,
    }
    conditions {
        create_of_the_present_is_already_exists,
        create_of_the_deleted_succeeds,
        create_race_has_one_winner,
        create_repeated_with_its_id_is_not_already_exists,
        replace_of_the_current_version_makes_another,
        replace_of_a_stale_version_is_a_conflict,
        replace_of_the_absent_is_a_conflict,
        replace_race_has_one_winner,
    }
    deleting {
        delete_then_get_is_not_found,
        delete_of_the_absent_is_ok,
        delete_takes_every_version,
        delete_leaves_the_neighbours,
    }
    listing {
        list_has_the_names_of_its_prefix,
        list_tells_no_values,
        list_pages_cover_everything_once,
        list_follows_every_write,
        list_cursor_belongs_to_its_list,
    }
    watching {
        watch_tells_every_put_and_delete_in_order,
        watch_tells_its_prefix_alone,
        watch_tells_no_values,
        watch_ends_when_the_client_is_closed,
    }
    faults {
        create_with_a_lost_answer_is_never_already_exists,
        replace_with_a_lost_answer_is_never_a_conflict,
        create_cut_before_it_is_done_can_be_repeated,
        create_whose_lookup_fails_is_unknown,
        busy_unavailable_and_cut_calls_are_retryable,
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
        every_call_has_exactly_one_span,
        no_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout,
        resolve_of_a_foreign_error_is_invalid_input,
    }
];

impl Subject<SecretStore> {
    /// Has a secret be there: through the store where it writes, else by whoever puts secrets there.
    async fn has(&self, name: &str, fields: impl Into<SecretFields>) -> Outcome {
        let fields = fields.into();
        if Caps::PUT.is_on(self.handle.capabilities()) {
            self.handle.put(name, fields).await?;
            return Ok(());
        }
        let owner = self.secrets.as_deref();
        owner
            .ok_or_else(|| Failed::Skipped("the store is only read, and nothing puts secrets there".to_owned()))?
            .put(name, &fields);
        Ok(())
    }

    /// Checks that a secret is one value, and this one.
    async fn says(&self, name: &str, value: &str) -> Outcome {
        let secret = self.handle.get(name).await?;
        equal(format!("the value of {name}"), secret.value()?.expose_secret(), value)
    }

    fn without_namespace(&self, name: &str) -> String {
        name.strip_prefix(&self.namespace).unwrap_or(name).to_owned()
    }

    /// Checks that a list has exactly these names, in any order.
    async fn lists(&self, prefix: &str, names: &[&str]) -> Outcome {
        let listed = self.handle.list(prefix).all().await?;
        let mut listed: Vec<_> = listed.iter().map(|meta| self.without_namespace(meta.name.as_str())).collect();
        listed.sort_unstable();
        equal(format!("the list of {prefix:?}"), &listed, names)
    }
}

/// Fields with their values, for comparisons.
fn pairs(secret: &Secret) -> Vec<(&str, &str)> {
    secret.fields.names().filter_map(|name| Some((name, secret.fields.get(name)?.expose_secret()))).collect()
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("reading.rs"),
            include_str!("versions.rs"),
            include_str!("conditions.rs"),
            include_str!("deleting.rs"),
            include_str!("listing.rs"),
            include_str!("watching.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
