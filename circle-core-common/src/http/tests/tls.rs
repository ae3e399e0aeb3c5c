//! Certificates.

use std::sync::Mutex;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::server::{Script, ok, serve};
use super::*;
use crate::error::{ErrorKind, Sent};
use crate::http::{HttpTransport, Request};

/// What accepts TLS with a certificate of its own for `name`, and that certificate.
pub(super) fn acceptor(name: &str, protocols: &[&[u8]]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

/// A TLS server on loopback with a certificate of its own for `name`; its port and the certificate.
pub(super) async fn start(name: &str) -> (u16, String) {
    answering(name, ok("secret")).await
}

/// As [`start`], with this answer to every request.
pub(super) async fn answering(name: &str, script: Script) -> (u16, String) {
    let (acceptor, pem) = acceptor(name, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let requests = Arc::new(Mutex::new(Vec::new()));
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, requests, script) = (acceptor.clone(), Arc::clone(&requests), script.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, requests, Arc::new(vec![script])).await;
                }
            });
        }
    });
    (port, pem)
}

async fn get(port: u16, root: Option<&str>) -> crate::Result<crate::http::Response> {
    let mut transport = HttpTransport::builder();
    if let Some(root) = root {
        transport = transport.root_certificates(root.as_bytes()).unwrap();
    }
    let environment = Environment::builder().transport(transport.build()).build();
    let client = client(&environment, &format!("https://localhost:{port}"));
    client.send(&context(&environment), &POST, Request::post(target(&client, "/a"))).await
}

#[tokio::test]
async fn a_certificate_is_trusted_only_with_its_root_and_name() {
    let (port, root) = start("localhost").await;
    assert_eq!(get(port, Some(&root)).await.unwrap().body, "secret");
    let (wrong_name, other) = start("example.org").await;
    for (error, cause) in
        [(get(port, Some(&other)).await, "invalid peer certificate"), (get(wrong_name, Some(&other)).await, "not valid for name")]
    {
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.sent(), error.is_retryable()), (ErrorKind::Connection, Sent::No, false), "{error:?}");
        assert!(error.message().contains("certificate") && error.message().contains(cause), "{error}");
        assert_eq!(error.attempts(), 1);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    });
    let (_, root) = start("localhost").await;
    let error = get(port, Some(&root)).await.unwrap_err();
    assert_eq!((error.kind(), error.sent(), error.attempts()), (ErrorKind::Connection, Sent::No, 1), "{error:?}");
    assert!(HttpTransport::builder().root_certificates(b"no pem").unwrap_err().is(ErrorKind::ConfigInvalid));
}
