//! Everything that a provider lets out, whatever becomes of its calls, searched for the secrets that it was configured with.

mod calls;
mod config;
mod network;
mod outcome;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use circle_core_common::audit::AuditMode;
use circle_core_common::config::schema_of;
use circle_core_common::resilience::{BackoffSettings, Resilience, Retry};
use circle_core_common::suite::{Failed, Outcome};
use circle_core_common::{BuildContext, Environment, Error, ErrorKind, Integration, Result, Service};
use serde_json::Value;

use self::config::{Filled, Form};
use self::network::{Network, Watcher};
use self::outcome::End;
use crate::Capture;

type Building = Pin<Box<dyn Future<Output = Result<Service>> + Send>>;

type Build = Arc<dyn Fn(Value, BuildContext) -> Building + Send + Sync>;

/// How long one call may take: there is one attempt more than one, and each is short.
const LIMIT: Duration = Duration::from_secs(60);

/// Holds a provider to one promise: no secret of its configuration is shown, whatever becomes of its calls.
///
/// It needs nothing but the provider's type. A configuration is made from the schema of its config struct, with a canary in every
/// place of a secret; every address that it calls is a server of the matrix; and what is called is every interface that it
/// offers. For each of the outcomes (an answer, 400, 401, 403, 404, 429, 500, no answer in time, a certificate that nobody knows, an
/// answer that is garbage, a redirect, a name that does not exist, a callback that panics) spans and events down to TRACE, metrics,
/// audit records, errors with their sources and problem documents, `Debug` of handles, requests and results, and panics are
/// searched for each secret in every encoding that [`Canary`](crate::Canary) knows. Servers repeat all that they were sent.
///
/// ```no_run
/// # use circle_core_common::{BuildContext, Integration, Result, Service};
/// # struct Acme;
/// # impl Integration for Acme {
/// #     type Config = std::collections::BTreeMap<String, String>;
/// #     const NAME: &'static str = "acme";
/// #     const INTERFACES: &'static [&'static str] = &[];
/// #     async fn build(_: Self::Config, _: BuildContext) -> Result<Service> { unimplemented!() }
/// # }
/// circle_core_testkit::LeakMatrix::of::<Acme>().run()?;
/// # Ok::<(), circle_core_testkit::Failed>(())
/// ```
///
/// A provider whose schema does not say enough to make a call gives its fields `examples` (`#[schemars(example = …)]`).
pub struct LeakMatrix {
    name: String,
    schema: Value,
    is_remote: bool,
    build: Build,
}

impl LeakMatrix {
    /// Of one integration.
    #[must_use]
    pub fn of<I: Integration>() -> Self {
        Self::new(I::NAME, schema_of::<I::Config>(), I::REMOTE, |config, cx| async move {
            let invalid = |why: serde_json::Error| Error::new(ErrorKind::ConfigInvalid, why.to_string());
            I::build(serde_json::from_value(config).map_err(invalid)?, cx).await
        })
    }

