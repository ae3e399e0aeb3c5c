//! A server that speaks the API: chats answer what they are told to, texts are embedded by their words.

mod chat;
mod embedding;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use circle_core_common::interfaces::chat_model::conformance::{ScriptedAnswers, Turn, TurnPart};
use circle_core_common::suite::Failed;
use circle_core_common::{Error, ErrorKind, Result};
use circle_core_testkit::{FaultServer, Reply};

const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/v1/embeddings";

/// The server; dropped, it is gone.
pub(crate) struct ContractServer {
    server: FaultServer,
    turns: Arc<Mutex<VecDeque<Turn>>>,
}

impl ContractServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Why no port can be had.
    pub(crate) async fn start() -> Result<Self> {
        let server = FaultServer::start().await.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let turns = Arc::new(Mutex::new(VecDeque::<Turn>::new()));
        let told = Arc::clone(&turns);
        server.at(CHAT).always_with(move |request| {
            let turn = told.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            chat::reply(&turn.unwrap_or_else(|| Turn::text(["Yes."])), &request.body)
        });
        server.at(EMBEDDINGS).always_with(|request| embedding::reply(&request.body));
        server.at("/v1/models").always(Reply::json(r#"{"object":"list","data":[{"id":"gpt-5-mini","object":"model"}]}"#));
        Ok(Self { server, turns })
    }

    /// Where it listens.
    pub(crate) fn origin(&self) -> String {
        self.server.origin()
    }
}

impl ScriptedAnswers for ContractServer {
    fn answer(&self, turn: Turn) -> std::result::Result<(), Failed> {
        if turn.parts.iter().any(|part| matches!(part, TurnPart::Reasoning(_, Some(_)))) {
            return Err(Failed::Skipped("Chat Completions of OpenAI have no state of reasoning".to_owned()));
        }
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).push_back(turn);
        Ok(())
    }

    fn asked(&self) -> Vec<Bytes> {
        self.server.received().into_iter().filter(|request| request.path() == CHAT).map(|request| request.body).collect()
    }
}
