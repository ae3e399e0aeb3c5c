//! Legs behind a network: their own policies come first.

use circle_core_common::interfaces::chat_model::ChatModel;
use circle_core_common::{BuildContext, CallOptions, CallReport, Environment, ErrorKind, SecretRef};
use circle_core_testkit::{FaultServer, Reply};

use super::super::super::{Leg, LegErrors};
use super::super::Fallback;
use crate::openai::{OpenAi, OpenAiConfig};

fn leg(name: &'static str, server: &FaultServer) -> Leg<ChatModel> {
    let config = OpenAiConfig::new("gpt-5-mini").endpoint(server.origin()).api_key(SecretRef::literal("test"));
    let cx = BuildContext::new(Environment::default(), name).allow_loopback(true);
    Leg::new(ChatModel::new(OpenAi::new(config, cx).unwrap())).name(name)
}

#[tokio::test]
async fn t43_a_fallback_gets_the_error_that_is_left_after_all_attempts() {
    let (first, second) = (FaultServer::start().await.unwrap(), FaultServer::start().await.unwrap());
    let model = ChatModel::new(Fallback::new([leg("first", &first), leg("second", &second)]));
    let answer = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"42"}}]}"#;
    first.always(Reply::status(503));
    second.script([Reply::status(503), Reply::json(answer)]);
    let report = CallReport::new();
    let reply = model.with(CallOptions::new().report(&report)).chat("Six times seven?").await.unwrap();
    assert_eq!((reply.text(), first.hits(), second.hits()), ("42".to_owned(), 3, 2));
    // Its own error has theirs, each with all that its leg knew.
    second.always(Reply::status(401).body("no such key"));
    let error = model.chat("Six times seven?").await.unwrap_err();
    let legs: Vec<_> = LegErrors::of(&error).unwrap().iter().map(|(leg, error)| (leg, error.kind(), error.attempts())).collect();
    assert_eq!(legs, [("first", ErrorKind::Unavailable, 3), ("second", ErrorKind::Unauthenticated, 1)]);
    let said = LegErrors::of(&error).unwrap().iter().nth(1).and_then(|(_, error)| error.detail()?.body.clone());
    assert_eq!(said.as_deref(), Some("no such key"));
    assert_eq!((first.hits(), second.hits()), (6, 3));
}
