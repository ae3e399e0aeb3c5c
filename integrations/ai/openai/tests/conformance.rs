//! The suites of chat and embedding models, over a server that speaks the API and answers what a case tells it.

mod contract_server;

use std::sync::Arc;

use circle_core_common::interfaces::chat_model::{self, ChatModel};
use circle_core_common::interfaces::embedding_model::{self, EmbeddingModel};
use circle_core_common::suite::{Canary, Subject, equal};
use circle_core_common::{BuildContext, Environment, Integration, Result, SecretRef};
use circle_core_openai::{OpenAi, OpenAiApi, OpenAiConfig};
use circle_core_testkit::{Runner, assert_metadata, assert_operations};
use contract_server::{ContractServer, Responses};

fn main() {
    Runner::new()
        .test("metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), OpenAi::NAME, OpenAi::INTERFACES)
        })
        .test("every_request_is_told", || async {
            assert_operations(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocols/openai/src"), OpenAi::OPERATIONS)
        })
        .test("build_offers_the_interfaces", || async {
            let config = config("http://127.0.0.1:9", &Canary::new());
            let service = OpenAi::build(config, context()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &OpenAi::INTERFACES.to_vec())
        })
        .suite("ChatModel", chat_model::conformance::SUITE, chat)
        .negatives("ChatModel", chat_model::conformance::NEGATIVES, |_| chat())
        .suite("ChatModel over Responses", chat_model::conformance::SUITE, responses)
        .negatives("ChatModel over Responses", chat_model::conformance::NEGATIVES, |_| responses())
        .suite("EmbeddingModel", embedding_model::conformance::SUITE, embedding)
        .negatives("EmbeddingModel", embedding_model::conformance::NEGATIVES, |_| embedding())
        .main()
}

fn context() -> BuildContext {
    BuildContext::new(Environment::default(), "assistant").allow_loopback(true)
}

fn config(origin: &str, canary: &Canary) -> OpenAiConfig {
    OpenAiConfig::new("gpt-5-mini")
        .embedding_model("text-embedding-3-small")
        .api_key(SecretRef::literal(canary.secret().to_owned()))
        .endpoint(origin)
}

async fn provider(api: OpenAiApi) -> Result<(Arc<OpenAi>, Arc<ContractServer>, Canary)> {
    let (server, canary) = (Arc::new(ContractServer::start().await?), Canary::new());
    let provider = OpenAi::new(config(&server.origin(), &canary).api(api), context())?;
    Ok((Arc::new(provider), server, canary))
}

async fn responses() -> Result<Subject<ChatModel>> {
    let (provider, server, canary) = provider(OpenAiApi::Responses).await?;
    let mut subject = Subject::<ChatModel>::over(provider);
    subject.canary = canary;
    subject.native = Some(|model| model.native::<OpenAi>().is_some());
    subject.model = Some(Arc::new(Responses(server.clone())));
    subject.keep = Some(server);
    Ok(subject)
}

async fn chat() -> Result<Subject<ChatModel>> {
    let (provider, server, canary) = provider(OpenAiApi::ChatCompletions).await?;
    let mut subject = Subject::<ChatModel>::over(provider);
    subject.canary = canary;
    subject.native = Some(|model| model.native::<OpenAi>().is_some());
    subject.model = Some(server.clone());
    subject.keep = Some(server);
    Ok(subject)
}

async fn embedding() -> Result<Subject<EmbeddingModel>> {
    let (provider, server, canary) = provider(OpenAiApi::default()).await?;
    let mut subject = Subject::<EmbeddingModel>::over(provider);
    subject.canary = canary;
    subject.native = Some(|model| model.native::<OpenAi>().is_some());
    subject.keep = Some(server);
    Ok(subject)
}
