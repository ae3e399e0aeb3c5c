//! The suite of chat models: one public function per pinned behaviour, and one negative per capability flag.
//!
//! What a model answers cannot be pinned, so a case first tells it what to answer: a [`Subject`] of this suite has a
//! [`ScriptedAnswers`] in [`Subject::model`], which a scripted model is, and a server that speaks a service's protocol. A
//! function whose capability is off, or that would have to tell a model that cannot be told, skips and says so.

pub mod answers;
mod decorated;
pub mod faults;
pub mod lifecycle;
pub mod many;
pub mod negative;
pub mod output;
pub mod requests;
pub mod state;
pub mod streaming;
pub mod tools;
mod turn;

pub use negative::{NEGATIVES, without};
pub use turn::{Ending, ScriptedAnswers, Turn, TurnPart};

use super::{ChatModel, ChatModelCapabilities};
use crate::error::Result;
use crate::suite::{Case, Failed, Outcome, Subject};

type Caps = ChatModelCapabilities;
type Model = Subject<ChatModel>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<ChatModel>] = crate::cases![ChatModel:
    answers {
        chat_gives_the_text,
        chat_without_text_is_no_error,
        chat_tells_why_it_ended,
        finish_reason_that_is_unknown_is_kept,
        usage_adds_up,
        usage_that_is_not_told_is_unknown,
        report_adds_the_usage_of_calls,
        refusal_is_no_text,
        reasoning_is_no_text,
        model_of_the_request_is_asked,
    }
    streaming {
        stream_events_are_in_order,
        stream_gives_every_delta,
        stream_does_not_wait_for_its_end,
        stream_and_chat_give_the_same_answer,
        stream_finish_gives_the_whole_answer,
        stream_that_is_refused_fails_when_it_is_opened,
        stream_dropped_midway_leaves_the_client_whole,
        streams_at_the_same_time_are_kept_apart,
    }
    tools {
        tool_call_has_id_name_and_arguments,
        tool_call_without_arguments_is_an_empty_object,
        parallel_tool_calls_stay_apart,
        tool_call_streams_its_arguments,
        tool_call_with_broken_arguments_is_kept,
        tool_results_go_back,
        tools_are_told_to_the_model,
    }
    output {
        extract_gives_a_value,
        extract_of_another_type_holds_the_answer,
        extract_of_a_refusal_is_content_filtered,
        extract_that_is_too_long_is_truncated,
        output_of_a_schema_streams,
        output_schema_is_emulated_by_a_tool_call,
    }
    state {
        state_goes_back_byte_for_byte,
        state_of_another_provider_is_left_out,
        state_is_not_shown,
        marks_are_accepted_where_prompts_are_kept,
    }
    requests {
        conversation_reaches_the_model,
        media_reach_the_model,
        equal_requests_are_equal_bytes,
        request_that_cannot_be_right_is_invalid_input,
        tools_that_cannot_be_right_are_invalid_input,
        media_of_the_wrong_kind_are_invalid_input,
        tokens_above_the_limit_are_invalid_input,
    }
    faults {
        stream_that_is_cut_holds_what_was_received,
        stream_that_ends_early_is_truncated,
        tool_call_that_is_cut_is_no_call,
        stream_that_fails_midway_says_why,
        stream_that_stalls_is_a_timeout_at_the_deadline,
        stream_that_stalls_is_cancelled,
        stream_cut_on_its_way_is_an_error,
        busy_unavailable_and_cut_calls_are_retryable,
        silent_model_is_a_timeout_at_the_deadline,
        silent_model_is_cancelled_at_once,
        stream_is_one_call_until_its_end,
    }
    many {
        chat_many_is_in_order,
        chat_many_answers_every_request,
        chat_many_with_a_failure_marks_only_it,
        chat_many_with_an_invalid_request_sends_nothing,
        count_tokens_counts,
        count_tokens_is_emulated_by_an_estimate,
    }
    lifecycle {
        close_is_idempotent_and_ends_every_call,
        health_of_a_working_client_is_healthy,
        native_finds_the_documented_type,
        debug_is_one_line_without_secrets,
        cancelled_before_the_call_sends_nothing,
        deadline_that_has_passed_is_a_timeout,
        extension_of_another_provider_is_unsupported,
        every_call_has_exactly_one_span,
        no_payload_or_secret_in_spans_logs_and_errors,
    }
];

impl Subject<ChatModel> {
    /// The model that can be told what to answer.
    fn script(&self) -> Result<&dyn ScriptedAnswers, Failed> {
        self.model.as_deref().ok_or_else(|| Failed::Skipped("the model cannot be told what to answer".to_owned()))
    }

    /// Tells the model its next answer.
    fn answer(&self, turn: Turn) -> Outcome {
        self.script()?.answer(turn)
    }

    /// What the model was asked last, as text.
    fn last_asked(&self) -> Result<String, Failed> {
        let asked = self.script()?.asked();
        let last = asked.last().ok_or_else(|| Failed::Wrong("the model was asked nothing".to_owned()))?;
        Ok(String::from_utf8_lossy(last).into_owned())
    }

    /// Whether what the model was asked last holds a text.
    fn last_asked_holds(&self, text: &str) -> Result<bool, Failed> {
        Ok(self.last_asked()?.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("answers.rs"),
            include_str!("streaming.rs"),
            include_str!("tools.rs"),
            include_str!("output.rs"),
            include_str!("state.rs"),
            include_str!("requests.rs"),
            include_str!("faults.rs"),
            include_str!("many.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
