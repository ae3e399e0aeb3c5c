//! What the handle of a chat model does about answers that no model of the suite can be made to give.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::audit::{AuditEvent, AuditMode, AuditRecord, AuditSink, Recording};
use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatManyOptions, ChatModel, ChatModelCapabilities, ChatModelProvider, ChatRequest, ChatResponse, ChatStream,
    FinishReason, MockChatModelProvider, Part, PartKind, Received, Tool, Usage,
};
use circle_core_common::{
    CallContext, CallOptions, CallReport, Environment, Error, ErrorKind, Health, Provider, ProviderInfo, Reason, Result,
};
use futures_core::Stream;

fn text(events: &[ChatEvent]) -> Vec<ChatEvent> {
    let mut all = vec![ChatEvent::start(None, None), ChatEvent::part_start(0, PartKind::Text)];
    all.extend_from_slice(events);
    all
}

fn streaming(streams: impl Fn() -> ChatStream + Send + Sync + 'static) -> ChatModel {
    let mut mock = MockChatModelProvider::ready();
    mock.expect_stream().returning(move |_, _| Ok(streams()));
    ChatModel::new(mock)
}

#[tokio::test]
async fn what_fails_before_the_first_event_fails_in_the_opening_call() {
    let first = |error: Error| ChatStream::new(Items(vec![Ok(ChatEvent::Heartbeat), Err(error)].into_iter()));
    let overloaded = streaming(move || first(Error::new(ErrorKind::Unavailable, "overloaded")));
    let error = overloaded.stream("Count.").await.unwrap_err();
    assert!(error.is(ErrorKind::Unavailable) && error.operation().is_some(), "{error}");
    let silent = streaming(|| ChatStream::from_events([ChatEvent::Heartbeat]));
    assert_eq!(silent.stream("Count.").await.unwrap_err().reason(), Some(Reason::Truncated));
}

#[tokio::test]
async fn an_event_out_of_order_ends_the_stream_and_keeps_what_was_right() {
    let model = streaming(|| ChatStream::from_events(text(&[ChatEvent::text(0, "One"), ChatEvent::text(7, "lost")])));
    let error = model.stream("Count.").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Decode), "{error}");
    assert_eq!(Received::of(&error).unwrap().text(), "One");
    assert!(!format!("{error:?}").contains("One"), "an error shows no answer: {error:?}");
}

#[tokio::test]
async fn the_source_of_an_error_stays_behind_what_was_received() {
    let failed = || Error::new(ErrorKind::Unavailable, "overloaded").with_source(std::io::Error::other("529"));
    let items = move || {
        let events = text(&[ChatEvent::text(0, "One")]).into_iter().map(Ok);
        ChatStream::new(Items(events.chain([Err(failed())]).collect::<Vec<_>>().into_iter()))
    };
    let error = streaming(items).stream("Count.").await.unwrap().finish().await.unwrap_err();
    assert_eq!(Received::of(&error).unwrap().text(), "One");
    assert_eq!(error.provider_error::<std::io::Error>().unwrap().to_string(), "529");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_opening_call_bounds_the_reading() {
    let model = streaming(|| ChatStream::new(Slow { events: text(&[]).into_iter(), sleep: None }));
    let model = model.with(CallOptions::new().timeout(Duration::from_millis(2500)));
    let started = tokio::time::Instant::now();
    let error = model.stream("Count.").await.unwrap().finish().await.unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && Received::of(&error).is_some(), "{error}");
    assert_eq!(started.elapsed().as_millis() / 10, 250);
}

#[tokio::test]
async fn the_usage_of_a_broken_stream_is_reported_as_far_as_it_is_known() {
    let report = CallReport::new();
    let model = streaming(|| {
        let usage = Usage::exclusive(Some(7), Some(0), Some(0));
        ChatStream::from_events(text(&[ChatEvent::Usage(usage), ChatEvent::text(0, "One")]))
    });
    let model = model.with(CallOptions::new().report(&report));
    model.stream("Count.").await.unwrap().finish().await.unwrap_err();
    let usage = report.get().usage.unwrap();
    assert_eq!((usage.input_total(), usage.output_total()), (Some(7), None));
}

