//! The provider: what its interfaces share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use circle_core_common::interfaces::messenger::{Author, FileId, Messenger, MessengerCapabilities, MessengerProvider, Posted};
use circle_core_common::interfaces::notifier::{Notifier, NotifierCapabilities, NotifierProvider};
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service,
};

use crate::channels::Channels;
use crate::config::{ConsoleConfig, ConsoleOutput, RecipientState};
use crate::files::Files;
use crate::messenger;
use crate::notices::{Notices, Notified};
use crate::output::Output;
use crate::paint::Paint;

/// Messages and notifications on the terminal, or captured. Clones share what is kept.
#[derive(Clone)]
pub struct Console {
    pub(crate) shared: Arc<Shared>,
}

/// What clones share.
pub(crate) struct Shared {
    info: ProviderInfo,
    pub(crate) environment: Environment,
    pub(crate) messenger: MessengerCapabilities,
    pub(crate) notifier: NotifierCapabilities,
    recipients: Option<BTreeMap<String, RecipientState>>,
    /// `None` once it is closed. Held while lines are written, so that they come in the order of what they tell.
    state: Mutex<Option<State>>,
}

/// What is kept, and where lines are written.
pub(crate) struct State {
    pub(crate) output: Output,
    pub(crate) channels: Channels,
    pub(crate) files: Files,
    pub(crate) notices: Notices,
}

impl State {
    pub(crate) fn paint(&self) -> Paint {
        Paint { color: self.output.has_color() }
    }
}

impl Console {
    /// A console on standard output, in the default environment.
    #[must_use]
    pub fn new() -> Self {
        Self::made(&ConsoleConfig::new(), Environment::default())
    }

    /// A console that writes nowhere: what it is told is captured, for tests to look at.
    #[must_use]
    pub fn captured() -> Self {
        Self::made(&ConsoleConfig::new().output(ConsoleOutput::Memory), Environment::default())
    }

    /// A console of this config in this environment.
    ///
    /// # Errors
    /// `ConfigInvalid` for a config that keeps nothing, or whose author is no name.
    pub fn with(config: &ConsoleConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        config.check()?;
        Ok(Self::made(config, cx.into().environment().clone()))
    }

    fn made(config: &ConsoleConfig, environment: Environment) -> Self {
        let target = match config.output {
            ConsoleOutput::Stdout => "stdout",
            ConsoleOutput::Stderr => "stderr",
            ConsoleOutput::Memory => "memory",
        };
        let mut author = Author::bot(&config.author);
        author.name = Some(config.author.clone());
        let state = State {
            output: Output::new(config.output, config.color),
            channels: Channels::new(config.kept, config.channels.as_ref(), author),
            files: Files::default(),
            notices: Notices::new(config.kept),
        };
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), target),
            environment,
            messenger: messenger::capabilities(),
            notifier: NotifierCapabilities::all(),
            recipients: config.recipients.clone(),
            state: Mutex::new(Some(state)),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Every message that is kept, of all channels and threads, the oldest first; nothing once it is closed.
    #[must_use]
    pub fn messages(&self) -> Vec<Posted> {
        self.shared.lock().as_ref().map(|state| state.channels.all()).unwrap_or_default()
    }

    /// The content of a file that came with a message; `None` where it is not kept, as of the oldest beyond 64 MiB.
    #[must_use]
    pub fn file(&self, id: &FileId) -> Option<Bytes> {
        self.shared.lock().as_ref()?.files.get(id).map(|(_, content)| content.clone())
    }

    /// Every notification that is kept, one per recipient, the oldest first; nothing once it is closed.
    #[must_use]
    pub fn notifications(&self) -> Vec<Notified> {
        self.shared.lock().as_ref().map(|state| state.notices.all()).unwrap_or_default()
    }

    /// The lines that a captured console would have written, the last mebibyte of them.
    #[must_use]
    pub fn output(&self) -> String {
        self.shared.lock().as_ref().map(|state| state.output.captured().to_owned()).unwrap_or_default()
    }

    /// Every interface over this console, for a hub.
    #[must_use]
    pub fn service(&self) -> Service {
        let provider = Arc::new(self.clone());
        Service::new(Arc::clone(&provider) as _)
            .offer::<Messenger>(Arc::clone(&provider) as Arc<dyn MessengerProvider>)
            .offer::<Notifier>(provider as Arc<dyn NotifierProvider>)
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Console({})", self.shared.info.target)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is kept, while it is open.
    pub(crate) fn open<T>(&self, act: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        let closed = || Error::new(ErrorKind::Closed, "the console is closed");
        act(state.as_mut().ok_or_else(closed)?)
    }

    /// How a recipient can be notified; `None` of one that does not exist.
    pub(crate) fn recipient(&self, name: &str) -> Option<RecipientState> {
        match &self.recipients {
            Some(known) => known.get(name).copied(),
            None => Some(RecipientState::Reachable),
        }
    }
}

#[async_trait]
impl Provider for Console {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        self.shared.open(|_| Ok(Health::healthy()))
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        let state = self.shared.lock().take();
        // What waits for its time ends with what is kept, outside the lock.
        drop(state);
        Ok(())
    }
}

impl Integration for Console {
    type Config = ConsoleConfig;

    const NAME: &'static str = "console";
    const INTERFACES: &'static [&'static str] = &["Messenger", "Notifier"];

    async fn build(config: ConsoleConfig, cx: BuildContext) -> Result<Service> {
        Ok(Self::with(&config, cx)?.service())
    }
}
