//! What is told of the tokens of a call.

use metrics::{Key, Label, Level, Metadata};

use super::Usage;
use crate::scope::Call;

/// The histogram of tokens per call, as OpenTelemetry's conventions for generative AI name it.
const TOKEN_USAGE: &str = "gen_ai.client.token.usage";

static METADATA: Metadata<'static> = Metadata::new("circle", Level::INFO, Some(module_path!()));

/// Tells the report and the histogram; what is unknown is not told.
pub(super) fn note_usage(call: &Call<'_>, usage: &Usage) {
    call.cx().report(|report| report.add_usage(usage));
    for (kind, tokens) in [("input", usage.input_total()), ("output", usage.output_total())] {
        let Some(tokens) = tokens else { continue };
        let labels = vec![
            Label::from_static_parts("gen_ai.operation.name", "chat"),
            Label::from_static_parts("gen_ai.provider.name", call.core().provider()),
            Label::from_static_parts("gen_ai.token.type", kind),
            Label::new("circle.service", call.core().service().to_owned()),
        ];
        let key = Key::from_parts(TOKEN_USAGE, labels);
        // No count of tokens comes near the numbers that a float cannot tell apart.
        metrics::with_recorder(|recorder| recorder.register_histogram(&key, &METADATA).record(tokens as f64));
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use metrics::{Counter, Gauge, Histogram, HistogramFn, KeyName, Recorder, SharedString, Unit};

    use super::super::{ChatEvent, ChatModel, ChatResponse, ChatStream, FinishReason, MockChatModelProvider, Part};
    use super::*;

    /// What was recorded under the name of the tokens: their kind, and how many.
    #[derive(Clone, Default)]
    struct Tokens(Arc<Mutex<Vec<(String, f64)>>>);

    struct Kind(String, Tokens);

    impl HistogramFn for Kind {
        fn record(&self, value: f64) {
            self.1.0.lock().unwrap_or_else(PoisonError::into_inner).push((self.0.clone(), value));
        }
    }

    impl Recorder for Tokens {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            if key.name() != TOKEN_USAGE {
                return Histogram::noop();
            }
            let kind = key.labels().find(|label| label.key() == "gen_ai.token.type").map(|label| label.value().to_owned());
            Histogram::from_arc(Arc::new(Kind(kind.unwrap_or_default(), self.clone())))
        }
    }

    #[tokio::test]
    async fn known_tokens_are_told_whole_and_streamed_and_unknown_ones_are_not() {
        let mut mock = MockChatModelProvider::ready();
        mock.expect_chat().returning(|_, _| {
            let mut reply = ChatResponse::new(vec![Part::text("Yes.")]);
            reply.usage = Usage::unknown().output(Some(7));
            Ok(reply)
        });
        mock.expect_stream().returning(|_, _| {
            let usage = Usage::inclusive(Some(20), Some(0), Some(0)).output(Some(3));
            let start = ChatEvent::start(None, None);
            Ok(ChatStream::from_events([start, ChatEvent::Usage(usage), ChatEvent::end(FinishReason::Stop)]))
        });
        let (model, tokens) = (ChatModel::new(mock), Tokens::default());
        let recording = metrics::set_default_local_recorder(&tokens);
        model.chat("Is it?").await.unwrap();
        model.stream("Is it?").await.unwrap().finish().await.unwrap();
        drop(recording);
        let told = tokens.0.lock().unwrap().clone();
        assert_eq!(told, [("output".to_owned(), 7.0), ("input".to_owned(), 20.0), ("output".to_owned(), 3.0)]);
    }
}
