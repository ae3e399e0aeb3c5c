//! What several services can do together.

use circle_core_common::interfaces::chat_model::ChatModelCapabilities;
use circle_core_common::interfaces::embedding_model::EmbeddingModelCapabilities;
use circle_core_common::interfaces::key_value_store::{KeyValueStoreCapabilities, ListOrder};
use circle_core_common::interfaces::messenger::{MessengerCapabilities, TextUnit};
use circle_core_common::interfaces::notifier::NotifierCapabilities;
use circle_core_common::interfaces::object_store::{ListConsistency, ObjectStoreCapabilities};
use circle_core_common::interfaces::secret_store::SecretStoreCapabilities;
use circle_core_common::interfaces::vector_store::{Consistency, Metric, VectorStoreCapabilities};
use circle_core_common::{FilterOperators, Flag};

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

/// What every one of several stores, messengers or notifiers can do: all flags, and of each limit the narrower one; of none,
/// everything.
macro_rules! all_of {
    ($(#[$meta:meta])* $name:ident: $capabilities:ident {
        least { $($least:ident,)* }
        most { $($most:ident,)* }
        $(both { $($both:ident by $with:expr;)* })?
    }) => {
        $(#[$meta])*
        pub(super) fn $name(all: &[&$capabilities]) -> $capabilities {
            let mut common = match all.first() {
                Some(first) => (*first).clone(),
                None => return $capabilities::all(),
            };
            combine(&mut common, $capabilities::FLAGS, all, true);
            for one in all {
                $(common.$least = common.$least.min(one.$least);)*
                $(common.$most = common.$most.max(one.$most);)*
                $($(common.$both = $with(common.$both, one.$both);)*)?
            }
            common
        }
    };
}

all_of! {
    /// A part must be as large as the store with the largest smallest part wants it.
    all_object_stores: ObjectStoreCapabilities {
        least { key_max, put_max, put_split, part_max, parts_max, delete_max, presign_max, }
        most { part_min, put_needs_length, }
        both { list_consistency by later; }
    }
}

all_of! {
    all_key_value_stores: KeyValueStoreCapabilities {
        least { key_max, value_max, transaction_max, get_max, write_max, }
        most { ttl_min, ttl_precision, ttl_slack, }
        both { list_order by |one, other| if one == other { one } else { ListOrder::Unordered }; }
    }
}

all_of! {
    all_secret_stores: SecretStoreCapabilities {
        least { name_max, value_max, }
        most {}
    }
}

all_of! {
    all_vector_stores: VectorStoreCapabilities {
        least { top_k_max, dimensions_max, batch_max, id_max, name_max, }
        most {}
        both {
            filter_operators by |one: FilterOperators, other: FilterOperators| {
                one.iter().filter(|operator| other.has(*operator)).collect()
            };
            metrics by metrics_of_both;
            consistency by |one, other| if one == other { one } else { Consistency::Eventual };
        }
    }
}

all_of! {
    /// The order of histories is that of the first: they are never joined. A text is counted in the unit in which it is
    /// longest.
    all_messengers: MessengerCapabilities {
        least { text_max, blocks_max, attachment_max, attachments_max, }
        most {}
        both { text_unit by longest; }
    }
}

all_of! {
    all_notifiers: NotifierCapabilities {
        least { title_max, body_max, recipients_max, schedule_max, }
        most {}
    }
}

fn later(one: ListConsistency, other: ListConsistency) -> ListConsistency {
    match (one, other) {
        (ListConsistency::Within(one), ListConsistency::Within(other)) => ListConsistency::Within(one.max(other)),
        (ListConsistency::Strong, other) => other,
        (one, _) => one,
    }
}

fn metrics_of_both(one: &'static [Metric], other: &'static [Metric]) -> &'static [Metric] {
    const SETS: [&[Metric]; 7] = [
        &[Metric::Cosine, Metric::Dot, Metric::Euclidean],
        &[Metric::Cosine, Metric::Dot],
        &[Metric::Cosine, Metric::Euclidean],
        &[Metric::Dot, Metric::Euclidean],
        &[Metric::Cosine],
        &[Metric::Dot],
        &[Metric::Euclidean],
    ];
    let both = |metric: &Metric| one.contains(metric) && other.contains(metric);
    SETS.into_iter().find(|set| set.iter().all(both)).unwrap_or_default()
}

/// No text has more UTF-16 units than bytes, nor more characters than UTF-16 units.
fn longest(one: TextUnit, other: TextUnit) -> TextUnit {
    match (one, other) {
        (TextUnit::Bytes, _) | (_, TextUnit::Bytes) => TextUnit::Bytes,
        (TextUnit::Utf16, _) | (_, TextUnit::Utf16) => TextUnit::Utf16,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use circle_core_common::{ByteSize, FilterOperator};

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
    fn stores_and_messengers_have_the_narrower_limits() {
        let (mut one, mut other) = (ObjectStoreCapabilities::all(), ObjectStoreCapabilities::all());
        (one.copy, one.part_min, other.part_min, other.key_max) = (false, ByteSize::mib(5), ByteSize::kib(1), ByteSize::kib(1));
        (one.list_consistency, other.put_needs_length) = (ListConsistency::Within(Duration::from_secs(2)), true);
        let all = all_object_stores(&[&one, &other]);
        assert_eq!((all.copy, all.multipart, all.put_needs_length), (false, true, true));
        assert_eq!((all.part_min, all.key_max, all.list_consistency), (ByteSize::mib(5), ByteSize::kib(1), one.list_consistency));

        let (mut one, mut other) = (VectorStoreCapabilities::all(), VectorStoreCapabilities::all());
        (one.metrics, other.metrics) = (&[Metric::Dot, Metric::Cosine], &[Metric::Euclidean, Metric::Cosine]);
        one.filter_operators = one.filter_operators.without(FilterOperator::Geo);
        other.filter_operators = other.filter_operators.without(FilterOperator::Prefix);
        let all = all_vector_stores(&[&one, &other]);
        assert_eq!(all.metrics, [Metric::Cosine]);
        let operators = all.filter_operators;
        assert!(
            operators.has(FilterOperator::Eq) && !operators.has(FilterOperator::Geo) && !operators.has(FilterOperator::Prefix)
        );

        let (mut one, mut other) = (MessengerCapabilities::all(), MessengerCapabilities::all());
        (one.text_unit, one.text_max, other.text_unit) = (TextUnit::Utf16, 100, TextUnit::Characters);
        let all = all_messengers(&[&one, &other]);
        assert_eq!((all.text_unit, all.text_max), (TextUnit::Utf16, 100));
        assert_eq!(all_notifiers(&[]), NotifierCapabilities::all());
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
