//! Requests, as Slack's reference shows them.

use circle_core_common::interfaces::messenger::{Block, HistoryOptions, Inline, Mention, Message, MessageId, Messenger, Sent};
use circle_core_common::interfaces::notifier::{Notification, Notifier, Severity};
use circle_core_common::provider::Provider;
use circle_core_common::{CallOptions, CallReport, ErrorKind, Timestamp};
use circle_core_slack::{Slack, SlackBlocks};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{CHANNEL, POSTED, TOKEN, config, context, slack, team};

const JSON: &str = "application/json; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";

/// A server that answers this one request, and no other.
async fn expecting(name: &str, content_type: &str, body: &str, answer: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/api/{name}")))
        .and(header("authorization", format!("Bearer {TOKEN}").as_str()))
        .and(header("content-type", content_type))
        .and(body_string(body))
        .respond_with(
            ResponseTemplate::new(200).insert_header("x-slack-req-id", "req-1").set_body_raw(answer, "application/json"),
        )
        .expect(1)
        .mount(&server)
        .await;
    server
}

async fn body(server: &MockServer) -> Value {
    serde_json::from_slice(&server.received_requests().await.unwrap().pop().unwrap().body).unwrap()
}

async fn always(answer: &str) -> MockServer {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).set_body_raw(answer, "application/json");
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

fn message() -> Sent {
    Sent::new(CHANNEL, MessageId::new("1503435956.000247"))
}

#[tokio::test]
async fn a_message_is_sent_byte_for_byte() {
    let expected = r#"{"channel":"C024BE91L","text":"Q3 is out: *up* &lt;12 %&gt; &amp; more","mrkdwn":false}"#;
    let server = expecting("chat.postMessage", JSON, expected, POSTED).await;
    let report = CallReport::new();
    let team = team(&server.uri()).with(CallOptions::new().report(&report));
    let sent = team.send(CHANNEL, "Q3 is out: *up* <12 %> & more").await.unwrap();
    assert_eq!((sent.channel.as_str(), sent.id.as_str(), sent.thread), (CHANNEL, "1503435956.000247", None));
    assert_eq!(report.get().request_ids, ["req-1"]);
}

#[tokio::test]
async fn a_reply_names_the_first_message_of_its_thread() {
    let expected =
        r#"{"channel":"C024BE91L","text":"yes","mrkdwn":false,"thread_ts":"1503435900.000100","reply_broadcast":true}"#;
    let server = expecting("chat.postMessage", JSON, expected, POSTED).await;
    let to = message().thread(MessageId::new("1503435900.000100"));
    let reply = team(&server.uri()).reply(to, Message::text("yes").broadcast()).await.unwrap();
    assert_eq!(reply.thread.as_ref().map(MessageId::as_str), Some("1503435900.000100"));
}

#[tokio::test]
async fn rich_text_is_blocks_with_a_text_for_notifications() {
    let server = always(POSTED).await;
    let blocks = vec![
        Block::heading(1, "Q3"),
        Block::paragraph([Inline::strong("up"), Inline::text(" <12 %>"), Mention::Channel(CHANNEL.into()).into()]),
    ];
    team(&server.uri()).send(CHANNEL, blocks).await.unwrap();
    let expected = json!({
        "channel": CHANNEL,
        "text": format!("Q3\n\nup &lt;12 %&gt;#{CHANNEL}"),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "Q3", "emoji": false } },
            { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
                { "type": "text", "text": "up", "style": { "bold": true } },
                { "type": "text", "text": " <12 %>" },
                { "type": "channel", "channel_id": CHANNEL },
            ] }] },
        ],
    });
    assert_eq!(body(&server).await, expected);
}

