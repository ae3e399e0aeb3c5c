//! What the provider makes of refusals and broken connections.

use std::time::{Duration, Instant};

use circle_core_common::interfaces::messenger::{Message, MessageId, Messenger, Sent};
use circle_core_common::{CallOptions, CallReport, ErrorKind, Reason, Resolution};
use circle_core_slack::{Slack, SlackError};
use circle_core_testkit::{Canary, Expected, Failure, FailureMatrix, FaultServer, Reply};

use super::{CHANNEL, POSTED, TOKEN, answering, config, context, refusal, team};

const EMPTY: &str = r#"{"ok":true,"messages":[],"has_more":false,"response_metadata":{"next_cursor":""}}"#;

fn matrix(success: &str) -> FailureMatrix {
    FailureMatrix::new(Reply::json(success), 3)
        .said(Failure::Unauthenticated, refusal("invalid_auth"))
        .said(Failure::Forbidden, refusal("missing_scope"))
        .said(Failure::Missing, refusal("channel_not_found"))
        .said(Failure::Throttled, refusal("ratelimited").with_status(429))
        .said(Failure::ServerError, refusal("internal_error"))
}

fn client(server: &FaultServer, secret: &Canary) -> circle_core_common::Result<Messenger> {
    let config = config(&server.origin(), secret.secret()).operation_metadata(false);
    Ok(Messenger::new(Slack::new(config, context())?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_meets_every_failure() {
    let call = |team: Messenger| async move { team.history(CHANNEL).page().await };
    assert_eq!(matrix(EMPTY).run(client, call).await, Ok(()));
}

/// Slack recognises no repetition: whatever may have arrived is unknown, and asked for once. What it refuses for a limit is not
/// there, and is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_meets_every_failure() {
    let unknown = || Expected::kind(ErrorKind::OutcomeUnknown).hits(1);
    let outcome = matrix(POSTED)
        .expect(Failure::ServerError, unknown())
        .expect(Failure::BadGateway, unknown())
        .expect(Failure::Silent, unknown())
        .expect(Failure::Reset, unknown())
        .expect(Failure::Truncated, unknown())
        .expect(Failure::Garbage, unknown())
        .run(client, |team: Messenger| async move { team.send(CHANNEL, "Hi").await })
        .await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_meets_every_failure() {
    let call = |team: Messenger| async move { team.edit(Sent::new(CHANNEL, MessageId::new("1.000000")), "Hi").await };
    assert_eq!(matrix(POSTED).run(client, call).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_what_slack_said() {
    let body = r#"{"ok":false,"error":"missing_scope","needed":"channels:history","provided":"chat:write"}"#;
    let server = answering(Reply::json(body)).await;
    let error = team(&server.origin()).history(CHANNEL).page().await.unwrap_err();
    let said = error.provider_error::<SlackError>().unwrap();
    assert_eq!((said.status, said.code.as_str(), said.request_id.as_deref()), (200, "missing_scope", Some("req-1")));
    assert_eq!(said.needed.as_deref(), Some("channels:history"));
    assert!(error.to_string().contains("needs the scope `channels:history`"), "{error}");
    let detail = error.detail().unwrap();
    assert_eq!((detail.code.as_deref(), detail.request_id.as_deref()), (Some("missing_scope"), Some("req-1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_slack_repeats_is_not_shown() {
    let body = format!(
        r#"{{"ok":false,"error":"{TOKEN}","needed":"{TOKEN}","response_metadata":{{"messages":["the token {TOKEN} is wrong"]}}}}"#
    );
    let server = answering(Reply::json(body)).await;
    let error = team(&server.origin()).send(CHANNEL, "x").await.unwrap_err();
    let said = error.provider_error::<SlackError>().unwrap();
    assert!(!format!("{error} {error:?} {said:?} {:?}", error.to_problem()).contains(TOKEN), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_one_method_holds_no_other() {
    let server = FaultServer::start().await.unwrap();
    server.at("/api/conversations.history").always(refusal("ratelimited").with_status(429).header("retry-after", "30"));
    server.at("/api/chat.postMessage").always(Reply::json(POSTED));
    let team = team(&server.origin()).with(CallOptions::new().timeout(Duration::from_secs(5)));
    let limited = team.history(CHANNEL).page().await.unwrap_err();
    assert_eq!((limited.kind(), limited.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(30))));
    team.send(CHANNEL, "goes through").await.unwrap();
    // The method itself is not asked again before its time.
    let held = team.history(CHANNEL).page().await.unwrap_err();
    assert!(held.is(ErrorKind::RateLimited), "{held}");
    let asked = server.received().iter().filter(|request| request.path() == "/api/conversations.history").count();
    assert_eq!(asked, 1);
}

/// <https://docs.slack.dev/apis/web-api/rate-limits>: refused by the status, or by the code alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_a_limit_is_sent_once_the_limit_lets_it() {
    for refused in [refusal("ratelimited").with_status(429), refusal("ratelimited"), Reply::status(429)] {
        let server = FaultServer::start().await.unwrap();
        server.at("/api/chat.postMessage").once(refused.header("retry-after", "1")).always(Reply::json(POSTED));
        let report = CallReport::new();
        let began = Instant::now();
        let sent = team(&server.origin()).with(CallOptions::new().report(&report)).send(CHANNEL, "Q3 is out").await.unwrap();
        assert_eq!((sent.id.as_str(), server.hits(), report.get().attempts), ("1503435956.000247", 2, 2));
        assert!(began.elapsed() >= Duration::from_secs(1), "it came before it was asked to");
        let bodies: Vec<_> = server.received().into_iter().map(|request| request.body).collect();
        assert_eq!(bodies[0], bodies[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_is_lost_is_found_by_its_metadata() {
    let server = FaultServer::start().await.unwrap();
    server.at("/api/chat.postMessage").always(Reply::hang_up());
    let team = Messenger::new(Slack::new(config(&server.origin(), TOKEN), context()).unwrap());
    server.at("/api/conversations.history").always(Reply::json(EMPTY));
    let error = team.send(CHANNEL, "x").await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown) && error.operation_id().is_some(), "{error}");
    assert_eq!(team.resolve(&error).await.unwrap(), Resolution::Unknown);
    let asked = server.received().pop().unwrap();
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(form.contains("include_all_metadata=true") && form.contains("oldest="), "{form}");

    let found = format!(
        r#"{{"ok":true,"messages":[{{"user":"U1","text":"other","ts":"2.000000"}},{{"user":"U1","text":"x","ts":"1.000000",
            "metadata":{{"event_type":"circle_core_write","event_payload":{{"operation_id":"{}"}}}}}}]}}"#,
        error.operation_id().unwrap()
    );
    let server_of_another_process = FaultServer::start().await.unwrap();
    server_of_another_process.always(Reply::json(found));
    let other = Messenger::new(Slack::new(config(&server_of_another_process.origin(), TOKEN), context()).unwrap());
    assert_eq!(other.resolve(&error).await.unwrap(), Resolution::Applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_answer_is_lost_is_looked_for_in_its_thread() {
    let server = FaultServer::start().await.unwrap();
    server.at("/api/chat.postMessage").always(Reply::hang_up());
    server.at("/api/conversations.replies").always_with(|_| Reply::json(EMPTY));
    let team = Messenger::new(Slack::new(config(&server.origin(), TOKEN), context()).unwrap());
    let to = Sent::new(CHANNEL, MessageId::new("1503435900.000100"));
    let error = team.reply(to, Message::text("x")).await.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown), "{error}");
    let asked = server.received().pop().unwrap();
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(asked.path() == "/api/conversations.replies" && form.contains("ts=1503435900.000100"), "{form}");
}

/// Nothing is unknown of a message that was not sent yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_breaks_off_has_sent_no_message() {
    let server = FaultServer::start().await.unwrap();
    server.always(Reply::hang_up());
    for channel in ["#general", "U024BE7LH", "ana@example.org"] {
        let error = team(&server.origin()).send(channel, "x").await.unwrap_err();
        assert_eq!((error.kind(), error.sent()), (ErrorKind::Connection, circle_core_common::Sent::No), "{channel}: {error}");
    }
}

/// An answer that lacks what it is about is none: a history is never empty by mistake.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lacks_its_subject_is_unreadable() {
    let server = answering(Reply::json(r#"{"ok":true}"#)).await;
    let team = team(&server.origin());
    assert!(team.history(CHANNEL).page().await.unwrap_err().is(ErrorKind::Decode));
    assert!(team.channels().page().await.unwrap_err().is(ErrorKind::Decode));
    let server = answering(Reply::json("{}")).await;
    let deleted = super::team(&server.origin()).delete(Sent::new(CHANNEL, MessageId::new("1.000000"))).await;
    assert!(deleted.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_outside_of_slacks_limits_is_not_sent() {
    let server = answering(Reply::json(POSTED)).await;
    let error = team(&server.origin()).send(CHANNEL, "&".repeat(8001)).await.unwrap_err();
    assert_eq!((error.reason(), server.hits()), (Some(Reason::OutsideLimit), 0));
}
