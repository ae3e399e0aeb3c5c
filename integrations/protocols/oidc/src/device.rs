//! Logging a user in on another device (RFC 8628): a code that is typed in elsewhere.

use std::fmt;
use std::time::Duration;

use circle_core_common::credentials::ExpiresIn;
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Tick};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::client::{OAuthClient, REDEEM};
use crate::error::{OAuthError, OAuthErrorCode};
use crate::form::Form;
use crate::grants::{Wanted, wanted};
use crate::server::Endpoint;
use crate::tokens::{TokenSet, read};

static START: RemoteOperation = RemoteOperation::new("oauth.StartDevice", Idempotency::Idempotent, "");

/// How often the server is asked where it does not say (RFC 8628, 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// By how much the server is asked less often when it says so (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// The longest wait between two questions, whatever failed.
const INTERVAL_MAX: Duration = Duration::from_secs(120);

/// What is asked of a login on another device.
#[derive(Clone, Debug, Default)]
#[must_use = "a request is sent by `start_device`"]
pub struct DeviceRequest {
    pub(crate) wanted: Wanted,
}

wanted!(DeviceRequest);

impl DeviceRequest {
    /// A login that asks for nothing in particular.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A login on another device that has begun. `Debug` shows what the user is to see, and no more.
pub struct DeviceLogin {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval: Duration,
    ends: Tick,
}

impl DeviceLogin {
    /// What the user types in.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where.
    #[must_use]
    pub fn verification_uri(&self) -> &str {
        &self.verification_uri
    }

    /// Where, with the code in the address: for a QR code.
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.verification_uri_complete.as_deref()
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceLogin({} at {})", self.user_code, self.verification_uri)
    }
}

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
        let response = self.post(cx, &START, Endpoint::DeviceAuthorization, request.wanted.on(Form::default())).await?;
        let started: Started = read("the answer of the device endpoint", &response.body)?;
        Ok(DeviceLogin {
            device_code: started.device_code.into(),
            user_code: started.user_code,
            verification_uri: started.verification_uri,
            verification_uri_complete: started.verification_uri_complete,
            interval: started.interval.life_or(INTERVAL).min(INTERVAL_MAX),
            ends: asked.after(started.expires_in.life()),
        })
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