#[tokio::test]
async fn a_whole_answer_whose_record_is_lost_is_in_the_error() {
    struct Full(AtomicUsize);
    impl AuditSink for Full {
        fn record(&self, record: AuditRecord) -> Recording<'_> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Recording::Done(match record.event {
                AuditEvent::Outcome { .. } => Err(Error::new(ErrorKind::QuotaExceeded, "full")),
                _ => Ok(()),
            })
        }

        fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }
    let mut mock = MockChatModelProvider::ready();
    mock.expect_stream()
        .returning(|_, _| Ok(ChatStream::from_events(text(&[ChatEvent::text(0, "One"), ChatEvent::end(FinishReason::Stop)]))));
    let model = ChatModel::builder(mock).audit(Full(AtomicUsize::new(0)), AuditMode::Required).build();
    let error = model.stream("Count.").await.unwrap().finish().await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::AuditUnavailable));
    let received = Received::of(&error).unwrap();
    assert_eq!((received.text().as_str(), &received.finish), ("One", &FinishReason::Stop));
}

#[tokio::test(start_paused = true)]
async fn many_requests_run_as_many_at_a_time_as_they_may_and_stay_in_order() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let model = ChatModel::new(Echo { running, most: Arc::clone(&most) });
    let numbers: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let replies = model.chat_many_with(&numbers, ChatManyOptions::new().concurrency(3)).await.unwrap().all().unwrap();
    assert_eq!(replies.iter().map(ChatResponse::text).collect::<Vec<_>>(), numbers);
    assert_eq!(most.load(Ordering::Relaxed), 3);
    let late = model.with(CallOptions::new().timeout(Duration::from_millis(70)));
    let replies = late.chat_many_with(&numbers, ChatManyOptions::new().concurrency(1)).await.unwrap();
    let timeouts = replies.failures().filter(|(_, error)| error.is(ErrorKind::Timeout)).count();
    assert_eq!(timeouts, 18, "30 ms, 29 ms, and no time for the third");
}

#[test]
fn cloning_and_growing_a_conversation_copies_no_text() {
    let request = (0..1000).fold(ChatRequest::new(), |request, _| request.user("x".repeat(1000)));
    let clone = request.clone();
    assert!(Arc::ptr_eq(&clone.messages, &request.messages));
    let grown = clone.user("more");
    assert!(Arc::ptr_eq(&grown.messages[0].parts, &request.messages[0].parts));
}

#[test]
fn futures_of_calls_stay_small() {
    let model = ChatModel::new(MockChatModelProvider::ready());
    let sizes = (size_of_val(&model.chat("a")), size_of_val(&model.stream("a")));
    // Spawned and joined by the hundred: most of it is the request and the call.
    assert!(sizes.0 <= 3072 && sizes.1 <= 3072, "{sizes:?}");
}

#[tokio::test]
async fn tools_survive_json() {
    let tool = Tool::new("look_up", "Looks up.", serde_json::json!({ "type": "object" })).strict(true);
    let json = serde_json::to_string(&tool).unwrap();
    assert_eq!(serde_json::from_str::<Tool>(&json).unwrap(), tool);
}

struct Items(std::vec::IntoIter<Result<ChatEvent>>);

impl Stream for Items {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// One event at once, and then one per second, without end.
struct Slow {
    events: std::vec::IntoIter<ChatEvent>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Stream for Slow {
    type Item = Result<ChatEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = self.events.next() {
            return Poll::Ready(Some(Ok(event)));
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(Some(Ok(ChatEvent::text(0, "."))))
    }
}

/// Answers what it is asked, later the earlier it was asked.
struct Echo {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl Provider for Echo {
    fn info(&self) -> &ProviderInfo {
        static INFO: OnceLock<ProviderInfo> = OnceLock::new();
        INFO.get_or_init(|| ProviderInfo::new("echo", "1", ""))
    }

    fn environment(&self) -> &Environment {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(Default::default)
    }

    async fn health(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl ChatModelProvider for Echo {
    fn capabilities(&self) -> &ChatModelCapabilities {
        static CAPABILITIES: OnceLock<ChatModelCapabilities> = OnceLock::new();
        CAPABILITIES.get_or_init(ChatModelCapabilities::none)
    }

    async fn chat(&self, _: &CallContext, request: ChatRequest) -> Result<ChatResponse> {
        let text = request.messages[0].text();
        self.most.fetch_max(self.running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let number: u64 = text.parse().unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(10 + 20 - number)).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        Ok(ChatResponse::new(vec![Part::text(text)]))
    }

    async fn stream(&self, _: &CallContext, _: ChatRequest) -> Result<ChatStream> {
        Err(Error::unsupported("stream"))
    }
}
