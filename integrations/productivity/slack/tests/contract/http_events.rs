//! Events over HTTP: signed requests go in, deliveries and answers come out.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::webhook::{Delivery, Scheme, Verification};
use circle_core_common::{BuildContext, Environment, ErrorKind, Provider as _, SecretRef, Timestamp};
use circle_core_slack::{Slack, SlackConfig, SlackDelivery, SlackEndpoint, SlackEvent, SlackEvents};
use circle_core_testkit::{Canary, Capture, ManualClock};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::slack_sockets::{Server, soon};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// An app whose clock stands still.
struct App {
    clock: ManualClock,
    slack: Slack,
    endpoint: SlackEndpoint,
    events: SlackEvents,
}

impl App {
    fn new() -> Self {
        Self::with(SECRET)
    }

    fn with(secret: &str) -> Self {
        Self::by(SecretRef::literal(secret.to_owned()))
    }

    fn by(secret: SecretRef) -> Self {
        let clock = ManualClock::new();
        let environment = Environment::builder().clock(clock.clock()).build();
        let config = SlackConfig::new(SecretRef::literal("xoxb-1")).signing_secret(secret);
        let slack = Slack::new(config, BuildContext::new(environment, "slack")).unwrap();
        let (endpoint, events) = slack.events_over_http().unwrap();
        Self { clock, slack, endpoint, events }
    }

    fn now(&self) -> Timestamp {
        self.clock.clock().timestamp()
    }

    /// A request that Slack signs now.
    fn signed(&self, body: impl Into<String>) -> Request<Bytes> {
        signed(SECRET, self.now(), &body.into())
    }

    /// What the application is given for a request, and the request's answer, which waits for the application.
    async fn given(&mut self, request: Request<Bytes>) -> (SlackDelivery, Answer) {
        let mut answer = self.ask(request);
        assert!(is_pending(&mut answer), "it is answered before it is taken");
        (self.next().await, answer)
    }

    fn ask(&self, request: Request<Bytes>) -> Answer {
        let endpoint = self.endpoint.clone();
        Box::pin(async move { endpoint.receive(request).await })
    }

    async fn next(&mut self) -> SlackDelivery {
        soon(self.events.next()).await.unwrap().unwrap()
    }

    /// The answer to what the application does not get to see.
    async fn answered(&mut self, request: Request<Bytes>) -> Response<Bytes> {
        let response = soon(self.endpoint.receive(request)).await;
        assert!(is_pending(&mut pin!(self.events.next())), "it is given");
        response
    }
}

