//! A server on loopback that keeps what it was asked: as much HTTP as the contract servers need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// What is answered, with status 200.
pub(crate) enum Answer {
    /// At once.
    Json(String),
    /// Event by event, each as a part of its own; the connection breaks behind them where that is told.
    Events { events: Vec<String>, breaks: bool },
}

/// The server; it ends with the process.
pub(crate) struct Server {
    pub(crate) origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &*answer, &kept));
            }
        });
        Self { origin, asked }
    }

    /// What it was asked at this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

/// Answers the requests of a connection, until either side closes it.
fn serve(stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer, kept: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(asked) = read(&mut reader) {
        kept.lock().unwrap().push(asked.clone());
        if !matches!(write(&mut writer, answer(&asked)), Ok(true)) {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut asked = Asked { path: line.split(' ').nth(1)?.to_owned(), ..Asked::default() };
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut asked.authorization),
            "content-type" => value.clone_into(&mut asked.content_type),
            _ => {}
        }
    }
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// Whether the connection goes on.
fn write(writer: &mut TcpStream, answer: Answer) -> io::Result<bool> {
    match answer {
        Answer::Json(body) => {
            let length = body.len();
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")?;
            Ok(true)
        }
        Answer::Events { events, breaks } => {
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for event in events {
                write!(writer, "{:x}\r\n{event}\r\n", event.len())?;
                writer.flush()?;
            }
            if !breaks {
                write!(writer, "0\r\n\r\n")?;
            }
            Ok(!breaks)
        }
    }
}
