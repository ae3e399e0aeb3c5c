//! The suite of messengers: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so. What others write into the same channels at the same time does no harm: a case knows its
//! messages by its namespace, which each of them says.

pub mod changing;
pub mod channels;
mod decorated;
pub mod faults;
pub mod files;
pub mod history;
pub mod lifecycle;
pub mod negative;
pub mod repeating;
pub mod rich;
pub mod sending;
pub mod text;
pub mod threads;

pub use negative::{NEGATIVES, without};

use super::{HistoryOptions, MessageOrder, Messenger, MessengerCapabilities, Posted, Sent};
use crate::error::Result;
use crate::suite::{Case, Failed, Subject};

type Caps = MessengerCapabilities;
type Team = Subject<Messenger>;

/// How many messages of a channel are looked through.
const LOOKED_THROUGH: u64 = 5000;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<Messenger>] = crate::cases![Messenger:
    sending {
        send_tells_where_the_message_is,
        send_to_the_channel_that_it_told_works,
        sent_survives_being_written_down,
        send_shows_the_message_in_its_channel_only,
        sends_keep_their_order,
        concurrent_sends_keep_messages_apart,
        send_to_an_unknown_channel_is_not_found,
        channel_that_is_no_name_is_invalid_input,
        message_that_says_nothing_is_invalid_input,
        send_many_is_in_order,
        send_many_of_nothing_sends_nothing,
        send_many_with_an_invalid_message_sends_nothing,
        send_many_to_an_unknown_channel_fails_for_each,
    }
    text {
        text_comes_back_as_it_was_written,
        text_is_not_read_as_markup,
        text_of_many_lines_is_one_message,
        control_characters_reach_nobody,
        text_beyond_the_limit_is_refused_not_cut,
    }
    rich {
        rich_text_shows_every_word,
        rich_text_is_emulated_by_text_where_allowed,
        rich_text_that_is_wrong_is_invalid_input,
        rich_text_beyond_the_limits_is_refused_not_cut,
    }
    threads {
        reply_is_in_the_thread,
        reply_to_a_reply_stays_in_the_thread,
        thread_begins_with_its_first_message,
        reply_is_not_in_the_channel_unless_broadcast,
        broadcast_without_a_thread_is_invalid_input,
        reply_is_emulated_by_a_quote_where_allowed,
    }
    changing {
        edit_changes_the_text_of_the_same_message,
        edit_of_the_absent_is_not_found,
        edit_that_is_wrong_is_invalid_input,
        delete_takes_the_message_away,
        delete_again_is_ok,
        reaction_is_given_once,
        reaction_is_taken_back,
        react_to_the_absent_is_not_found,
        reaction_that_is_no_name_is_invalid_input,
    }
    files {
        attachment_comes_with_the_message,
        attachments_alone_are_a_message,
        attachment_of_a_stream_is_sent_whole,
        attachment_outside_the_limits_is_invalid_input,
        attachment_name_that_is_none_is_invalid_input,
        uploaded_file_comes_with_a_later_message,
        upload_is_seen_by_nobody,
    }
    history {
        history_is_in_the_declared_order,
        history_tells_author_and_time,
        history_pages_cover_everything_once,
        history_pages_are_stable_under_new_messages,
        history_of_many_is_complete,
        history_of_a_span_of_time_is_exact,
        history_cursor_belongs_to_its_list,
        history_of_an_unknown_channel_is_not_found,
        second_client_sees_the_same_messages,
    }
    channels {
        channels_have_the_one_that_was_written_to,
        channels_pages_cover_everything_once,
    }
    repeating {
        send_repeated_with_its_id_is_one_message,
        reply_repeated_with_its_id_is_one_message,
        send_many_repeated_with_its_id_sends_each_once,
        sends_at_once_under_one_id_are_one_message,
        resolve_of_a_message_that_was_sent_is_applied,
        resolve_of_a_message_that_was_not_sent_is_not_applied,
        resolve_of_a_foreign_error_is_invalid_input,
    }
    faults {
        send_with_a_lost_answer_is_ok_or_unknown,
        send_with_a_lost_answer_is_unknown_without_resolve,
        send_cut_before_it_is_done_is_never_sent_twice,
        send_whose_lookup_fails_is_unknown,
        busy_unavailable_and_cut_calls_are_told_apart,
        changes_with_a_lost_answer_can_be_repeated,
        send_many_with_a_failed_call_marks_only_it,
        history_with_a_failed_page_is_never_short,
        silent_send_is_unknown_at_the_deadline,
        silent_messenger_is_a_timeout_at_the_deadline,
        silent_messenger_is_cancelled_at_once,
        dropped_call_leaves_the_client_whole,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        extension_of_another_provider_is_unsupported,
        report_counts_calls_and_names_the_message,
        every_call_has_exactly_one_span,
        no_payload_or_secret_in_spans_logs_and_errors,
        deadline_that_has_passed_is_a_timeout_or_unknown,
    }
];

