//! The matrix finds what leaks, wherever it does.

use async_trait::async_trait;
use circle_core_common::http::{Auth, HttpClient, Request};
use circle_core_common::interfaces::notifier::{
    ClearRequest, DeliveryState, DeliveryStatus, NotificationId, Notifier, NotifierCapabilities, NotifierProvider, NotifyRequest,
    Receipt, StatusRequest,
};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{Bulk, CallContext, Health, Page, Provider, ProviderInfo, SecretRef};

use super::*;

static SEND: RemoteOperation = RemoteOperation::new("acme.Send", Idempotency::Idempotent, "/send");

/// What a provider does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leak {
    Nothing,
    Error,
    Log,
    Metric,
    Info,
    Query,
    Panic,
    Refusal,
}

struct Acme {
    info: ProviderInfo,
    environment: Environment,
    http: HttpClient,
    key: String,
    leak: Leak,
    capabilities: NotifierCapabilities,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct AcmeConfig {
    endpoint: String,
    key: SecretRef,
}

impl Acme {
    async fn build(config: AcmeConfig, cx: BuildContext, leak: Leak) -> Result<Service> {
        let key = config.key.resolve().await?;
        let key = secrecy::ExposeSecret::expose_secret(&key).to_owned();
        let http = cx.http(cx.origin(&config.endpoint)?).auth(Auth::Bearer(config.key)).build();
        let target = if leak == Leak::Info { key.clone() } else { String::new() };
        let info = ProviderInfo::new("acme", "1.0.0", target);
        let environment = cx.environment().clone();
        let acme = Self { info, environment, http, key, leak, capabilities: NotifierCapabilities::none() };
        let acme = Arc::new(acme);
        Ok(Service::new(acme.clone()).offer::<Notifier>(acme as Arc<dyn NotifierProvider>))
    }
}

#[async_trait]
impl Provider for Acme {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl NotifierProvider for Acme {
    fn capabilities(&self) -> &NotifierCapabilities {
        &self.capabilities
    }

    async fn notify(&self, cx: &CallContext, request: NotifyRequest) -> Result<Bulk<Receipt>> {
        let key = &self.key;
        let mut target = self.http.target("/send");
        match self.leak {
            Leak::Log => tracing::trace!(%key, "sending"),
            Leak::Metric => metrics::counter!("sent", "key" => key.clone()).increment(1),
            Leak::Query => {
                target = target.query("key", key);
                tracing::debug!(url = target.path_and_query, "sending");
            }
            _ => {}
        }
        let sent = self.http.send(cx, &SEND, Request::post(target)).await;
        assert!(self.leak != Leak::Panic, "no message for {key}");
        match sent {
            Err(error) if self.leak == Leak::Error => Err(Error::new(error.kind(), format!("with {key}: {error}"))),
            Err(error) if self.leak == Leak::Refusal && error.is(ErrorKind::NotFound) => {
                let backwards: String = key.chars().rev().collect();
                Err(Error::new(ErrorKind::NotFound, format!("{key} {backwards}")))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(Bulk::new(
                request
                    .recipients
                    .iter()
                    .map(|to| Ok(Receipt::new(NotificationId::new("1"), to.clone(), DeliveryState::Accepted)))
                    .collect(),
            )),
        }
    }

    async fn clear(&self, _: &CallContext, _: ClearRequest) -> Result<()> {
        Ok(())
    }

    async fn status(&self, _: &CallContext, _: StatusRequest) -> Result<Page<DeliveryStatus>> {
        Ok(Page { items: Vec::new(), next: None })
    }
}

fn matrix(leak: Leak) -> LeakMatrix {
    LeakMatrix::new("acme", schema_of::<AcmeConfig>(), true, move |config, cx| async move {
        let invalid = |why: serde_json::Error| Error::new(ErrorKind::ConfigInvalid, why.to_string());
        Acme::build(serde_json::from_value(config).map_err(invalid)?, cx, leak).await
    })
}

#[test]
fn what_leaks_is_found_and_named_without_the_secret() {
    for (leak, place, when) in [
        (Leak::Error, "the Debug of the error", "Plain, Refused(401, Json)"),
        (Leak::Log, "the field `key` of the event", "Jwt, Answered(Json)"),
        (Leak::Metric, "the labels of the metric `sent`", "Plain, Nameless"),
        (Leak::Info, "the Debug of a handle", "Plain, Answered(Json)"),
        (Leak::Query, "the field `url` of the event", "Plain, Silent"),
        (Leak::Panic, "notify panics", "Plain, Answered(Json)"),
        // One outcome of all.
        (Leak::Refusal, "the problem document", "Plain, Refused(404, Xml)"),
    ] {
        let Err(Failed::Wrong(found)) = matrix(leak).run() else { panic!("{place} is not found") };
        let line = found.lines().find(|line| line.starts_with(when) && line.contains(place));
        assert!(line.is_some(), "{when}: {place} is not in\n{found}");
        assert!(!found.contains("canary"), "{found}");
        if leak == Leak::Refusal {
            assert!(found.lines().skip(1).all(|line| line.contains("Refused(404")), "{found}");
        }
    }
}

#[test]
fn what_leaks_nothing_passes() {
    assert_eq!(matrix(Leak::Nothing).run(), Ok(()));
}

#[test]
fn what_cannot_be_called_does_not_pass() {
    let Err(Failed::Wrong(text)) = LeakMatrix::new("acme", schema_of::<AcmeConfig>(), true, |_, _| async {
        Err(Error::new(ErrorKind::ConfigInvalid, "never right"))
    })
    .run() else {
        panic!("it passes")
    };
    assert!(text.contains("give its fields `examples`"), "{text}");
    let nothing = serde_json::json!({ "type": "object", "properties": { "root": { "type": "string" } } });
    let skipped = LeakMatrix::new("files", nothing, false, |_, _| async { unreachable!() }).run();
    assert!(matches!(skipped, Err(Failed::Skipped(_))), "{skipped:?}");
}