#[tokio::test]
async fn blocks_of_slack_itself_come_along() {
    let server = always(POSTED).await;
    let own = SlackBlocks::new().section("all of it").divider();
    team(&server.uri()).send(CHANNEL, Message::text("for screen readers").extension(own)).await.unwrap();
    let sent = body(&server).await;
    assert_eq!((&sent["text"], &sent["blocks"][1]["type"]), (&json!("for screen readers"), &json!("divider")));
    let wrong = SlackBlocks::new().header("x".repeat(151));
    let error = team(&server.uri()).send(CHANNEL, Message::text("x").extension(wrong)).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_id_of_the_write_is_metadata() {
    let server = always(POSTED).await;
    let report = CallReport::new();
    let team = Messenger::new(Slack::new(config(&server.uri(), TOKEN), context()).unwrap());
    team.with(CallOptions::new().report(&report)).send(CHANNEL, "x").await.unwrap();
    let id = report.get().operation_id.unwrap().to_string();
    let expected = json!({ "event_type": "circle_core_write", "event_payload": { "operation_id": id } });
    assert_eq!(body(&server).await["metadata"], expected);
}

#[tokio::test]
async fn an_edit_is_no_markup_either() {
    let expected = concat!(
        r#"{"channel":"C024BE91L","ts":"1503435956.000247","text":"*v2*","blocks":[{"elements":[{"elements":[{"text":"*v2*","#,
        r#""type":"text"}],"type":"rich_text_section"}],"type":"rich_text"}]}"#
    );
    let server = expecting("chat.update", JSON, expected, POSTED).await;
    assert_eq!(team(&server.uri()).edit(message(), "*v2*").await.unwrap().id, message().id);
    let error = team(&server.uri()).edit(message(), "x".repeat(4001)).await.unwrap_err();
    assert_eq!(error.limit().and_then(|limit| limit.max), Some(4000));
}

#[tokio::test]
async fn deletes_and_reactions_are_sent_byte_for_byte() {
    let done = r#"{"ok":true}"#;
    let server = expecting("chat.delete", JSON, r#"{"channel":"C024BE91L","ts":"1503435956.000247"}"#, done).await;
    team(&server.uri()).delete(message()).await.unwrap();
    let arguments = "channel=C024BE91L&timestamp=1503435956.000247&name=tada";
    let server = expecting("reactions.add", FORM, arguments, done).await;
    team(&server.uri()).react(message(), "tada").await.unwrap();
    let arguments = "channel=C024BE91L&timestamp=1503435956.000247&name=%2B1%3A%3Askin-tone-2";
    let server = expecting("reactions.remove", FORM, arguments, done).await;
    team(&server.uri()).delete_reaction(message(), "+1::skin-tone-2").await.unwrap();
    let error = team(&server.uri()).react(message(), "🎉").await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
}

#[tokio::test]
async fn what_is_so_already_is_done() {
    for (code, kind) in [("message_not_found", None), ("cant_delete_message", Some(ErrorKind::PermissionDenied))] {
        let server = always(&format!(r#"{{"ok":false,"error":"{code}"}}"#)).await;
        assert_eq!(team(&server.uri()).delete(message()).await.err().map(|error| error.kind()), kind, "{code}");
    }
    let server = always(r#"{"ok":false,"error":"already_reacted"}"#).await;
    team(&server.uri()).react(message(), "tada").await.unwrap();
    assert!(team(&server.uri()).delete_reaction(message(), "tada").await.is_err());
    let server = always(r#"{"ok":false,"error":"no_reaction"}"#).await;
    team(&server.uri()).delete_reaction(message(), "tada").await.unwrap();
    assert!(team(&server.uri()).react(message(), "tada").await.is_err());
}

const PAGE: &str = r#"{"ok":true,"messages":[{"type":"message","user":"U012AB3CDE","text":"I find you punny","ts":"1512085950.000216"},
    {"type":"message","user":"U061F7AUR","text":"What, you want to smell my shoes better?","ts":"1512104434.000490"}],"has_more":true,
    "pin_count":0,"response_metadata":{"next_cursor":"bmV4dF90czoxNTEyMDg1ODYxMDAwNTQz"}}"#;

#[tokio::test]
async fn a_history_is_asked_page_by_page() {
    let server = expecting("conversations.history", FORM, "channel=C024BE91L&limit=2", PAGE).await;
    let page = team(&server.uri()).history(CHANNEL).page_size(2).page().await.unwrap();
    assert_eq!(page.items[0].text, "I find you punny");
    assert_eq!((page.items[1].author.id.as_str(), page.items[1].author.is_bot), ("U061F7AUR", false));
    let next = "channel=C024BE91L&cursor=bmV4dF90czoxNTEyMDg1ODYxMDAwNTQz&limit=2";
    let server = expecting("conversations.history", FORM, next, r#"{"ok":true,"messages":[]}"#).await;
    let last = team(&server.uri()).history(CHANNEL).page_size(2).starting_at(page.next).page().await.unwrap();
    assert!(last.items.is_empty() && last.next.is_none());
}

#[tokio::test]
async fn a_span_begins_with_its_first_moment_and_ends_before_its_last() {
    let expected = "channel=C024BE91L&inclusive=true&latest=1512104434.000489&limit=200&oldest=1512085950.000216";
    let server = expecting("conversations.history", FORM, expected, PAGE).await;
    let at = |seconds, micros: u32| Timestamp::from_unix(seconds, micros * 1000);
    let options = HistoryOptions::new().from(at(1_512_085_950, 216)).until(at(1_512_104_434, 490));
    let page = team(&server.uri()).history_with(CHANNEL, options).page().await.unwrap();
    // What Slack gives beyond the span is left out.
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn a_thread_has_its_first_message_once() {
    let thread = r#"{"ok":true,"messages":[{"user":"U1","text":"root","ts":"1.000001","thread_ts":"1.000001","reply_count":2},
        {"user":"U1","text":"one","ts":"2.000000","thread_ts":"1.000001"}],"response_metadata":{"next_cursor":"x"}}"#;
    let server = always(thread).await;
    let options = HistoryOptions::new().thread(Sent::new(CHANNEL, MessageId::new("1.000001")));
    let listing = || team(&server.uri()).history_with(CHANNEL, options.clone()).page_size(2);
    let first = listing().page().await.unwrap();
    assert_eq!((first.items.len(), first.items[0].replies), (2, Some(2)));
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(
        (request.url.path(), &*request.body),
        ("/api/conversations.replies", &b"channel=C024BE91L&limit=2&ts=1.000001"[..])
    );
    let second = listing().starting_at(first.next).page().await.unwrap();
    assert_eq!(second.items.iter().map(|posted| posted.text.as_str()).collect::<Vec<_>>(), ["one"]);
}

#[tokio::test]
async fn channels_are_listed_with_what_they_are() {
    let channels = r#"{"ok":true,"channels":[
        {"id":"C012AB3CD","name":"general","is_channel":true,"is_member":true,"is_archived":false,"topic":{"value":"Work &amp; <https://a.example|more>"}},
        {"id":"G1","name":"secret","is_private":true,"is_archived":true},{"id":"D1","is_im":true,"user":"U1"}],
        "response_metadata":{"next_cursor":""}}"#;
    let expected = "limit=200&types=public_channel%2Cprivate_channel";
    let server = expecting("conversations.list", FORM, expected, channels).await;
    let page = team(&server.uri()).channels().page().await.unwrap();
    let told: Vec<String> =
        page.items.iter().map(|one| format!("{} {:?} {:?} {}", one.id, one.kind, one.name, one.is_archived)).collect();
    assert_eq!(told, [r#"C012AB3CD Public Some("general") false"#, r#"G1 Private Some("secret") true"#, "D1 Direct None false",]);
    assert_eq!(page.items[0].topic.as_deref(), Some("Work & more (https://a.example)"));
    assert!(page.next.is_none());
}

#[tokio::test]
async fn a_notification_is_a_message_of_its_own_to_each() {
    let server = always(POSTED).await;
    let desk = Notifier::new(slack(&server.uri()));
    let disk = Notification::new("Disk *95* %").body("/dev/sda1").severity(Severity::Critical).link("https://a.example/d?x|y");
    let receipts = desk.notify(disk.to([CHANNEL])).await.unwrap().all().unwrap();
    assert_eq!(receipts[0].id.as_str(), "C024BE91L:1503435956.000247");
    let sent = body(&server).await;
    assert_eq!(sent["text"], "[critical] Disk *95* %\n\n/dev/sda1\n\nhttps://a.example/d?x|y");
    let line = |at: usize| sent["blocks"][at]["elements"][0]["elements"][0].clone();
    assert_eq!(line(0), json!({ "type": "text", "text": "[critical] Disk *95* %", "style": { "bold": true } }));
    assert_eq!(line(1), json!({ "type": "text", "text": "/dev/sda1" }));
    assert_eq!(line(2), json!({ "type": "link", "url": "https://a.example/d?x|y" }));
}

#[tokio::test]
async fn health_asks_whose_token_it_is() {
    let identity = r#"{"ok":true,"url":"https://subarachnoid.slack.com/","team":"Subarachnoid Workspace","user":"grace","team_id":"T12345678","user_id":"W12345678"}"#;
    let server = expecting("auth.test", FORM, "", identity).await;
    let slack = slack(&server.uri());
    let cx = slack.client().call(CallOptions::new());
    assert!(slack.health(&cx).await.is_ok());
}

#[tokio::test]
async fn the_native_client_has_what_no_interface_knows() {
    let cx_of = |slack: &Slack| slack.client().call(CallOptions::new());
    let server =
        expecting("chat.getPermalink", FORM, "channel=C1&message_ts=1.2", r#"{"ok":true,"permalink":"https://a.example"}"#).await;
    let one = slack(&server.uri());
    assert_eq!(one.client().permalink(&cx_of(&one), "C1", "1.2").await.unwrap(), "https://a.example");
    let server = expecting("users.info", FORM, "user=U1", r#"{"ok":true,"user":{"id":"U1","name":"ana"}}"#).await;
    let one = slack(&server.uri());
    assert_eq!(one.client().user(&cx_of(&one), "U1").await.unwrap().name, "ana");
    let server =
        expecting("conversations.info", FORM, "channel=C1", r#"{"ok":true,"channel":{"id":"C1","name":"general"}}"#).await;
    let one = slack(&server.uri());
    assert_eq!(one.client().conversation(&cx_of(&one), "C1").await.unwrap().name.as_deref(), Some("general"));
    let members =
        r#"{"ok":true,"members":[{"id":"U1","name":"ana"}],"response_metadata":{"next_cursor":"dXNlcjpVMEc5V0ZYTlo="}}"#;
    let server = expecting("users.list", FORM, "limit=1", members).await;
    let one = slack(&server.uri());
    let page = one.client().users(&cx_of(&one)).page_size(1).page().await.unwrap();
    assert_eq!(page.next.unwrap().token(), "dXNlcjpVMEc5V0ZYTlo=");
}