type Answer = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    matches!(Pin::new(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

fn signed(secret: &str, at: Timestamp, body: &str) -> Request<Bytes> {
    let verification = Verification::new(Scheme::slack()).unwrap();
    let key = verification.key(secret).unwrap();
    let mut request = Request::post("/slack").body(Bytes::from(body.to_owned())).unwrap();
    *request.headers_mut() = verification.sign(&[key], Delivery { id: "", at, body: body.as_bytes() }).unwrap();
    request
}

fn repeated(mut request: Request<Bytes>, number: &'static str, reason: &'static str) -> Request<Bytes> {
    request.headers_mut().insert("x-slack-retry-num", HeaderValue::from_static(number));
    request.headers_mut().insert("x-slack-retry-reason", HeaderValue::from_static(reason));
    request
}

fn callback(id: &str) -> Value {
    json!({"token": "old", "type": "event_callback", "team_id": "T111", "api_app_id": "A111", "event_id": id,
        "event_time": 1_234_567_890, "event": {"type": "message", "channel": "C111", "user": "U222", "text": "Hi", "ts": "1.000200"}})
}

fn interaction(payload: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

fn said(response: &Response<Bytes>) -> (u16, &str) {
    (response.status().as_u16(), std::str::from_utf8(response.body()).unwrap())
}

/// A handler does not notice which way they come.
#[tokio::test]
async fn what_is_given_is_the_same_through_socket_mode() {
    let mut app = App::new();
    let mut server = Server::start(None).await;
    let mut events = server.events();
    let mut peer = server.accept(&mut events).await;
    let submission = json!({"type": "view_submission", "view": {"id": "V1"}});
    let command = json!({"command": "/ask", "text": "why", "user_id": "U1"});
    for (kind, payload, body) in [
        ("events_api", callback("Ev1"), callback("Ev1").to_string()),
        ("interactive", submission.clone(), interaction(&submission)),
        ("slash_commands", command, "command=%2Fask&text=why&user_id=U1".to_owned()),
    ] {
        let accepts_answer = kind != "events_api";
        let envelope = json!({"type": kind, "envelope_id": kind, "payload": payload, "accepts_response_payload": accepts_answer});
        peer.say(&envelope).await;
        let (over_http, answer) = app.given(app.signed(body)).await;
        let over_socket = soon(events.next()).await.unwrap().unwrap();
        assert_eq!(over_http.event(), over_socket.event());
        assert_eq!((over_http.accepts_answer(), over_socket.accepts_answer()), (accepts_answer, accepts_answer));
        over_socket.acknowledge().await.unwrap();
        over_http.acknowledge().await.unwrap();
        assert_eq!(peer.hear().await, json!({"envelope_id": kind}));
        assert_eq!(soon(answer).await.status(), 200);
    }
}

/// The figures of <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
#[tokio::test]
async fn a_command_as_slacks_page_signs_it_is_given_and_answered() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
        &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F\
        commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
        803a0bc887a14d10d2c447fce8b6703c";
    let mut app = App::new();
    app.clock.advance(Timestamp::from_unix(1_531_420_618, 0).since(app.now()));
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let request =
        Request::post("/slack").header("X-Slack-Signature", signature).header("X-Slack-Request-Timestamp", "1531420618");
    let (delivery, answer) = app.given(request.body(Bytes::from(body)).unwrap()).await;
    let SlackEvent::Command(command) = delivery.event() else { panic!("{delivery:?}") };
    assert_eq!(
        (&command["command"], &command["user_id"], &command["text"]),
        (&json!("/webhook-collect"), &json!("U2CERLKJA"), &json!(""))
    );
    assert!(command["response_url"].as_str().unwrap().starts_with("https://hooks.slack.com/commands/T1DC2JH3J/"));
    assert!(delivery.accepts_answer());
    delivery.answer(&json!({"response_type": "ephemeral", "text": "because"})).await.unwrap();
    let response = soon(answer).await;
    assert_eq!(said(&response), (200, r#"{"response_type":"ephemeral","text":"because"}"#));
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn an_event_is_given_until_it_is_taken_and_not_after() {
    let mut app = App::new();
    let body = callback("Ev1").to_string();
    let (delivery, answer) = app.given(app.signed(&body)).await;
    let SlackEvent::Event { id, team, event } = delivery.event() else { panic!("{delivery:?}") };
    assert_eq!((&**id, team.as_deref(), &event["text"]), ("Ev1", Some("T111"), &json!("Hi")));
    assert!(delivery.redelivery().is_none() && !delivery.accepts_answer() && !format!("{delivery:?}").contains("Hi"));
    drop(delivery);
    assert_eq!(said(&soon(answer).await), (503, ""), "so that it comes again");

    let (delivery, answer) = app.given(repeated(app.signed(&body), "1", "http_error")).await;
    let redelivery = delivery.redelivery().unwrap();
    assert_eq!((redelivery.attempt, redelivery.reason.as_deref()), (1, Some("http_error")));
    // Repeated while the application has it: it is not given twice, and comes again.
    assert_eq!(said(&app.answered(app.signed(&body)).await), (503, ""));
    delivery.acknowledge().await.unwrap();
    assert_eq!(said(&soon(answer).await), (200, ""));
    assert_eq!(said(&app.answered(repeated(app.signed(&body), "2", "http_timeout")).await), (200, ""));
    assert_eq!(said(&app.answered(repeated(app.signed(&body), "nonsense", "")).await), (200, ""));
}

#[tokio::test]
async fn interactions_are_given_and_those_that_take_an_answer_get_it() {
    let mut app = App::new();
    let (delivery, answer) = app.given(app.signed(interaction(&json!({"type": "block_actions", "actions": []})))).await;
    assert!(matches!(delivery.event(), SlackEvent::Interactive(payload) if payload["type"] == "block_actions"));
    assert!(delivery.answer(&json!({})).await.unwrap_err().is(ErrorKind::Unsupported));
    assert_eq!(said(&soon(answer).await), (503, ""));

    let form = json!({"type": "view_submission", "view": {"id": "V1"}});
    let (delivery, answer) = app.given(app.signed(interaction(&form))).await;
    delivery.answer(&json!({"response_action": "errors", "errors": {"b1": "too short"}})).await.unwrap();
    assert_eq!(said(&soon(answer).await), (200, r#"{"errors":{"b1":"too short"},"response_action":"errors"}"#));

    let (delivery, _) = app.given(app.signed(r#"{"type":"app_rate_limited","team_id":"T1"}"#)).await;
    assert!(matches!(delivery.event(), SlackEvent::Other { kind, .. } if kind == "app_rate_limited"));
}

/// Slack repeats no command: who sends one again has caught it.
#[tokio::test]
async fn a_command_that_was_caught_is_not_carried_out_again() {
    let mut app = App::new();
    let caught = app.signed("command=%2Fdeploy&trigger_id=1.2");
    let (delivery, answer) = app.given(caught.clone()).await;
    assert_eq!(said(&app.answered(caught.clone()).await), (503, ""));
    delivery.answer(&json!({"text": "done"})).await.unwrap();
    assert_eq!(said(&soon(answer).await), (200, r#"{"text":"done"}"#));
    app.clock.advance(Duration::from_secs(300));
    assert_eq!(said(&app.answered(caught.clone()).await), (200, ""));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(said(&app.answered(caught).await), (401, ""));
    // Typed again, it is another one.
    let (delivery, answer) = app.given(app.signed("command=%2Fdeploy&trigger_id=1.3")).await;
    delivery.acknowledge().await.unwrap();
    assert_eq!(soon(answer).await.status(), 200);
}

/// What people write is no question of Slack's.
#[tokio::test]
async fn an_event_with_a_link_is_an_event() {
    let mut app = App::new();
    let mut body = callback("Ev1");
    body["event"]["attachments"] = json!([{"from_url": "https://a.example/?a=1&ssl_check=1&b=2"}]);
    let (delivery, answer) = app.given(app.signed(body.to_string())).await;
    delivery.acknowledge().await.unwrap();
    assert_eq!(soon(answer).await.status(), 200);
}

#[tokio::test]
async fn what_is_not_taken_in_time_is_left_to_the_repetition() {
    let mut app = App::new();
    let body = callback("Ev1").to_string();
    let (delivery, mut answer) = app.given(app.signed(&body)).await;
    app.clock.advance(Duration::from_millis(2499));
    assert!(is_pending(&mut answer));
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(said(&soon(answer).await), (503, ""));
    delivery.acknowledge().await.unwrap();
    assert_eq!(said(&app.answered(repeated(app.signed(&body), "1", "http_error")).await), (200, ""), "it was taken, if late");

    // Nobody repeats a command: whoever typed it has seen an error.
    let (delivery, answer) = app.given(app.signed("command=%2Fask")).await;
    app.clock.advance(Duration::from_millis(2500));
    assert_eq!(said(&soon(answer).await), (503, ""));
    assert!(delivery.acknowledge().await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test]
async fn a_request_that_slack_breaks_off_loses_nothing() {
    let mut app = App::new();
    let body = callback("Ev1").to_string();
    let (delivery, answer) = app.given(app.signed(&body)).await;
    drop(answer);
    delivery.acknowledge().await.unwrap();
    assert_eq!(said(&app.answered(app.signed(&body)).await), (200, ""));

    // Broken off before the application saw it, it is there for the application all the same.
    let mut answer = app.ask(app.signed(callback("Ev2").to_string()));
    assert!(is_pending(&mut answer));
    drop(answer);
    app.next().await.acknowledge().await.unwrap();
    let (delivery, answer) = app.given(app.signed("command=%2Fask")).await;
    drop(answer);
    assert!(delivery.answer(&json!({})).await.unwrap_err().is(ErrorKind::Closed));
}

#[tokio::test]
async fn more_than_the_application_takes_comes_later() {
    let mut app = App::new();
    let mut waiting = Vec::new();
    for number in 0..256 {
        let mut answer = app.ask(app.signed(callback(&format!("Ev{number}")).to_string()));
        assert!(is_pending(&mut answer), "{number}");
        waiting.push(answer);
    }
    let late = callback("late").to_string();
    assert_eq!(said(&soon(app.ask(app.signed(&late))).await), (503, ""));
    app.next().await.acknowledge().await.unwrap();
    assert_eq!(said(&soon(waiting.remove(0)).await), (200, ""));
    // What found no place is not remembered as given.
    waiting.push(app.ask(repeated(app.signed(&late), "1", "http_error")));
    assert!(is_pending(waiting.last_mut().unwrap()));
    for _ in 0..256 {
        app.next().await.acknowledge().await.unwrap();
    }
    for answer in waiting {
        assert_eq!(said(&soon(answer).await), (200, ""));
    }
}

#[tokio::test]
async fn slacks_own_questions_are_answered_without_the_application() {
    let mut app = App::new();
    let challenge = r#"{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let response = app.answered(app.signed(challenge)).await;
    assert_eq!(said(&response), (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"));
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    let stranger = Request::post("/slack").body(Bytes::from(challenge)).unwrap();
    assert_eq!(said(&app.answered(stranger).await), (401, ""));

    let get = |uri: &str| Request::get(uri).body(Bytes::new()).unwrap();
    assert_eq!(app.answered(get("/slack?ssl_check=1")).await.status(), 200);
    let form = Request::post("/slack").body(Bytes::from("ssl_check=1&token=Jhj5dZrVaK7ZwHHjRyZWjbDl")).unwrap();
    assert_eq!(said(&app.answered(form).await), (200, ""));
    let response = app.answered(get("/slack")).await;
    assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &HeaderValue::from_static("POST")));
    let mut put = app.signed(callback("Ev1").to_string());
    *put.method_mut() = Method::PUT;
    assert_eq!(app.answered(put).await.status(), 405);
}

#[tokio::test]
async fn what_slack_did_not_sign_is_refused_and_learns_nothing() {
    let secret = Canary::new();
    let mut app = App::with(secret.secret());
    let body = callback("Ev1").to_string();
    let sign = |seconds: i64| {
        let at = Timestamp::from_unix(app.now().unix_seconds() + seconds, 0);
        signed(secret.secret(), at, &body)
    };
    let right = sign(0);
    let changed = |change: &dyn Fn(&mut Request<Bytes>)| {
        let mut request = right.clone();
        change(&mut request);
        request
    };
    let requests = [
        ("another secret", signed("another secret", app.now(), &body)),
        ("too old", sign(-301)),
        ("from the future", sign(301)),
        ("another body", changed(&|request| *request.body_mut() = Bytes::from(callback("Ev2").to_string()))),
        ("no signature", changed(&|request| drop(request.headers_mut().remove("x-slack-signature")))),
        ("no moment", changed(&|request| drop(request.headers_mut().remove("x-slack-request-timestamp")))),
        (
            "another moment",
            changed(&|request| {
                drop(request.headers_mut().insert("x-slack-request-timestamp", HeaderValue::from_static("946684801")));
            }),
        ),
        (
            "two signatures",
            changed(&|request| {
                let other = HeaderValue::from_static("v0=00");
                assert!(request.headers_mut().append("x-slack-signature", other));
            }),
        ),
    ];
    let capture = Capture::of([&secret]);
    capture
        .run(async {
            for (what, request) in requests {
                let response = app.answered(request).await;
                assert_eq!(said(&response), (401, ""), "{what}");
                assert!(response.headers().is_empty(), "{what}: {:?}", response.headers());
            }
            for (edge, name) in [(-300, "Ev1"), (300, "Ev2")] {
                let at = Timestamp::from_unix(app.now().unix_seconds() + edge, 0);
                let (delivery, _) = app.given(signed(secret.secret(), at, &callback(name).to_string())).await;
                delivery.acknowledge().await.unwrap();
            }
        })
        .await;
    capture.debug("the endpoint", &app.endpoint);
    capture.debug("the events", &app.events);
    capture.debug("the provider", &app.slack);
    capture.assert_absent();
}

#[tokio::test]
async fn a_secret_that_was_changed_is_live_at_once() {
    let file = std::env::temp_dir().join(Canary::new().secret());
    let mut app = App::by(SecretRef::file(file.to_str().unwrap()));
    for (secret, other) in [("first", "second"), ("second", "first")] {
        std::fs::write(&file, secret).unwrap();
        let body = format!("command=%2F{secret}");
        assert_eq!(said(&app.answered(signed(other, app.now(), &body)).await), (401, ""));
        let answer = tokio::spawn(app.ask(signed(secret, app.now(), &body)));
        app.next().await.acknowledge().await.unwrap();
        assert_eq!(soon(answer).await.unwrap().status(), 200);
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn what_is_signed_and_no_request_of_slacks_need_not_come_again() {
    let mut app = App::new();
    for body in ["", "{}", "not a form", "payload=%7B", "[1]"] {
        let response = app.answered(app.signed(body)).await;
        assert_eq!(said(&response), (400, ""), "{body}");
        assert_eq!(response.headers()["x-slack-no-retry"], "1");
    }
    let large = format!("command=%2Fask&text={}", "x".repeat(1024 * 1024));
    assert_eq!(said(&app.answered(app.signed(large)).await), (413, ""));
    let fits = format!("command=%2Fask&text={}", "x".repeat(1024 * 1024 - 20));
    let (delivery, answer) = app.given(app.signed(fits)).await;
    delivery.acknowledge().await.unwrap();
    assert_eq!(soon(answer).await.status(), 200);
}

#[tokio::test]
async fn an_endpoint_without_its_app_says_that_it_is_not_there() {
    let slack = Slack::new(SlackConfig::new(SecretRef::literal("xoxb-1")), &Environment::default()).unwrap();
    let error = slack.events_over_http().unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("`signing_secret`"), "{error}");

    // A secret that cannot be read is nobody's request's fault.
    let missing = SlackConfig::new(SecretRef::literal("xoxb-1")).signing_secret("env:CIRCLE_NO_SUCH_SECRET".parse().unwrap());
    let (endpoint, _events) = Slack::new(missing, &Environment::default()).unwrap().events_over_http().unwrap();
    let request = signed(SECRET, Timestamp::from_unix(1_700_000_000, 0), "command=%2Fask");
    assert_eq!(said(&soon(endpoint.receive(request)).await), (503, ""));

    let App { clock, slack, endpoint, mut events } = App::new();
    let request = || signed(SECRET, clock.clock().timestamp(), "command=%2Fask");
    let mut waiting = Box::pin(endpoint.receive(request()));
    assert!(is_pending(&mut waiting));
    let cx = slack.client().call(circle_core_common::CallOptions::new());
    slack.close(&cx).await.unwrap();
    assert_eq!(said(&soon(endpoint.receive(request())).await), (503, ""));
    // What had come is still given; then the stream ends with its endpoint.
    let last = soon(events.next()).await.unwrap().unwrap();
    last.acknowledge().await.unwrap();
    assert_eq!(soon(waiting).await.status(), StatusCode::OK);
    drop(endpoint);
    assert!(soon(events.next()).await.unwrap().is_none());

    // An application that is gone takes nothing.
    let app = App::new();
    let request = app.signed("command=%2Fask");
    drop(app.events);
    assert_eq!(said(&soon(app.endpoint.receive(request)).await), (503, ""));
}
