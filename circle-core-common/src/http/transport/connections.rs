//! What the builders of all transports have in common.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

/// A lost SYN is repeated after 1 s, and again after 3 s.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// Load balancers close idle connections after 60 s, some servers after 20 s: whoever closes first wins the race.
const IDLE_TIMEOUT: Duration = Duration::from_secs(18);
/// Unused connections for each host.
const MAX_IDLE: usize = 32;

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) max_idle: usize,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

impl Connections {
    pub(super) const fn new() -> Self {
        Self { connect_timeout: CONNECT_TIMEOUT, idle_timeout: IDLE_TIMEOUT, max_idle: MAX_IDLE, roots: Vec::new() }
    }
}

/// The setters of a builder with the field `connections: Connections`.
macro_rules! connection_setters {
    () => {
        /// How long resolving the name, connecting and the TLS handshake may take together.
        pub fn connect_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.connections.connect_timeout = timeout;
            self
        }

        /// How long a connection is kept without use.
        pub fn idle_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.connections.idle_timeout = timeout;
            self
        }

        /// How many unused connections are kept for each host.
        pub fn max_idle_per_host(mut self, count: usize) -> Self {
            self.connections.max_idle = count;
            self
        }

        /// Trusts these root certificates, a PEM text, besides the operating system's.
        ///
        /// # Errors
        /// `ConfigInvalid` when it holds no certificate.
        pub fn root_certificates(mut self, pem: &[u8]) -> crate::error::Result<Self> {
            self.connections.roots.extend(super::tls::certificates(pem)?);
            Ok(self)
        }
    };
}
pub(super) use connection_setters;
