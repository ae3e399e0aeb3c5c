//! Services that want to know who calls them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{ok, serve};
use super::*;
use crate::client_certificate::ClientCertificate;
use crate::clock::{Clock, ClockSource, Tick};
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpTransport, Request, Response, Transport};
use crate::units::Timestamp;

/// A clock that a test moves on.
#[derive(Clone, Default)]
struct Ahead(Arc<Mutex<Duration>>);

impl ClockSource for Ahead {
    fn now(&self) -> Tick {
        Clock::System.now().after(*self.0.lock().unwrap())
    }

    fn timestamp(&self) -> Timestamp {
        Clock::System.timestamp() + *self.0.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(deadline.since(self.now())))
    }
}

/// What signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate of an authority, and its key.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { pem: made.pem(), der: made.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: made.pem(), key: key.serialize_pem(), der: made.der().clone() }
    }

    fn client(&self) -> Pair {
        self.sign("client.test", |_| {})
    }

    /// The list of the certificates that it has taken back, by their numbers.
    fn revoking(&self, numbers: &[u64]) -> CertificateRevocationListDer<'static> {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().into()
    }
}

/// A server that lets nobody in whom this authority does not know, and the certificates that it was shown.
struct Strict {
    port: u16,
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Strict {
    /// Its own certificate is for this name.
    async fn start(authority: &Authority, name: &str) -> Self {
        Self::start_with(authority, name, authority.revoking(&[])).await
    }

    async fn start_with(authority: &Authority, name: &str, revoked: CertificateRevocationListDer<'static>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        let verifier = verifier.with_crls([revoked]).build().unwrap();
        let own = authority.sign(name, |_| {});
        let key = <PrivateKeyDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(own.key.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_client_cert_verifier(verifier).with_single_cert(vec![own.der], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, shown: Arc::default(), requests: Arc::default() };
        let (shown, requests) = (Arc::clone(&server.shown), Arc::clone(&server.requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shown, requests) = (acceptor.clone(), Arc::clone(&shown), Arc::clone(&requests));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                        shown.lock().unwrap().extend(certificates.first().cloned().map(CertificateDer::into_owned));
                        serve(stream, requests, Arc::new(vec![ok("welcome")])).await;
                    }
                });
            }
        });
        server
    }

    fn hits(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap().clone()
    }
}

/// Both transports, trusting this authority.
fn transports(authority: &Authority) -> Vec<Arc<dyn Transport>> {
    let own = HttpTransport::builder().root_certificates(authority.pem.as_bytes()).unwrap().build();
    #[cfg(feature = "reqwest")]
    let other: Vec<Arc<dyn Transport>> = vec![Arc::new(
        crate::http::ReqwestTransport::builder().root_certificates(authority.pem.as_bytes()).unwrap().build().unwrap(),
    )];
    #[cfg(not(feature = "reqwest"))]
    let other = Vec::new();
    std::iter::once(Arc::new(own) as Arc<dyn Transport>).chain(other).collect()
}

fn literal(pair: &Pair) -> ClientCertificate {
    ClientCertificate::new(SecretRef::literal(pair.certificate.as_str()), SecretRef::literal(pair.key.as_str()))
}

fn client_of(environment: &Environment, port: u16, certificate: Option<ClientCertificate>) -> HttpClient {
    let context = BuildContext::new(environment.clone(), "test").allow_loopback(true).with_client_certificate(certificate);
    context.http(context.origin(&format!("https://localhost:{port}")).unwrap()).build()
}

async fn post(environment: &Environment, client: &HttpClient) -> crate::Result<Response> {
    client.send(&context(environment), &POST, Request::post(target(client, "/a"))).await
}

#[tokio::test]
async fn t17_who_has_no_good_certificate_is_told_so_once() {
    let authority = Authority::new("An authority");
    let revoked = authority.sign("client.test", |params| params.serial_number = Some(SerialNumber::from(66)));
    let server = Strict::start_with(&authority, "localhost", authority.revoking(&[66])).await;
    let expired = authority.sign("client.test", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    });
    for transport in transports(&authority) {
        let environment = Environment::builder().transport_arc(transport).build();
        for (what, certificate, cause) in [
            ("none", None, "CertificateRequired"),
            ("of another authority", Some(literal(&Authority::new("Another").client())), "UnknownCA"),
            ("in the authority's name", Some(literal(&Authority::new("An authority").client())), "DecryptError"),
            ("expired", Some(literal(&expired)), "CertificateExpired"),
            ("revoked", Some(literal(&revoked)), "CertificateRevoked"),
            (
                "for servers only",
                Some(literal(&authority.sign("a.test", |params| {
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                }))),
                "ertificate",
            ),
        ] {
            let error = post(&environment, &client_of(&environment, server.port, certificate)).await.unwrap_err();
            assert_eq!((error.kind(), error.sent(), error.attempts()), (ErrorKind::Connection, Sent::No, 1), "{what}: {error:?}");
            assert!(!error.is_retryable() && error.message().contains(cause), "{what}: {error:?}");
        }
        let good = client_of(&environment, server.port, Some(literal(&authority.client())));
        assert_eq!(post(&environment, &good).await.unwrap().body, "welcome");
    }
    assert_eq!(server.hits(), transports(&authority).len());
}

