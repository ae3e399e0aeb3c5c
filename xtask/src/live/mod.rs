//! `live`: conformance on real servers.

pub(crate) mod servers;
