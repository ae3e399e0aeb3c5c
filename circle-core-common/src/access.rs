//! Access control: asked before a credential is loaded, before anything is sent.

mod rules;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use rules::{AccessRule, AccessRules};

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
    /// Go on.
    Allow,
    /// Refuse, with a reason that holds no secret.
    Deny(String),
    /// A policy engine must be asked.
    Ask(Pin<Box<dyn Future<Output = Result<Decision>> + Send + 'a>>),
}

impl fmt::Debug for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("Allow"),
            Self::Deny(reason) => write!(f, "Deny({reason})"),
            Self::Ask(_) => f.write_str("Ask"),
        }
    }
}

/// What a policy engine decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Refuse, with a reason that holds no secret.
    Deny(String),
}

/// Decides whether a call may happen. A decision that fails denies.
pub trait AccessControl: Send + Sync + 'static {
    /// Decides; answers at once where it can, so that the common case costs no allocation.
    fn decide<'a>(&'a self, request: &'a AccessRequest<'a>) -> Verdict<'a>;
}
