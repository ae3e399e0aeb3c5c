//! Incoming webhooks.

use circle_core_common::interfaces::notifier::{Notification, Notifier, Severity};
use circle_core_common::{ErrorKind, SecretRef};
use circle_core_slack::{SlackBlocks, SlackError, SlackWebhook, SlackWebhookConfig};
use circle_core_testkit::{Expected, Failure, FailureMatrix, FaultServer, Reply};

use super::context;

const PATH: &str = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

fn desk(server: &FaultServer, url: String) -> circle_core_common::Result<Notifier> {
    let config = SlackWebhookConfig::new().api_base(server.origin()).webhook("ops", SecretRef::literal(url));
    Ok(Notifier::new(SlackWebhook::new(config, context())?))
}

async fn notify(desk: &Notifier) -> circle_core_common::Result<()> {
    desk.notify(Notification::new("Disk 95 %").to(["ops"])).await?.all().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_sent_byte_for_byte() {
    let server = FaultServer::start().await.unwrap();
    server.at(PATH).always(Reply::ok("ok"));
    let desk = desk(&server, format!("{}{PATH}", server.origin())).unwrap();
    let disk = Notification::new("Disk 95 %").severity(Severity::Error).extension(SlackBlocks::new().divider());
    desk.notify(disk.to(["ops"])).await.unwrap().all().unwrap();
    let request = server.received().pop().unwrap();
    assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", Some("application/json")));
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        concat!(
            r#"{"text":"[error] Disk 95 %","blocks":[{"elements":[{"elements":[{"style":{"bold":true},"text":"[error] Disk 95 %","#,
            r#""type":"text"}],"type":"rich_text_section"}],"type":"rich_text"},{"type":"divider"}]}"#
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_meets_every_failure() {
    let unknown = || Expected::kind(ErrorKind::OutcomeUnknown).hits(1);
    let outcome = FailureMatrix::new(Reply::ok("ok"), 3)
        .said(Failure::Unauthenticated, Reply::status(403).body("invalid_token"))
        .said(Failure::Forbidden, Reply::status(403).body("action_prohibited"))
        .said(Failure::Missing, Reply::status(404).body("channel_not_found"))
        .said(Failure::Throttled, Reply::status(429).body("rate_limited"))
        .said(Failure::ServerError, Reply::status(500).body("rollup_error"))
        // It says that the message is there, and nothing more can be asked of it.
        .said(Failure::Garbage, Reply::status(400).body("invalid_payload"))
        .expect(Failure::Unauthenticated, Expected::kind(ErrorKind::Closed))
        .expect(Failure::Garbage, Expected::kind(ErrorKind::InvalidInput))
        .expect(Failure::ServerError, unknown())
        .expect(Failure::BadGateway, unknown())
        .expect(Failure::Silent, unknown())
        .expect(Failure::Reset, unknown())
        .expect(Failure::Truncated, unknown())
        .run(
            |server, secret| desk(server, format!("{}/services/T1/B1/{}", server.origin(), secret.secret())),
            |desk: Notifier| async move { notify(&desk).await },
        )
        .await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_webhook_is_refused_unsent_and_unshown() {
    let server = FaultServer::start().await.unwrap();
    for url in [
        "https://evil.example/services/hidden-path".to_owned(),
        format!("{}.evil.example/services/hidden-path", server.origin()),
        format!("{}@evil.example/hidden-path", server.origin()),
        format!("{}/services/hidden path", server.origin()),
        server.origin(),
    ] {
        let error = notify(&desk(&server, url.clone()).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), server.hits()), (ErrorKind::ConfigInvalid, 0), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_no_more_is_closed() {
    let server = FaultServer::start().await.unwrap();
    server.always(Reply::status(404).body("no_service"));
    let error = notify(&desk(&server, format!("{}{PATH}", server.origin())).unwrap()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.provider_error::<SlackError>().map(|said| said.code.as_str())),
        (ErrorKind::Closed, Some("no_service"))
    );
}