impl Subject<Messenger> {
    /// A channel that the case may write to.
    fn channel(&self) -> String {
        self.addresses.channels.first().cloned().unwrap_or_else(|| format!("#{}-a", self.mark()))
    }

    /// Another one.
    fn other_channel(&self) -> String {
        self.addresses.channels.get(1).cloned().unwrap_or_else(|| format!("#{}-b", self.mark()))
    }

    fn unknown_channel(&self) -> Result<&str, Failed> {
        let unknown = self.addresses.unknown_channel.as_deref();
        unknown.ok_or_else(|| Failed::Skipped("the subject takes any channel".to_owned()))
    }

    /// What every message of the case says.
    fn mark(&self) -> &str {
        self.namespace.trim_end_matches('/')
    }

    /// A text that is known to be the case's.
    fn says(&self, text: &str) -> String {
        format!("{text} {}", self.mark())
    }

    /// The case's messages of a channel, or of a thread in it, the oldest first.
    async fn posted(&self, channel: &str, options: HistoryOptions) -> Result<Vec<Posted>> {
        let capabilities = self.handle.capabilities();
        let order = if options.thread.is_some() { capabilities.thread_order } else { capabilities.history_order };
        let mut all = self.handle.history_with(channel, options).limit(LOOKED_THROUGH).all().await?;
        all.retain(|posted| posted.text.contains(self.mark()));
        if order == MessageOrder::NewestFirst {
            all.reverse();
        }
        Ok(all)
    }

    /// What the case's messages of a channel say, without its mark, the oldest first.
    async fn texts(&self, channel: &str) -> Result<Vec<String>> {
        let posted = self.posted(channel, HistoryOptions::new()).await?;
        Ok(posted.iter().map(|posted| posted.text.replace(self.mark(), "").trim_end().to_owned()).collect())
    }

    /// A message of a channel's history.
    async fn posted_as(&self, sent: &Sent) -> Result<Option<Posted>> {
        let channel = sent.channel.as_str();
        let options = sent.thread.as_ref().map_or_else(HistoryOptions::new, |_| HistoryOptions::new().thread(sent));
        let all = self.handle.history_with(channel, options).limit(LOOKED_THROUGH).all().await?;
        Ok(all.into_iter().find(|posted| posted.id == sent.id))
    }

    /// A message of a channel's history that must be there.
    async fn present(&self, sent: &Sent) -> Result<Posted, Failed> {
        self.posted_as(sent).await?.ok_or_else(|| Failed::Wrong(format!("{:?} is not in the history", sent.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("sending.rs"),
            include_str!("text.rs"),
            include_str!("rich.rs"),
            include_str!("threads.rs"),
            include_str!("changing.rs"),
            include_str!("files.rs"),
            include_str!("history.rs"),
            include_str!("channels.rs"),
            include_str!("repeating.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
