//! The suites of chat and embedding models over every decorator of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::chat_model::conformance::{Ending, NEGATIVES, SUITE, ScriptedAnswers, Turn};
use circle_core_common::interfaces::chat_model::{ChatModel, ChatModelProvider};
use circle_core_common::interfaces::embedding_model::{self, EmbeddingModel, EmbeddingModelProvider};
use circle_core_common::suite::{Decorated, Decoration, Interception, Plan};
use circle_core_common::{Error, ErrorKind, Handle, Result};
use circle_core_embedded::{EmbeddedEmbeddings, ScriptedModel, ScriptedReply};
use circle_core_testkit::{Failed, Subject, outcomes};

use super::super::{Budget, Budgeted, Cached, Coalesced, Fallback, NanoUsd, Per, PriceTable, Route, Router, UnknownPrice};

struct Told(ScriptedModel);

impl ScriptedAnswers for Told {
    fn answer(&self, turn: Turn) -> Result<(), Failed> {
        let (events, ending) = turn.events("scripted");
        let count = events.len();
        let reply = ScriptedReply::events(events);
        let reply = match (ending.error(), ending) {
            (Some(error), _) => reply.fails_after(count, error),
            (None, Ending::Stalls(_)) => reply.stalls_after(count),
            (None, _) => reply,
        };
        let _ = self.0.clone().reply(reply);
        Ok(())
    }

    fn asked(&self) -> Vec<Bytes> {
        let requests = self.0.requests();
        let asked = requests.iter().map(|request| {
            let output = request.output.as_ref().map(|output| (&output.name, &output.schema));
            let content = (&request.model, &request.system, &request.messages, &request.tools, output, request.temperature);
            Bytes::from(serde_json::to_vec(&content).unwrap())
        });
        asked.collect()
    }
}

/// A leg whose calls all fail. Its quota does not come back, so that the error of what stands behind it is told.
struct Down;

#[async_trait]
impl Decoration for Down {
    async fn before(&self, call: Interception<'_>) -> Result<Plan> {
        match call.method {
            "health" => Ok(Plan::Answer),
            _ => Err(Error::new(ErrorKind::QuotaExceeded, "no credit is left")),
        }
    }
}

fn budget() -> Budget {
    Budget::new("all").per(Per::Tenant).tokens(u64::MAX).money(NanoUsd::dollars(1_000_000))
}

fn budgeted<H: Handle>(handle: H) -> Budgeted<H> {
    Budgeted::new(handle).budget(budget()).unknown_price(UnknownPrice::Assume(NanoUsd::dollars(1)))
}

/// Over the model that is told what to answer.
fn subject<P: ChatModelProvider>(decorate: impl Fn(ScriptedModel) -> P) -> Subject<ChatModel> {
    let model = ScriptedModel::new();
    let decorated: Arc<dyn ChatModelProvider> = Arc::new(decorate(model.clone()));
    let mut subject = Subject::<ChatModel>::over(decorated);
    subject.native = Some(|handle| handle.native::<P>().is_some());
    subject.model = Some(Arc::new(Told(model)));
    subject
}

async fn holds<P: ChatModelProvider>(decorate: impl Fn(ScriptedModel) -> P) {
    // The scripted model cannot count.
    let expected = |name: &str| name == "count_tokens_counts";
    let failed = outcomes(SUITE, || subject(&decorate)).await.into_iter().filter(|(name, outcome)| match outcome {
        Ok(()) => expected(name),
        Err(Failed::Skipped(_)) => !expected(name),
        Err(_) => true,
    });
    let failed: Vec<String> = failed.map(|(name, outcome)| format!("{name}: {outcome:?}")).collect();
    assert_eq!(failed, [""; 0]);
    for negative in NEGATIVES {
        assert_eq!((negative.run)(subject(&decorate)).await, Ok(()), "{}", negative.flag.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_is_a_chat_model() {
    holds(|model| Fallback::new([ChatModel::new(model), ChatModel::new(ScriptedModel::new())])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_whose_first_leg_is_down_is_a_chat_model() {
    holds(|model| Fallback::new([ChatModel::new(Decorated::new(model.clone(), Down)), ChatModel::new(model)])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_router_is_a_chat_model() {
    holds(|model| Router::new([ChatModel::new(model)]).route(Route::Cheapest(PriceTable::builtin()))).await;
    holds(|model| Router::new([ChatModel::new(model)]).route(Route::Fastest)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_is_a_chat_model() {
    // The suite asks the same again and wants another answer: what is kept is too old at once.
    holds(|model| Cached::new(ChatModel::new(model)).ttl(Duration::ZERO)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_is_a_chat_model() {
    holds(|model| budgeted(ChatModel::new(model))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_together_are_a_chat_model() {
    holds(|model| {
        let down = ChatModel::new(Decorated::new(model.clone(), Down));
        let inner = ChatModel::new(Fallback::new([down, ChatModel::new(Router::new([ChatModel::new(model)]))]));
        budgeted(ChatModel::new(Cached::new(inner).ttl(Duration::ZERO)))
    })
    .await;
}

fn embeddings() -> EmbeddingModel {
    EmbeddingModel::new(EmbeddedEmbeddings::new())
}

async fn embeds<P: EmbeddingModelProvider>(decorate: impl Fn(EmbeddingModel) -> P) {
    let subject = || {
        let decorated: Arc<dyn EmbeddingModelProvider> = Arc::new(decorate(embeddings()));
        let mut subject = Subject::<EmbeddingModel>::over(decorated);
        subject.native = Some(|handle| handle.native::<P>().is_some());
        subject
    };
    let failed = outcomes(embedding_model::conformance::SUITE, subject).await;
    let failed = failed.into_iter().filter(|(_, outcome)| matches!(outcome, Err(Failed::Wrong(_))));
    let failed: Vec<String> = failed.map(|(name, outcome)| format!("{name}: {outcome:?}")).collect();
    assert_eq!(failed, [""; 0]);
    for negative in embedding_model::conformance::NEGATIVES {
        assert_eq!((negative.run)(subject()).await, Ok(()), "{}", negative.flag.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decorated_embedding_models_are_embedding_models() {
    embeds(|model| Fallback::new([model, embeddings()])).await;
    embeds(|model| {
        let down = EmbeddingModel::new(Decorated::new(model.provider().unwrap().clone(), Down));
        Fallback::new([down, model])
    })
    .await;
    embeds(|model| Cached::new(model).ttl(Duration::ZERO)).await;
    embeds(Coalesced::new).await;
    embeds(budgeted).await;
}
