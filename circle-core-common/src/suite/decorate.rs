//! Providers over providers, for tests: what is between a handle and its provider sees every call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_core::Stream;

use crate::body::ByteStream;
use crate::context::CallContext;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::interfaces::chat_model::{ChatEvent, ChatModelCapabilities, ChatStream};
use crate::interfaces::embedding_model::EmbeddingModelCapabilities;
use crate::interfaces::identity_provider::IdentityProviderCapabilities;
use crate::interfaces::key_service::KeyServiceCapabilities;
use crate::interfaces::key_value_store::KeyValueStoreCapabilities;
use crate::interfaces::messenger::MessengerCapabilities;
use crate::interfaces::notifier::NotifierCapabilities;
use crate::interfaces::object_store::{Object, ObjectStoreCapabilities, PresignRequest, PresignedRequest};
use crate::interfaces::secret_store::SecretStoreCapabilities;
use crate::interfaces::token_verifier::TokenVerifierCapabilities;
use crate::interfaces::vector_store::VectorStoreCapabilities;
use crate::interfaces::webhook_verifier::WebhookVerifierCapabilities;
use crate::provider::{Health, Provider, ProviderInfo};

/// One call of a provider, as a decoration sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Interception<'a> {
    /// The call of the handle that it is part of.
    pub cx: &'a CallContext,
    /// The method of the provider: `put`.
    pub method: &'static str,
}

/// What becomes of a call that is made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Plan {
    /// Its answer is the answer.
    #[default]
    Answer,
    /// It is made, and this is the answer.
    Lose(Error),
    /// The body of its answer, or the answer that streams, breaks off.
    Cut {
        /// After so many bytes, or events.
        after: u64,
        /// With this error, or as if it were complete.
        error: Option<Error>,
    },
}

/// What is done around the calls of a provider.
#[async_trait]
pub trait Decoration: Send + Sync + 'static {
    /// Decides about a call before it is made.
    ///
    /// # Errors
    /// The answer in place of the call, which is then not made.
    async fn before(&self, call: Interception<'_>) -> Result<Plan> {
        let _ = call;
        Ok(Plan::Answer)
    }

    /// What the provider is said to be able to do as an object store.
    fn object_store<'a>(&'a self, declared: &'a ObjectStoreCapabilities) -> &'a ObjectStoreCapabilities {
        declared
    }

    /// Makes a presigned request in place of an object store that cannot.
    fn presign(&self, request: &PresignRequest) -> Option<Result<PresignedRequest>> {
        let _ = request;
        None
    }

    /// What the provider is said to be able to do as a chat model.
    fn chat_model<'a>(&'a self, declared: &'a ChatModelCapabilities) -> &'a ChatModelCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a key-value store.
    fn key_value_store<'a>(&'a self, declared: &'a KeyValueStoreCapabilities) -> &'a KeyValueStoreCapabilities {
        declared
    }

    /// What the provider is said to be able to do as an embedding model.
    fn embedding_model<'a>(&'a self, declared: &'a EmbeddingModelCapabilities) -> &'a EmbeddingModelCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a messenger.
    fn messenger<'a>(&'a self, declared: &'a MessengerCapabilities) -> &'a MessengerCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a notifier.
    fn notifier<'a>(&'a self, declared: &'a NotifierCapabilities) -> &'a NotifierCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a vector store.
    fn vector_store<'a>(&'a self, declared: &'a VectorStoreCapabilities) -> &'a VectorStoreCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a key service.
    fn key_service<'a>(&'a self, declared: &'a KeyServiceCapabilities) -> &'a KeyServiceCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a secret store.
    fn secret_store<'a>(&'a self, declared: &'a SecretStoreCapabilities) -> &'a SecretStoreCapabilities {
        declared
    }

    /// What the provider is said to be able to do as an identity provider.
    fn identity_provider<'a>(&'a self, declared: &'a IdentityProviderCapabilities) -> &'a IdentityProviderCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a verifier of tokens.
    fn token_verifier<'a>(&'a self, declared: &'a TokenVerifierCapabilities) -> &'a TokenVerifierCapabilities {
        declared
    }

    /// What the provider is said to be able to do as a verifier of webhooks.
    fn webhook_verifier<'a>(&'a self, declared: &'a WebhookVerifierCapabilities) -> &'a WebhookVerifierCapabilities {
        declared
    }
}

/// A provider with a decoration around its calls; it offers what the provider offers.
#[derive(Clone, Debug)]
pub struct Decorated<P, D> {
    pub(crate) provider: P,
    pub(crate) decoration: D,
}

impl<P, D> Decorated<P, D> {
    /// A decorated provider.
    pub const fn new(provider: P, decoration: D) -> Self {
        Self { provider, decoration }
    }

    /// The decoration.
    pub const fn decoration(&self) -> &D {
        &self.decoration
    }
}

impl<P, D: Decoration> Decorated<P, D> {
    pub(crate) async fn before(&self, cx: &CallContext, method: &'static str) -> Result<Plan> {
        self.decoration.before(Interception { cx, method }).await
    }
}

