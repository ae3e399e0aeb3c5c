//! What the builders of all transports have in common.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::resolve::Names;

/// A lost SYN is repeated after 1 s, and again after 3 s.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// Load balancers close idle connections after 60 s, some servers after 20 s: whoever closes first wins the race.
const IDLE_TIMEOUT: Duration = Duration::from_secs(18);
/// Unused connections for each host.
const MAX_IDLE: usize = 32;
/// With both, an HTTP/2 connection whose other end has vanished is found within 30 s, used or not.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const _: () = assert!(PING_INTERVAL.as_secs() + PING_TIMEOUT.as_secs() <= 30);

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) max_idle: usize,
    pub(super) ping_interval: Duration,
    pub(super) ping_timeout: Duration,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) names: Names,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            max_idle: MAX_IDLE,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            roots: Vec::new(),
            names: Names::default(),
        }
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

        /// Resolves names by this resolver, in place of the system's. What it finds is held to the guard of the origin.
        pub fn resolver(mut self, resolver: impl super::Resolve) -> Self {
            self.connections.names = super::resolve::Names::by(resolver);
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

        /// How often an HTTP/2 connection is asked for a sign of life, used or not, and how long that may take: 20 s and 10 s
        /// where nothing is said. A connection without one is closed, and its requests fail.
        pub fn http2_pings(mut self, interval: ::std::time::Duration, timeout: ::std::time::Duration) -> Self {
            (self.connections.ping_interval, self.connections.ping_timeout) = (interval, timeout);
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
