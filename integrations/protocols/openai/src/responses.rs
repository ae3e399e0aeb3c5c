//! The Responses API: a second way to ask a chat model, in items in place of messages.

mod decoder;
mod input;
mod request;
mod wire;

use circle_core_common::http::{Request, SseStream};
use circle_core_common::interfaces::chat_model::{ChatRequest, ChatResponse, ChatStream, TokenCount};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{ByteSize, CallContext, Error, ErrorKind, Result, Sent};
use http::header::{ACCEPT, CONTENT_TYPE};

use self::decoder::Decoder;
use self::request::Purpose;
use self::wire::Answer;
use crate::client::{OpenAiClient, made_ids};
use crate::error::Asked;
use crate::extension::OpenAiReply;
use crate::field;
use crate::profile::ReasoningItems;
use crate::request::Prepared;
use crate::stream::Events;
use crate::wire::Count;

/// The first and the last event of a stream repeat the instructions and the tools, and the last one the answer.
const EVENT_LIMIT: ByteSize = ByteSize::mib(16);

// An answer that nobody keeps changes nothing at the service: asked again it is only paid for again.
pub(crate) static RESPOND: RemoteOperation = RemoteOperation::new("openai.CreateResponse", Idempotency::Idempotent, "/responses");
pub(crate) static COUNT: RemoteOperation =
    RemoteOperation::new("openai.CountInputTokens", Idempotency::Safe, "/responses/input_tokens");

impl OpenAiClient {
    /// An answer of the Responses API, whole. <https://platform.openai.com/docs/api-reference/responses/create>
    ///
    /// Nothing of it is kept at the service, unless [`OpenAiChat::store`](crate::OpenAiChat::store) says so.
    ///
    /// # Errors
    /// `ConfigInvalid` without a model; `Unsupported` for a service without this API and for media that it does not take; what
    /// the service says, also in an answer that says it failed.
    pub async fn respond(&self, cx: &CallContext, request: &ChatRequest) -> Result<ChatResponse> {
        let prepared = self.prepared_response(request, Purpose::Whole)?;
        let (decoder, send) = self.asked_response(cx, prepared)?;
        let response = self.inner.http.send(cx, &RESPOND, send).await?;
        let request_id = response.request_id().map(str::to_owned);
        let answer: Answer<'_> = field::borrowed(&response, "answer of a chat model")?;
        let mut reply = decoder.asked_as(Asked::whole(request_id.clone())).response(&answer)?;
        reply.extensions.put::<ChatResponse, _>(OpenAiReply {
            service_tier: answer.service_tier.owned(),
            system_fingerprint: None,
            rate_limit: response.rate_limit(cx.clock().timestamp()),
            request_id,
        });
        Ok(reply)
    }

    /// An answer of the Responses API as it comes.
    ///
    /// # Errors
    /// As [`respond`](Self::respond): what the service refuses is refused here, and what breaks later is an error of the stream.
    pub async fn respond_stream(&self, cx: &CallContext, request: &ChatRequest) -> Result<ChatStream> {
        let prepared = self.prepared_response(request, Purpose::Stream)?;
        let (decoder, send) = self.asked_response(cx, prepared)?;
        let send = send.header(ACCEPT.as_str(), "text/event-stream")?;
        let opened = self.inner.http.open(cx, &RESPOND, send).await?;
        let (asked, body) = Asked::of(opened);
        let stream = SseStream::with_limit(body, EVENT_LIMIT);
        Ok(ChatStream::new(Events::new(stream, cx.clock().clone(), decoder.asked_as(asked))))
    }

    /// How many tokens a request to the Responses API has, as the service counts them.
    /// <https://platform.openai.com/docs/api-reference/responses/input-tokens>
    ///
    /// # Errors
    /// As [`respond`](Self::respond); `Unsupported` where the service does not count.
    pub async fn count_input_tokens(&self, cx: &CallContext, request: &ChatRequest) -> Result<TokenCount> {
        #[derive(serde::Deserialize)]
        struct Counted {
            #[serde(default)]
            input_tokens: Count,
        }

        let profile = &self.inner.profile;
        if !profile.responses.is_some_and(|wire| wire.count_tokens) {
            let text = format!("`{}` does not count the tokens of a request", profile.name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let prepared = self.prepared_response(request, Purpose::Count)?;
        let send = Request::post(self.inner.base.target("/responses/input_tokens"))
            .header(CONTENT_TYPE.as_str(), "application/json")?
            .body(prepared.body);
        let counted = self.inner.http.send(cx, &COUNT, send).await?.json::<Counted>()?.input_tokens.0;
        let missing = || Error::new(ErrorKind::Decode, "the answer holds no count of tokens").with_sent(Sent::Yes);
        counted.map(TokenCount::exact).ok_or_else(missing)
    }

    fn prepared_response(&self, request: &ChatRequest, purpose: Purpose) -> Result<Prepared> {
        self.check_open()?;
        let profile = &self.inner.profile;
        let Some(wire) = &profile.responses else {
            let text = format!("`{}` has no Responses API", profile.name);
            return Err(Error::new(ErrorKind::Unsupported, text).with_sent(Sent::No));
        };
        request::body(profile, wire, self.asked_model(request)?, request, purpose)
    }

    fn asked_response(&self, cx: &CallContext, prepared: Prepared) -> Result<(Decoder, Request)> {
        let replays = self.inner.profile.responses.is_some_and(|wire| wire.reasoning != ReasoningItems::Dropped);
        let decoder = Decoder::new(made_ids(cx)?, self.inner.responses_state_owner.clone(), replays, prepared.warnings);
        let send = Request::post(self.inner.base.target("/responses"))
            .header(CONTENT_TYPE.as_str(), "application/json")?
            .limited_as(prepared.model)
            .body(prepared.body);
        Ok((decoder, send))
    }
}
