//! TLS: rustls with aws-lc-rs, certificates judged by the operating system's own roots.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use super::identity::TlsIdentity;
use crate::error::{Error, ErrorKind, Result};

/// The TLS configuration, made at the first connection that needs one: reading the system's roots takes milliseconds,
/// and a system without any is no error for whoever stays on this machine.
pub(super) struct Tls {
    source: Source,
    config: OnceLock<Result<Arc<ClientConfig>>>,
    http1: OnceLock<Result<Arc<ClientConfig>>>,
}

enum Source {
    Roots(Vec<CertificateDer<'static>>),
    /// As another, showing who the client is.
    Showing(Arc<Tls>, TlsIdentity),
}

impl Tls {
    /// `roots` are trusted besides the system's.
    pub(super) fn new(roots: Vec<CertificateDer<'static>>) -> Self {
        Self { source: Source::Roots(roots), config: OnceLock::new(), http1: OnceLock::new() }
    }

    /// The same, showing who the client is to services that ask.
    pub(super) fn showing(self: &Arc<Self>, identity: Option<&TlsIdentity>) -> Arc<Self> {
        let Some(identity) = identity else { return Arc::clone(self) };
        let source = Source::Showing(Arc::clone(self), identity.clone());
        Arc::new(Self { source, config: OnceLock::new(), http1: OnceLock::new() })
    }

    pub(super) fn config(&self) -> Result<Arc<ClientConfig>> {
        let make = || match &self.source {
            Source::Roots(roots) => make(roots),
            Source::Showing(other, identity) => Ok(Arc::new(identity.show(&*other.config()?))),
        };
        self.config.get_or_init(make).clone()
    }

    /// For connections that are to leave HTTP: HTTP/2 shares a connection, and has no such way.
    pub(super) fn http1(&self) -> Result<Arc<ClientConfig>> {
        let make = || {
            let mut config = (*self.config()?).clone();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        };
        self.http1.get_or_init(make).clone()
    }
}

fn make(roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>> {
    let failed =
        |error: rustls::Error| Error::new(ErrorKind::ConfigInvalid, format!("TLS cannot be set up: {error}")).with_source(error);
    // The process's default provider is left alone: it belongs to the application.
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots.iter().cloned(), Arc::clone(&provider)).map_err(failed)?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    // rustls calls every verifier but its own dangerous; this one is the operating system's.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates in a PEM file.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let invalid = || Error::new(ErrorKind::ConfigInvalid, "the root certificates are not PEM");
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| invalid())?;
    if found.is_empty() { Err(invalid()) } else { Ok(found) }
}
