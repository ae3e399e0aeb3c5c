//! Access control: asked before a credential is loaded, before anything is sent.

#[cfg(feature = "config")]
mod config;
mod pattern;
mod rules;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[cfg(feature = "config")]
pub use config::{AccessConfig, GrantConfig, RoleConfig, RuleConfig};
pub use rules::{AccessRule, AccessRules, Grant, Role};

use crate::error::Result;
use crate::operation::Operation;

/// What somebody wants to do to one thing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AccessRequest<'a> {
    /// Who asks, from [`CallOptions::principal`](crate::CallOptions::principal).
    pub principal: Option<&'a str>,
    /// On whose behalf, from [`CallOptions::tenant`](crate::CallOptions::tenant).
    pub tenant: Option<&'a str>,
    /// The configured service.
    pub service: &'a str,
    /// The provider's id.
    pub provider: &'a str,
    /// The operation, with its class.
    pub operation: &'static Operation,
    /// The class asked for; differs from the operation's for the source of a copy, which is only read.
    pub class: crate::Class,
    /// The thing: a key, a topic, a prefix; empty for a call that names none.
    pub resource: &'a str,
}

/// An access control's answer.
pub enum Verdict<'a> {
    /// It is decided.
    Decided(Decision),
    /// A policy engine must be asked.
    Ask(Pin<Box<dyn Future<Output = Result<Decision>> + Send + 'a>>),
}

impl fmt::Debug for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided(decision) => fmt::Debug::fmt(decision, f),
            Self::Ask(_) => f.write_str("Ask"),
        }
    }
}

impl From<Decision> for Verdict<'_> {
    fn from(decision: Decision) -> Self {
        Self::Decided(decision)
    }
}

/// What was decided, and by which policy; the audit has both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    denied: Option<Cow<'static, str>>,
    policy: Option<Arc<str>>,
}

impl Decision {
    /// Go on.
    #[must_use]
    pub const fn allow() -> Self {
        Self { denied: None, policy: None }
    }

    /// Refuse, with a reason that holds no secret: the caller reads it.
    #[must_use]
    pub fn deny(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { denied: Some(reason.into()), policy: None }
    }

    /// Names the policy that decided.
    #[must_use]
    pub fn by(mut self, policy: impl Into<Arc<str>>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Whether the call may happen.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.denied.is_none()
    }

    /// Why it may not.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.denied.as_deref()
    }

    /// The policy that decided.
    #[must_use]
    pub const fn policy(&self) -> Option<&Arc<str>> {
        self.policy.as_ref()
    }
}

/// Decides whether a call may happen. A decision that fails denies.
pub trait AccessControl: Send + Sync + 'static {
    /// Decides; answers at once where it can, so that the common case costs no allocation.
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a>;
}

/// A policy engine, in this process or elsewhere: Cedar, Rego, a service of the house.
///
/// It is asked for each thing of a call, within the call's deadline and cancellation; what it cannot decide is denied.
#[async_trait::async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// Decides, and names the policy where it can.
    ///
    /// # Errors
    /// What the engine says; the call is denied with it.
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Decision>;
}

/// An [`AccessControl`] that asks a policy engine for everything.
#[derive(Clone, Debug)]
pub struct Asking<A>(pub A);

impl<A: Authorizer> AccessControl for Asking<A> {
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
        Verdict::Ask(self.0.authorize(request))
    }
}

/// Asks the first, and the second where the first allows: a call needs both.
impl<A: AccessControl, B: AccessControl> AccessControl for (A, B) {
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a> {
        match self.0.decide(request) {
            Verdict::Decided(decision) if decision.is_allowed() => self.1.decide(request),
            Verdict::Decided(decision) => Verdict::Decided(decision),
            Verdict::Ask(first) => Verdict::Ask(Box::pin(async move {
                let decision = first.await?;
                if !decision.is_allowed() {
                    return Ok(decision);
                }
                match self.1.decide(request) {
                    Verdict::Decided(decision) => Ok(decision),
                    Verdict::Ask(second) => second.await,
                }
            })),
        }
    }
}
