//! The suite of embedding models: one public function per pinned behaviour, and one negative per capability flag.
//!
//! Run all of [`SUITE`] and [`NEGATIVES`] over every provider, ours and private ones alike. A function whose capability
//! is off skips, and says so. What is pinned is what every model has to keep; how well a model understands a language is
//! not, beyond texts that share their words.

pub mod basic;
pub mod bulk;
mod decorated;
pub mod faults;
pub mod lifecycle;
pub mod negative;
pub mod options;

pub use negative::{NEGATIVES, without};

use super::{Embedding, EmbeddingModel, EmbeddingModelCapabilities};
use crate::suite::{Case, Outcome, Subject, holds};

type Caps = EmbeddingModelCapabilities;
type Model = Subject<EmbeddingModel>;

/// Every behaviour that is pinned.
pub const SUITE: &[Case<EmbeddingModel>] = crate::cases![EmbeddingModel:
    basic {
        embedding_has_the_announced_width,
        embedding_is_finite_and_of_length_one_where_announced,
        equal_texts_have_equal_embeddings,
        like_texts_are_nearer_than_unlike_ones,
        text_in_any_script_has_a_direction,
        text_without_a_visible_character_is_invalid_input,
        text_beyond_the_context_is_refused_not_cut,
        concurrent_calls_keep_inputs_apart,
    }
    bulk {
        embed_many_is_in_the_order_of_the_inputs,
        embed_many_is_rows_of_one_block,
        embed_many_is_split_by_count,
        embed_many_is_split_by_tokens,
        embed_many_of_nothing_sends_nothing,
        embed_many_with_an_invalid_input_sends_nothing,
        embed_many_with_a_failed_call_marks_its_own_inputs,
        embed_all_tells_the_model_and_what_it_took,
    }
    options {
        chosen_width_is_given,
        chosen_width_outside_the_limits_is_invalid_input,
        question_is_nearest_to_the_document_that_answers_it,
        image_has_an_embedding_of_the_same_width,
    }
    faults {
        busy_unavailable_and_cut_calls_are_retryable,
        embed_all_with_a_failed_call_is_an_error,
        silent_model_is_a_timeout_at_the_deadline,
        silent_model_is_cancelled_at_once,
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

/// Texts that any model tells apart.
const TEXTS: [&str; 8] = [
    "The cat sleeps on the warm windowsill.",
    "Interest rates were raised by a quarter of a percent.",
    "Add flour, sugar and two eggs to the bowl.",
    "The train to Riga leaves from platform four.",
    "A binary search needs a sorted list.",
    "Volcanoes form where tectonic plates meet.",
    "The orchestra rehearsed the second symphony.",
    "Goalkeepers may use their hands inside the penalty area.",
];

/// Checks that two embeddings say the same; services compute in several precisions, so not bit for bit.
fn same(what: impl std::fmt::Display, one: &Embedding, other: &Embedding) -> Outcome {
    holds(format!("{what} are the same, not {} apart", 1.0 - one.cosine(other)), one.cosine(other) > 0.999)
}

#[cfg(test)]
mod tests {
    use super::SUITE;
    use crate::suite::unlisted;

    #[test]
    fn every_case_is_in_the_suite_once() {
        let sources = [
            include_str!("basic.rs"),
            include_str!("bulk.rs"),
            include_str!("options.rs"),
            include_str!("faults.rs"),
            include_str!("lifecycle.rs"),
        ];
        assert_eq!(unlisted(&sources, SUITE), [""; 0]);
    }
}
