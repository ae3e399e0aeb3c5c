//! The service `slack`: what its interfaces share.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use circle_core_common::interfaces::messenger::{Messenger, MessengerCapabilities, MessengerProvider};
use circle_core_common::interfaces::notifier::{Notifier, NotifierCapabilities, NotifierProvider};
use circle_core_common::interfaces::webhook_verifier::{WebhookVerifier, WebhookVerifierProvider};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{
    BuildContext, CallContext, Environment, Error, ErrorKind, Health, Integration, Provider, ProviderInfo, Result, Service,
};

use crate::client::{OPERATIONS, SlackClient};
use crate::config::SlackConfig;
use crate::directory::Directory;
use crate::endpoint::SlackEndpoint;
use crate::events::SlackEvents;
use crate::lost::LostWrites;
use crate::socket_mode::SocketMode;
use crate::webhook_verifier::Signing;
use crate::{messenger, notifier};

/// Messages and notifications by an app of a Slack workspace. Clones share the client.
#[derive(Clone)]
pub struct Slack {
    pub(crate) client: SlackClient,
    pub(crate) shared: Arc<Shared>,
}

/// What clones share.
pub(crate) struct Shared {
    info: ProviderInfo,
    pub(crate) messenger: MessengerCapabilities,
    pub(crate) notifier: NotifierCapabilities,
    pub(crate) directory: Directory,
    pub(crate) lost: LostWrites,
    /// The client with the app-level token.
    app: Option<SlackClient>,
    pub(crate) signing: Signing,
}

impl Slack {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no type of conversation, an address that is none.
    pub fn new(config: SlackConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        if config.conversation_types.is_empty() {
            let text = "`conversation_types` is empty: name one, such as `public_channel`";
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let types: Vec<&str> = config.conversation_types.iter().map(|one| one.as_str()).collect();
        let cx = cx.into();
        let client = SlackClient::new(config.token, &config.api_base, &cx)?;
        let app = config.app_token.map(|token| SlackClient::new(token, &config.api_base, &cx)).transpose()?;
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), client.host()),
            messenger: messenger::capabilities(config.operation_metadata),
            notifier: notifier::capabilities(),
            directory: Directory::new(config.names_ttl, types.join(",")),
            lost: LostWrites::default(),
            app,
            signing: Signing::new(config.signing_secret.as_ref(), &cx)?,
        };
        Ok(Self { client, shared: Arc::new(shared) })
    }

    /// The native client: one method per request of the Web API.
    #[must_use]
    pub fn client(&self) -> &SlackClient {
        &self.client
    }

    /// What happens in the workspace, through Socket Mode. Nothing is connected before it is asked for the first event.
    ///
    /// Each is a stream of its own: Slack gives every event to one of up to ten connections of an app.
    ///
    /// # Errors
    /// `ConfigInvalid` without an `app_token`.
    pub fn socket_mode(&self) -> Result<SlackEvents> {
        let app = self.shared.app.as_ref().ok_or_else(|| {
            let text = "Socket Mode needs an app-level token: set `app_token`, `xapp-…` with the scope `connections:write`";
            Error::new(ErrorKind::ConfigInvalid, text)
        })?;
        Ok(SlackEvents::of_socket_mode(SocketMode::new(app)))
    }

    /// What happens in the workspace, as Slack sends it to the application's own web server: where its requests go in, and what comes
    /// of them.
    ///
    /// Each is a pair of its own. What the streams of several processes behind one address have taken, each knows of itself.
    ///
    /// # Errors
    /// `ConfigInvalid` without a `signing_secret`.
    pub fn events_over_http(&self) -> Result<(SlackEndpoint, SlackEvents)> {
        self.shared.signing.secret()?;
        Ok(SlackEndpoint::new(self))
    }
}

#[async_trait]
impl Provider for Slack {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.client.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.client.auth_test(cx).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.client.close();
        self.shared.app.iter().for_each(SlackClient::close);
        Ok(())
    }
}

impl Integration for Slack {
    type Config = SlackConfig;

    const NAME: &'static str = "slack";
    const INTERFACES: &'static [&'static str] = &["Messenger", "Notifier", "WebhookVerifier"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = OPERATIONS;

    async fn build(config: SlackConfig, cx: BuildContext) -> Result<Service> {
        let slack = Arc::new(Self::new(config, cx)?);
        let messenger: Arc<dyn MessengerProvider> = slack.clone();
        let notifier: Arc<dyn NotifierProvider> = slack.clone();
        let verifier: Arc<dyn WebhookVerifierProvider> = slack.clone();
        Ok(Service::new(slack).offer::<Messenger>(messenger).offer::<Notifier>(notifier).offer::<WebhookVerifier>(verifier))
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slack({})", self.shared.info)
    }
}
