//! Which addresses requests may go to.
//!
//! It is asked three times: when an address is parsed, when its name is resolved, and when a connection is made, which for an
//! address without a name is the only time that comes after parsing. A redirect is parsed again.

mod range;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use self::range::Range;
use crate::error::{Error, ErrorKind};
use crate::network::Network;

/// Which addresses beyond public ones are allowed; by default none.
///
/// Whoever parses an [`Origin`](super::Origin) chooses it, and it stays with the origin: the transports of this crate ask it
/// again about every address that the name turns out to have, and connect to none if one of them is refused.
///
/// - What *somebody else* names, a user, a model, another service, is held to `Guard::new()`, or to
///   [`BuildContext::public_guard`](crate::BuildContext::public_guard).
/// - What the *operator's* configuration names may lie in his own private networks
///   ([`BuildContext::guard`](crate::BuildContext::guard)).
/// - Addresses where clouds serve credentials are refused in both cases, whatever else is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    loopback: bool,
    private: bool,
    metadata: bool,
    networks: Option<Arc<[Network]>>,
}

impl Guard {
    /// Public addresses only.
    #[must_use]
    pub const fn new() -> Self {
        Self { loopback: false, private: false, metadata: false, networks: None }
    }

    /// Allows nothing but the addresses where clouds serve metadata to their machines, also by plain `http`: for a source of
    /// credentials that somebody chose, never for an address that somebody gives.
    #[must_use]
    pub const fn metadata() -> Self {
        Self { loopback: false, private: false, metadata: true, networks: None }
    }

    /// Allows addresses of this machine, which may also be plain `http`.
    #[must_use]
    pub const fn loopback(mut self, allow: bool) -> Self {
        self.loopback = allow;
        self
    }

    /// Allows private networks: RFC 1918, carrier-grade NAT, unique local IPv6. Link-local addresses, where clouds
    /// serve their metadata, stay refused.
    #[must_use]
    pub const fn private(mut self, allow: bool) -> Self {
        self.private = allow;
        self
    }

    /// Allows these networks besides. Addresses of this machine and those of metadata stay refused within them.
    #[must_use]
    pub fn networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        let networks: Arc<[Network]> = networks.into_iter().collect();
        self.networks = (!networks.is_empty()).then_some(networks);
        self
    }

    /// The guard of an address that the answer of a service names, which this guard has allowed: what was allowed by name of the
    /// network, and this machine only to a service on it.
    pub(super) fn beyond(&self, is_loopback: bool) -> Self {
        Self { loopback: self.loopback && is_loopback, private: false, metadata: false, networks: self.networks.clone() }
    }

    /// Why an address is refused; `None` when it is allowed.
    #[must_use]
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let range = Range::of(address);
        if self.metadata {
            let allowed = range == Some(Range::Metadata) || (range == Some(Range::Loopback) && self.loopback);
            return (!allowed).then_some("an address that is no cloud's metadata service's");
        }
        let listed = || self.networks.iter().flat_map(|networks| &**networks).any(|network| network.contains(address));
        match range? {
            Range::Loopback => (!self.loopback).then_some("an address of this machine; set `allow_loopback` to allow it"),
            Range::Private => (!self.private && !listed())
                .then_some("an address of a private network; `allow_private` and `allow_networks` allow some"),
            Range::Metadata => Some("a link-local address, where clouds serve credentials"),
            Range::Special => (!listed()).then_some("an address that is not for services"),
        }
    }

    /// Why a host name is refused that only an attacker or a mistake would name.
    pub(super) fn refuses_name(&self, host: &str) -> Option<&'static str> {
        if self.metadata {
            let allowed = METADATA.contains(&host) || (self.loopback && is_localhost(host));
            return (!allowed).then_some("a host that is no cloud's metadata service");
        }
        if METADATA.contains(&host) {
            return Some("a cloud's metadata service");
        }
        (is_localhost(host) && !self.loopback).then_some("an address of this machine; set `allow_loopback` to allow it")
    }

    /// Whether plain `http` may be spoken with what it allows: what never leaves this machine and the one below it.
    pub(super) fn allows_plain(&self, is_loopback: bool) -> bool {
        self.metadata || (is_loopback && self.loopback)
    }

    /// The addresses that a name has, if every one is allowed: with one refused, whoever names it could have had the others
    /// pass the check, and the one be connected to.
    pub(super) fn all(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Error> {
        match addresses.iter().find_map(|address| self.refuses(*address)) {
            None => Ok(addresses),
            // Not the address itself: what names mean inside a network is nobody's business who may only name hosts.
            Some(why) => {
                let text = format!("the endpoint is refused: {host} has {why}");
                Err(Error::new(ErrorKind::ConfigInvalid, text))
            }
        }
    }
}

/// The names of metadata services: AWS, Google Cloud, Azure, Tencent Cloud, IBM Cloud, Equinix. What other clouds have are addresses.
const METADATA: [&str; 11] = [
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.tencentyun.com",
    "api.metadata.cloud.ibm.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
];

/// RFC 6761: `localhost` and everything below it.
pub(super) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}
