//! What is only seen when much happens: the scenarios of `cargo xtask soak`, and, smaller, of the tests.
//!
//! Each says what it saw and which promises were broken: [`Soaked`]. They run on the SDK's own pipeline, so they are no
//! measure of a provider; for that there is [`Storm`].

mod calls;
mod crowd;
mod endpoints;
mod half_open;
mod throttled;

use std::fmt;
use std::sync::Arc;

use circle_core_common::http::{Auth, HttpClient, Request, Transport};
use circle_core_common::resilience::{Idempotency, RemoteOperation, Resilience};
use circle_core_common::suite::{Failed, Outcome};
use circle_core_common::{BuildContext, CallContext, CallOptions, Environment, EnvironmentBuilder, Error, Result, SecretRef};

pub use self::calls::Calls;
pub use self::crowd::crowd;
pub use self::endpoints::many_keys;
pub use self::half_open::half_open_storm;
pub use self::throttled::throttle_storm;
use crate::{Canary, Capture, Storm};

circle_core_common::operations! {
    "Soak" => {
        /// Reads.
        READ = "soak.read", Read;
    }
}

static GET: RemoteOperation = RemoteOperation::new("soak.Get", Idempotency::Safe, "/{id}");

/// What a scenario saw.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a scenario says what was broken"]
pub struct Soaked {
    /// Its name.
    pub name: &'static str,
    /// What it saw, as name and value.
    pub figures: Vec<(&'static str, String)>,
    /// The promises that were broken; empty is well.
    pub broken: Vec<String>,
}

impl Soaked {
    /// A scenario that has seen nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, figures: Vec::new(), broken: Vec::new() }
    }

    /// Adds what it saw.
    pub fn figure(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.figures.push((name, value.to_string()));
        self
    }

    /// Adds a promise, which is broken unless it `holds`.
    pub fn promise(mut self, promise: impl fmt::Display, holds: bool) -> Self {
        if !holds {
            self.broken.push(promise.to_string());
        }
        self
    }

    /// Checks that every promise was kept.
    ///
    /// # Errors
    /// `Wrong`, with the broken ones and what was seen.
    pub fn check(&self) -> Outcome {
        if self.broken.is_empty() { Ok(()) } else { Err(Failed::Wrong(self.to_string())) }
    }

    /// Checks that every promise was kept, for tests that fail by panicking.
    ///
    /// # Panics
    /// With the broken ones and what was seen.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl fmt::Display for Soaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        for (name, value) in &self.figures {
            write!(f, " {name} {value};")?;
        }
        for broken in &self.broken {
            write!(f, " BROKEN: {broken};")?;
        }
        Ok(())
    }
}

/// A client, and what its calls need.
#[derive(Clone)]
struct Client {
    environment: Environment,
    build: BuildContext,
    http: HttpClient,
    secret: Canary,
    capture: Capture,
}

/// Of so many calls of a storm all that they let out is searched for their secret: the others say the same.
const WATCHED: usize = 200;

impl Client {
    fn new(origin: &str, environment: EnvironmentBuilder, transport: impl Transport, resilience: Resilience) -> Result<Self> {
        let environment = environment.transport(transport).build();
        let build = BuildContext::new(environment.clone(), "soak").resilience(resilience).allow_loopback(true);
        let secret = Canary::new();
        let auth = Auth::Bearer(SecretRef::literal(secret.secret().to_owned()));
        let http = build.http(build.origin(origin)?).auth(auth).build();
        Ok(Self { environment, build, http, capture: Capture::of([&secret]), secret })
    }

    async fn get(&self, options: CallOptions) -> Result<()> {
        let cx = CallContext::new(&self.environment, &READ, Some(Arc::new(options)));
        let target = self.http.target(format!("/a?key={}", self.secret.secret()));
        self.http.send(&cx, &GET, Request::get(target)).await.map(drop)
    }

    /// So many tasks that make a call each.
    async fn storm(&self, tasks: usize) -> Storm {
        let client = self.clone();
        let storm = Storm::of(tasks, move |number| {
            let client = client.clone();
            async move {
                let call = client.get(CallOptions::new());
                if number >= WATCHED {
                    return call.await;
                }
                let result = client.capture.run(call).await;
                if let Err(error) = &result {
                    client.capture.error(error);
                }
                result
            }
        });
        storm.await
    }

    /// Where the secret of the calls was seen.
    fn leaks(&self) -> Vec<String> {
        self.capture.debug("the client", &self.http);
        self.capture.debug("the policies", &self.build.policy());
        self.capture.leaks()
    }

    fn in_flight(&self) -> u64 {
        self.build.policy().endpoints().iter().map(|endpoint| endpoint.in_flight).sum()
    }
}

/// A scenario that could not even begin.
fn not_begun(name: &'static str, error: &Error) -> Soaked {
    Soaked::new(name).promise(format!("it begins: {error}"), false)
}