impl Plan {
    pub(crate) fn answer<T>(&self, result: Result<T>) -> Result<T> {
        match self {
            Self::Lose(error) => Err(error.clone()),
            _ => result,
        }
    }

    pub(crate) fn body(self, object: Object) -> Object {
        let Self::Cut { after, error } = self else { return object };
        let (meta, range) = (object.meta.clone(), object.range.clone());
        let cut = ByteStream::unfold((object.into_stream(), after), move |(mut stream, left)| {
            let error = error.clone();
            async move {
                let Some(mut chunk) = stream.try_next().await? else { return Ok(None) };
                if left == 0 {
                    return error.map_or(Ok(None), Err);
                }
                chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - chunk.len() as u64;
                Ok(Some((chunk, (stream, left))))
            }
        });
        Object::new(meta, range, cut)
    }

    pub(crate) fn stream(self, stream: ChatStream) -> ChatStream {
        match self {
            Self::Cut { after, error } => ChatStream::new(CutStream { stream, left: after, error: Some(error) }),
            _ => stream,
        }
    }
}

/// The first events of an answer, and then an error or nothing.
struct CutStream {
    stream: ChatStream,
    left: u64,
    /// How it ends, once.
    error: Option<Option<Error>>,
}

impl Stream for CutStream {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(self.error.take().flatten().map(Err));
        }
        self.left -= 1;
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

#[async_trait]
impl<P: Provider, D: Decoration> Provider for Decorated<P, D> {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn environment(&self) -> &Environment {
        self.provider.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        let plan = self.before(cx, "health").await?;
        plan.answer(self.provider.health(cx).await)
    }

    // Faults and counts are for calls; ending the provider is none.
    async fn close(&self, cx: &CallContext) -> Result<()> {
        self.provider.close(cx).await
    }

    fn inner(&self) -> Option<&dyn Provider> {
        Some(&self.provider)
    }
}

/// Counts the calls of a provider. Clones count together.
#[derive(Clone, Default)]
pub struct Traffic {
    calls: Arc<AtomicU64>,
}

impl Traffic {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Counts one call; for subjects that see calls elsewhere than in a decorated provider.
    pub fn note(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Decoration for Traffic {
    async fn before(&self, _: Interception<'_>) -> Result<Plan> {
        self.note();
        Ok(Plan::Answer)
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traffic({} calls)", self.calls())
    }
}

/// A provider whose calls are counted.
pub type Counted<P> = Decorated<P, Traffic>;

impl<P> Counted<P> {
    /// Counts the calls of `provider` into `traffic`.
    pub fn over(provider: P, traffic: &Traffic) -> Self {
        Self::new(provider, traffic.clone())
    }
}

/// Makes the providers of an interface decorated ones, and its handle one that suites run over.
///
/// Named are the calls that a plan answers or loses as a whole; what else the provider has is written out behind them. The
/// documentation goes on that of `over`.
macro_rules! decorated {
    (
        $(#[$over:meta])*
        $handle:ident over $provider:ident with $capabilities:ident as $declared:ident {
            $($method:ident($request:ty) -> $output:ty;)+
        }
        $($own:tt)*
    ) => {
        #[::async_trait::async_trait]
        impl<P: $provider, D: $crate::suite::Decoration> $provider for $crate::suite::Decorated<P, D> {
            fn capabilities(&self) -> &$capabilities {
                self.decoration.$declared(self.provider.capabilities())
            }

            $(async fn $method(&self, cx: &$crate::CallContext, request: $request) -> $crate::Result<$output> {
                let plan = self.before(cx, stringify!($method)).await?;
                plan.answer(self.provider.$method(cx, request).await)
            })+

            $($own)*
        }

        impl $crate::suite::Decoration for $crate::suite::Mask<$capabilities> {
            fn $declared<'a>(&'a self, _: &'a $capabilities) -> &'a $capabilities {
                &self.0
            }
        }

        impl $crate::suite::Maskable for $handle {
            type Capabilities = $capabilities;

            fn declared(&self) -> &$capabilities {
                self.capabilities()
            }

            fn masked(&self, capabilities: $capabilities) -> $crate::Result<Self> {
                let mask = $crate::suite::Mask(capabilities);
                Ok(Self::new($crate::suite::Masked::new(self.provider()?.clone(), mask)))
            }
        }

        impl $crate::suite::Subject<$handle> {
            /// A subject over this provider: its calls are counted, and faults are injected in front of it.
            $(#[$over])*
            pub fn over(provider: ::std::sync::Arc<dyn $provider>) -> Self {
                let (traffic, script) = ($crate::suite::Traffic::new(), $crate::suite::Script::new());
                let faulty = $crate::suite::Decorated::new(provider, script.clone());
                let mut subject = Self::new($handle::new($crate::suite::Counted::over(faulty, &traffic)), traffic);
                subject.faults = Some(::std::sync::Arc::new(script));
                subject
            }
        }
    };
}
pub(crate) use decorated;
