//! Providers that are said to be able to do something else than they can.

use super::{Decorated, Failed, Outcome, Subject};
use crate::capabilities::Flag;
use crate::error::Result;

/// Has a provider say that it can do something else than it can.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask<C>(pub C);

/// A provider that says it has other capabilities.
pub type Masked<P, C> = Decorated<P, Mask<C>>;

/// A handle whose provider can be masked; made by [`decorated!`](super::decorated) alone.
pub trait Maskable: Clone {
    /// What its provider can do.
    type Capabilities: Clone;

    /// What the provider says it can do.
    fn declared(&self) -> &Self::Capabilities;

    /// The same client, said to have these capabilities. Its calls are counted as before.
    ///
    /// # Errors
    /// Why the service behind the handle has not started.
    fn masked(&self, capabilities: Self::Capabilities) -> Result<Self>;
}

impl<H: Maskable> Subject<H> {
    /// Skips the case where a capability is off.
    pub(crate) fn needs(&self, flag: Flag<H::Capabilities>) -> Outcome {
        if flag.is_on(self.handle.declared()) {
            return Ok(());
        }
        Err(Failed::Skipped(format!("{} is off", flag.name())))
    }

    /// The same client, said to have other capabilities.
    pub(crate) fn with_capabilities(&self, change: impl FnOnce(&mut H::Capabilities)) -> Result<H> {
        let mut capabilities = self.handle.declared().clone();
        change(&mut capabilities);
        self.handle.masked(capabilities)
    }

    /// The client without this capability: as it is where it lacks it, else masked.
    pub(crate) fn without(&self, flag: Flag<H::Capabilities>) -> Result<H> {
        if flag.is_on(self.handle.declared()) {
            return self.with_capabilities(|capabilities| flag.set(capabilities, false));
        }
        Ok(self.handle.clone())
    }
}
