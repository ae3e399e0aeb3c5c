//! A server that speaks the API: chats answer what they are told to, texts are embedded by their words.

mod chat;
mod embedding;
mod response;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use circle_core_common::interfaces::chat_model::conformance::{ScriptedAnswers, Turn, TurnPart};
use circle_core_common::suite::Failed;
use circle_core_common::{Error, ErrorKind, Result};
use circle_core_testkit::{FaultServer, Reply};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const INPUT_TOKENS: &str = "/v1/responses/input_tokens";
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
        let next = move || {
            let turn = told.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            turn.unwrap_or_else(|| Turn::text(["Yes."]))
        };
        let also_next = next.clone();
        server.at(CHAT).always_with(move |request| chat::reply(&next(), &request.body));
        server.at(RESPONSES).always_with(move |request| response::reply(&also_next(), &request.body));
        server.at(INPUT_TOKENS).always_with(|request| response::count(&request.body));
        server.at(EMBEDDINGS).always_with(|request| embedding::reply(&request.body));
        server.at("/v1/models").always(Reply::json(r#"{"object":"list","data":[{"id":"gpt-5-mini","object":"model"}]}"#));
        Ok(Self { server, turns })
    }

    /// Where it listens.
    pub(crate) fn origin(&self) -> String {
        self.server.origin()
    }
}

impl ContractServer {
    fn tell(&self, turn: Turn) {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).push_back(turn);
    }

    fn asked_at(&self, path: &str) -> Vec<Bytes> {
        self.server.received().into_iter().filter(|request| request.path() == path).map(|request| request.body).collect()
    }
}

/// Its Chat Completions.
impl ScriptedAnswers for ContractServer {
    fn answer(&self, turn: Turn) -> std::result::Result<(), Failed> {
        if turn.parts.iter().any(|part| matches!(part, TurnPart::Reasoning(_, Some(_)))) {
            return Err(Failed::Skipped("Chat Completions of OpenAI have no state of reasoning".to_owned()));
        }
        self.tell(turn);
        Ok(())
    }

    fn asked(&self) -> Vec<Bytes> {
        self.asked_at(CHAT)
    }
}

/// Its Responses API.
pub(crate) struct Responses(pub(crate) Arc<ContractServer>);

impl ScriptedAnswers for Responses {
    fn answer(&self, turn: Turn) -> std::result::Result<(), Failed> {
        self.0.tell(turn);
        Ok(())
    }

    fn asked(&self) -> Vec<Bytes> {
        self.0.asked_at(RESPONSES)
    }
}
