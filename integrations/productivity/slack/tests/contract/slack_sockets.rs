//! The side of Slack in Socket Mode: it gives addresses, and each connection to the test.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::{BuildContext, Environment, SecretRef};
use circle_core_slack::{Slack, SlackConfig, SlackEvents};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) const TOKEN: &str = "xapp-1-A111-hunter2";

const TEXT: u8 = 0x1;

pub(crate) struct Server {
    port: u16,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    pub(crate) sockets: mpsc::Receiver<Peer>,
}

/// One connection, as Slack has it.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Server {
    pub(crate) async fn start(refusal: Option<&'static str>) -> Self {
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

    pub(crate) fn events(&self) -> SlackEvents {
        self.events_in(Environment::default())
    }

    pub(crate) fn events_in(&self, environment: Environment) -> SlackEvents {
        let build = BuildContext::new(environment, "slack").allow_loopback(true);
        let config = SlackConfig::new(SecretRef::literal("xoxb-1")).app_token(SecretRef::literal(TOKEN));
        let slack = Slack::new(config.api_base(format!("http://127.0.0.1:{}/api", self.port)), build).unwrap();
        slack.socket_mode().unwrap()
    }

    /// The next connection, while the stream gives nothing.
    pub(crate) async fn accept(&mut self, events: &mut SlackEvents) -> Peer {
        soon(async {
            tokio::select! {
                delivery = events.next() => panic!("{delivery:?} came"),
                peer = self.sockets.recv() => {
                    let mut peer = peer.unwrap();
                    peer.say(&hello()).await;
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
    pub(crate) async fn say(&mut self, value: &Value) {
        self.0.write_all(&text(value)).await.unwrap();
    }

    /// What the client says next.
    pub(crate) async fn hear(&mut self) -> Value {
        let (opcode, content) = soon(heard(&mut self.0)).await.unwrap();
        assert_eq!(opcode, TEXT);
        serde_json::from_slice(&content).unwrap()
    }
}

pub(crate) fn hello() -> Value {
    json!({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A111"},
        "debug_info": {"host": "applink-1", "build_number": 10, "approximate_connection_time": 18060}})
}

/// A callback of the Events API in its envelope.
pub(crate) fn event(envelope: &str, id: &str, attempt: u32) -> Value {
    json!({"type": "events_api", "envelope_id": envelope, "accepts_response_payload": false,
        "retry_attempt": attempt, "retry_reason": if attempt > 0 { "timeout" } else { "" },
        "payload": {"type": "event_callback", "team_id": "T111", "api_app_id": "A111", "event_id": id, "event_time": 1_610_241_741,
            "event": {"type": "message", "channel": "C111", "user": "U222", "text": "Hi", "ts": "1610241741.000200"}}})
}

/// A frame of text.
pub(crate) fn text(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x80 | TEXT, 126, length[0], length[1]], text.as_bytes()].concat()
}

/// A frame of the client's, unmasked.
pub(crate) async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let opcode = stream.read_u8().await? & 0x0f;
    let length = match stream.read_u8().await? & 0x7f {
        126 => stream.read_u16().await?,
        short => u16::from(short),
    };
    let mask = stream.read_u32().await?.to_be_bytes();
    let mut content = vec![0; usize::from(length)];
    stream.read_exact(&mut content).await?;
    content.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((opcode, content))
}

pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs")
}
