//! A server on loopback that answers byte for byte what it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the server does about one request, step by step. After the last one the connection waits for the next request.
#[derive(Clone)]
pub(super) enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// Waits until so many requests have come, this one included.
    Until(usize),
    Close,
}

pub(super) type Script = Vec<Step>;

/// One answer, sent whole.
pub(super) fn answer(text: impl Into<Vec<u8>>) -> Script {
    vec![Step::Send(text.into())]
}

/// 200 with this body.
pub(super) fn ok(body: &str) -> Script {
    answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// An empty answer of this status, with these headers.
pub(super) fn status(status: u16, headers: &str) -> Script {
    answer(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n"))
}

pub(super) struct Server {
    pub(super) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Plays one script for each request; the last one again and again.
    pub(super) async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, requests: Arc::default(), connections: Arc::default() };
        let (requests, connections, scripts) = (Arc::clone(&server.requests), Arc::clone(&server.connections), Arc::new(scripts));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&requests), Arc::clone(&scripts)));
            }
        });
        server
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn hits(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Waits until so many requests have come.
    pub(super) async fn until(&self, count: usize) {
        let come = async {
            while self.hits() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), come)
            .await
            .unwrap_or_else(|_| panic!("{} of {count} requests", self.hits()));
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: Arc<Mutex<Vec<String>>>,
    scripts: Arc<Vec<Script>>,
) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let script = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            scripts[(requests.len() - 1).min(scripts.len() - 1)].clone()
        };
        for step in script {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Until(count) => {
                    while requests.lock().unwrap().len() < count {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                Step::Close => return,
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = request_end(buffer) {
            let rest = buffer.split_off(end);
            let request = std::mem::replace(buffer, rest);
            return Some(String::from_utf8_lossy(&request).into_owned());
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn request_end(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let end = match text.split("\r\ncontent-length: ").nth(1) {
        Some(rest) => head + rest.split("\r\n").next()?.parse::<usize>().ok()?,
        None if text.contains("transfer-encoding: chunked") => {
            head + buffer[head..].windows(5).position(|window| window == b"0\r\n\r\n")? + 5
        }
        None => head,
    };
    (buffer.len() >= end).then_some(end)
}
