//! The pipeline against sockets: what is really sent, and what becomes of answers that no server should give.

mod cache;
mod client;
mod environment;
mod follow;
mod guard;
mod http2;
mod injection;
mod mutual_tls;
#[cfg(feature = "reqwest")]
mod proxied;
mod resumable;
mod server;
mod telemetry;
mod tls;
mod transport;
mod upgrade;

use std::sync::Arc;

use super::{Auth, HttpClient, HttpClientBuilder, Target};
use crate::context::{CallContext, CallOptions};
use crate::environment::Environment;
use crate::operation::{Class, Operation};
use crate::resilience::{Idempotency, RemoteOperation};
use crate::secret::SecretRef;
use crate::service::BuildContext;

static READ: Operation = Operation::new("acme", "read", Class::Read, 0);
static GET: RemoteOperation = RemoteOperation::new("acme.Get", Idempotency::Safe, "/{id}");
static PUT: RemoteOperation = RemoteOperation::new("acme.Put", Idempotency::Idempotent, "/{id}");
static POST: RemoteOperation = RemoteOperation::new("acme.Post", Idempotency::NonIdempotent, "/");

/// A secret that must never be seen outside of the request that carries it.
const CANARY: &str = "hunter2-canary-7f3a";

fn context(environment: &Environment) -> CallContext {
    CallContext::new(environment, &READ, None)
}

fn context_with(environment: &Environment, options: CallOptions) -> CallContext {
    CallContext::new(environment, &READ, Some(Arc::new(options)))
}

fn builder(environment: &Environment, origin: &str) -> HttpClientBuilder {
    let context = BuildContext::new(environment.clone(), "test").allow_loopback(true);
    context.http(context.origin(origin).unwrap())
}

fn client(environment: &Environment, origin: &str) -> HttpClient {
    builder(environment, origin).auth(Auth::Bearer(SecretRef::literal(CANARY))).build()
}

fn target(client: &HttpClient, path: &str) -> Target {
    client.target(path)
}
