//! The service `slack-webhook`: notifications by incoming webhooks
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>), which need no token and know one channel each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use circle_core_common::credentials::SecretReader;
use circle_core_common::http::{Auth, HttpClient, Origin, Request, Secrets, Sign, TransportRequest};
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, Notification, NotificationId, Notifier, NotifierCapabilities, NotifierProvider,
    NotifyRequest, Receipt, Recipient, StatusRequest,
};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{
    BuildContext, Bulk, CallContext, Environment, Error, ErrorKind, Health, Integration, Page, Provider, ProviderInfo, Result,
    Service,
};
use secrecy::ExposeSecret;

use crate::config::SlackWebhookConfig;
use crate::error::Webhooks;
use crate::notifier::{self, saying};

// Slack recognises no repetition.
static SEND: RemoteOperation = RemoteOperation::new("slack.webhook", Idempotency::NonIdempotent, "/services/{webhook}");

/// Puts the path of a webhook, which is its secret, on a request as the last step.
struct WebhookUrl {
    url: SecretReader,
    origin: Arc<Origin>,
}

#[async_trait]
impl Sign for WebhookUrl {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let url = self.url.read(cx).await?;
        let invalid = || {
            let text = format!("the address of a webhook begins with {}/ and holds no blanks", self.origin);
            Error::new(ErrorKind::ConfigInvalid, text)
        };
        let text = url.expose_secret().trim();
        // A secret that names another host would be sent there with what the notification says.
        let path = text.strip_prefix(self.origin.as_str()).filter(|path| path.len() > 1 && path.starts_with('/'));
        let path = path.filter(|path| path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')).ok_or_else(invalid)?;
        path.clone_into(&mut request.target.path_and_query);
        request.extensions.insert(Secrets::bare(path.to_owned().into()));
        Ok(())
    }
}

/// Notifications by incoming webhooks. Clones share the clients.
#[derive(Clone)]
pub struct SlackWebhook {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    environment: Environment,
    capabilities: NotifierCapabilities,
    webhooks: BTreeMap<String, HttpClient>,
    closed: AtomicBool,
}

impl SlackWebhook {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no webhook, a host that is none.
    pub fn new(config: SlackWebhookConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        if config.webhooks.is_empty() {
            let text = "`webhooks` is empty: name a recipient and the address of its webhook";
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let origin = Arc::new(cx.origin(&config.api_base).map_err(|error| error.context("api_base"))?);
        let client = |url| {
            let url = cx.secret_reader(url);
            let auth = Auth::custom(WebhookUrl { url, origin: Arc::clone(&origin) });
            cx.http(Arc::clone(&origin)).auth(auth).classify(Webhooks).build()
        };
        let webhooks = config.webhooks.iter().map(|(name, url)| (name.clone(), client(url))).collect();
        let shared = Shared {
            info: ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), origin.host()),
            environment: cx.environment().clone(),
            capabilities: notifier::capabilities(),
            webhooks,
            closed: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn check_open(&self) -> Result<()> {
        match self.shared.closed.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Closed, "the client is closed")),
            false => Ok(()),
        }
    }

    async fn notify_one(&self, cx: &CallContext, notification: &Notification, recipient: &Recipient) -> Result<()> {
        let Some(client) = self.shared.webhooks.get(recipient.as_str()) else {
            return Err(Error::new(ErrorKind::NotFound, "no webhook of this recipient is configured"));
        };
        let request = Request::post(client.target("/services")).json(&saying(notification)?)?;
        client.send(cx, &SEND, request).await.map(drop)
    }
}

#[async_trait]
impl Provider for SlackWebhook {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// A webhook can only be asked by writing to its channel, so it is not.
    async fn health(&self, _: &CallContext) -> Result<Health> {
        self.check_open().map(|()| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.closed.store(true, Ordering::Release);
        Ok(())
    }
}

#[async_trait]
impl NotifierProvider for SlackWebhook {
    fn capabilities(&self) -> &NotifierCapabilities {
        &self.shared.capabilities
    }

    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        self.check_open()?;
        let mut results = Vec::with_capacity(request.recipients.len());
        for (at, recipient) in request.recipients.iter().enumerate() {
            let result = self.notify_one(cx, &request.notification, recipient).await;
            // Slack says `ok`, and no id: this one is of the write.
            let id = || NotificationId::new(format!("{}-{at}", request.operation));
            results.push(result.map(|()| Receipt::new(id(), recipient.clone(), DeliveryState::Accepted)));
        }
        Ok(Bulk::new(results))
    }

    async fn clear(&self, _: &CallContext, _: ClearRequest) -> Result<()> {
        Err(Error::unsupported(NotifierCapabilities::CLEAR.name()))
    }

    async fn status(&self, _: &CallContext, _: StatusRequest) -> Result<Page<DeliveryStatus>> {
        Err(Error::unsupported(NotifierCapabilities::STATUS.name()))
    }
}

impl Integration for SlackWebhook {
    type Config = SlackWebhookConfig;

    const NAME: &'static str = "slack-webhook";
    const INTERFACES: &'static [&'static str] = &["Notifier"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] = &[&SEND];

    async fn build(config: SlackWebhookConfig, cx: BuildContext) -> Result<Service> {
        let webhook = Arc::new(Self::new(config, cx)?);
        let notifier: Arc<dyn NotifierProvider> = webhook.clone();
        Ok(Service::new(webhook).offer::<Notifier>(notifier))
    }
}

impl fmt::Debug for SlackWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackWebhook({})", self.shared.info)
    }
}
