//! Channels and users by name.

use std::time::Duration;

use circle_core_common::interfaces::messenger::Messenger;
use circle_core_common::interfaces::notifier::{Notification, Notifier};
use circle_core_common::{Environment, ErrorKind};
use circle_core_slack::Slack;
use circle_core_testkit::{FaultServer, ManualClock, Reply};

use super::{POSTED, TOKEN, config, context, context_in, refusal};

async fn workspace() -> FaultServer {
    let server = FaultServer::start().await.unwrap();
    server.at("/api/chat.postMessage").always(Reply::json(POSTED));
    server.at("/api/conversations.list").always_with(|request| {
        let body = std::str::from_utf8(&request.body).unwrap_or_default();
        Reply::json(match body.contains("cursor=") {
            false => r#"{"ok":true,"channels":[{"id":"C0OTHERS1","name":"others"}],"response_metadata":{"next_cursor":"dGVhbTpDMDYxRkE1UEI="}}"#,
            true => r#"{"ok":true,"channels":[{"id":"C024BE91L","name":"Général","name_normalized":"général"}]}"#,
        })
    });
    server.at("/api/users.list").always(Reply::json(
        r#"{"ok":true,"members":[{"id":"U0GONE111","name":"ana","deleted":true},{"id":"U024BE7LH","name":"ana","profile":{"display_name":"Ana B."}},
           {"id":"U1","name":"x","profile":{"display_name":"Sam"}},{"id":"U2","name":"y","profile":{"display_name":"sam"}}]}"#,
    ));
    server.at("/api/users.lookupByEmail").always(Reply::json(r#"{"ok":true,"user":{"id":"U061F7AUR","name":"ben"}}"#));
    server.at("/api/conversations.open").always(Reply::json(r#"{"ok":true,"channel":{"id":"D069C7QFK"}}"#));
    server
}

fn asked(server: &FaultServer, name: &str) -> Vec<String> {
    let path = format!("/api/{name}");
    let of_it = server.received().into_iter().filter(|request| request.path() == path);
    of_it.map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_once_for_a_while() {
    let server = workspace().await;
    let clock = ManualClock::new();
    let environment = Environment::builder().clock(clock.clock()).build();
    let config = config(&server.origin(), TOKEN).names_ttl(Duration::from_secs(60));
    let team = Messenger::new(Slack::new(config, context_in(environment)).unwrap());
    for _ in 0..3 {
        team.send("#Général", "x").await.unwrap();
    }
    let pages = asked(&server, "conversations.list");
    assert_eq!(
        pages,
        [
            "limit=999&types=public_channel%2Cprivate_channel",
            "cursor=dGVhbTpDMDYxRkE1UEI%3D&limit=999&types=public_channel%2Cprivate_channel",
        ]
    );
    // What was seen on the way is known too.
    team.send("others", "x").await.unwrap();
    assert_eq!(asked(&server, "conversations.list").len(), 2);
    clock.advance(Duration::from_secs(61));
    team.send("général", "x").await.unwrap();
    assert_eq!(asked(&server, "conversations.list").len(), 4);
    let channels: Vec<bool> = asked(&server, "chat.postMessage").iter().map(|body| body.contains("C024BE91L")).collect();
    assert_eq!(channels, [true, true, true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_look_a_name_up_once() {
    let server = workspace().await;
    let team = Messenger::new(Slack::new(config(&server.origin(), TOKEN), context()).unwrap());
    let sends = (0..10).map(|_| {
        let team = team.clone();
        tokio::spawn(async move { team.send("#général", "x").await })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap().unwrap();
    }
    assert_eq!(asked(&server, "conversations.list").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_nowhere_is_forgotten() {
    let server = workspace().await;
    let team = Messenger::new(Slack::new(config(&server.origin(), TOKEN), context()).unwrap());
    server.at("/api/reactions.add").always(refusal("channel_not_found"));
    let sent = team.send("#général", "x").await.unwrap();
    let mut named = sent.clone();
    named.channel = "#général".into();
    assert!(team.react(&named, "tada").await.unwrap_err().is(ErrorKind::NotFound));
    team.send("#général", "x").await.unwrap();
    assert_eq!(asked(&server, "conversations.list").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_written_to_directly() {
    let server = workspace().await;
    let desk = Notifier::new(Slack::new(config(&server.origin(), TOKEN), context()).unwrap());
    let recipients = ["@ana", "@Ana B.", "ben@example.org", "U024BE7LH", "@ANA"];
    desk.notify(Notification::new("x").to(recipients)).await.unwrap().all().unwrap();
    assert_eq!(asked(&server, "conversations.open"), ["users=U024BE7LH", "users=U061F7AUR"]);
    assert_eq!(asked(&server, "users.lookupByEmail"), ["email=ben%40example.org"]);
    assert!(asked(&server, "chat.postMessage").iter().all(|body| body.contains("D069C7QFK")));
    // Two users show this name: neither is guessed.
    let error = desk.notify(Notification::new("x").to(["@sam"])).await.unwrap().all().unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput), "{error}");
    let error = desk.notify(Notification::new("x").to(["@nobody"])).await.unwrap().all().unwrap_err();
    assert!(error.is(ErrorKind::NotFound), "{error}");
}
