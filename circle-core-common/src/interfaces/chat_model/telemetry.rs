//! What is told of the tokens of a call, and of when they come.

use std::sync::Arc;

use super::Usage;
use crate::clock::Tick;
use crate::scope::{Call, Model, Taken};

/// Tells the report, the histogram and the account of the tenant; what is unknown is not told.
pub(super) fn note_usage(call: &Call<'_>, usage: &Usage) {
    call.cx().report(|report| report.add_usage(usage));
    let (input, output) = (usage.input_total(), usage.output_total());
    if input.is_some() || output.is_some() {
        call.count_tokens(input, output);
        call.model().inspect(|model| model.tokens(input, output));
    }
}

/// When the pieces of an answer come.
#[derive(Default)]
pub(super) enum Chunks {
    /// None came yet.
    #[default]
    Ahead,
    /// Somebody wants to know: since the last.
    Heard(Arc<Model>, Tick),
    /// Nobody does.
    Unheard,
}

impl Chunks {
    /// A piece of the answer is there.
    #[inline]
    pub(super) fn note(&mut self, call: &Call<'_>) {
        match self {
            Self::Unheard => {}
            Self::Heard(model, last) => {
                let now = call.cx().clock().now();
                model.chunk(now.since(*last));
                *last = now;
            }
            Self::Ahead => *self = Self::first(call),
        }
    }

    fn first(call: &Call<'_>) -> Self {
        let taken = Taken::now(call.cx());
        match call.model() {
            Some(model) if model.first_chunk(&taken) => Self::Heard(model, call.cx().started().after(taken.get())),
            _ => Self::Unheard,
        }
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use super::super::{
        ChatEvent, ChatModel, ChatRequest, ChatResponse, ChatStream, FinishReason, MockChatModelProvider, Part, PartKind,
    };
    use super::*;
    use crate::telemetry::kept::Kept;
    use crate::{CallOptions, Environment};

    #[tokio::test]
    async fn durations_tokens_and_chunks_are_told_and_what_is_unknown_is_not() {
        let mut mock = MockChatModelProvider::ready();
        mock.expect_chat().returning(|_, _| {
            let mut reply = ChatResponse::new(vec![Part::text("Yes.")]);
            reply.usage = Usage::unknown().output(Some(7));
            Ok(reply)
        });
        mock.expect_stream().returning(|_, _| {
            let usage = Usage::inclusive(Some(20), Some(0), Some(0)).output(Some(3));
            let text = |text: &str| ChatEvent::TextDelta { part: 0, text: text.into() };
            let start = ChatEvent::PartStart { part: 0, kind: PartKind::Text };
            let events = [
                start,
                text("a"),
                text("b"),
                text("c"),
                ChatEvent::Usage(usage),
                ChatEvent::PartEnd { part: 0, state: None },
                ChatEvent::end(FinishReason::Stop),
            ];
            Ok(ChatStream::from_events([ChatEvent::start(None, None)].into_iter().chain(events)))
        });
        let model = crate::Handle::rebind(&ChatModel::new(mock), Environment::default(), "llm");
        let (kept, of_acme) = (Kept::default(), model.with(CallOptions::new().tenant("acme")));
        let recording = metrics::set_default_local_recorder(&kept);
        model.chat("Is it?").await.unwrap();
        of_acme.stream(ChatRequest::from("Is it?").model("big")).await.unwrap().finish().await.unwrap();
        drop(recording);
        let all = kept.all();
        let of = |name: &str, labels: &str| all.get(&format!("{name} {labels}")).cloned().unwrap_or_default();
        let (plain, big) = ("circle.service=llm", "gen_ai.request.model=big circle.service=llm");
        let chat = "gen_ai.operation.name=chat gen_ai.provider.name=mock";
        let tokens = |labels: &str| of("gen_ai.client.token.usage", &format!("{chat} gen_ai.token.type={labels}"));
        assert_eq!(tokens(&format!("output {plain}")), [7.0]);
        assert_eq!(tokens(&format!("input {plain}")), [0.0; 0], "{all:?}");
        assert_eq!((tokens(&format!("input {big}")), tokens(&format!("output {big}"))), (vec![20.0], vec![3.0]));
        let count = |name: &str, labels: &str| of(name, &format!("{chat} {labels}")).len();
        assert_eq!(count("gen_ai.client.operation.duration", plain), 1);
        assert_eq!(count("gen_ai.client.operation.duration", big), 1);
        assert_eq!(count("gen_ai.client.operation.time_to_first_chunk", big), 1);
        assert_eq!(count("gen_ai.client.operation.time_per_output_chunk", big), 2);
        let used = "circle.service=llm circle.tenant=acme";
        assert_eq!(of("circle.usage.calls", used), [1.0]);
        assert_eq!(of("circle.usage.tokens", &format!("{used} gen_ai.token.type=input")), [20.0]);
        assert_eq!(of("circle.usage.tokens", "circle.service=llm gen_ai.token.type=output"), [7.0]);
    }
}
