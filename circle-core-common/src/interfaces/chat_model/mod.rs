//! Chat models: a conversation in, an answer out, whole or as it comes.
//!
//! ```
//! # use circle_core_common::{Result, interfaces::chat_model::{ChatEvent, ChatModel, ChatRequest}};
//! # async fn example(model: ChatModel, png: Vec<u8>) -> Result<()> {
//! let reply = model.chat("Name three rivers in Latvia.").await?;
//! println!("{} ({})", reply.text(), reply.usage);
//!
//! let request = ChatRequest::new().system("Answer briefly.").user("What is this?").image(png).max_output_tokens(800);
//! let mut stream = model.stream(&request).await?; // what the service refuses is an error here
//! while let Some(event) = stream.try_next().await? {
//!     if let ChatEvent::TextDelta { text, .. } = event {
//!         print!("{text}");
//!     }
//! }
//! let reply = stream.finish().await?; // the same answer, assembled
//! let next = request.reply(&reply).user("And what is behind it?");
//! # Ok(())
//! # }
//! ```
//!
//! *Streams* that end without their end are errors, which hold what was received ([`Received::of`]). *State* that a provider
//! attaches to an answer goes back to it byte for byte, and to no other. *Equal requests* are sent as equal bytes.

mod assembler;
mod capabilities;
#[cfg(feature = "testkit")]
pub mod conformance;
mod emulated;
mod estimate;
#[cfg(feature = "schema")]
mod extract;
mod foreign_state;
mod many;
#[cfg(feature = "mock")]
mod mock;
mod provider;
mod received;
mod stream;
mod telemetry;
mod tool_slots;
mod types;
mod validate;

pub use assembler::{Assembler, events_of};
pub use capabilities::ChatModelCapabilities;
pub use estimate::TokenEstimate;
#[cfg(feature = "mock")]
pub use mock::MockChatModelProvider;
pub use provider::ChatModelProvider;
pub use received::Received;
pub use stream::ChatStream;
pub use tool_slots::{ToolDelta, ToolSlots};
pub use types::*;

pub use super::model_id::ModelId;

use emulated::Emulated;

use crate::bulk::Bulk;
use crate::error::Result;
use crate::operation::Operation;
use crate::scope::{Call, Resources};

crate::operations! {
    "ChatModel" => {
        /// A whole answer.
        CHAT = "chat_model.chat", Read;
        /// An answer as it comes.
        STREAM = "chat_model.stream", Read;
        /// Counts tokens.
        COUNT_TOKENS = "chat_model.count_tokens", Read;
    }
}

crate::handle! {
    /// A chat model: what applications hold.
    ChatModel over ChatModelProvider with ChatModelCapabilities as "ChatModel"
}

type Caps = ChatModelCapabilities;

impl ChatModel {
    /// An answer, whole. Answers that take longer than a proxy waits are better streamed.
    ///
    /// Not idempotent: the same request is answered, and paid for, again.
    ///
    /// # Errors
    /// `InvalidInput` for a request that cannot be right, and with reason `ContextLength` for one that is too long;
    /// `ContentFiltered`; `Unsupported`; what the service says.
    pub async fn chat(&self, request: impl Into<ChatRequest>) -> Result<ChatResponse> {
        self.chat_inner(request.into()).await
    }

    async fn chat_inner(&self, request: ChatRequest) -> Result<ChatResponse> {
        self.at(&CHAT, &request, self.check(&request))?;
        let mut call = self.open(&CHAT);
        let provider = self.start(&mut call, resources(&request)).await?;
        let prepared = self.prepare(&call, provider, request);
        let result = call.guard(provider.chat(call.cx(), prepared.request)).await.map(|response| {
            let mut response = match &prepared.emulated {
                Some(emulated) => emulated.response(response),
                None => response,
            };
            response.warnings.splice(0..0, prepared.warnings);
            telemetry::note_usage(&call, &response.usage);
            response
        });
        call.finish(result).await
    }

    /// An answer as it comes. The timeout, deadline and cancellation of this call bound the reading of it too; the call is
    /// over when the stream is.
    ///
    /// # Errors
    /// As [`chat`](Self::chat), all of it here and not in the stream, as long as the service has not begun to answer.
    pub async fn stream(&self, request: impl Into<ChatRequest>) -> Result<ChatStream> {
        self.stream_inner(request.into()).await
    }

    async fn stream_inner(&self, request: ChatRequest) -> Result<ChatStream> {
        let checked = self.need(Caps::STREAM, true).and_then(|()| self.check(&request));
        self.at(&STREAM, &request, checked)?;
        let mut call = self.open(&STREAM);
        let provider = self.start(&mut call, resources(&request)).await?;
        let prepared = self.prepare(&call, provider, request);
        let Prepared { request, emulated, warnings } = prepared;
        // Boxed: inline it would make a large future of every caller's.
        let opening = Box::pin(async {
            let mut stream = provider.stream(call.cx(), request).await?;
            stream.begin().await.map(|()| stream)
        });
        match call.guard(opening).await {
            Ok(stream) => Ok(stream.within(call.detach(), emulated, warnings)),
            Err(error) => call.finish(Err(error)).await,
        }
    }