#[tokio::test]
async fn a_server_of_another_name_sees_no_certificate() {
    let authority = Authority::new("An authority");
    let server = Strict::start(&authority, "elsewhere.test").await;
    for transport in transports(&authority) {
        let environment = Environment::builder().transport_arc(transport).build();
        let client = client_of(&environment, server.port, Some(literal(&authority.client())));
        let error = post(&environment, &client).await.unwrap_err();
        assert!(error.message().contains("not valid for name"), "{error:?}");
    }
    assert!(server.shown().is_empty());
}

#[tokio::test]
async fn without_a_certificate_that_can_be_used_nothing_is_sent() {
    let authority = Authority::new("An authority");
    let server = Strict::start(&authority, "localhost").await;
    let (one, other) = (authority.client(), authority.client());
    let literal = |certificate: &str, key: &str| ClientCertificate::new(SecretRef::literal(certificate), SecretRef::literal(key));
    for transport in transports(&authority) {
        let environment = Environment::builder().transport_arc(transport).build();
        for broken in [
            literal(&one.certificate, &other.key),
            literal("no certificate", &one.key),
            literal(&one.certificate, "no key"),
            ClientCertificate::new(SecretRef::file("/nonexistent/client.pem"), SecretRef::literal(one.key.as_str())),
        ] {
            let error = post(&environment, &client_of(&environment, server.port, Some(broken))).await.unwrap_err();
            assert_eq!((error.kind(), error.sent()), (ErrorKind::ConfigInvalid, Sent::No), "{error:?}");
        }
    }
    assert!(server.shown().is_empty() && server.hits() == 0);
}

/// Clients of one environment, which share a transport, do not share what they have shown.
#[tokio::test]
async fn clients_share_no_connection_of_another_identity() {
    let authority = Authority::new("An authority");
    let server = Strict::start(&authority, "localhost").await;
    for transport in transports(&authority) {
        server.shown.lock().unwrap().clear();
        let environment = Environment::builder().transport_arc(transport).build();
        let (one, two) = (authority.client(), authority.client());
        for pair in [&one, &two, &one] {
            let client = client_of(&environment, server.port, Some(literal(pair)));
            assert_eq!(post(&environment, &client).await.unwrap().body, "welcome");
        }
        let nobody = client_of(&environment, server.port, None);
        assert!(post(&environment, &nobody).await.is_err());
        let shown = server.shown();
        assert!(shown.contains(&one.der) && shown.contains(&two.der));
    }
}

/// Renewed files are used without a restart; a broken renewal costs nothing while the old pair is there.
#[tokio::test]
async fn a_renewed_certificate_is_shown_from_the_next_minute_on() {
    let authority = Authority::new("An authority");
    let server = Strict::start(&authority, "localhost").await;
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("client.pem"), folder.path().join("client.key"));
    let write = |pair: &Pair| {
        std::fs::write(&certificate, &pair.certificate).unwrap();
        std::fs::write(&key, &pair.key).unwrap();
    };
    let path = |path: &std::path::Path| SecretRef::file(path.to_str().unwrap());
    let clock = Ahead::default();
    let transport = HttpTransport::builder().root_certificates(authority.pem.as_bytes()).unwrap().build();
    let environment = Environment::builder().transport(transport).clock(Clock::from_source(clock.clone())).build();
    let client = client_of(&environment, server.port, Some(ClientCertificate::new(path(&certificate), path(&key))));
    let minute_later = || *clock.0.lock().unwrap() += Duration::from_secs(61);
    let (old, new) = (authority.client(), authority.client());
    write(&old);
    post(&environment, &client).await.unwrap();
    assert_eq!(server.shown(), std::slice::from_ref(&old.der));
    std::fs::write(&key, "half a ke").unwrap();
    minute_later();
    for _ in 0..3 {
        post(&environment, &client).await.unwrap();
    }
    assert_eq!(server.shown(), std::slice::from_ref(&old.der), "the same connection, as before");
    write(&new);
    minute_later();
    // The refresh runs in the background, and the old one serves meanwhile.
    for _ in 0..2000 {
        post(&environment, &client).await.unwrap();
        if server.shown().len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.shown(), [old.der.clone(), new.der.clone()]);
}

/// It goes where the credential may go, and nowhere else.
#[tokio::test]
async fn no_certificate_is_shown_to_another_origin() {
    let authority = Authority::new("An authority");
    let (own, other) = (Strict::start(&authority, "localhost").await, Strict::start(&authority, "localhost").await);
    let transport = HttpTransport::builder().root_certificates(authority.pem.as_bytes()).unwrap().build();
    let environment = Environment::builder().transport(transport).build();
    let client = client_of(&environment, own.port, Some(literal(&authority.client())));
    let elsewhere =
        BuildContext::new(environment.clone(), "x").allow_loopback(true).origin(&format!("https://localhost:{}", other.port));
    let request = Request::post(Target::new(&Arc::new(elsewhere.unwrap()), "/a"));
    assert!(client.send(&context(&environment), &POST, request).await.is_err());
    let anonymous = Request::post(target(&client, "/a")).anonymous();
    assert!(client.send(&context(&environment), &POST, anonymous).await.is_err());
    assert!(other.shown().is_empty() && own.shown().is_empty() && own.hits() + other.hits() == 0);
}
