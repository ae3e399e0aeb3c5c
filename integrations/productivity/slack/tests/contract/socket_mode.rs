//! Socket Mode against a server that opens, announces, cuts and repeats.

use circle_core_common::{Environment, ErrorKind, SecretRef};
use circle_core_slack::{Slack, SlackConfig, SlackDelivery, SlackEvent, SlackEvents};
use serde_json::json;

use super::slack_sockets::{Peer, Server, TOKEN, event, soon};

async fn next(events: &mut SlackEvents) -> SlackDelivery {
    soon(events.next()).await.unwrap().unwrap()
}

fn id(delivery: &SlackDelivery) -> &str {
    match delivery.event() {
        SlackEvent::Event { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

/// That nothing comes before what comes next does.
async fn only(events: &mut SlackEvents, peer: &mut Peer, last: &str) {
    peer.say(&event(&format!("e-{last}"), last, 0)).await;
    let delivery = next(events).await;
    assert_eq!(id(&delivery), last);
    delivery.acknowledge().await.unwrap();
    assert_eq!(peer.hear().await["envelope_id"], format!("e-{last}"));
}

#[tokio::test]
async fn events_interactions_and_commands_are_given_and_acknowledged() {
    let mut server = Server::start(None).await;
    let mut events = server.events();
    let mut peer = server.accept(&mut events).await;
    let heads = server.heads.lock().unwrap().clone();
    assert!(heads[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")));
    assert!(heads[1].starts_with("GET /link/?ticket=t1&app_id=a HTTP/1.1\r\n") && !heads[1].contains(TOKEN), "{}", heads[1]);

    peer.say(&event("e1", "Ev1", 0)).await;
    let delivery = next(&mut events).await;
    let SlackEvent::Event { id, team, event } = delivery.event() else { panic!() };
    assert_eq!((&**id, team.as_deref(), event["text"].as_str()), ("Ev1", Some("T111"), Some("Hi")));
    assert!(delivery.redelivery().is_none() && !delivery.accepts_answer() && !format!("{delivery:?}").contains("Hi"));
    delivery.acknowledge().await.unwrap();
    assert_eq!(peer.hear().await, json!({"envelope_id": "e1"}));

    peer.say(&json!({"type": "slash_commands", "envelope_id": "e2", "accepts_response_payload": true,
        "payload": {"command": "/ask", "text": "why"}}))
        .await;
    let delivery = next(&mut events).await;
    assert!(matches!(delivery.event(), SlackEvent::Command(payload) if payload["command"] == "/ask"));
    delivery.answer(&json!({"text": "because"})).await.unwrap();
    assert_eq!(peer.hear().await, json!({"envelope_id": "e2", "payload": {"text": "because"}}));

    peer.say(&json!({"type": "interactive", "envelope_id": "e3", "payload": {"type": "block_actions"}})).await;
    let delivery = next(&mut events).await;
    assert!(matches!(delivery.event(), SlackEvent::Interactive(_)));
    assert!(delivery.answer(&json!({})).await.unwrap_err().is(ErrorKind::Unsupported));

    peer.say(&json!({"type": "new_thing", "envelope_id": "e4", "payload": {"a": 1}})).await;
    let delivery = next(&mut events).await;
    assert!(matches!(delivery.event(), SlackEvent::Other { kind, .. } if kind == "new_thing"));
    peer.say(&json!("no envelope")).await;
    only(&mut events, &mut peer, "Ev2").await;
}

#[tokio::test]
async fn what_was_taken_is_not_given_again_and_what_was_not_is() {
    let mut server = Server::start(None).await;
    let mut events = server.events();
    let mut peer = server.accept(&mut events).await;
    peer.say(&event("e1", "Ev1", 0)).await;
    next(&mut events).await.acknowledge().await.unwrap();
    peer.hear().await;
    peer.say(&event("e2", "Ev1", 1)).await;
    peer.say(&event("e-between", "between", 0)).await;
    let between = next(&mut events).await;
    assert_eq!(id(&between), "between");
    assert_eq!(peer.hear().await, json!({"envelope_id": "e2"}), "acknowledged without the application");
    drop(between);

    peer.say(&event("e3", "Ev2", 0)).await;
    let first = next(&mut events).await;
    // Repeated while the application has it: it is not given twice.
    peer.say(&event("e4", "Ev2", 1)).await;
    only(&mut events, &mut peer, "while").await;
    drop(first);
    peer.say(&event("e5", "Ev2", 2)).await;
    let again = next(&mut events).await;
    assert_eq!((id(&again), again.redelivery().unwrap().attempt), ("Ev2", 2));
    again.acknowledge().await.unwrap();
    assert_eq!(peer.hear().await["envelope_id"], "e5");
}

#[tokio::test]
async fn a_lost_connection_loses_and_repeats_nothing() {
    let mut server = Server::start(None).await;
    let mut events = server.events();
    let mut peer = server.accept(&mut events).await;
    peer.say(&event("e1", "Ev1", 0)).await;
    let taken = next(&mut events).await;
    peer.say(&event("e2", "Ev2", 0)).await;
    let dropped = next(&mut events).await;
    drop(peer);
    let mut peer = server.accept(&mut events).await;
    // The connection that it came on is gone: the repetition is acknowledged instead.
    taken.acknowledge().await.unwrap();
    drop(dropped);
    peer.say(&event("e3", "Ev1", 1)).await;
    peer.say(&event("e4", "Ev2", 1)).await;
    let again = next(&mut events).await;
    assert_eq!(id(&again), "Ev2");
    assert_eq!(peer.hear().await, json!({"envelope_id": "e3"}));
    again.acknowledge().await.unwrap();
    assert_eq!(peer.hear().await, json!({"envelope_id": "e4"}));
    let asked = server.heads.lock().unwrap().iter().filter(|head| head.starts_with("POST")).count();
    assert_eq!(asked, 2, "each connection has an address of its own");
}

#[tokio::test]
async fn an_announced_end_is_met_by_the_next_connection() {
    for reason in ["warning", "refresh_requested"] {
        let mut server = Server::start(None).await;
        let mut events = server.events();
        let mut old = server.accept(&mut events).await;
        let end = json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "wss-111.slack.com"}});
        old.say(&end).await;
        let mut new = server.accept(&mut events).await;
        only(&mut events, &mut new, "new").await;
        // The old one is read and answered until it ends, and what it says of its end is no news.
        old.say(&end).await;
        only(&mut events, &mut old, "old").await;
        drop(old);
        only(&mut events, &mut new, "newer").await;
        let sockets = server.heads.lock().unwrap().iter().filter(|head| head.starts_with("GET")).count();
        assert_eq!(sockets, 2);
    }
}

#[tokio::test]
async fn what_connecting_again_does_not_help_against_ends_it() {
    let server = Server::start(Some("invalid_auth")).await;
    let mut events = server.events();
    let error = soon(events.next()).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && !format!("{error:?}").contains("hunter2"), "{error:?}");
    assert!(soon(events.next()).await.unwrap().is_none());

    let mut server = Server::start(None).await;
    let mut events = server.events();
    let mut peer = server.accept(&mut events).await;
    peer.say(&json!({"type": "disconnect", "reason": "link_disabled", "debug_info": {"host": "wss-111.slack.com"}})).await;
    assert!(soon(events.next()).await.unwrap_err().is(ErrorKind::ConfigInvalid));
    assert!(soon(events.next()).await.unwrap().is_none());

    let slack = Slack::new(SlackConfig::new(SecretRef::literal("xoxb-1")), &Environment::default()).unwrap();
    assert!(slack.socket_mode().unwrap_err().is(ErrorKind::ConfigInvalid));
}
