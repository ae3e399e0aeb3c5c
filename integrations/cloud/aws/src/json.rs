//! The protocol of Amazon's services that speak JSON: one address, and the operation in a header
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use circle_core_common::http::{Answer, Auth, BaseUrl, HttpClient, Request, Rule, Said, StatusTable};
use circle_core_common::resilience::RemoteOperation;
use circle_core_common::{BuildContext, CallContext, Environment, Error, ErrorKind, Reason, Result};
use circle_core_protocol_aws_auth::{AwsCredentialsConfig, SigV4, SigningScope, SigningStyle, region};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Which service, and what its operations are called by.
pub(crate) struct JsonService {
    /// The name in addresses and signatures.
    pub(crate) name: &'static str,
    /// What stands before the operation in the header.
    pub(crate) target: &'static str,
}

/// A client of one service in one region.
pub(crate) struct JsonClient {
    service: &'static JsonService,
    environment: Environment,
    base: BaseUrl,
    http: HttpClient,
    /// The region, or the host where that was given.
    place: String,
    closed: AtomicBool,
}

impl JsonClient {
    pub(crate) fn new(
        service: &'static JsonService,
        region: Option<&str>,
        endpoint: Option<&str>,
        credentials: &AwsCredentialsConfig,
        cx: &BuildContext,
    ) -> Result<Self> {
        let invalid = |text: String| Error::new(ErrorKind::ConfigInvalid, text);
        let region = match (region, endpoint) {
            (Some(region), _) => region,
            // What is there for tests is in no region, and a signature names one.
            (None, Some(_)) => "us-east-1",
            (None, None) => return Err(invalid("`region` is missing: the address of the service is made of it".to_owned())),
        };
        let own = region::address(service.name, region::checked(region)?);
        let base = cx.base_url(endpoint.unwrap_or(&own)).map_err(|error| error.context("endpoint"))?;
        let signer = |credentials| SigV4::new(credentials, SigningScope::new(region, service.name), SigningStyle::Standard);
        let auth = credentials.credentials(cx).map_or(Auth::None, |credentials| Auth::custom(signer(credentials)));
        let http = cx.http(Arc::clone(&base.origin)).auth(auth).classify(TABLE).build();
        let place = if endpoint.is_some() { base.origin.host().to_owned() } else { region.to_owned() };
        Ok(Self { service, environment: cx.environment().clone(), base, http, place, closed: AtomicBool::new(false) })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Calls an operation: the last part of its remote name is its name.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        input: &(impl Serialize + Sync),
    ) -> Result<T> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, format!("the client of {} is closed", self.service.name)));
        }
        let name = operation.name().rsplit('.').next().unwrap_or_default();
        let body = serde_json::to_vec(input).map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
        let request = Request::post(self.base.target("/"))
            .header("content-type", "application/x-amz-json-1.1")?
            .header("x-amz-target", &format!("{}.{name}", self.service.target))?
            .body(body);
        self.http.send(cx, operation, request).await?.json()
    }
}

/// The code of a failure: `ThrottlingException`, `com.amazonaws.kms#NotFoundException`.
fn said(answer: &Answer<'_>) -> Said {
    let mut said = Said::from_json(answer.body);
    said.code = said.code.map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    said
}

static TABLE: StatusTable = StatusTable::new().codes(CODES).said(said);

/// The codes that mean something of their own, of what all services of the protocol say
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>), of Secrets Manager and of KMS.
static CODES: &[(&str, Rule)] = &[
    ("AccessDeniedException", Rule::new(ErrorKind::PermissionDenied)),
    ("NotAuthorized", Rule::new(ErrorKind::PermissionDenied)),
    ("OptInRequired", Rule::new(ErrorKind::PermissionDenied)),
    ("ExpiredTokenException", Rule::new(ErrorKind::Unauthenticated)),
    ("IncompleteSignature", Rule::new(ErrorKind::Unauthenticated)),
    ("InvalidClientTokenId", Rule::new(ErrorKind::Unauthenticated)),
    ("InvalidSignatureException", Rule::new(ErrorKind::Unauthenticated)),
    ("MissingAuthenticationTokenException", Rule::new(ErrorKind::Unauthenticated)),
    ("RequestExpired", Rule::new(ErrorKind::Unauthenticated)),
    ("UnrecognizedClientException", Rule::new(ErrorKind::Unauthenticated)),
    ("ThrottlingException", Rule::new(ErrorKind::RateLimited)),
    ("TooManyRequestsException", Rule::new(ErrorKind::RateLimited)),
    ("LimitExceededException", Rule::new(ErrorKind::QuotaExceeded)),
    ("InternalFailure", Rule::new(ErrorKind::Internal).retryable(true)),
    ("ServiceUnavailable", Rule::new(ErrorKind::Unavailable)),
    ("ValidationException", Rule::new(ErrorKind::InvalidInput)),
    // Secrets Manager.
    ("ResourceNotFoundException", Rule::new(ErrorKind::NotFound)),
    ("ResourceExistsException", Rule::new(ErrorKind::AlreadyExists)),
    ("InvalidParameterException", Rule::new(ErrorKind::InvalidInput)),
    ("InvalidRequestException", Rule::new(ErrorKind::InvalidInput)),
    ("InvalidNextTokenException", Rule::new(ErrorKind::InvalidInput).reason(Reason::ForeignCursor)),
    ("PreconditionNotMetException", Rule::new(ErrorKind::Conflict)),
    ("DecryptionFailure", Rule::new(ErrorKind::PermissionDenied)),
    ("EncryptionFailure", Rule::new(ErrorKind::PermissionDenied)),
    ("InternalServiceError", Rule::new(ErrorKind::Internal).retryable(true)),
    // KMS.
    ("NotFoundException", Rule::new(ErrorKind::NotFound)),
    ("InvalidArnException", Rule::new(ErrorKind::InvalidInput)),
    ("InvalidCiphertextException", Rule::new(ErrorKind::Corrupt)),
    ("IncorrectKeyException", Rule::new(ErrorKind::Corrupt)),
    ("KMSInvalidSignatureException", Rule::new(ErrorKind::Corrupt).reason(Reason::SignatureInvalid)),
    ("InvalidKeyUsageException", Rule::new(ErrorKind::InvalidInput)),
    ("InvalidMarkerException", Rule::new(ErrorKind::InvalidInput).reason(Reason::ForeignCursor)),
    ("UnsupportedOperationException", Rule::new(ErrorKind::InvalidInput)),
    ("ConflictException", Rule::new(ErrorKind::Conflict)),
    ("DisabledException", Rule::new(ErrorKind::Conflict)),
    ("KMSInvalidStateException", Rule::new(ErrorKind::Conflict)),
    ("KeyUnavailableException", Rule::new(ErrorKind::Unavailable)),
    ("DependencyTimeoutException", Rule::new(ErrorKind::Unavailable)),
    ("KMSInternalException", Rule::new(ErrorKind::Internal).retryable(true)),
];
