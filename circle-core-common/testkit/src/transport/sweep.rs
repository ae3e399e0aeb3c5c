//! The pipeline, dropped everywhere: what the kit is for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use circle_core_common::http::{Auth, HttpClient, Request};
use circle_core_common::interfaces::object_store::HEAD;
use circle_core_common::resilience::{BackoffSettings, BulkheadSettings, Idempotency, RemoteOperation, Resilience, Retry};
use circle_core_common::{BuildContext, CallContext, Environment, SecretRef};

use crate::{Break, CannedTransport, Place, Reply, drop_sweep};

static LIST: RemoteOperation = RemoteOperation::new("acme.List", Idempotency::Safe, "/list");
const WAIT: Duration = Duration::from_secs(1);

/// Fails in three ways and then succeeds, each after a while.
fn service() -> CannedTransport {
    let canned = CannedTransport::new();
    canned.script([
        Reply::status(503).after(WAIT),
        Reply::status(429).header("retry-after", "1"),
        Reply::ok("abcdef").after(WAIT).breaking(Place::Body(3), Break::Close),
        Reply::ok("abcdef").after(WAIT),
    ]);
    canned
}

struct Client {
    http: HttpClient,
    build: BuildContext,
    cx: CallContext,
    service: CannedTransport,
}

fn client() -> Rc<Client> {
    let service = service();
    let environment = Environment::builder().transport(service.clone()).build();
    let backoff = BackoffSettings::new().initial_interval(WAIT).max_interval(WAIT);
    let retry = Retry::new().max_attempts(4).backoff(backoff.clone()).throttle_backoff(backoff);
    let bulkhead = BulkheadSettings::new().max_in_flight(1).max_queued(0);
    let resilience = Resilience::new().retry(retry).bulkhead(bulkhead);
    let build = BuildContext::new(environment.clone(), "acme").resilience(resilience);
    let auth = Auth::Bearer(SecretRef::literal("secret".to_owned()));
    let origin = build.origin("https://service.test").expect("an origin");
    let http = build.http(origin).auth(auth).build();
    Rc::new(Client { http, build, cx: CallContext::new(&environment, &HEAD, None), service })
}

impl Client {
    fn list(&self) -> Request {
        Request::get(self.http.target("/list"))
    }

    /// The only place is free again, and the next call gets it.
    async fn is_whole(&self) -> Result<(), String> {
        let in_flight: u64 = self.build.policy().endpoints().iter().map(|endpoint| endpoint.in_flight).sum();
        if in_flight > 0 {
            return Err(format!("{in_flight} attempts in flight"));
        }
        self.service.reset();
        self.service.always(Reply::ok(""));
        // A service that asked to be left alone for a while may still be.
        tokio::time::sleep(5 * WAIT).await;
        let next = self.http.send(&self.cx, &LIST, self.list()).await;
        next.map(drop).map_err(|error| format!("the next call fails: {error}"))
    }
}

async fn sweep<F: Future<Output = circle_core_common::Result<()>>>(call: impl Fn(Rc<Client>) -> F) -> usize {
    let current = RefCell::new(client());
    let fresh = || {
        let client = client();
        current.replace(Rc::clone(&client));
        let call = call(client);
        async move { call.await.expect("the fourth attempt succeeds") }
    };
    let invariant = async || {
        let client = Rc::clone(&current.borrow());
        client.is_whole().await
    };
    drop_sweep(fresh, invariant).await.expect("nothing is left behind")
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_anywhere_leaves_nothing_held() {
    let dropped = sweep(|client| async move {
        let response = client.http.send(&client.cx, &LIST, client.list()).await?;
        assert_eq!((response.body.as_ref(), client.service.hits()), (&b"abcdef"[..], 4));
        Ok(())
    });
    // Three slow answers and three waits, at least.
    assert!(dropped.await >= 6);
}

#[tokio::test(start_paused = true)]
async fn an_opened_body_that_is_dropped_anywhere_leaves_nothing_held() {
    let dropped = sweep(|client| async move {
        client.service.reset();
        client.service.script([Reply::status(503).after(WAIT), Reply::ok("abcdef").after(WAIT)]);
        let mut opened = client.http.open(&client.cx, &LIST, client.list()).await?;
        let in_flight = client.build.policy().endpoints()[0].in_flight;
        assert_eq!(in_flight, 1, "the body holds the place");
        tokio::time::sleep(WAIT).await;
        while opened.body.try_next().await?.is_some() {
            tokio::time::sleep(WAIT).await;
        }
        Ok(())
    });
    assert!(dropped.await >= 4);
}
