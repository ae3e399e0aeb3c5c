//! Requests that get a credential: asked for after the decision, and on record.

use std::pin::Pin;

use secrecy::ExposeSecret;

use super::*;
use crate::access::{AccessRule, AccessRules};
use crate::audit::{AuditEvent, AuditMode, AuditRecord, AuditSink, Recording};
use crate::credentials::{CredentialCache, CredentialSource, Lease};
use crate::scope::{HandleCore, Resources};

crate::operations! {
    "Files" => {
        /// Writes.
        WRITE = "files.write", Write;
    }
}

/// A token endpoint, at the other end of a client of its own.
struct TokenEndpoint(HttpClient);

#[async_trait::async_trait]
impl CredentialSource for TokenEndpoint {
    type Credential = SecretString;

    async fn load(&self, cx: &CallContext) -> Result<Lease<SecretString>> {
        self.0.send(cx, &GET, Request::get(self.0.target("/token")).anonymous()).await?;
        Ok(Lease::new("t0k3n".into()))
    }
}

struct Tokens(CredentialCache<SecretString>);

#[async_trait::async_trait]
impl Sign for Tokens {
    async fn sign(&self, cx: &CallContext, request: &mut TransportRequest) -> Result<()> {
        let token = self.0.get(cx).await?;
        let value = http::HeaderValue::try_from(token.value().expose_secret()).unwrap();
        request.headers.insert(http::header::AUTHORIZATION, value);
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Sink {
    records: Arc<Mutex<Vec<AuditRecord>>>,
    /// Refuses what is recorded of this operation.
    refuses: Option<&'static str>,
}

impl Sink {
    fn lines(&self) -> Vec<String> {
        let line = |record: &AuditRecord| {
            let event = match &record.event {
                AuditEvent::Outcome { outcome, .. } => outcome,
                AuditEvent::Intent => "intent",
                AuditEvent::Refused => "refused",
            };
            let (service, tenant) = (&record.parties.service, record.parties.tenant.as_deref().unwrap_or("-"));
            format!("{event} {} {service} {tenant} {}", record.operation, record.resource.as_deref().unwrap_or("-"))
        };
        self.records.lock().unwrap().iter().map(line).collect()
    }
}

impl AuditSink for Sink {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        if self.refuses == Some(record.operation) {
            return Recording::Done(Err(crate::Error::new(ErrorKind::QuotaExceeded, "the disk is full")));
        }
        self.records.lock().unwrap().push(record);
        Recording::Done(Ok(()))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A handle's call of a client whose token comes from an endpoint, and how it ended.
async fn write(environment: &Environment) -> Result<()> {
    let cx = BuildContext::new(environment.clone(), "documents");
    let endpoint = cx.http(origin("https://login.example.org")).build();
    let tokens = Tokens(CredentialCache::new(TokenEndpoint(endpoint)));
    let client = cx.http(origin("https://api.example.org")).auth(Auth::custom(tokens)).build();
    let core = HandleCore::new(environment.clone(), "documents", "test").with(CallOptions::new().tenant("acme"));
    let mut call = core.open(&WRITE);
    let client = call.start(Resources::None, || Ok(client)).await?;
    let result = call.guard(client.send(call.cx(), &GET, Request::get(client.target("/a")))).await;
    call.finish(result.map(drop)).await
}

#[tokio::test]
async fn the_request_for_a_credential_is_on_record() {
    let (server, sink) = (Server::default(), Sink::default());
    let environment = Environment::builder().transport(server.clone()).audit(sink.clone(), AuditMode::Required).build();
    write(&environment).await.unwrap();
    let expected = [
        "intent files.write documents acme -",
        "intent credentials.load documents acme https://login.example.org",
        "ok credentials.load documents acme https://login.example.org",
        "ok files.write documents acme -",
    ];
    assert_eq!((sink.lines(), server.hits()), (expected.map(str::to_owned).to_vec(), 2));
    let stats = crate::scope::ServiceStats::of(&environment, "documents");
    assert_eq!(stats.calls(), 1, "what a call needs is no call of the application's");
}

#[tokio::test]
async fn a_credential_whose_record_cannot_be_written_is_not_asked_for() {
    let (server, sink) = (Server::default(), Sink { refuses: Some(LOAD.name()), ..Sink::default() });
    let environment = Environment::builder().transport(server.clone()).audit(sink.clone(), AuditMode::Required).build();
    let error = write(&environment).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), server.hits()), (ErrorKind::Unavailable, Sent::No, 0), "{error}");
    assert_eq!(sink.lines(), ["intent files.write documents acme -", "unavailable files.write documents acme -"]);
}

#[tokio::test]
async fn who_may_not_call_causes_no_request_for_a_credential() {
    let (server, sink) = (Server::default(), Sink::default());
    let environment = Environment::builder().transport(server.clone()).audit(sink.clone(), AuditMode::Required);
    let denied = write(&environment.access(AccessRules::new()).build()).await.unwrap_err();
    assert_eq!((denied.kind(), server.hits()), (ErrorKind::PermissionDenied, 0), "{denied}");
    assert_eq!(sink.lines(), ["refused files.write documents acme -"]);
}

/// Whoever may call gets the credential that the call needs, without a rule of its own.
#[tokio::test]
async fn no_rule_is_needed_for_the_credential_of_a_call() {
    let server = Server::default();
    let rules = AccessRules::new().rule(AccessRule::allow().class(crate::Class::Write));
    let environment = Environment::builder().transport(server.clone()).access(rules).build();
    write(&environment).await.unwrap();
    assert_eq!(server.hits(), 2);
}
