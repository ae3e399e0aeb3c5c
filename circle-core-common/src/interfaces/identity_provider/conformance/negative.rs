//! What holds for each capability that is off.

use std::time::Duration;

use serde_json::json;

use super::{Caps, Idp};
use crate::capabilities::Flag;
use crate::clock::Clock;
use crate::error::Result;
use crate::interfaces::identity_provider::{AccessToken, DeviceLogin, DeviceRequest, IdentityProvider, Session, TokenSet};
use crate::interfaces::token_verifier::Claims;
use crate::suite::Outcome;

/// The client without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Idp, flag: Flag<Caps>) -> Result<IdentityProvider> {
    subject.without(flag)
}

/// A session of this name that nobody has begun.
pub(super) fn made_up(name: &str) -> Result<Session> {
    let tokens = TokenSet::new(AccessToken::new(name.to_owned())?, Clock::System.timestamp());
    Ok(Session::new(tokens, Claims::from_json(json!({ "sub": name }).to_string().as_bytes())?))
}

/// A login on a device that nobody has begun.
fn device(name: &str) -> DeviceLogin {
    let ends = Clock::System.now().after(Duration::from_secs(60));
    DeviceLogin::new(name.into(), "AAAA-AAAA", "https://login.example.org", Duration::from_secs(5), ends)
}

crate::suite::negatives! {
    IdentityProvider, Caps;
    /// Logins on other devices.
    without_device: DEVICE, |idp, name| [idp.start_device(DeviceRequest::new()).await, idp.finish_device(device(&name)).await];
    /// Sessions that go on.
    without_refresh: REFRESH, |idp, name| [idp.refresh(&made_up(&name)?).await];
    /// Being asked about users.
    without_user_info: USER_INFO, |idp, name| [idp.user_info(&made_up(&name)?).await];
    /// The service's own logout.
    without_logout: LOGOUT, |idp, name| [idp.logout_url(&made_up(&name)?).await];
    /// Ending tokens.
    without_revoke: REVOKE, |idp, name| [idp.revoke(made_up(&name)?).await];
}
