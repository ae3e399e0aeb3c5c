//! Logins on devices without a browser.

use std::collections::HashSet;

use secrecy::ExposeSecret;

use super::{Caps, Decision, Idp};
use crate::error::ErrorKind;
use crate::interfaces::identity_provider::DeviceRequest;
use crate::suite::{Outcome, equal, expect_kind, holds};

/// A user who types the code in and agrees has a session on the device.
pub async fn device_is_logged_in_when_its_user_agrees(subject: Idp) -> Outcome {
    subject.needs(Caps::DEVICE)?;
    let user = subject.user()?;
    let login = subject.handle.start_device(DeviceRequest::new()).await?;
    holds("there is a code to type in", !login.user_code.is_empty())?;
    holds("there is an address to go to", login.verification_uri.starts_with("http"))?;
    user.decide_on_device(&login.user_code, Decision::Agree).await?;
    let session = subject.handle.finish_device(login).await?;
    equal("the user", session.subject(), &*user.user())?;
    equal("the issuer", session.claims().issuer(), &*user.issuer())
}

/// A user who says no is `PermissionDenied`.
pub async fn user_who_says_no_on_a_device_is_permission_denied(subject: Idp) -> Outcome {
    subject.needs(Caps::DEVICE)?;
    let login = subject.handle.start_device(DeviceRequest::new()).await?;
    subject.user()?.decide_on_device(&login.user_code, Decision::Refuse).await?;
    expect_kind("a refusal", subject.handle.finish_device(login).await, ErrorKind::PermissionDenied).map(drop)
}

/// No two logins have the same codes.
pub async fn codes_of_devices_are_never_the_same(subject: Idp) -> Outcome {
    subject.needs(Caps::DEVICE)?;
    subject.user()?;
    let mut seen = HashSet::new();
    for _ in 0..10 {
        let login = subject.handle.start_device(DeviceRequest::new()).await?;
        holds("the code of the device is new", seen.insert(login.device_code.expose_secret().to_owned()))?;
        holds("the code of the user is new", seen.insert(login.user_code))?;
    }
    Ok(())
}
