//! One of several services that can answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use circle_core_common::interfaces::chat_model::ModelName;
use circle_core_common::interfaces::messenger::{Channel, Messenger};
use circle_core_common::{CallContext, Handle, Tick};

use super::cooldown::LegHealth;

/// One of the services behind a [`Fallback`](super::Fallback) or a [`Router`](super::Router). A handle is one as it is; what
/// else there is to say of it stands here.
///
/// ```
/// # use circle_core::{ChatModel, orchestration::{Fallback, Leg}};
/// # use std::time::Duration;
/// # fn example(large: ChatModel, small: ChatModel) -> ChatModel {
/// ChatModel::new(Fallback::new([Leg::new(large).timeout(Duration::from_secs(20)), Leg::new(small)]))
/// # }
/// ```
///
/// The options of the handle (its timeout, its tenant) are not used: the call has its own, and the leg is a part of it.
pub struct Leg<H> {
    pub(super) handle: H,
    pub(super) name: Option<Arc<str>>,
    pub(super) timeout: Option<Duration>,
    pub(super) share: Option<f64>,
    pub(super) model: Option<ModelName>,
    pub(super) channel: Option<Channel>,
    /// What its tokens begin with once they are given out; set where it joins others.
    pub(super) tag: Arc<str>,
    /// Whether it had not started when it was made, so that nobody has asked what it can do.
    pub(super) late: bool,
    pub(super) health: LegHealth,
}

impl<H: Handle> Leg<H> {
    /// A leg that may take all the time that is left, and is called as its service is.
    #[must_use]
    pub fn new(handle: H) -> Self {
        let late = handle.as_provider().is_none();
        Self {
            handle,
            name: None,
            timeout: None,
            share: None,
            model: None,
            channel: None,
            tag: "".into(),
            late,
            health: LegHealth::default(),
        }
    }

    /// Sets what errors and logs call it.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how long it may take, of a stream until its first word, before the next leg is asked.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets which share of the time that is left until the deadline of the call it may take, from 0 to 1, so that some is left
    /// for the next leg. Without a deadline there is nothing to share.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Sets the model that it is asked for, whatever the request names: other services call theirs otherwise. Of embeddings,
    /// whose requests name none, it changes nothing.
    #[must_use]
    pub fn model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// What it is called: its own name, that of its service, or that of its provider.
    #[must_use]
    pub fn label(&self) -> Arc<str> {
        match &self.name {
            Some(name) => Arc::clone(name),
            None if !self.handle.service().is_empty() => self.handle.service().into(),
            None => self.handle.as_provider().map_or("not started", |provider| provider.info().name).into(),
        }
    }

    /// When it must have answered, where that is before the deadline of the call.
    pub(super) fn deadline(&self, cx: &CallContext, now: Tick) -> Option<Tick> {
        let by_timeout = self.timeout.map(|timeout| now.after(timeout));
        let shared = |share: f64| {
            let left = cx.deadline()?.since(now);
            // A share that is no number from 0 to 1 is none.
            Duration::try_from_secs_f64(left.as_secs_f64() * share).ok().map(|part| now.after(part.min(left)))
        };
        by_timeout.into_iter().chain(self.share.and_then(shared)).min()
    }
}

impl Leg<Messenger> {
    /// Sets the channel that it sends to, whatever the call names: other services call theirs otherwise. Replies go to the
    /// channel of what they reply to.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<Channel>) -> Self {
        self.channel = Some(channel.into());
        self
    }
}

impl<H: Handle> From<H> for Leg<H> {
    fn from(handle: H) -> Self {
        Self::new(handle)
    }
}

impl<H: Handle> fmt::Debug for Leg<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leg({})", self.label())
    }
}
