//! The suites of messengers, notifiers and verifiers, over a workspace that speaks the Web API.

mod contract_server;

use std::sync::Arc;

use circle_core_common::interfaces::messenger::{self, Messenger};
use circle_core_common::interfaces::notifier::{self, Notifier};
use circle_core_common::interfaces::webhook_verifier::{self, WebhookVerifier, conformance::SchemeSigner};
use circle_core_common::suite::{Canary, Counted, Script, Scripted, Subject, Traffic, equal};
use circle_core_common::webhook::Scheme;
use circle_core_common::{BuildContext, Environment, Error, ErrorKind, Integration, Result, SecretRef};
use circle_core_slack::{Slack, SlackConfig, SlackWebhook, SlackWebhookConfig};
use circle_core_testkit::{Addresses, FaultServer, Reply, Runner, assert_metadata, assert_operations};
use contract_server::{BEN, DEACTIVATED, HIDDEN, Workspace};

fn main() {
    Runner::new()
        .test("metadata_names_the_interfaces", || async {
            assert_metadata(env!("CARGO_MANIFEST_DIR"), Slack::NAME, Slack::INTERFACES)?;
            assert_metadata(env!("CARGO_MANIFEST_DIR"), SlackWebhook::NAME, SlackWebhook::INTERFACES)
        })
        .test("every_request_is_told", || async {
            let told = [Slack::OPERATIONS, SlackWebhook::OPERATIONS].concat();
            assert_operations(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), &told)
        })
        .test("build_offers_the_interfaces", || async {
            let service = Slack::build(SlackConfig::new(SecretRef::literal("xoxb-1")), context()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &Slack::INTERFACES.to_vec())?;
            let config = SlackWebhookConfig::new().webhook("ops", SecretRef::literal("https://hooks.slack.com/services/T/B/x"));
            let service = SlackWebhook::build(config, context()).await?;
            equal("the interfaces that `build` offers", &service.interfaces(), &SlackWebhook::INTERFACES.to_vec())
        })
        .suite("Messenger", messenger::conformance::SUITE, team)
        .negatives("Messenger", messenger::conformance::NEGATIVES, |_| team())
        .suite("Notifier", notifier::conformance::SUITE, desk)
        .negatives("Notifier", notifier::conformance::NEGATIVES, |_| desk())
        .suite("WebhookVerifier", webhook_verifier::conformance::SUITE, verifier)
        .negatives("WebhookVerifier", webhook_verifier::conformance::NEGATIVES, |_| verifier())
        .suite("Notifier by webhooks", notifier::conformance::SUITE, webhooks)
        .negatives("Notifier by webhooks", notifier::conformance::NEGATIVES, |_| webhooks())
        .main()
}

fn context() -> BuildContext {
    BuildContext::new(Environment::default(), "team").allow_loopback(true)
}

fn slack(workspace: &Workspace, canary: &Canary) -> Result<Arc<Slack>> {
    let config = SlackConfig::new(SecretRef::literal(canary.secret().to_owned())).api_base(workspace.origin());
    Ok(Arc::new(Slack::new(config, context())?))
}

fn addresses() -> Addresses {
    Addresses::new()
        .channels(["#general", "random"], "#no-such-channel")
        .recipients(["@ana", "#random"], "nobody@example.org")
        .opted_out(HIDDEN)
        .expired(DEACTIVATED)
}

async fn team() -> Result<Subject<Messenger>> {
    let canary = Canary::new();
    let workspace = Workspace::start(canary.secret()).await?;
    let mut subject = Subject::<Messenger>::over(slack(&workspace, &canary)?);
    subject.second = Some(Messenger::from(slack(&workspace, &canary)? as Arc<dyn messenger::MessengerProvider>));
    subject.native = Some(|team| team.native::<Slack>().is_some());
    subject.addresses = addresses();
    subject.canary = canary;
    subject.keep = Some(Arc::new(workspace));
    Ok(subject)
}

async fn desk() -> Result<Subject<Notifier>> {
    let canary = Canary::new();
    let workspace = Workspace::start(canary.secret()).await?;
    let mut subject = Subject::<Notifier>::over(slack(&workspace, &canary)?);
    subject.native = Some(|desk| desk.native::<Slack>().is_some());
    subject.addresses = addresses().recipients([BEN, "#general"], "@nobody");
    subject.canary = canary;
    subject.keep = Some(Arc::new(workspace));
    Ok(subject)
}

/// The signing secret is what must not be shown.
async fn verifier() -> Result<Subject<WebhookVerifier>> {
    let (script, traffic, canary) = (Script::new(), Traffic::new(), Canary::new());
    let workspace = Workspace::start("xoxb-1").await?;
    let config = SlackConfig::new(SecretRef::literal("xoxb-1")).api_base(workspace.origin());
    let slack = Slack::new(config.signing_secret(SecretRef::literal(canary.secret().to_owned())), context())?;
    let handle = WebhookVerifier::new(Counted::over(Scripted::new(slack, script.clone()), &traffic));
    let mut subject = Subject::new(handle, traffic);
    subject.faults = Some(Arc::new(script));
    subject.native = Some(|hooks| hooks.native::<Slack>().is_some());
    subject.webhooks = Some(Arc::new(SchemeSigner::new(Scheme::slack(), [canary.secret()])?));
    subject.canary = canary;
    subject.keep = Some(Arc::new(workspace));
    Ok(subject)
}

/// Webhooks of which each knows its own path, which holds the canary.
async fn webhooks() -> Result<Subject<Notifier>> {
    let (canary, server) = (Canary::new(), FaultServer::start().await);
    let server = server.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let url = |name: &str| format!("{}/services/T1/{name}/{}", server.origin(), canary.secret());
    let mut config = SlackWebhookConfig::new().api_base(server.origin());
    for (name, reply) in [
        ("ops", Reply::ok("ok")),
        ("finance", Reply::ok("ok")),
        ("archived", Reply::status(410).body("channel_is_archived")),
        ("revoked", Reply::status(404).body("no_service")),
    ] {
        config = config.webhook(name, SecretRef::literal(url(name)));
        let path = format!("/services/T1/{name}/{}", canary.secret());
        server.at(&path).always(reply);
    }
    let mut subject = Subject::<Notifier>::over(Arc::new(SlackWebhook::new(config, context())?));
    subject.native = Some(|desk| desk.native::<SlackWebhook>().is_some());
    subject.addresses = Addresses::new().recipients(["ops", "finance"], "nobody").opted_out("archived").expired("revoked");
    subject.canary = canary;
    subject.keep = Some(Arc::new(server));
    Ok(subject)
}
