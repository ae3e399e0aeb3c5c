//! The suite of notifiers: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so; so does one that needs a recipient which the subject does not name.

mod decorated;
pub mod faults;
pub mod keys;
pub mod lifecycle;
pub mod negative;
pub mod notifying;
pub mod schedule;
pub mod status;

pub use negative::{NEGATIVES, without};

use super::{DeliveryStatus, Notification, NotificationId, Notifier, NotifierCapabilities, Receipt, StatusOptions};
use crate::error::Result;
use crate::suite::{Case, Failed, Subject};

type Caps = NotifierCapabilities;
type Desk = Subject<Notifier>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<Notifier>] = crate::cases![Notifier:
    notifying {
        notify_gives_a_receipt_for_each_recipient,
        notify_of_an_unknown_recipient_is_not_found,
        notify_of_one_that_has_opted_out_is_permission_denied,
        notify_of_an_expired_token_is_closed,
        failed_recipients_do_not_keep_the_others_back,
        notify_is_split_by_the_limit,
        notification_that_is_wrong_is_invalid_input,
        recipient_that_is_no_name_is_invalid_input,
        text_beyond_the_limits_is_refused_not_cut,
        text_of_any_kind_is_taken,
        every_severity_is_taken,
    }
    keys {
        dedup_makes_two_notifications_one,
        dedup_keys_are_apart,
        clear_frees_the_key,
        clear_of_a_key_that_is_not_in_use_is_ok,
        key_that_is_no_name_is_invalid_input,
        notify_repeated_with_its_id_notifies_once,
    }
    schedule {
        scheduled_notification_waits_for_its_time,
        scheduled_notification_that_is_cleared_is_never_sent,
        time_outside_the_limits_is_invalid_input,
    }
    status {
        status_tells_of_every_recipient,
        status_is_the_newest_first,
        status_can_be_narrowed,
        status_pages_cover_everything_once,
        status_cursor_belongs_to_its_list,
        second_client_sees_the_same_status,
    }
    faults {
        notify_with_a_lost_answer_is_unknown_or_done_once,
        notify_cut_before_it_is_done_is_unknown,
        busy_and_unavailable_calls_mark_their_recipients,
        clear_with_a_lost_answer_can_be_repeated,
        status_with_a_failed_page_is_never_short,
        silent_notify_is_unknown_at_the_deadline,
        silent_notifier_is_a_timeout_at_the_deadline,
        silent_notifier_is_cancelled_at_once,
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
        deadline_that_has_passed_is_a_timeout_or_unknown,
    }
];

impl Subject<Notifier> {
    /// Two recipients that can be notified.
    fn two(&self) -> [String; 2] {
        let named = |at: usize| self.addresses.recipients.get(at).cloned();
        [0, 1].map(|at| named(at).unwrap_or_else(|| format!("{}-{at}", self.namespace.trim_end_matches('/'))))
    }

    /// A notification to one of them.
    fn to_one(&self, title: &str) -> Notification {
        let [one, _] = self.two();
        Notification::new(title).to([one])
    }

    /// Notifies one recipient.
    async fn notify_one(&self, notification: Notification) -> Result<Receipt, Failed> {
        let mut receipts = self.handle.notify(notification).await?.all()?;
        receipts.pop().ok_or_else(|| Failed::Wrong("there is no receipt".to_owned()))
    }

    /// What became of a notification.
    async fn state_of(&self, id: &NotificationId) -> Result<Option<DeliveryStatus>> {
        Ok(self.handle.status_with(StatusOptions::new().id(id)).all().await?.pop())
    }
}

fn recipient_is_missing() -> Failed {
    Failed::Skipped("the subject names no such recipient".to_owned())
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("notifying.rs"),
            include_str!("keys.rs"),
            include_str!("schedule.rs"),
            include_str!("status.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
