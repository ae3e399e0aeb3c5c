//! What an attempt leaves in spans and logs, and what nothing leaves there.

use std::io;
use std::sync::Mutex;

use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

use super::server::{Server, ok, status};
use super::*;
use crate::http::Request;

/// Everything that this thread logs on any level, the tasks of its connections included.
#[derive(Clone, Default)]
struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn of(level: Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_span_events(FmtSpan::CLOSE).with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

async fn calls(port: u16) {
    let environment = Environment::default();
    let client = client(&environment, &format!("http://127.0.0.1:{port}"));
    let request = || {
        let request =
            Request::get(client.target("/v1").path(CANARY).query("key", CANARY)).header("x-vault-token", CANARY).unwrap();
        request.header("accept", "text/plain").unwrap().body(CANARY)
    };
    tracing::trace!(request = ?request(), "asks");
    client.send(&context(&environment), &GET, request()).await.unwrap();
    let error = client.send(&context(&environment), &GET, request()).await.unwrap_err();
    tracing::error!(%error, ?error, problem = ?error.to_problem(), "failed");
}

#[tokio::test]
async fn attempts_are_spans_with_the_names_of_the_conventions() {
    let (log, _guard) = Log::of(Level::TRACE);
    let echo = format!("{{\"code\":\"bad\",\"message\":\"{CANARY}\"}}");
    let refusal = super::server::answer(format!("HTTP/1.1 403 X\r\nContent-Length: {}\r\n\r\n{echo}", echo.len()));
    let server = Server::start(vec![status(503, ""), ok(""), refusal]).await;
    calls(server.port).await;
    let text = log.text();
    let spans: Vec<&str> = text.lines().filter(|line| line.contains("attempt{") && line.contains(": close")).collect();
    assert_eq!(spans.len(), 3, "{text}");
    let place = format!("server.address=\"127.0.0.1\" server.port={}", server.port);
    for (span, resends, code) in [(spans[0], 0, 503), (spans[1], 1, 200), (spans[2], 0, 403)] {
        for field in ["otel.name=GET /{id} ", "http.request.method=\"GET\"", "url.template=\"/{id}\"", &place] {
            assert!(span.contains(field), "{field}: {span}");
        }
        assert!(span.contains(&format!("resend_count={resends} ")), "{span}");
        assert!(span.contains(&format!("http.response.status_code={code}")), "{span}");
    }
    assert!(text.contains("text/plain") && text.contains("x-vault-token") && text.contains("failed"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn the_span_of_the_call_is_left_alone_when_attempts_are_not_wanted() {
    let (log, _guard) = Log::of(Level::INFO);
    let server = Server::start(vec![ok("")]).await;
    let environment = Environment::default();
    let client = client(&environment, &server.origin());
    let call = tracing::info_span!(target: "circle", "call", otel.name = "read", server.address = tracing::field::Empty);
    let request = Request::get(target(&client, "/a"));
    tracing::Instrument::instrument(client.send(&context(&environment), &GET, request), call).await.unwrap();
    assert!(log.text().contains("call{otel.name=\"read\"}: "), "{}", log.text());
}
