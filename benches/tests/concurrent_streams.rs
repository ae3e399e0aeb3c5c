//! A thousand answers that stream at once: what they keep in memory, counted, so the same on every machine.
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use allocation_counter::measure;
use bytes::Bytes;
use circle_core::chat_model::{ChatModel, ChatResponse, ChatStream, FinishReason};
use circle_core::{ByteStream, Environment, Result};
use circle_core_benches::at_once;
use circle_core_benches::chat_streams::model;
use circle_core_common::http::{Transport, TransportRequest, TransportResponse};
use futures_core::Stream;
use http::{HeaderMap, StatusCode};
use std::task::Waker;

const STREAMS: usize = 1000;
const PIECES: usize = 200;
/// The most that a stream keeps which waits for its next event: the call, its place at the endpoint, the watch over stalls,
/// the buffer of the event stream, and the answer so far.
const KEPT: u64 = 8 * 1024;

/// Answers every request with a text of its own, as far as the service has got.
#[derive(Default)]
struct Service {
    requests: AtomicUsize,
    /// How many events have been sent on every stream.
    sent: Arc<AtomicUsize>,
}

struct Body {
    stream: usize,
    next: usize,
    sent: Arc<AtomicUsize>,
}

fn piece(stream: usize, at: usize) -> String {
    format!(" {stream}:{at}")
}

#[async_trait::async_trait]
impl Transport for Service {
    async fn send(&self, _: TransportRequest) -> Result<TransportResponse> {
        let stream = self.requests.fetch_add(1, Ordering::Relaxed);
        let body = ByteStream::new(Body { stream, next: 0, sent: Arc::clone(&self.sent) });
        Ok(TransportResponse::new(StatusCode::OK, HeaderMap::new(), body))
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Whoever waits is polled again by the test, as soon as there is more.
        if self.next >= self.sent.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.next += 1;
        let choice = match self.next - 1 {
            at if at < PIECES => {
                format!("{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}", piece(self.stream, at))
            }
            PIECES => "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}".to_owned(),
            at if at == PIECES + 1 => return Poll::Ready(Some(Ok(Bytes::from_static(b"data: [DONE]\n\n")))),
            _ => return Poll::Ready(None),
        };
        let id = self.stream;
        Poll::Ready(Some(Ok(format!("data: {{\"id\":\"{id}\",\"model\":\"m\",\"choices\":[{choice}]}}\n\n").into())))
    }
}

/// Reads what has come.
fn read(stream: &mut ChatStream) -> bool {
    loop {
        match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(event)) => drop(event.expect("an event")),
            Poll::Ready(None) => return true,
            Poll::Pending => return false,
        }
    }
}

fn open(model: &ChatModel) -> Vec<ChatStream> {
    let mut streams = Vec::with_capacity(STREAMS);
    streams.extend((0..STREAMS).map(|_| at_once(model.stream("Go on.")).expect("a stream")));
    streams
}

fn check(number: usize, reply: &ChatResponse) {
    let expected: String = (0..PIECES).map(|at| piece(number, at)).collect();
    assert_eq!((reply.text(), &reply.finish), (expected, &FinishReason::Stop));
}

#[test]
fn a_thousand_streams_stay_within_bounded_memory_and_need_no_task() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let service = Service::default();
    let sent = Arc::clone(&service.sent);
    let model = model(Environment::builder().transport(service).build(), "https://api.example.org");
    sent.store(1, Ordering::Relaxed);
    let mut streams = Vec::new();
    let idle = measure(|| {
        streams = open(&model);
        assert!(!streams.iter_mut().any(read));
    });
    let each = idle.bytes_current.unsigned_abs() / STREAMS as u64;
    println!("a stream that waits keeps {each} bytes");
    assert!(each <= KEPT, "{each} bytes for each stream that waits");
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);

    let mut over = 0;
    let slow = measure(|| {
        while over < STREAMS {
            sent.fetch_add(1, Ordering::Relaxed);
            over += streams.iter_mut().map(|stream| usize::from(read(stream))).sum::<usize>();
            assert!(over == 0 || over == STREAMS, "they all end with their last event");
        }
    });
    let answer: usize = (0..PIECES).map(|at| piece(STREAMS - 1, at).len()).sum();
    let peak = slow.bytes_max / STREAMS as u64;
    println!("a stream of {PIECES} events keeps {peak} bytes more at its peak, for an answer of {answer} bytes");
    // The answer's text, in a buffer that grows by doubling; and what the last event costs.
    assert!(peak <= 2 * answer as u64 + KEPT, "{peak} bytes for each stream, of an answer of {answer} bytes");
    for (number, stream) in streams.into_iter().enumerate() {
        check(number, &at_once(stream.finish()).expect("an answer"));
    }
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}
