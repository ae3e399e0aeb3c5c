//! One signature over one request, computed by `aws-sigv4`.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use circle_core_common::{Error, ErrorKind, Result, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use secrecy::ExposeSecret;
use std::time::{Duration, SystemTime};

use super::scope::SigningScope;
use crate::credentials::AwsCredentials;

/// How a service wants its requests to be put into a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningStyle {
    /// S3 and what speaks its dialect: the path as it is sent, and the hash of the payload in a header.
    S3,
    /// Every other service: the path without `.`, `..` and doubled slashes, encoded once more.
    Standard,
}

/// Headers that something between here and the service may add, change or take away; a signature over them breaks.
const UNSIGNED: [HeaderName; 9] = [
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::EXPECT,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-amzn-trace-id"),
];

/// Headers that a signature brings, so that a request that was signed before has them.
const BROUGHT: [&str; 4] = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];

/// With what, for what and when.
pub(super) struct Signing<'a> {
    pub(super) credentials: &'a AwsCredentials,
    pub(super) scope: &'a SigningScope,
    pub(super) style: SigningStyle,
    pub(super) time: Timestamp,
}

impl Signing<'_> {
    /// Signs into the headers; answers the signature, which the first chunk of a streamed payload builds on.
    pub(super) fn headers(&self, method: &Method, uri: &str, headers: &mut HeaderMap, body: SignableBody<'_>) -> Result<String> {
        for name in BROUGHT {
            headers.remove(name);
        }
        let (instructions, signature) = self.sign(method, uri, headers, body, None)?;
        for brought in instructions.into_parts().0 {
            let mut value =
                HeaderValue::from_str(brought.value()).map_err(|_| invalid("the session token cannot stand in a header"))?;
            value.set_sensitive(brought.sensitive() || brought.name() == "authorization");
            headers.insert(HeaderName::from_static(brought.name()), value);
        }
        Ok(signature)
    }

    /// Signs into the query: whoever has the address can send the request, with these headers, until it expires.
    pub(super) fn query(&self, method: &Method, uri: &Uri, headers: &HeaderMap, life: Duration) -> Result<Uri> {
        let (instructions, _) = self.sign(method, &uri.to_string(), headers, SignableBody::UnsignedPayload, Some(life))?;
        let mut request = http::Request::new(());
        *request.uri_mut() = uri.clone();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().clone())
    }

    fn sign(
        &self,
        method: &Method,
        uri: &str,
        headers: &HeaderMap,
        body: SignableBody<'_>,
        life: Option<Duration>,
    ) -> Result<(SigningInstructions, String)> {
        let mut signed = Vec::with_capacity(headers.len());
        for (name, value) in headers.iter().filter(|(name, _)| !UNSIGNED.contains(name)) {
            let text = value
                .to_str()
                .map_err(|_| invalid(format!("the header `{name}` holds more than visible ASCII, which cannot be signed")))?;
            signed.push((name.as_str(), text));
        }
        let identity = Credentials::new(
            self.credentials.access_key_id(),
            self.credentials.secret_access_key().expose_secret(),
            self.credentials.token().map(|token| token.expose_secret().to_owned()),
            None,
            "circle-core",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.scope.region)
            .name(&self.scope.service)
            .time(SystemTime::from(self.time))
            .settings(self.settings(life))
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, "the signing parameters are incomplete").with_source(error))?
            .into();
        let request = SignableRequest::new(method.as_str(), uri, signed.into_iter(), body)
            .map_err(|error| invalid("the request cannot be signed").with_source(error))?;
        let output =
            unlogged(|| sign(request, &params)).map_err(|error| invalid("the request cannot be signed").with_source(error))?;
        Ok(output.into_parts())
    }

    fn settings(&self, life: Option<Duration>) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        settings.expires_in = life;
        if life.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
        }
        if self.style == SigningStyle::S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

/// `aws-sigv4` traces the whole request, with customer keys in its headers and the session token of a presigned query.
fn unlogged<T>(work: impl FnOnce() -> T) -> T {
    if tracing::enabled!(target: "aws_sigv4::http_request::sign", tracing::Level::TRACE) {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), work)
    } else {
        work()
    }
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}
