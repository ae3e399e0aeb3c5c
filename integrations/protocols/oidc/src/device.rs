//! Logging a user in on another device (RFC 8628): a code that is typed in elsewhere.

use std::time::Duration;

use circle_core_common::credentials::ExpiresIn;
use circle_core_common::interfaces::identity_provider::{DeviceLogin, DeviceRequest, TokenSet};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::client::{OAuthClient, REDEEM};
use crate::error::{OAuthError, OAuthErrorCode};
use crate::form::Form;
use crate::grants::Wanted;
use crate::server::Endpoint;
use crate::tokens::read;

pub(crate) static START: RemoteOperation = RemoteOperation::new("oauth.StartDevice", Idempotency::Idempotent, "");

/// How often the server is asked where it does not say (RFC 8628, 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// By how much the server is asked less often when it says so (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest wait between two questions, whatever failed.
const INTERVAL_MAX: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Started {
    device_code: String,
    user_code: String,
    // Some servers still write what the drafts called it.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<String>,
    #[serde(default)]
    expires_in: ExpiresIn,
    /// Seconds, too, and as badly written.
    #[serde(default)]
    interval: ExpiresIn,
}

impl OAuthClient {
    /// Begins a login on another device.
    ///
    /// # Errors
    /// Those of the server; `Unsupported` where it has no endpoint for devices.
    pub async fn start_device(&self, cx: &CallContext, request: DeviceRequest) -> Result<DeviceLogin> {
        let asked = cx.clock().now();
        let wanted = Wanted { scopes: request.scopes, others: request.parameters };
        let response = self.post(cx, &START, Endpoint::DeviceAuthorization, wanted.on(Form::default())).await?;
        let started: Started = read("the answer of the device endpoint", &response.body)?;
        let interval = started.interval.life_or(INTERVAL).min(INTERVAL_MAX);
        let ends = asked.after(started.expires_in.life());
        let code = started.device_code.into();
        let mut login = DeviceLogin::new(code, started.user_code, started.verification_uri, interval, ends);
        login.verification_uri_complete = started.verification_uri_complete;
        Ok(login)
    }

    /// Waits until the user has decided, asking the server as often as it wants to be asked.
    ///
    /// # Errors
    /// `PermissionDenied` when the user said no, and `Unauthenticated` when time was up, both as [`OAuthError`]; `Timeout` and
    /// `Cancelled` of the caller's own context; other errors of the server that do not pass.
    pub async fn finish_device(&self, cx: &CallContext, login: DeviceLogin) -> Result<TokenSet> {
        cx.guard(self.poll(cx, &login)).await
    }

    async fn poll(&self, cx: &CallContext, login: &DeviceLogin) -> Result<TokenSet> {
        let mut interval = login.interval;
        loop {
            // Before the first question, too: nobody types in a code within a moment.
            cx.clock().sleep(interval).await;
            if cx.clock().now() >= login.ends {
                return Err(OAuthError::of_callback(OAuthErrorCode::ExpiredToken.as_str(), Some("the user took too long")));
            }
            let form = Form::grant("urn:ietf:params:oauth:grant-type:device_code");
            let code = SecretString::from(login.device_code.expose_secret());
            let error = match self.token(cx, &REDEEM, form.secret("device_code", code)).await {
                Ok(tokens) => return Ok(tokens),
                Err(error) => error,
            };
            if OAuthError::is(&error, &OAuthErrorCode::AuthorizationPending) {
                continue;
            }
            interval = if OAuthError::is(&error, &OAuthErrorCode::SlowDown) {
                interval + SLOWER
            } else if may_pass(&error) {
                // RFC 8628, 3.5: less and less often while it cannot be reached.
                interval * 2
            } else {
                return Err(error);
            }
            .min(INTERVAL_MAX);
        }
    }
}

/// Whether the server may still know of the login. A lost answer may have been the one with the tokens; then the next is
/// `invalid_grant`, which ends it.
fn may_pass(error: &Error) -> bool {
    error.is_retryable() || error.is(ErrorKind::OutcomeUnknown)
}
