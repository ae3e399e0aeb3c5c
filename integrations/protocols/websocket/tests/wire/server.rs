//! A WebSocket server on loopback whose every byte is a test's.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Operation codes.
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The first byte of a frame that is a message's last.
pub(crate) const FIN: u8 = 0x80;

pub(crate) struct Server {
    pub(crate) port: u16,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    open: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

/// Counts a connection as open until its script has ended.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    /// Plays `script` on every connection that sends a request; it is told how many came before.
    pub(crate) async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let (shared, script) = (Arc::clone(&counts), Arc::new(script));
        let task = tokio::spawn(async move {
            let mut scripts = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while scripts.try_join_next().is_some() {}
                shared.open.fetch_add(1, Ordering::SeqCst);
                let (counts, script) = (Open(Arc::clone(&shared)), Arc::clone(&script));
                scripts.spawn(async move {
                    let Some(peer) = Peer::after_request(stream).await else { return };
                    counts.0.heads.lock().unwrap().push(peer.head.clone());
                    let number = counts.0.connections.fetch_add(1, Ordering::SeqCst);
                    script(number, peer).await;
                    drop(counts);
                });
            }
        });
        Self { port, counts, task }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open, with or without a request.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.counts.heads.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The other end of one connection, after its request.
pub(crate) struct Peer {
    pub(crate) head: String,
    pub(crate) stream: TcpStream,
}

impl Peer {
    async fn after_request(mut stream: TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        Some(Self { head: String::from_utf8(head).unwrap(), stream })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The answer that accepts, with these lines more.
    pub(crate) fn acceptance(&self, more: &str) -> String {
        let key = self.header("sec-websocket-key").unwrap();
        let accept = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
        let accept = STANDARD.encode(accept);
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        )
    }

    pub(crate) async fn accept(&mut self) {
        let answer = self.acceptance("");
        self.send(answer).await;
    }

    /// What cannot be sent any more is no matter: the client's view is what is tested.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.send(frame(FIN | TEXT, text.as_bytes())).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        self.send(frame(FIN | CLOSE, &closing(code, reason))).await;
    }

    /// The next frame: its operation code and content, unmasked. `None` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let second = self.stream.read_u8().await.ok()?;
        assert_eq!(second & 0x80, 0x80, "a client masks its frames");
        let length = match second & 0x7f {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mask = self.stream.read_u32().await.ok()?.to_be_bytes();
        let mut content = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut content).await.ok()?;
        content.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        assert_eq!(first & 0xf0, FIN, "this client never fragments");
        Some((first & 0x0f, content))
    }

    /// Answers pings and closes until the connection ends.
    pub(crate) async fn serve(&mut self) {
        while let Some((code, content)) = self.receive().await {
            match code {
                PING => self.send(frame(FIN | PONG, &content)).await,
                CLOSE => {
                    self.send(frame(FIN | CLOSE, &content)).await;
                    return;
                }
                TEXT | BINARY => self.send(frame(FIN | code, &content)).await,
                _ => {}
            }
        }
    }

    /// Waits until the client has closed the connection.
    pub(crate) async fn gone(&mut self) {
        let mut rest = [0; 4096];
        while self.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

/// A frame of a server's, which is not masked.
pub(crate) fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match content.len() {
        length @ 0..126 => bytes.push(u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

/// The content of a close frame.
pub(crate) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}
