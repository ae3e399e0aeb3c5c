//! Socket Mode against a server that opens, announces, cuts and repeats.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::{BuildContext, Environment, ErrorKind, SecretRef};
use circle_core_slack::{Slack, SlackConfig, SlackDelivery, SlackEvent, SlackSocketMode};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const TOKEN: &str = "xapp-1-A111-hunter2";

/// Slack: gives addresses, and each connection to the test.
struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    sockets: mpsc::Receiver<Peer>,
}

struct Peer(TcpStream);

impl Server {
    async fn start(refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (give, sockets) = mpsc::channel(8);
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, port, refusal, Arc::clone(&kept), give.clone()));
            }
        });
        Self { port, heads, sockets }
    }

    fn events(&self) -> SlackSocketMode {
        let build = BuildContext::new(Environment::default(), "slack").allow_loopback(true);
        let config = SlackConfig::new(SecretRef::literal("xoxb-1")).app_token(SecretRef::literal(TOKEN));
        let slack = Slack::new(config.api_base(format!("http://127.0.0.1:{}/api", self.port)), build).unwrap();
        slack.socket_mode().unwrap()
    }

    /// The next connection, while the stream gives nothing.
    async fn accept(&mut self, events: &mut SlackSocketMode) -> Peer {
        soon(async {
            tokio::select! {
                delivery = events.next() => panic!("{delivery:?} came"),
                peer = self.sockets.recv() => {
                    let mut peer = peer.unwrap();
                    let hello = json!({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A111"},
                        "debug_info": {"host": "applink-1", "build_number": 10, "approximate_connection_time": 18060}});
                    peer.say(&hello).await;
                    peer
                }
            }
        })
        .await
    }
}

async fn serve(
    mut stream: TcpStream,
    port: u16,
    refusal: Option<&str>,
    heads: Arc<Mutex<Vec<String>>>,
    give: mpsc::Sender<Peer>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        heads.lock().unwrap().push(head.clone());
        if head.starts_with("POST /api/apps.connections.open ") {
            let number = heads.lock().unwrap().len();
            let body = match refusal {
                Some(code) => json!({"ok": false, "error": code}),
                None => json!({"ok": true, "url": format!("ws://127.0.0.1:{port}/link/?ticket=t{number}&app_id=a")}),
            }
            .to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            continue;
        }
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let accept =
            STANDARD.encode(Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = give.send(Peer(stream)).await;
        return;
    }
}

impl Peer {
    async fn say(&mut self, value: &Value) {
        let text = value.to_string();
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&[0x81, 126, length[0], length[1]], text.as_bytes()].concat()).await.unwrap();
    }

    /// What the client says next, unmasked.
    async fn hear(&mut self) -> Value {
        soon(async {
            assert_eq!(self.0.read_u8().await.unwrap(), 0x81);
            let length = match self.0.read_u8().await.unwrap() & 0x7f {
                126 => self.0.read_u16().await.unwrap(),
                short => u16::from(short),
            };
            let mask = self.0.read_u32().await.unwrap().to_be_bytes();
            let mut text = vec![0; usize::from(length)];
            self.0.read_exact(&mut text).await.unwrap();
            text.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            serde_json::from_slice(&text).unwrap()
        })
        .await
    }
}

fn event(envelope: &str, id: &str, attempt: u32) -> Value {
    json!({"type": "events_api", "envelope_id": envelope, "accepts_response_payload": false,
        "retry_attempt": attempt, "retry_reason": if attempt > 0 { "timeout" } else { "" },
        "payload": {"type": "event_callback", "team_id": "T111", "api_app_id": "A111", "event_id": id, "event_time": 1_610_241_741,
            "event": {"type": "message", "channel": "C111", "user": "U222", "text": "Hi", "ts": "1610241741.000200"}}})
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs")
}

async fn next(events: &mut SlackSocketMode) -> SlackDelivery {
    soon(events.next()).await.unwrap().unwrap()
}

fn id(delivery: &SlackDelivery) -> &str {
    match delivery.event() {
        SlackEvent::Event { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

/// That nothing comes before what comes next does.
async fn only(events: &mut SlackSocketMode, peer: &mut Peer, last: &str) {
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
