//! What a client shows of itself when a service asks for a certificate.

use serde::Deserialize;

use crate::secret::SecretRef;

/// A certificate and its key, by which a service knows who calls it (mutual TLS). Both are PEM, the certificate with those between it
/// and its root.
///
/// Files are looked at again every minute, secret stores when they say so: a renewed pair is used without a restart. While the new one
/// cannot be read or is broken, the old one serves. The first one must be right: without it nothing is sent.
///
/// ```
/// use circle_core_common::{ClientCertificate, SecretRef};
/// let certificate = ClientCertificate::new(SecretRef::file("/run/tls/client.pem"), SecretRef::file("/run/tls/client.key"));
/// ```
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "config", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// Where the certificate is.
    pub certificate: SecretRef,
    /// Where its key is.
    pub key: SecretRef,
}

impl ClientCertificate {
    /// A certificate and its key.
    #[must_use]
    pub fn new(certificate: SecretRef, key: SecretRef) -> Self {
        Self { certificate, key }
    }
}
