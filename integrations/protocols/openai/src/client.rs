//! The native client: one method per remote operation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use circle_core_common::http::{Auth, BaseUrl, HttpClient, Request, Target, headers};
use circle_core_common::interfaces::chat_model::{ChatRequest, ChatResponse, ChatStream};
use circle_core_common::interfaces::embedding_model::{EmbedRequest, Embedded};
use circle_core_common::resilience::{Idempotency, Profile, RemoteOperation, Resilience, Stall};
use circle_core_common::{
    BuildContext, ByteSize, CallContext, CallOptions, Class, Environment, Error, ErrorKind, Operation, Result, Sent,
};
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::decoder::{self, Decoder};
use crate::embeddings::{self, EmbeddingsRequest};
use crate::endpoint::OpenAiEndpoint;
use crate::error::{Answers, Asked};
use crate::extension::OpenAiReply;
use crate::field;
use crate::models::{Models, OpenAiModel};
use crate::profile::{KeyPlace, OpenAiProfile};
use crate::request::{self, Prepared};
use crate::settings::OpenAiSettings;
use crate::wire::Completion;

/// How long an answer may say nothing: a model that reasons is silent, and the API sends no sign of life.
const STALL: Stall = Stall::silence(Duration::from_secs(120));
/// 2048 embeddings of 3072 numbers in Base64 are 34 MB.
const EMBEDDINGS_LIMIT: ByteSize = ByteSize::mib(64);

// An answer changes nothing at the service: asked again it is only paid for again, as every client of these services does.
pub(crate) static CHAT: RemoteOperation =
    RemoteOperation::new("openai.CreateChatCompletion", Idempotency::Idempotent, "/chat/completions");
pub(crate) static EMBED: RemoteOperation = RemoteOperation::new("openai.CreateEmbedding", Idempotency::Idempotent, "/embeddings");
pub(crate) static LIST_MODELS: RemoteOperation =
    RemoteOperation::new("openai.ListModels", Idempotency::Safe, "/models").cacheable();
pub(crate) static RETRIEVE_MODEL: RemoteOperation =
    RemoteOperation::new("openai.RetrieveModel", Idempotency::Safe, "/models/{model}").cacheable();

/// A call of the native client, which no interface knows more of.
pub(crate) static NATIVE: Operation = Operation::new("OpenAi", "openai.native", Class::Write, 0);

/// A client of one service that speaks the API, with the retries, limits and timeouts of its service. Clones share all of it.
#[derive(Clone)]
pub struct OpenAiClient {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    environment: Environment,
    pub(crate) profile: OpenAiProfile,
    pub(crate) base: BaseUrl,
    pub(crate) http: HttpClient,
    model: Option<String>,
    embedding_model: Option<String>,
    state_owner: Arc<str>,
    pub(crate) responses_state_owner: Arc<str>,
    closed: AtomicBool,
}

