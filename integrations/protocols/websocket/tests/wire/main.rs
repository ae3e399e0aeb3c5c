//! The protocol against a real connection: what is sent, and what becomes of servers that do what none should.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod closing;
mod frames;
mod handshake;
mod lifetime;
mod reconnecting;
mod server;

use std::future::Future;
use std::time::Duration;

use circle_core_common::http::{Auth, HttpClient, Request};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{BuildContext, CallContext, Class, Environment, Operation, Result, SecretRef};
use circle_core_protocol_websocket::{Socket, SocketOptions, target};
use circle_core_testkit::ManualClock;

use self::server::Server;

static WATCH: Operation = Operation::new("acme", "watch", Class::Read, 0);
static TICKS: RemoteOperation = RemoteOperation::new("acme.Ticks", Idempotency::Safe, "/ticks");
/// One attempt, so that who connects again is who is tested.
static ONCE: RemoteOperation = RemoteOperation::new("acme.Once", Idempotency::NonIdempotent, "/ticks");

/// A secret that must never be seen outside of the request that carries it.
const CANARY: &str = "hunter2-canary-7f3a";

/// A client of one server.
#[derive(Clone)]
struct Client {
    environment: Environment,
    http: HttpClient,
    url: String,
}

impl Client {
    fn of(server: &Server) -> Self {
        Self::within(server, Environment::builder().build())
    }

    /// Whose time a test moves.
    fn with_clock(server: &Server) -> (Self, ManualClock) {
        let clock = ManualClock::new();
        (Self::within(server, Environment::builder().clock(clock.clock()).build()), clock)
    }

    fn within(server: &Server, environment: Environment) -> Self {
        let build = BuildContext::new(environment.clone(), "test").allow_loopback(true);
        let http = build.http(build.origin(&server.origin()).unwrap()).auth(Auth::Bearer(SecretRef::literal(CANARY))).build();
        Self { environment, http, url: format!("ws://127.0.0.1:{}/ticks?depth=1", server.port) }
    }

    fn context(&self) -> CallContext {
        CallContext::new(&self.environment, &WATCH, None)
    }

    fn request(&self) -> Request {
        let build = BuildContext::new(self.environment.clone(), "test").allow_loopback(true);
        Request::get(target(&self.url, build.guard()).unwrap())
    }

    async fn connect(&self) -> Result<Socket> {
        self.connect_with(SocketOptions::new()).await
    }

    async fn connect_with(&self, options: SocketOptions) -> Result<Socket> {
        Socket::connect(&self.context(), &self.http, &TICKS, self.request(), options).await
    }

    async fn connect_once(&self) -> Result<Socket> {
        Socket::connect(&self.context(), &self.http, &ONCE, self.request(), SocketOptions::new()).await
    }
}

/// Fails a test that would hang.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs")
}

/// Waits until something holds.
async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Polls `work` while the clock moves a second at a time.
async fn while_time_passes<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    soon(async {
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(Duration::from_millis(5)) => clock.advance(Duration::from_secs(1)),
            }
        }
    })
    .await
}
