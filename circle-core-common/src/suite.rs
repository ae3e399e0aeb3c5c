//! What a public conformance suite is made of.
//!
//! A suite is a list of [`Case`]s: public functions that take a [`Subject`], say in their name what they pin, and can
//! be called alone. A case that needs a capability, a second client or faults that the subject lacks is
//! [`Failed::Skipped`] with its reason, and never passes. Every capability flag has one [`Negative`]: with the flag off,
//! the call is `Unsupported` and the provider is not called.
//!
//! Runners live elsewhere (`circle-core-testkit`); nothing here prints, panics or reads the command line.

mod addresses;
mod canary;
mod deadline;
mod decorate;
mod expect;
mod fault;
mod faulty;
mod lifecycle;
mod listing;
mod mask;
mod scripted;
pub(crate) mod telemetry;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use addresses::Addresses;
use async_trait::async_trait;
use bytes::Bytes;
pub use canary::Canary;
pub(crate) use deadline::{is_cancelled, times_out, with_deadline};
pub(crate) use decorate::decorated;
pub use decorate::{Counted, Decorated, Decoration, Interception, Plan, Traffic};
pub(crate) use expect::written_down;
pub use expect::{equal, expect_kind, expect_reason, expect_unsupported, holds};
pub use fault::{Fault, Faults};
pub use faulty::{Faulty, FaultyEvery};
pub(crate) use lifecycle::{Foreign, cancelled, is_late_or_done};
pub(crate) use listing::{is_never_short, to_the_end};
pub(crate) use mask::Maskable;
pub use mask::{Mask, Masked};
pub use scripted::{Script, Scripted};
pub use telemetry::{Recorded, Telemetry};

use crate::capabilities::Flag;
use crate::error::Error;
use crate::interfaces::chat_model::conformance::ScriptedAnswers;
use crate::interfaces::identity_provider::conformance::LogsIn;
use crate::interfaces::key_service::conformance::SuiteKeys;
use crate::interfaces::object_store::PresignedRequest;
use crate::interfaces::secret_store::conformance::PutsSecrets;
use crate::interfaces::token_verifier::conformance::IssuesTokens;
use crate::interfaces::webhook_verifier::conformance::SignsWebhooks;

/// Makes a client anew.
pub type Reopen<H> = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = crate::Result<H>> + Send>> + Send + Sync>;

/// How a case ended.
pub type Outcome = Result<(), Failed>;

/// The future of a case.
pub type CaseFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The subject does something else than what is pinned: what was expected, and what came.
    Wrong(String),
    /// The case cannot run over this subject: why.
    Skipped(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Wrong(format!("an unexpected error: {error}"))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(text) => write!(f, "wrong: {text}"),
            Self::Skipped(text) => write!(f, "skipped: {text}"),
        }
    }
}

/// One pinned behaviour of an interface whose handle is `H`.
pub struct Case<H> {
    /// The name of the function: operation, condition, outcome.
    pub name: &'static str,
    /// The function.
    pub run: fn(Subject<H>) -> CaseFuture,
}

impl<H> fmt::Debug for Case<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({})", self.name)
    }
}

/// What holds for a capability that is off: `Unsupported` by name, and nothing is sent.
pub struct Negative<H, C: 'static> {
    /// The capability.
    pub flag: Flag<C>,
    /// The calls that need it.
    pub run: fn(Subject<H>) -> CaseFuture,
}

impl<H, C> fmt::Debug for Negative<H, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Negative({})", self.flag.name())
    }
}

/// How large a case may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Few and small things, for stores where each costs.
    Small,
    /// As many as the behaviour is pinned for.
    #[default]
    Full,
}

impl Scale {
    /// The number for this scale.
    #[must_use]
    pub const fn pick(self, small: usize, full: usize) -> usize {
        match self {
            Self::Small => small,
            Self::Full => full,
        }
    }
}

