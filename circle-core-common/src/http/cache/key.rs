//! What is asked for, and by whom.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::directive;
use crate::context::{CacheUse, CallContext};
use crate::http::client::Inner;
use crate::http::request::Request;
use crate::http::target::Target;
use crate::resilience::RemoteOperation;

/// Headers by which a request asks for something else than the whole of what is there now.
const CONDITIONS: [&str; 6] = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// A request as the cache sees it.
pub(super) struct Asked {
    pub(super) target: Box<str>,
    pub(super) whose: Whose,
    /// The headers that it is sent with, but for the credential and what is added to each attempt.
    pub(super) head: http::Request<()>,
    /// `Cache-Control` with what the caller's choice adds to it.
    pub(super) directive: Option<HeaderValue>,
    chosen: CacheUse,
}

/// Who may be given an answer: who asked for it, and with the same credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Whose {
    tenant: Option<Arc<str>>,
    principal: Option<Arc<str>>,
    /// The version of the credential; `None` where there is none yet, or a scheme of somebody else's.
    credential: Option<u64>,
    anonymous: bool,
}

/// What two requests have in common that are answered as one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Same {
    operation: &'static str,
    target: Box<str>,
    whose: Whose,
    head: Box<[u8]>,
}

/// What answers are kept under. Whole: printed, a target shows no query.
pub(super) fn address(target: &Target) -> Box<str> {
    format!("{}{}", target.origin, target.path_and_query).into()
}

impl Whose {
    /// Whose the call is, with its credential loaded: else the first requests of all would be each other's strangers.
    pub(super) async fn loaded(inner: &Inner, cx: &CallContext, request: &Request) -> Self {
        if !request.anonymous {
            inner.auth.load(cx).await;
        }
        Self::of(inner, cx, request)
    }

    pub(super) fn of(inner: &Inner, cx: &CallContext, request: &Request) -> Self {
        let credential = if request.anonymous { None } else { inner.auth.version(cx) };
        Self { tenant: cx.tenant().cloned(), principal: cx.principal().cloned(), credential, anonymous: request.anonymous }
    }
}

impl Asked {
    /// `None` for a request that is its caller's alone: one with a body, a condition or a secret of its own, or with something
    /// for the signer that nobody can compare.
    pub(super) async fn of(inner: &Inner, cx: &CallContext, request: &Request, chosen: CacheUse) -> Option<Self> {
        let empty = request.body.as_bytes().is_some_and(|bytes| bytes.is_empty());
        if request.method != Method::GET || !empty || !request.extensions.is_empty() || !request.keep.is_empty() {
            return None;
        }
        let own = |(name, value): (&HeaderName, &HeaderValue)| {
            value.is_sensitive() || *name == AUTHORIZATION || *name == COOKIE || CONDITIONS.contains(&name.as_str())
        };
        if request.headers.iter().any(own) {
            return None;
        }
        let mut headers = HeaderMap::new();
        inner.head_of(request, &mut headers);
        let directive = directive(chosen, headers.get(&CACHE_CONTROL));
        if let Some(directive) = directive.clone() {
            headers.insert(CACHE_CONTROL, directive);
        }
        let mut head = http::Request::new(());
        *head.uri_mut() = request.target.clone().into_uri().ok()?;
        *head.headers_mut() = headers;
        let target = address(&request.target);
        let whose = Whose::loaded(inner, cx, request).await;
        Some(Self { target, whose, head, directive, chosen })
    }

    /// Whether nothing may be given that the service does not confirm now.
    pub(super) fn confirmed_only(&self) -> bool {
        self.chosen == CacheUse::Confirmed
    }

    pub(super) fn same(&self, operation: &'static RemoteOperation, request: &Request) -> Same {
        let mut lines: Vec<_> = self.head.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        lines.sort_unstable();
        let mut head = Vec::from([u8::from(request.compressed)]);
        for (name, value) in lines {
            // No header has a line break in it.
            head.extend_from_slice(name.as_bytes());
            head.push(b':');
            head.extend_from_slice(value);
            head.push(b'\n');
        }
        Same { operation: operation.name(), target: self.target.clone(), whose: self.whose.clone(), head: head.into() }
    }
}
