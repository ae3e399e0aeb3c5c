//! Certificates, good and bad.

use std::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate of a server, which is its own root: a client trusts it once it is told to.
pub struct Certificate {
    der: CertificateDer<'static>,
    key: Vec<u8>,
    pem: String,
}

impl Certificate {
    /// One for this host. A server on loopback is reached as `localhost`: for another name it is one of the wrong host.
    ///
    /// # Errors
    /// Why there is none: a name that is none.
    pub fn of(host: &str) -> io::Result<Self> {
        Self::made(host, |_| {})
    }

    /// One for this host whose time was over in 2001.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn expired(host: &str) -> io::Result<Self> {
        Self::made(host, |params| {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        })
    }

    fn made(host: &str, change: impl FnOnce(&mut CertificateParams)) -> io::Result<Self> {
        let mut params = CertificateParams::new([host.to_owned()]).map_err(io::Error::other)?;
        change(&mut params);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let made = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self { der: made.der().clone(), key: key.serialize_der(), pem: made.pem() })
    }

    /// It as PEM, for [`root_certificates`](circle_core_common::http::HttpTransportBuilder::root_certificates).
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What accepts connections of HTTP/2 with it.
    pub(super) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let key = PrivateKeyDer::try_from(self.key.clone()).map_err(io::Error::other)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?.with_no_client_auth();
        let mut config = builder.with_single_cert(vec![self.der.clone()], key).map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der.len())
    }
}