/// What a case runs against: a client of its own, which it may close, over a store that it may share with other cases
/// that run at the same time.
#[derive(Clone)]
#[non_exhaustive]
pub struct Subject<H> {
    /// The client.
    pub handle: H,
    /// A second client of the same store.
    pub second: Option<H>,
    /// What every name that the case uses begins with; unique per subject, so that cases can share a store and run
    /// again.
    pub namespace: String,
    /// Counts the calls of the provider.
    pub traffic: Traffic,
    /// Breaks calls of the provider, where the subject can.
    pub faults: Option<Arc<dyn Faults>>,
    /// How large the case may be.
    pub scale: Scale,
    /// A secret that no span, log or text may show: the case's content, and the client's credential where it has one.
    pub canary: Canary,
    /// Whether `native` finds the documented type.
    pub native: Option<fn(&H) -> bool>,
    /// Sends presigned requests, where the subject has a way to.
    pub sender: Option<Arc<dyn Sender>>,
    /// Makes a client of the same store anew, as a restarted process would.
    pub reopen: Option<Reopen<H>>,
    /// Tells the model what to answer, where the subject is a model that can be told.
    pub model: Option<Arc<dyn ScriptedAnswers>>,
    /// Signs webhooks as the service would, where the subject verifies them.
    pub webhooks: Option<Arc<dyn SignsWebhooks>>,
    /// Issues tokens as the authority would, where the subject verifies them.
    pub tokens: Option<Arc<dyn IssuesTokens>>,
    /// A user with a browser, where the subject logs users in.
    pub users: Option<Arc<dyn LogsIn>>,
    /// Puts secrets into the store, where the subject is one that is only read.
    pub secrets: Option<Arc<dyn PutsSecrets>>,
    /// The keys that the cases of a key service use.
    pub keys: SuiteKeys,
    /// To whom the cases of a messenger or a notifier may write.
    pub addresses: Addresses,
    /// What must live as long as the subject: its folder, its server.
    pub keep: Option<Arc<dyn Any + Send + Sync>>,
}

impl<H> Subject<H> {
    /// A subject of a client whose provider counts into `traffic`.
    pub fn new(handle: H, traffic: Traffic) -> Self {
        // Before the first call of any case.
        telemetry::listen();
        Self {
            handle,
            second: None,
            namespace: unique_namespace(),
            traffic,
            faults: None,
            scale: Scale::Full,
            canary: Canary::new(),
            native: None,
            sender: None,
            reopen: None,
            model: None,
            webhooks: None,
            tokens: None,
            users: None,
            secrets: None,
            keys: SuiteKeys::new(),
            addresses: Addresses::new(),
            keep: None,
        }
    }

    /// A name within the subject's namespace.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// The second client.
    ///
    /// # Errors
    /// `Skipped` where there is none.
    pub fn second(&self) -> Result<&H, Failed> {
        self.second.as_ref().ok_or_else(|| Failed::Skipped("the subject has no second client".to_owned()))
    }

    /// The faults.
    ///
    /// # Errors
    /// `Skipped` where there are none.
    pub fn faults(&self) -> Result<&dyn Faults, Failed> {
        self.faults.as_deref().ok_or_else(|| Failed::Skipped("the subject cannot inject faults".to_owned()))
    }

    /// A client of the same store, as a restarted process would make it.
    ///
    /// # Errors
    /// `Skipped` where the subject cannot; why it cannot be made.
    pub async fn reopened(&self) -> Result<H, Failed> {
        let reopen = self.reopen.as_ref();
        let reopen = reopen.ok_or_else(|| Failed::Skipped("the subject cannot open its store again".to_owned()))?;
        Ok(reopen().await?)
    }

    /// Runs `calls` and checks that the provider was not called meanwhile.
    ///
    /// # Errors
    /// Those of `calls`; `Wrong` when the provider was called.
    pub async fn sends_nothing<T>(&self, calls: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let before = self.traffic.calls();
        let result = calls.await?;
        equal("calls of the provider", &(self.traffic.calls() - before), &0)?;
        Ok(result)
    }
}

impl<H: fmt::Debug> fmt::Debug for Subject<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?}, {})", self.handle, self.namespace)
    }
}

/// Sends requests as a stranger would: with what is in them, and nothing else.
#[async_trait]
pub trait Sender: Send + Sync {
    /// The status and the body of the answer.
    ///
    /// # Errors
    /// What kept the request from being answered.
    async fn send(&self, request: &PresignedRequest, body: Bytes) -> crate::Result<(u16, Bytes)>;
}

/// The case functions in these sources that the suite does not have exactly once: what a suite's own test looks for.
#[cfg(test)]
pub(crate) fn unlisted<H>(sources: &[&'static str], suite: &[Case<H>]) -> Vec<&'static str> {
    let named = |source: &&'static str| {
        let lines = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        lines.filter_map(|line| line.split_once('(')).map(|(name, _)| name).collect::<Vec<_>>()
    };
    let names = sources.iter().flat_map(named);
    names.filter(|name| suite.iter().filter(|case| case.name == *name).count() != 1).collect()
}

fn unique_namespace() -> String {
    static SUBJECTS: AtomicU64 = AtomicU64::new(0);
    let number = SUBJECTS.fetch_add(1, Ordering::Relaxed);
    // Process ids come again, so that a shared store needs more than one.
    let started = crate::Clock::System.timestamp().since(crate::Timestamp::UNIX_EPOCH).as_micros();
    format!("suite-{started:x}-{:x}-{number}/", std::process::id())
}

/// Runs futures at the same time, as tasks of their own; the results in order.
///
/// # Errors
/// `Wrong` when one of them panics.
pub async fn at_once<T, F>(futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, Failed>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.map_err(|error| Failed::Wrong(format!("a task of the case failed: {error}")))?);
    }
    Ok(results)
}

