//! What several services can do together.

use circle_core_common::Flag;
use circle_core_common::interfaces::chat_model::ChatModelCapabilities;
use circle_core_common::interfaces::embedding_model::EmbeddingModelCapabilities;

/// Sets every flag of `into` that is on in every one of `from`, or else in any.
fn combine<C>(into: &mut C, flags: &[Flag<C>], from: &[&C], every: bool) {
    for flag in flags {
        let on = |capabilities: &&C| flag.is_on(capabilities);
        flag.set(into, if every { from.iter().all(on) } else { from.iter().any(on) });
    }
}

/// What every one of these chat models can do; of none, everything.
pub(super) fn all_chat(models: &[&ChatModelCapabilities]) -> ChatModelCapabilities {
    let mut common = ChatModelCapabilities::all();
    combine(&mut common, ChatModelCapabilities::FLAGS, models, true);
    common.context_tokens = models.iter().filter_map(|model| model.context_tokens).min();
    common.max_output_tokens = models.iter().filter_map(|model| model.max_output_tokens).min();
    common
}

/// What at least one of these chat models can do; of none, everything.
pub(super) fn any_chat(models: &[&ChatModelCapabilities]) -> ChatModelCapabilities {
    let mut either = ChatModelCapabilities::all();
    if models.is_empty() {
        return either;
    }
    combine(&mut either, ChatModelCapabilities::FLAGS, models, false);
    // A limit that one of them does not know may be any.
    either.context_tokens =
        models.iter().map(|model| model.context_tokens).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    either.max_output_tokens =
        models.iter().map(|model| model.max_output_tokens).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    either
}

/// What every one of these embedding models can do; of none, everything.
pub(super) fn all_embedding(models: &[&EmbeddingModelCapabilities]) -> EmbeddingModelCapabilities {
    let mut common = EmbeddingModelCapabilities::all();
    let Some(first) = models.first() else {
        common.dimensions = 0;
        return common;
    };
    combine(&mut common, EmbeddingModelCapabilities::FLAGS, models, true);
    let least = |limit: fn(&EmbeddingModelCapabilities) -> u32| models.iter().map(|model| limit(model)).min();
    // Legs of different widths are refused before they are asked.
    common.dimensions = models.iter().map(|model| model.dimensions).find(|width| *width > 0).unwrap_or(0);
    common.input_tokens = least(|model| model.input_tokens).unwrap_or(first.input_tokens);
    common.batch_max = least(|model| model.batch_max).unwrap_or(first.batch_max);
    common.batch_tokens_max = least(|model| model.batch_tokens_max).unwrap_or(first.batch_tokens_max);
    common.normalised = models.iter().all(|model| model.normalised);
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_the_intersection_and_any_the_union() {
        let mut one = ChatModelCapabilities::none().with(ChatModelCapabilities::STREAM).with(ChatModelCapabilities::TOOLS);
        let mut other = ChatModelCapabilities::none().with(ChatModelCapabilities::STREAM).with(ChatModelCapabilities::IMAGES);
        (one.context_tokens, other.context_tokens, other.max_output_tokens) = (Some(8_000), Some(200_000), Some(4_000));
        let (all, any) = (all_chat(&[&one, &other]), any_chat(&[&one, &other]));
        assert_eq!((all.stream, all.tools, all.images), (true, false, false));
        assert_eq!((any.stream, any.tools, any.images, any.audio), (true, true, true, false));
        assert_eq!((all.context_tokens, all.max_output_tokens), (Some(8_000), Some(4_000)));
        assert_eq!((any.context_tokens, any.max_output_tokens), (Some(200_000), None));
    }

    #[test]
    fn embeddings_have_the_smaller_limits() {
        let mut one = EmbeddingModelCapabilities::all();
        let mut other = EmbeddingModelCapabilities::all().without(EmbeddingModelCapabilities::IMAGES);
        (one.dimensions, other.dimensions, one.batch_max, other.normalised) = (0, 512, 16, false);
        let all = all_embedding(&[&one, &other]);
        assert_eq!((all.dimensions, all.batch_max, all.images, all.normalised), (512, 16, false, false));
    }
}
