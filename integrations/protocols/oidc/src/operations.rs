//! Every request that is made of an authorisation server.

use circle_core_common::resilience::RemoteOperation;

use crate::{client, device, keys, openid, server};

/// Every request that is made of an authorisation server, for
/// [`Integration::OPERATIONS`](circle_core_common::Integration::OPERATIONS).
pub const OPERATIONS: &[&RemoteOperation] = &[
    &client::REDEEM,
    &client::ISSUE,
    &client::INTROSPECT,
    &client::REVOKE,
    &device::START,
    &keys::KEYS,
    &openid::USER_INFO,
    &server::DISCOVER,
];
