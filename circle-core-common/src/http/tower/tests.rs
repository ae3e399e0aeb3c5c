use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::context::CallReport;
use crate::resilience::{BackoffSettings, BreakerSettings, Idempotency, RateLimitSettings, Resilience, Retry};

static ACME: HttpOperations = HttpOperations::new("acme.Http");

type Next = fn() -> Reply;

type Reply = std::result::Result<Response<&'static str>, io::Error>;

/// A client that gives scripted answers, the last again and again, and keeps what it was asked.
#[derive(Clone, Default)]
struct Client {
    replies: Arc<Mutex<VecDeque<Next>>>,
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
}

impl Client {
    fn of<const N: usize>(replies: [Next; N]) -> Self {
        Self { replies: Arc::new(Mutex::new(replies.into())), ..Self::default() }
    }

    fn seen(&self) -> Vec<(String, Bytes)> {
        locked(&self.seen).clone()
    }

    fn hits(&self) -> usize {
        self.seen().len()
    }
}

impl Service<Request<Bytes>> for Client {
    type Response = Response<&'static str>;
    type Error = io::Error;
    type Future = Ready<Reply>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let key = request.headers().get("idempotency-key").map(|key| format!(" {}", key.to_str().unwrap()));
        let line = format!("{} {}{}", request.method(), request.uri(), key.unwrap_or_default());
        locked(&self.seen).push((line, request.into_body()));
        let mut replies = locked(&self.replies);
        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().copied() };
        ready(reply.unwrap()())
    }
}

fn status(status: u16) -> Reply {
    Ok(Response::builder().status(status).body("answer").unwrap())
}

fn ok() -> Reply {
    status(200)
}

fn unavailable() -> Reply {
    status(503)
}

fn throttled() -> Reply {
    let mut answer = status(429)?;
    answer.headers_mut().insert("retry-after", "7".parse().unwrap());
    Ok(answer)
}

fn broken() -> Reply {
    Err(io::ErrorKind::ConnectionReset.into())
}

fn refused() -> Reply {
    Err(io::ErrorKind::ConnectionRefused.into())
}

fn resilience() -> Resilience {
    let backoff = || BackoffSettings::new().initial_interval(Duration::from_millis(1)).randomization_factor(0.0);
    Resilience::new().retry(Retry::new().backoff(backoff()).throttle_backoff(backoff()))
}

fn layer(resilience: Resilience) -> PolicyLayer {
    PolicyLayer::new(BuildContext::new(Environment::default(), "acme").resilience(resilience), &ACME)
}

