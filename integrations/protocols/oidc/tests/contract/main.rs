//! What is sent to authorisation servers, byte for byte, and what is made of their answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod device;
mod discovery;
mod grants;
mod hostile;
mod keys;
mod login;
mod loopback;
mod openid;
mod properties;
mod refusals;
mod signing;

use std::time::Duration;

use circle_core_common::credentials::LOAD;
use circle_core_common::{BuildContext, CallContext, Environment, SecretRef};
use circle_core_protocol_oidc::{AuthorizationServer, ClientAuth, Endpoints, OAuthClient};
use circle_core_testkit::{CannedTransport, ManualClock, Received};

const ISSUER: &str = "https://login.example.org";
const CLIENT: &str = "app:1";
/// Secrets of a client in these tests begin so.
const CANARY: &str = "hunter2";

/// A machine without a network, and with a clock that tests move.
struct Machine {
    canned: CannedTransport,
    clock: ManualClock,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        Self::of(ManualClock::new())
    }

    /// Whose waits end at once.
    fn jumping() -> Self {
        Self::of(ManualClock::jumping())
    }

    fn of(clock: ManualClock) -> Self {
        let canned = CannedTransport::new();
        let environment = Environment::builder().transport(canned.clone()).clock(clock.clock()).build();
        Self { canned, clock, environment }
    }

    fn cx(&self) -> CallContext {
        CallContext::new(&self.environment, &LOAD, None)
    }

    fn build(&self) -> BuildContext {
        BuildContext::new(self.environment.clone(), "login")
    }

    /// The server, described by the configuration.
    fn server(&self) -> AuthorizationServer {
        AuthorizationServer::builder(ISSUER).endpoints(endpoints()).build(&self.build()).unwrap()
    }

    fn client(&self, auth: ClientAuth) -> OAuthClient {
        OAuthClient::new(self.server(), CLIENT, auth)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn endpoints() -> Endpoints {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut endpoints = Endpoints::new(ISSUER).token(at("/token")).authorization(at("/authorize")).jwks(at("/jwks"));
    endpoints.device_authorization_endpoint = Some(at("/device"));
    endpoints.introspection_endpoint = Some(at("/introspect"));
    endpoints.revocation_endpoint = Some(at("/revoke"));
    endpoints.userinfo_endpoint = Some(at("/me"));
    endpoints.end_session_endpoint = Some(at("/logout"));
    endpoints
}

fn secret() -> SecretRef {
    SecretRef::literal(format!("{CANARY}/+ ü"))
}

fn body(request: &Received) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

/// The fields of a form, in their order.
fn form(request: &Received) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn field(request: &Received, name: &str) -> Option<String> {
    form(request).into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
}
