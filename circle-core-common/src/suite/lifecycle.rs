//! What holds for every client, whatever its interface: the pieces of the `lifecycle` cases.

use std::fmt::Debug;

use super::{Failed, Outcome, Subject, Telemetry, equal, expect_kind, holds};
use crate::context::{CallContext, CallOptions, Cancel};
use crate::error::{ErrorKind, Result};
use crate::extension::Extension;
use crate::handle::Handle;
use crate::operation::Operation;
use crate::provider::{HealthState, Provider};

/// The option of a provider that there is not, for any operation.
#[derive(Debug)]
pub(crate) struct Foreign;

impl<O> Extension<O> for Foreign {
    const PROVIDER: &'static str = "another-provider";
}

/// The options of a call whose scope is cancelled already.
pub(crate) fn cancelled() -> CallOptions {
    let cancel = Cancel::new();
    cancel.cancel();
    CallOptions::new().cancel(&cancel)
}

/// Checks that a call whose deadline has passed is `Timeout`, or was faster.
#[track_caller]
pub(crate) fn is_late_or_done<T: Debug>(what: &str, result: Result<T>) -> Outcome {
    if result.is_err() { expect_kind(what, result, ErrorKind::Timeout).map(drop) } else { Ok(()) }
}

impl<H: Handle + Debug> Subject<H> {
    fn provider(&self) -> Result<&dyn Provider, Failed> {
        self.handle.as_provider().ok_or_else(|| Failed::Wrong(format!("{:?} has no provider", self.handle)))
    }

    fn provider_within(&self, operation: &'static Operation) -> Result<(&dyn Provider, CallContext), Failed> {
        let provider = self.provider()?;
        Ok((provider, CallContext::new(provider.environment(), operation, None)))
    }

    /// Checks that the client says it is healthy.
    pub(crate) async fn is_healthy(&self, operation: &'static Operation) -> Outcome {
        let (provider, cx) = self.provider_within(operation)?;
        equal("the state", &provider.health(&cx).await?.state, &HealthState::Healthy)
    }

    /// Checks that the client can be closed twice.
    pub(crate) async fn closes_twice(&self, operation: &'static Operation) -> Outcome {
        let (provider, cx) = self.provider_within(operation)?;
        provider.close(&cx).await?;
        Ok(provider.close(&cx).await?)
    }

    /// Checks that the health of a closed client is `Closed`, and that it can be closed again.
    pub(crate) async fn stays_closed(&self, operation: &'static Operation) -> Outcome {
        let (provider, cx) = self.provider_within(operation)?;
        expect_kind("health", provider.health(&cx).await, ErrorKind::Closed)?;
        Ok(provider.close(&cx).await?)
    }

    /// Checks that `native` finds the documented type and no other.
    #[track_caller]
    pub(crate) fn has_its_native_type(&self) -> Outcome {
        let native = self.native.ok_or_else(|| Failed::Skipped("the subject names no native type".to_owned()))?;
        holds("native finds the documented type", native(&self.handle))?;
        holds("native finds no other type", self.handle.native::<String>().is_none())
    }

    /// Checks that `Debug` is one line that names interface and provider and hides the rest; gives the line.
    #[track_caller]
    pub(crate) fn debug_is_one_line(&self) -> Result<String, Failed> {
        let provider = self.provider()?.info();
        let text = format!("{:?}", self.handle);
        equal("the line", &text, &format!("{}({provider})", H::NAME))?;
        equal("lines", &text.lines().count(), &1)?;
        self.hides_secrets(&text)?;
        self.hides_secrets(&format!("{provider:?}"))?;
        Ok(text)
    }

    /// Checks that a line of `Debug` shows neither a secret nor a query.
    #[track_caller]
    pub(crate) fn hides_secrets(&self, text: &str) -> Outcome {
        holds("it shows no secret", !self.canary.is_in(text))?;
        holds("it shows no query", !text.contains('?'))
    }

    /// Checks that a call with [`Foreign`] is `Unsupported`, and that the message names the option and both providers.
    #[track_caller]
    pub(crate) fn refuses_foreign<T: Debug>(&self, what: &str, result: Result<T>) -> Outcome {
        let error = expect_kind(what, result, ErrorKind::Unsupported)?;
        for name in ["Foreign", "another-provider", self.provider()?.info().name] {
            holds(format!("the message names {name}"), error.message().contains(name))?;
        }
        Ok(())
    }

    /// Checks that calls left spans, and that neither spans nor logs nor these texts show the secret.
    #[track_caller]
    pub(crate) fn leaves_no_secret(&self, telemetry: &Telemetry, texts: &[String]) -> Outcome {
        holds("the calls left spans", !telemetry.calls().is_empty())?;
        for record in telemetry.records() {
            let shown = self.canary.is_in(&format!("{record:?}"));
            holds(format!("the record {} shows no secret", record.name), !shown)?;
        }
        for text in texts {
            holds("no error or description shows a secret", !self.canary.is_in(text))?;
        }
        Ok(())
    }
}