/// Makes a list of [`Case`]s: `cases![ObjectStore: basic { get_missing_is_not_found, … } ranges { … }]`, where `basic`
/// and `ranges` are modules.
#[macro_export]
macro_rules! cases {
    ($handle:ty: $($room:ident { $($case:ident),+ $(,)? })+) => {
        &[$($($crate::suite::Case::<$handle> {
            name: stringify!($case),
            run: |subject| ::std::boxed::Box::pin($room::$case(subject)),
        },)+)+]
    };
}

/// Makes the negatives of an interface, and their list `NEGATIVES`: of each a name, the flag, and the calls that need it.
///
/// Where it is used there is `without(&subject, flag)`, which gives the handle without it.
macro_rules! negatives {
    ($handle:ident, $capabilities:ident; $($(#[$meta:meta])* $name:ident: $flag:ident, |$store:ident, $key:ident| [$($call:expr),+ $(,)?];)+) => {
        $(
            $(#[$meta])*
            ///
            /// With the capability off the call is `Unsupported` with its name, and nothing is sent.
            pub async fn $name(subject: $crate::suite::Subject<$handle>) -> Outcome {
                let $store = without(&subject, $capabilities::$flag)?;
                let $key = subject.name("a");
                $crate::suite::holds("the flag is off", !$capabilities::$flag.is_on($store.capabilities()))?;
                let calls = async {
                    $($crate::suite::expect_unsupported($call, $capabilities::$flag.name())?;)+
                    Ok(())
                };
                subject.sends_nothing(calls).await
            }
        )+

        /// One negative per capability flag.
        pub const NEGATIVES: &[$crate::suite::Negative<$handle, $capabilities>] = &[
            $($crate::suite::Negative { flag: $capabilities::$flag, run: |subject| Box::pin($name(subject)) },)+
        ];

        #[cfg(test)]
        mod tests {
            use super::{$capabilities, NEGATIVES};

            #[test]
            fn every_flag_has_exactly_one_negative() {
                for flag in $capabilities::FLAGS {
                    let negatives = NEGATIVES.iter().filter(|negative| negative.flag == *flag).count();
                    assert_eq!(negatives, 1, "{}", flag.name());
                }
                assert_eq!(NEGATIVES.len(), $capabilities::FLAGS.len());
            }
        }
    };
}
pub(crate) use negatives;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn a_call_that_is_sent_is_found_out() {
        let subject = Subject::new((), Traffic::new());
        let quiet = async { Ok(()) };
        assert_eq!(subject.sends_nothing(quiet).await, Ok(()));
        let noisy = async {
            subject.traffic.note();
            Ok(())
        };
        assert!(matches!(subject.sends_nothing(noisy).await, Err(Failed::Wrong(text)) if text.contains("expected 0, got 1")));
    }

    #[test]
    fn assertions_say_what_was_expected_and_where() {
        let wrong = |outcome: Outcome, what: &str| {
            assert!(
                matches!(&outcome, Err(Failed::Wrong(text)) if text.contains(what) && text.contains("suite.rs:")),
                "{outcome:?}"
            );
        };
        assert_eq!(equal("a", &1, &1), Ok(()));
        wrong(equal("the size", &1, &2), "the size: expected 2, got 1");
        wrong(equal("long", &"x".repeat(1000), &String::new()), "… (1002 characters)");
        wrong(holds("the sky is green", false), "does not hold: the sky is green");
        let missing = || Error::new(ErrorKind::NotFound, "gone");
        assert!(expect_kind("get", Err::<(), _>(missing()), ErrorKind::NotFound).is_ok());
        wrong(expect_kind("get", Ok(7), ErrorKind::NotFound).map(drop), "get: expected not_found, got Ok(7)");
        wrong(expect_kind("get", Err::<(), _>(missing()), ErrorKind::Conflict).map(drop), "expected conflict, got not_found");
        let reason = expect_reason("get", Err::<(), _>(missing()), ErrorKind::NotFound, crate::Reason::UploadEnded);
        wrong(reason.map(drop), "expected Some(UploadEnded), got None");
    }

    #[test]
    fn refusals_name_their_capability_and_send_nothing() {
        assert_eq!(expect_unsupported(Err::<(), _>(Error::unsupported("copy")), "copy"), Ok(()));
        assert!(expect_unsupported(Err::<(), _>(Error::unsupported("copy")), "copy_if_absent").is_err());
        assert!(expect_unsupported(Ok(()), "copy").is_err());
        let sent = Error::unsupported("copy").with_sent(crate::Sent::Maybe);
        assert!(expect_unsupported(Err::<(), _>(sent), "copy").is_err());
    }

    #[test]
    fn namespaces_are_unique() {
        assert_ne!(unique_namespace(), unique_namespace());
    }
}
