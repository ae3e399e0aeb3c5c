//! Who a client is to services that ask for a certificate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::client_certificate::ClientCertificate;
use crate::context::CallContext;
use crate::credentials::{CredentialSource, Lease, SecretSource};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretRef;

/// A certificate with its key, ready to be shown. A client leaves it in the extensions of its requests, and the transports of this
/// crate make connections with it that no other request shares.
#[derive(Clone)]
pub struct TlsIdentity {
    certified: Arc<CertifiedKey>,
    /// Of the certificates: which connections were made with them.
    digest: [u8; 32],
}

impl TlsIdentity {
    /// Reads a certificate, with those between it and its root behind it, and its key.
    ///
    /// # Errors
    /// `ConfigInvalid` when one of them is not PEM, or the key is another certificate's. Nothing of them is repeated.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self> {
        let invalid = |text: &str| Error::new(ErrorKind::ConfigInvalid, format!("the client certificate cannot be used: {text}"));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| invalid("what stands for the certificate is not PEM"))?;
        if chain.is_empty() {
            return Err(invalid("there is no certificate in what stands for it"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| invalid("there is no private key in what stands for it"))?;
        let mut digest = Sha256::new();
        chain.iter().for_each(|certificate| digest.update(certificate));
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let certified = certified.map_err(|_| invalid("the key is broken, or belongs to another certificate"))?;
        Ok(Self { certified: Arc::new(certified), digest: digest.finalize().into() })
    }

    /// A configuration of connections that show it.
    pub(super) fn show(&self, config: &ClientConfig) -> ClientConfig {
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::new(Shown(Arc::clone(&self.certified)));
        // A session that is taken up again is that of whoever began it.
        config.resumption = Resumption::default();
        config
    }
}

impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TlsIdentity {}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity([REDACTED])")
    }
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Whether it is one of theirs is for the service to say, with a reason; without one it could only say that there is none.
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The pair that a configuration refers to, as it is now.
pub(in crate::http) struct Identity {
    certificate: SecretSource,
    key: SecretSource,
    references: ClientCertificate,
}

impl Identity {
    pub(in crate::http) fn new(pair: &ClientCertificate, environment: &Environment) -> Self {
        let source = |reference: &SecretRef| SecretSource::new(reference.clone(), environment);
        Self { certificate: source(&pair.certificate), key: source(&pair.key), references: pair.clone() }
    }
}

#[async_trait]
impl CredentialSource for Identity {
    type Credential = TlsIdentity;

    async fn load(&self, cx: &CallContext) -> Result<Lease<TlsIdentity>> {
        let certificate = self.certificate.load(cx).await.map_err(|why| why.context("the client certificate"))?;
        let key = self.key.load(cx).await.map_err(|why| why.context("the key of the client certificate"))?;
        self.references.key.warn_if_shared();
        let identity = TlsIdentity::from_pem(certificate.expose_secret().as_bytes(), key.expose_secret().as_bytes())?;
        // A store that says when a secret ends means that there is another then; until it is had, the certificate says itself how long
        // it is good.
        let soonest = [certificate.refresh_at(), key.refresh_at(), certificate.expires_at(), key.expires_at()];
        let lease = Lease::new(identity);
        Ok(soonest.into_iter().flatten().min().into_iter().fold(lease, Lease::refresh_from))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["client.test".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn what_is_no_pair_is_refused_and_not_repeated() {
        let ((certificate, key), (_, other)) = (made(), made());
        assert_eq!(
            TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap(),
            TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
        );
        for (certificate, key) in [
            (&*certificate, &*other),
            (&*certificate, ""),
            (&*certificate, &*certificate),
            ("", &*key),
            (&*key, &*key),
            ("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----", &*key),
            (&*certificate, "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"),
        ] {
            let error = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
            assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(format!("{identity:?}"), "TlsIdentity([REDACTED])");
    }
}
