//! The suites themselves: a console that is right but for one defect fails exactly the cases that it should.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core_common::Handle;
use circle_core_common::interfaces::messenger::{self, Messenger};
use circle_core_common::interfaces::notifier::{self, Notifier};
use circle_core_console::{Console, ConsoleConfig, ConsoleOutput, RecipientState};
use circle_core_testkit::{
    Addresses, Broken, Case, Counted, Defect, Failed, Scale, Script, Scripted, Subject, Traffic, outcomes,
};

/// A console with a defect, between the faults and the count.
fn broken(defect: Defect, script: &Script, traffic: &Traffic) -> Counted<Broken<Scripted<Console>>> {
    let recipients = ["ana", "ben"].map(|name| (name, RecipientState::Reachable));
    let failing = [("cleo", RecipientState::OptedOut), ("old-phone", RecipientState::Expired)];
    let config = ConsoleConfig::new().output(ConsoleOutput::Memory).channels(["#general", "#random"]);
    let config = config.recipients(recipients.into_iter().chain(failing));
    let console = Console::with(&config, &circle_core_common::Environment::default()).unwrap();
    Counted::over(Broken::new(Scripted::new(console, script.clone()), defect), traffic)
}

fn subject<H: Handle>(make: impl Fn(&Script, &Traffic) -> H) -> Subject<H> {
    let (script, traffic) = (Script::new(), Traffic::new());
    let mut subject = Subject::new(make(&script, &traffic), traffic);
    subject.second = Some(subject.handle.clone());
    subject.faults = Some(Arc::new(script));
    subject.native = Some(|handle| handle.native::<Console>().is_some());
    subject.scale = Scale::Small;
    subject.addresses = Addresses::new()
        .channels(["#general", "#random"], "#no-such-channel")
        .recipients(["ana", "ben"], "nobody")
        .opted_out("cleo")
        .expired("old-phone");
    subject
}

/// Runs the suite over every defect.
async fn expect<H: Handle>(cases: &'static [Case<H>], table: &[(Defect, &[&str])], make: fn(Defect, &Script, &Traffic) -> H) {
    let mut wrong = Vec::new();
    for (defect, expected) in table {
        let defect = *defect;
        let outcomes = outcomes(cases, move || subject(|script, traffic| make(defect, script, traffic))).await;
        let failed = |outcome: &Result<(), Failed>| matches!(outcome, Err(Failed::Wrong(_)));
        let failing: Vec<&str> = outcomes.into_iter().filter(|(_, outcome)| failed(outcome)).map(|(name, _)| name).collect();
        if failing.iter().collect::<BTreeSet<_>>() != expected.iter().collect() {
            wrong.push(format!("{defect:?} fails {failing:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_messengers_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::CutsMessages, &["text_beyond_the_limit_is_refused_not_cut", "rich_text_is_emulated_by_text_where_allowed"]),
        (
            Defect::IgnoresIds,
            &[
                "send_repeated_with_its_id_is_one_message",
                "reply_repeated_with_its_id_is_one_message",
                "send_many_repeated_with_its_id_sends_each_once",
                "sends_at_once_under_one_id_are_one_message",
                "resolve_of_a_message_that_was_sent_is_applied",
                "send_with_a_lost_answer_is_ok_or_unknown",
                "send_with_a_lost_answer_is_unknown_without_resolve",
            ],
        ),
        (Defect::PassesControlCharacters, &["control_characters_reach_nobody"]),
        (Defect::ReadsMarkup, &["text_comes_back_as_it_was_written", "text_is_not_read_as_markup"]),
        (
            Defect::ForgetsThreads,
            &[
                "reply_is_in_the_thread",
                "reply_to_a_reply_stays_in_the_thread",
                "thread_begins_with_its_first_message",
                "reply_is_not_in_the_channel_unless_broadcast",
            ],
        ),
        (Defect::ShowsReplies, &["reply_is_not_in_the_channel_unless_broadcast"]),
        (
            Defect::EditsByResending,
            &[
                "sent_survives_being_written_down",
                "edit_changes_the_text_of_the_same_message",
                "edit_of_the_absent_is_not_found",
                "changes_with_a_lost_answer_can_be_repeated",
                "every_call_has_exactly_one_span",
            ],
        ),
        (
            Defect::CountsReactionsAgain,
            &["reaction_is_given_once", "reaction_is_taken_back", "changes_with_a_lost_answer_can_be_repeated"],
        ),
        (
            Defect::EndsHistoriesEarly,
            &[
                "history_pages_cover_everything_once",
                "history_pages_are_stable_under_new_messages",
                "history_cursor_belongs_to_its_list",
                "history_with_a_failed_page_is_never_short",
            ],
        ),
        (Defect::DeniesMessages, &["resolve_of_a_message_that_was_sent_is_applied", "send_with_a_lost_answer_is_ok_or_unknown"]),
        (Defect::InventsChannels, &["history_of_an_unknown_channel_is_not_found"]),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    expect(messenger::conformance::SUITE, table, |defect, script, traffic| Messenger::new(broken(defect, script, traffic))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_notifiers_fail_the_cases_that_they_should() {
    let table: &[(Defect, &[&str])] = &[
        (Defect::IgnoresIds, &["notify_repeated_with_its_id_notifies_once", "notify_with_a_lost_answer_is_unknown_or_done_once"]),
        (
            Defect::IgnoresDedup,
            &[
                "dedup_makes_two_notifications_one",
                "clear_frees_the_key",
                "scheduled_notification_that_is_cleared_is_never_sent",
                "status_can_be_narrowed",
            ],
        ),
        (Defect::IgnoresSchedules, &["scheduled_notification_waits_for_its_time"]),
        (
            Defect::HidesFailures,
            &[
                "notify_of_an_unknown_recipient_is_not_found",
                "notify_of_one_that_has_opted_out_is_permission_denied",
                "notify_of_an_expired_token_is_closed",
                "failed_recipients_do_not_keep_the_others_back",
            ],
        ),
        (Defect::IgnoresClears, &["clear_frees_the_key", "scheduled_notification_that_is_cleared_is_never_sent"]),
        (
            Defect::ReordersBulks,
            &[
                "notify_gives_a_receipt_for_each_recipient",
                "failed_recipients_do_not_keep_the_others_back",
                "notify_is_split_by_the_limit",
            ],
        ),
        (Defect::IgnoresClose, &["close_is_idempotent_and_ends_every_call"]),
    ];
    expect(notifier::conformance::SUITE, table, |defect, script, traffic| Notifier::new(broken(defect, script, traffic))).await;
}