    /// Of what is built in another way: an entry of a registry. `config` is the provider's own table.
    #[must_use]
    pub fn new<Fut>(
        name: impl Into<String>,
        schema: Value,
        is_remote: bool,
        build: impl Fn(Value, BuildContext) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<Service>> + Send + 'static,
    {
        let build: Build = Arc::new(move |config, cx| Box::pin(build(config, cx)));
        Self { name: name.into(), schema, is_remote, build }
    }

    /// Runs every outcome, in a runtime of its own.
    ///
    /// # Errors
    /// `Wrong`, with every place where a secret is shown and what was done when it was; or when nothing could be called.
    /// `Skipped` for a provider without secrets.
    pub fn run(&self) -> Outcome {
        if config::slots(&self.schema) == 0 {
            return Err(Failed::Skipped("its configuration holds no secret".to_owned()));
        }
        let mut wrong = Vec::new();
        let mut reached = false;
        for form in Form::ALL {
            let Some(filled) = self.reaching(form)? else { continue };
            reached = true;
            for end in End::all() {
                wrong.extend(self.meet(&filled, &end)?.leaks.into_iter().map(|place| format!("{form:?}, {end:?}: {place}")));
            }
        }
        if !reached {
            return Err(Failed::Wrong(format!(
                "{}: no configuration made from its schema makes a call that reaches a service: give its fields `examples`",
                self.name
            )));
        }
        wrong.sort();
        wrong.dedup();
        if wrong.is_empty() { Ok(()) } else { Err(Failed::Wrong(format!("{}:\n{}", self.name, wrong.join("\n")))) }
    }

    /// The first configuration with secrets of this form by which calls get as far as they can: out of the process, of a provider
    /// that calls anybody; into it, of any other.
    fn reaching(&self, form: Form) -> Result<Option<Filled>, Failed> {
        for choice in config::choices(&self.schema, form) {
            let filled = config::fill(&self.schema, choice);
            let met = self.meet(&filled, &End::answered())?;
            if met.is_built && (met.sent > 0 || !self.is_remote) {
                return Ok(Some(filled));
            }
        }
        Ok(None)
    }

    /// Makes every call once, with this outcome.
    fn meet(&self, filled: &Filled, end: &End) -> Result<Met, Failed> {
        let capture = Capture::of(&filled.secrets);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| Failed::Wrong(format!("no runtime: {why}")))?;
        let (is_built, sent, panics) = capture
            .around(|| runtime.block_on(self.call(filled, end, &capture)))
            .map_err(|why| Failed::Wrong(why.to_string()))?;
        let mut leaks = capture.leaks();
        leaks.extend(panics);
        Ok(Met { is_built, sent, leaks })
    }

    /// Whether it was built, how many requests it sent, and what panicked.
    async fn call(&self, filled: &Filled, end: &End, capture: &Capture) -> std::io::Result<(bool, usize, Vec<String>)> {
        let network = Network::start(end).await?;
        let environment = Environment::builder()
            .transport(network.clone())
            .interceptor(Watcher::new(capture.clone(), end.panics()))
            .observer(Watcher::new(capture.clone(), false))
            .audit(Watcher::new(capture.clone(), false), AuditMode::Required)
            .build();
        let soon = BackoffSettings::new().initial_interval(Duration::from_millis(1)).max_interval(Duration::from_millis(1));
        let retry = Retry::new().max_attempts(2).backoff(soon.clone()).throttle_backoff(soon);
        let resilience = Resilience::new().attempt_timeout(end.patience()).retry(retry);
        let cx = BuildContext::new(environment, "leaks").allow_loopback(true).resilience(resilience);
        let mut panics = Vec::new();
        let built = caught((self.build)(filled.config.clone(), cx)).await;
        let is_built = match &built {
            Ok(Ok(service)) => {
                for (what, call) in calls::of(service, capture) {
                    match tokio::time::timeout(LIMIT, caught(call)).await {
                        Ok(Ok(Ok(text))) => capture.text(format_args!("the result of {what}"), text),
                        Ok(Ok(Err(error))) => capture.error(&error),
                        Ok(Err(panic)) => {
                            capture.text(format_args!("the panic of {what}"), &panic);
                            panics.push(format!("{what} panics"));
                        }
                        Err(_) => panics.push(format!("{what} does not end within {LIMIT:?}")),
                    }
                }
                true
            }
            Ok(Err(error)) => {
                capture.error(error);
                false
            }
            Err(panic) => {
                capture.text("the panic of the build", panic);
                panics.push("the build panics".to_owned());
                false
            }
        };
        Ok((is_built, network.sent(), panics))
    }
}

impl fmt::Debug for LeakMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeakMatrix({})", self.name)
    }
}

/// What one configuration made of one outcome.
struct Met {
    is_built: bool,
    sent: usize,
    leaks: Vec<String>,
}

/// What a future says, or what its panic says.
async fn caught<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Result<T, String> {
    let text = |panic: Box<dyn std::any::Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned()),
    };
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(text(panic))),
    })
    .await
}