    /// Answers to many requests, eight at a time, each a call of its own; in their order.
    ///
    /// # Errors
    /// `InvalidInput` and `Unsupported` as [`chat`](Self::chat), for all where one of them cannot be right: nothing is sent
    /// then. What happens to a single request is its entry.
    pub async fn chat_many<R: Into<ChatRequest>>(&self, requests: impl IntoIterator<Item = R>) -> Result<Bulk<ChatResponse>> {
        self.chat_many_with(requests, ChatManyOptions::new()).await
    }

    /// Answers to many requests, as many at a time as the options say.
    ///
    /// # Errors
    /// As [`chat_many`](Self::chat_many).
    pub async fn chat_many_with<R: Into<ChatRequest>>(
        &self,
        requests: impl IntoIterator<Item = R>,
        options: ChatManyOptions,
    ) -> Result<Bulk<ChatResponse>> {
        let requests: Vec<ChatRequest> = requests.into_iter().map(Into::into).collect();
        self.chat_many_inner(requests, options).await
    }

    async fn chat_many_inner(&self, requests: Vec<ChatRequest>, options: ChatManyOptions) -> Result<Bulk<ChatResponse>> {
        for (at, request) in requests.iter().enumerate() {
            let checked = self.check(request).map_err(|error| error.context(format_args!("request {at}")));
            self.at(&CHAT, request, checked)?;
        }
        // One timeout bounds them all.
        let model = self.bounded();
        let model = &model;
        let calls = requests.into_iter().map(|request| async move { model.chat_inner(request).await });
        Ok(Bulk::new(many::at_most(options.concurrency, calls).await))
    }

    /// How many tokens a request has.
    ///
    /// Where the provider cannot count, [`OnUnsupported::Emulate`](crate::OnUnsupported::Emulate) allows an estimate, which
    /// is marked as one and sends nothing.
    ///
    /// # Errors
    /// `Unsupported` without `count_tokens`, and for an estimate of anything but text; what the service says.
    pub async fn count_tokens(&self, request: impl Into<ChatRequest>) -> Result<TokenCount> {
        self.count_tokens_inner(request.into()).await
    }

    async fn count_tokens_inner(&self, request: ChatRequest) -> Result<TokenCount> {
        let counts = self.capabilities().count_tokens;
        let countable = self.need(Caps::COUNT_TOKENS, !self.emulates()).and_then(|()| self.check(&request));
        self.at(&COUNT_TOKENS, &request, countable)?;
        let mut call = self.open(&COUNT_TOKENS);
        let provider = self.start(&mut call, resources(&request)).await?;
        let result = if counts {
            let prepared = self.prepare(&call, provider, request);
            call.guard(provider.count_tokens(call.cx(), prepared.request)).await
        } else {
            call.cx().report(|report| report.emulated.push(Caps::COUNT_TOKENS.name()));
            estimate::tokens(&request).map(TokenCount::estimated)
        };
        call.finish(result).await
    }

    /// Whether this request can be made to this model, as far as can be told without asking it.
    ///
    /// # Errors
    /// What [`chat`](Self::chat) says before it sends anything: `InvalidInput`, `Unsupported`.
    pub fn accepts(&self, request: &ChatRequest) -> Result<()> {
        self.at(&CHAT, request, self.check(request))
    }

    /// What the provider gets of a checked request.
    fn prepare(&self, call: &Call<'_>, provider: &dyn ChatModelProvider, mut request: ChatRequest) -> Prepared {
        let warnings = request.leave_out_foreign_state(provider).into_iter().collect();
        let native = self.capabilities().output_schema;
        let emulated = if native { None } else { Emulated::of(&mut request) };
        if emulated.is_some() {
            call.cx().report(|report| report.emulated.push(Caps::OUTPUT_SCHEMA.name()));
        }
        Prepared { request, emulated, warnings }
    }

    fn emulates(&self) -> bool {
        self.core.options().is_some_and(|options| options.on_unsupported == Some(crate::OnUnsupported::Emulate))
    }

    /// Says where a check failed, before any scope opened.
    fn at<T>(&self, operation: &'static Operation, request: &ChatRequest, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let error = self.core.place(error, operation);
            match &request.model {
                Some(model) => error.with_resource(model.shared()),
                None => error,
            }
        })
    }
}

struct Prepared {
    request: ChatRequest,
    emulated: Option<Emulated>,
    warnings: Vec<Warning>,
}

fn resources(request: &ChatRequest) -> Resources<'_> {
    request.model.as_ref().map_or(Resources::None, |model| Resources::One(model.shared()))
}