fn request(method: Method) -> Request<Bytes> {
    let request = Request::builder().method(method).uri("https://api.example.org/a?b=c");
    request.body(Bytes::from_static(b"content")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_repeated_with_the_same_request() {
    let client = Client::of([unavailable, broken, ok]);
    let report = CallReport::new();
    let mut sent = request(Method::PUT);
    sent.extensions_mut().insert(CallOptions::new().report(&report));
    let answer = layer(resilience()).layer(client.clone()).call(sent).await.unwrap();
    assert_eq!((answer.status().as_u16(), *answer.body(), client.hits()), (200, "answer", 3));
    assert!(client.seen().iter().all(|seen| *seen == ("PUT https://api.example.org/a?b=c".to_owned(), "content".into())));
    assert_eq!(report.get().waits.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_stays_is_the_clients_own_answer() {
    for (reply, code, hits) in [(unavailable as fn() -> Reply, 503, 3), ((|| status(404)) as fn() -> Reply, 404, 1)] {
        let client = Client::of([reply]);
        let answer = layer(resilience()).layer(client.clone()).call(request(Method::GET)).await.unwrap();
        assert_eq!((answer.status().as_u16(), *answer.body(), client.hits()), (code, "answer", hits));
        assert_eq!(answer.extensions().get::<Error>().map(Error::attempts), Some(hits as u32));
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_goes_out_once_unless_it_was_not_sent_or_has_a_key() {
    let post = async |client: &Client, key: Option<&str>| {
        let mut request = request(Method::POST);
        key.map(|key| request.headers_mut().insert("idempotency-key", key.parse().unwrap()));
        layer(resilience()).layer(client.clone()).call(request).await
    };
    let client = Client::of([unavailable, ok]);
    assert_eq!((post(&client, None).await.unwrap().status().as_u16(), client.hits()), (503, 1));
    let client = Client::of([broken, ok]);
    assert_eq!((post(&client, None).await.unwrap_err().kind(), client.hits()), (ErrorKind::OutcomeUnknown, 1));
    let client = Client::of([refused, ok]);
    assert_eq!((post(&client, None).await.unwrap().status().as_u16(), client.hits()), (200, 2));
    let client = Client::of([broken, unavailable, ok]);
    assert_eq!((post(&client, Some("k1")).await.unwrap().status().as_u16(), client.hits()), (200, 3));
    assert!(client.seen().iter().all(|(line, _)| line.ends_with(" k1")));
}

#[tokio::test(start_paused = true)]
async fn one_description_for_all_beats_the_method() {
    static SEARCH: RemoteOperation = RemoteOperation::new("acme.Search", Idempotency::Safe, "/search");
    let client = Client::of([unavailable, ok]);
    let context = BuildContext::new(Environment::default(), "acme").resilience(resilience());
    let answer = PolicyLayer::new(&context, &SEARCH).layer(client.clone()).call(request(Method::POST)).await.unwrap();
    assert_eq!((answer.status().as_u16(), client.hits()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn a_keyed_operation_has_a_key_that_stays_the_same() {
    static CHARGE: RemoteOperation = RemoteOperation::new("acme.Charge", Idempotency::Keyed, "/charges");
    let context = BuildContext::new(Environment::default(), "acme").resilience(resilience());
    let post = async |client: &Client, key: Option<&str>, options: CallOptions| {
        let mut request = request(Method::POST);
        key.map(|key| request.headers_mut().insert("idempotency-key", key.parse().unwrap()));
        request.extensions_mut().insert(options);
        let answer = PolicyLayer::new(&context, &CHARGE).layer(client.clone()).call(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), client.hits()), (200, 3));
        let keys: Vec<String> =
            client.seen().iter().map(|(line, _)| line.splitn(3, ' ').nth(2).unwrap_or("none").to_owned()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        keys[0].clone()
    };
    let client = || Client::of([broken, unavailable, ok]);
    // One for each call, and the same for all its attempts.
    let (first, second) = (post(&client(), None, CallOptions::new()).await, post(&client(), None, CallOptions::new()).await);
    assert!(first != "none" && first != second, "{first} {second}");
    // It is the operation id, and a request's own key stays.
    let key = post(&client(), None, CallOptions::new().idempotency_key("order-7")).await;
    assert_eq!(key, "order-7");
    assert_eq!(post(&client(), Some("k1"), CallOptions::new()).await, "k1");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_for_one_origin() {
    let client = Client::of([unavailable]);
    let breaker = BreakerSettings::new().min_calls(5);
    let layer = layer(Resilience::new().retry(Retry::off()).breaker(breaker));
    let mut service = layer.layer(client.clone());
    for _ in 0..5 {
        assert_eq!(service.call(request(Method::GET)).await.unwrap().status().as_u16(), 503);
    }
    let error = service.call(request(Method::GET)).await.unwrap_err();
    assert_eq!((error.kind(), error.reason(), client.hits()), (ErrorKind::Unavailable, Some(Reason::BreakerOpen), 5));
    // Another layer's service of the same origin shares it; another origin does not.
    assert!(layer.layer(client.clone()).call(request(Method::GET)).await.is_err());
    let mut elsewhere = request(Method::GET);
    *elsewhere.uri_mut() = "https://other.example.org/".parse().unwrap();
    assert_eq!((service.call(elsewhere).await.unwrap().status().as_u16(), client.hits()), (503, 6));
}

#[tokio::test(start_paused = true)]
async fn what_the_service_asks_for_and_the_own_limit_are_heeded() {
    let client = Client::of([throttled, ok]);
    let began = tokio::time::Instant::now();
    layer(resilience()).layer(client.clone()).call(request(Method::GET)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(7) && client.hits() == 2, "{:?}", began.elapsed());
    let client = Client::of([ok]);
    let limited =
        resilience().total_timeout(Duration::from_secs(1)).rate_limit(RateLimitSettings::new().per_second(0.1).burst(1));
    let mut service = layer(limited).layer(client.clone());
    service.call(request(Method::GET)).await.unwrap();
    let error = service.call(request(Method::GET)).await.unwrap_err();
    assert_eq!((error.kind(), error.reason(), client.hits()), (ErrorKind::RateLimited, Some(Reason::LocalRateLimit), 1));
}

#[tokio::test(start_paused = true)]
async fn bodies_are_made_anew_or_sent_once() {
    let client = Client::of([unavailable, ok]);
    let doubled = layer(resilience()).replaying(|body: &Bytes| Some(body.clone()));
    assert_eq!(doubled.layer(client.clone()).call(request(Method::PUT)).await.unwrap().status().as_u16(), 200);
    assert_eq!(client.hits(), 2);
    let client = Client::of([unavailable, ok]);
    let once = layer(resilience()).replaying(SentOnce);
    let answer = once.layer(client.clone()).call(request(Method::PUT)).await.unwrap();
    assert_eq!((answer.status().as_u16(), client.hits()), (503, 1));
    assert_eq!(answer.extensions().get::<Error>().and_then(Error::reason), Some(Reason::BodyConsumed));
}

#[tokio::test(start_paused = true)]
async fn errors_are_what_the_application_says() {
    let client = Client::of([broken, ok]);
    let mapped = layer(resilience()).map_error(|error| Error::new(ErrorKind::PermissionDenied, "not here").with_source(error));
    let error = mapped.layer(client.clone()).call(request(Method::GET)).await.unwrap_err();
    assert_eq!((error.kind(), error.message(), client.hits()), (ErrorKind::PermissionDenied, "not here", 1));
    let client = Client::of([broken]);
    let error = layer(resilience()).layer(client.clone()).call(request(Method::GET)).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), client.hits()), (ErrorKind::Connection, Sent::Maybe, 3));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn endpoints_are_origins() {
    for (uri, host, expected) in [
        ("https://API.example.org/a", "", "https://api.example.org"),
        ("http://api.example.org:8080/a", "x", "http://api.example.org:8080"),
        ("https://user:pass@api.example.org/", "", "https://api.example.org"),
        ("/a", "Api.Example.Org:1", "api.example.org:1"),
        ("/a", "", ""),
    ] {
        let (parts, ()) = Request::builder().uri(uri).header("host", host).body(()).unwrap().into_parts();
        assert_eq!(describe::endpoint(&parts), expected);
    }
}