impl OpenAiClient {
    /// A client with these settings. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no key where the service wants one, no endpoint where it has none of its own, an endpoint that is none.
    pub fn new(settings: &OpenAiSettings, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = for_models(cx.into());
        let profile = settings.profile.clone();
        let base = base(settings, &cx)?;
        let mut http = cx.http(Arc::clone(&base.origin)).auth(auth(settings)?).classify(Answers).stall(STALL);
        for (name, value) in [("openai-organization", &settings.organization), ("openai-project", &settings.project)] {
            if let Some(value) = value {
                http =
                    http.header(name, value).map_err(|error| Error::new(ErrorKind::ConfigInvalid, error.message().to_owned()))?;
            }
        }
        let inner = Inner {
            environment: cx.environment().clone(),
            http: http.build(),
            base,
            model: settings.model.clone(),
            embedding_model: settings.embedding_model.clone(),
            state_owner: profile.state_owner().into(),
            responses_state_owner: profile.responses_state_owner().into(),
            profile,
            closed: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the service does.
    #[must_use]
    pub fn profile(&self) -> &OpenAiProfile {
        &self.inner.profile
    }

    /// The environment that it was built in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    /// Whose state Chat Completions attach to answers, and take back.
    #[must_use]
    pub fn state_owner(&self) -> &str {
        &self.inner.state_owner
    }

    /// Whose state the Responses API attaches to answers, and takes back.
    #[must_use]
    pub fn responses_state_owner(&self) -> &str {
        &self.inner.responses_state_owner
    }

    /// Model and address, for people and for caches: the address is the host, and port and path where they are not the usual.
    #[must_use]
    pub fn target(&self) -> String {
        let Inner { model, embedding_model, base, profile, .. } = &*self.inner;
        let path = if base.path == profile.path { "" } else { &base.path };
        let address = format!("{}{path}", base.origin.authority());
        model.as_ref().or(embedding_model.as_ref()).map_or_else(|| address.clone(), |model| format!("{model}@{address}"))
    }

    /// A call of this client, starting now, with these options: its timeout bounds all requests that are made with it.
    #[must_use]
    pub fn call(&self, options: CallOptions) -> CallContext {
        CallContext::new(&self.inner.environment, &NATIVE, Some(Arc::new(options)))
    }

    /// Ends the client: calls after it are `Closed`.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    /// An answer, whole. <https://platform.openai.com/docs/api-reference/chat/create>
    ///
    /// # Errors
    /// `ConfigInvalid` without a model; `Unsupported` for media that the service does not take; what the service says.
    pub async fn chat(&self, cx: &CallContext, request: &ChatRequest) -> Result<ChatResponse> {
        let prepared = self.prepared(request, false)?;
        let (decoder, send) = self.asked(cx, prepared)?;
        let response = self.inner.http.send(cx, &CHAT, send).await?;
        let request_id = response.request_id().map(str::to_owned);
        let answer: Completion<'_> = field::borrowed(&response, "answer of a chat model")?;
        let mut reply = decoder.response(&answer, &Asked::whole(request_id.clone()))?;
        reply.extensions.put::<ChatResponse, _>(OpenAiReply {
            service_tier: answer.service_tier.owned(),
            system_fingerprint: answer.system_fingerprint.owned(),
            rate_limit: response.rate_limit(cx.clock().timestamp()),
            request_id,
        });
        Ok(reply)
    }

    /// An answer as it comes.
    ///
    /// # Errors
    /// As [`chat`](Self::chat): what the service refuses is refused here, and what breaks later is an error of the stream.
    pub async fn chat_stream(&self, cx: &CallContext, request: &ChatRequest) -> Result<ChatStream> {
        let prepared = self.prepared(request, true)?;
        let (decoder, send) = self.asked(cx, prepared)?;
        let send = send.header(ACCEPT.as_str(), "text/event-stream")?;
        let opened = self.inner.http.open(cx, &CHAT, send).await?;
        let (asked, body) = Asked::of(opened);
        Ok(ChatStream::new(decoder::events(body, asked, cx.clock().clone(), decoder)))
    }

    /// Embeddings of texts, in one contiguous block. <https://platform.openai.com/docs/api-reference/embeddings/create>
    ///
    /// # Errors
    /// `ConfigInvalid` without an embedding model; `Unsupported` for a service without embeddings and for images; `Decode` for
    /// an answer that is no list of embeddings of one width; what the service says.
    pub async fn embed(&self, cx: &CallContext, request: &EmbedRequest) -> Result<Embedded> {
        self.check_open()?;
        let body = self.embeddings_body(request)?;
        let send = Request::post(self.inner.base.target("/embeddings")).json(&body)?.body_limit(EMBEDDINGS_LIMIT);
        let send = send.limited_as(body.model).accept_compressed();
        let response = self.inner.http.send(cx, &EMBED, send).await?;
        embeddings::read(&response.body, body.model)
    }

    /// The models of the service. <https://platform.openai.com/docs/api-reference/models/list>
    ///
    /// # Errors
    /// What the service says.
    pub async fn models(&self, cx: &CallContext) -> Result<Vec<OpenAiModel>> {
        self.check_open()?;
        let send = Request::get(self.inner.base.target("/models"));
        Ok(self.inner.http.send(cx, &LIST_MODELS, send).await?.json::<Models>()?.data)
    }

    /// One model. <https://platform.openai.com/docs/api-reference/models/retrieve>
    ///
    /// # Errors
    /// `NotFound`; what the service says.
    pub async fn model(&self, cx: &CallContext, id: &str) -> Result<OpenAiModel> {
        self.check_open()?;
        let send = Request::get(self.inner.base.target("/models").segment(id)?);
        self.inner.http.send(cx, &RETRIEVE_MODEL, send).await?.json()
    }

    /// The address of requests that not every service takes.
    pub(crate) fn at(&self, endpoint: OpenAiEndpoint, path: &str) -> Result<Target> {
        self.check_open()?;
        endpoint.check(&self.inner.profile)?;
        Ok(self.inner.base.target(path))
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.inner.http
    }

    /// Whose state goes back with messages, where the service wants that.
    pub(crate) fn replayed_state(&self) -> Option<Arc<str>> {
        self.inner.profile.replays_reasoning.then(|| Arc::clone(&self.inner.state_owner))
    }

    /// The embedding model, and the body that asks it.
    pub(crate) fn embeddings_body<'a>(&'a self, request: &'a EmbedRequest) -> Result<EmbeddingsRequest<'a>> {
        let Some(wire) = self.inner.profile.embeddings else {
            let text = format!("`{}` has no embeddings", self.inner.profile.name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        Ok(EmbeddingsRequest {
            model: named(self.inner.embedding_model.as_deref(), "embedding_model")?,
            input: embeddings::texts(&request.inputs)?,
            dimensions: request.options.dimensions,
            encoding_format: wire.base64.then_some("base64"),
        })
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the client is closed"));
        }
        Ok(())
    }

    /// The chat model that a request asks.
    pub(crate) fn asked_model<'a>(&'a self, request: &'a ChatRequest) -> Result<&'a str> {
        named(request.model.as_ref().map(|model| model.as_str()).or(self.inner.model.as_deref()), "model")
    }

    pub(crate) fn prepared(&self, request: &ChatRequest, stream: bool) -> Result<Prepared> {
        self.check_open()?;
        request::chat(&self.inner.profile, self.asked_model(request)?, request, stream)
    }

    fn asked(&self, cx: &CallContext, prepared: Prepared) -> Result<(Decoder, Request)> {
        let made_ids = made_ids(cx)?;
        let send = Request::post(self.inner.base.target("/chat/completions"))
            .header(CONTENT_TYPE.as_str(), "application/json")?
            .limited_as(prepared.model)
            .body(prepared.body);
        Ok((Decoder::new(made_ids, self.replayed_state(), prepared.warnings), send))
    }
}

/// What the ids of calls that come without one begin with; it differs from answer to answer.
pub(crate) fn made_ids(cx: &CallContext) -> Result<String> {
    Ok(format!("call_{:016x}_", cx.random().bits()? >> 64))
}

fn named<'a>(model: Option<&'a str>, key: &str) -> Result<&'a str> {
    let missing = || Error::new(ErrorKind::ConfigInvalid, format!("`{key}` is missing: nobody says which model to ask"));
    model.ok_or_else(missing).map_err(|error| error.with_sent(Sent::No))
}

/// Models take minutes to answer, and their services refuse more than others do: the values of [`Profile::Llm`], unless the
/// service chooses a profile.
fn for_models(cx: BuildContext) -> BuildContext {
    let chosen = cx.chosen_resilience().clone();
    cx.resilience(chosen.over(&Resilience::new().profile(Profile::Llm)))
}

fn base(settings: &OpenAiSettings, cx: &BuildContext) -> Result<BaseUrl> {
    let profile = &settings.profile;
    let Some(endpoint) = settings.endpoint.as_deref().or(profile.host) else {
        let text = format!("`endpoint` is missing: every installation of `{}` has its own", profile.name);
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    };
    let mut base = cx.base_url(endpoint).map_err(|error| error.context("endpoint"))?;
    if base.path.is_empty() {
        profile.path.clone_into(&mut base.path);
    }
    Ok(base)
}

fn auth(settings: &OpenAiSettings) -> Result<Auth> {
    let profile = &settings.profile;
    match (&settings.api_key, profile.key) {
        (Some(key), KeyPlace::Bearer) => Ok(Auth::Bearer(key.clone())),
        (Some(key), KeyPlace::Header(name)) => Ok(Auth::Header { name: headers::name(name)?, secret: key.clone() }),
        (None, _) if profile.key_required => {
            let text = format!("`api_key` is missing: `{}` answers nothing without one", profile.name);
            Err(Error::new(ErrorKind::ConfigInvalid, text))
        }
        (None, _) => Ok(Auth::None),
    }
}

impl fmt::Debug for OpenAiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenAiClient({} {})", self.inner.profile.name, self.target())
    }
}
