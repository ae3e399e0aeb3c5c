//! The Security Token Service: a role for a key, or for the token of an identity provider
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/>).

use std::sync::Arc;
use std::time::Duration;

use circle_core_common::credentials::{CredentialCache, IssuerClock, Lease};
use circle_core_common::http::{Answer, Auth, BaseUrl, Request, Response, Rule, Said, Secrets, StatusTable, encode, parse_date};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::{CallContext, Error, ErrorKind, Result, Sent, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::credentials::AwsCredentials;
use crate::document::is_key_id;
use crate::outside::{Outside, STATUSES};
use crate::profile_file::Profile;
use crate::region;
use crate::sigv4::{SigV4, SigningScope, SigningStyle};
use crate::xml::{Xml, XmlError};

/// It can be asked for again: each answer is another session, and takes nothing from the one before.
static ASSUME_ROLE: RemoteOperation = RemoteOperation::new("sts.AssumeRole", Idempotency::Idempotent, "/");
static WITH_WEB_IDENTITY: RemoteOperation = RemoteOperation::new("sts.AssumeRoleWithWebIdentity", Idempotency::Idempotent, "/");

/// How long a session may last (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
pub(crate) const SESSION_MIN: Duration = Duration::from_secs(15 * 60);
pub(crate) const SESSION_MAX: Duration = Duration::from_secs(12 * 3600);

/// Regions that `sts_regional_endpoints = legacy` means the global endpoint for; all newer ones have their own.
const LEGACY: [&str; 15] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// A role, and as what it is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) session_name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) duration: Option<Duration>,
}

impl Role {
    /// The name of the session, which the logs of AWS show: the one that was chosen, or one of the time.
    fn session_name(&self, now: Timestamp) -> String {
        self.session_name.clone().unwrap_or_else(|| format!("circle-core-{}", now.unix_millis()))
    }

    fn duration(&self) -> Option<String> {
        self.duration.map(|duration| duration.as_secs().to_string())
    }
}

/// The service of one region, or the global one.
pub(crate) struct Sts<'a> {
    outside: &'a Outside,
    region: String,
    base: BaseUrl,
}

impl<'a> Sts<'a> {
    /// The service of this region; without one, of that of `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile; without any, the global
    /// one.
    ///
    /// # Errors
    /// `ConfigInvalid` for a region or an address that is none.
    pub(crate) fn new(outside: &'a Outside, region: Option<&str>, profile: Option<&Profile>) -> Result<Self> {
        let of_profile = |name: &str| profile.and_then(|profile| profile.get(name)).map(str::to_owned);
        let mut chosen = region.map(str::to_owned);
        for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            if chosen.is_none() {
                chosen = outside.os.variable(variable)?.map(|region| region.trim().to_owned());
            }
        }
        let chosen = chosen.or_else(|| of_profile("region"));
        let chosen = chosen.as_deref().map(region::checked).transpose()?;
        let mode = match outside.os.variable("AWS_STS_REGIONAL_ENDPOINTS")? {
            Some(mode) => Some(mode),
            None => of_profile("sts_regional_endpoints"),
        };
        let legacy = match mode.as_deref().map(str::trim) {
            None | Some("regional") => false,
            Some("legacy") => true,
            Some(_) => {
                let text = "`sts_regional_endpoints` is neither `regional` nor `legacy`";
                return Err(Error::new(ErrorKind::ConfigInvalid, text));
            }
        };
        let (region, own) = match chosen {
            Some(region) if !(legacy && LEGACY.contains(&region)) => (region, region::address("sts", region)),
            // The global endpoint belongs to this region, for signatures.
            _ => ("us-east-1", "https://sts.amazonaws.com".to_owned()),
        };
        Ok(Self { outside, region: region.to_owned(), base: outside.endpoint("STS", profile, &own)? })
    }

    /// Takes a role, by a key that may.
    ///
    /// # Errors
    /// Those of the key; `PermissionDenied` and what else the service says.
    pub(crate) async fn assume_role(
        &self,
        cx: &CallContext,
        by: CredentialCache<AwsCredentials>,
        role: &Role,
    ) -> Result<Lease<AwsCredentials>> {
        let auth = Auth::custom(SigV4::new(by, SigningScope::new(&*self.region, "sts"), SigningStyle::Standard));
        let http = self.outside.client(Arc::clone(&self.base.origin)).auth(auth).classify(TABLE).build();
        let body = self.body("AssumeRole", role, cx.clock().timestamp(), &[("ExternalId", role.external_id.as_deref())]);
        let answer = http.send(cx, &ASSUME_ROLE, self.request(body)?).await?;
        credentials(&answer, "AssumeRole", cx.clock().timestamp())
    }

    /// Takes a role, by the token of an identity provider that it trusts. Nothing is signed.
    ///
    /// # Errors
    /// `Unauthenticated` for a token that is not, or no longer, accepted; what else the service says.
    pub(crate) async fn with_web_identity(
        &self,
        cx: &CallContext,
        token: &SecretString,
        role: &Role,
    ) -> Result<Lease<AwsCredentials>> {
        let http = self.outside.client(Arc::clone(&self.base.origin)).classify(TABLE).build();
        let mut spelt = String::new();
        encode::form(&mut spelt, token.expose_secret());
        let mut body = self.body("AssumeRoleWithWebIdentity", role, cx.clock().timestamp(), &[]);
        body.push_str("&WebIdentityToken=");
        body.push_str(&spelt);
        let secrets = Secrets::bare(token.clone()).and_bare(spelt.into());
        let answer = http.send(cx, &WITH_WEB_IDENTITY, self.request(body)?.extension(secrets)).await?;
        credentials(&answer, "AssumeRoleWithWebIdentity", cx.clock().timestamp())
    }

    fn body(&self, action: &str, role: &Role, now: Timestamp, more: &[(&str, Option<&str>)]) -> String {
        let (name, duration) = (role.session_name(now), role.duration());
        let mut fields = vec![
            ("Action", Some(action)),
            ("Version", Some("2011-06-15")),
            ("RoleArn", Some(&*role.arn)),
            ("RoleSessionName", Some(&*name)),
            ("DurationSeconds", duration.as_deref()),
        ];
        fields.extend(more);
        let mut body = String::new();
        for (name, value) in fields {
            let Some(value) = value else { continue };
            body.push_str(if body.is_empty() { "" } else { "&" });
            body.push_str(name);
            body.push('=');
            encode::form(&mut body, value);
        }
        body
    }

    fn request(&self, body: String) -> Result<Request> {
        let request = Request::post(self.base.target("/"));
        Ok(request.header("content-type", "application/x-www-form-urlencoded")?.body(body))
    }
}

/// The credentials of an answer, which ends by this machine's clock when it ends by the service's.
fn credentials(answer: &Response, action: &'static str, now: Timestamp) -> Result<Lease<AwsCredentials>> {
    let unreadable = |error: XmlError| {
        let text = format!("the answer of sts.{action} cannot be read: {error}");
        Error::new(ErrorKind::Decode, text).with_sent(Sent::Yes)
    };
    let (credentials, end) = parse(&answer.body, action).map_err(unreadable)?;
    let dated = if answer.header("age").is_none() { answer.header("date").and_then(parse_date) } else { None };
    let clock = dated.map_or_else(|| Ok(IssuerClock::default()), |issuer| IssuerClock::measured(issuer, now))?;
    Ok(Lease::new(credentials).until(clock.to_local(end)))
}

fn parse(body: &[u8], action: &str) -> std::result::Result<(AwsCredentials, Timestamp), XmlError> {
    let (mut xml, root) = Xml::open(body)?;
    if root.strip_suffix("Response") != Some(action) {
        return Err(XmlError::Field("AssumeRoleResponse"));
    }
    let (mut id, mut secret, mut token, mut end) = (None, None, None, None);
    while let Some(part) = xml.child()? {
        if part.strip_suffix("Result") != Some(action) {
            xml.skip()?;
            continue;
        }
        while let Some(part) = xml.child()? {
            if &*part != "Credentials" {
                xml.skip()?;
                continue;
            }
            while let Some(field) = xml.child()? {
                match &*field {
                    "AccessKeyId" => id = Some(xml.text()?),
                    "SecretAccessKey" => secret = Some(SecretString::from(xml.text()?)),
                    "SessionToken" => token = Some(SecretString::from(xml.text()?)),
                    "Expiration" => end = Some(xml.parse("Expiration")?),
                    _ => xml.skip()?,
                }
            }
        }
    }
    let filled = |secret: Option<SecretString>, name| {
        secret.filter(|secret| !secret.expose_secret().is_empty()).ok_or(XmlError::Field(name))
    };
    let id = id.filter(|id| is_key_id(id)).ok_or(XmlError::Field("AccessKeyId"))?;
    let credentials = AwsCredentials::new(id, filled(secret, "SecretAccessKey")?).session_token(filled(token, "SessionToken")?);
    Ok((credentials, end.ok_or(XmlError::Field("Expiration"))?))
}

/// `<ErrorResponse><Error><Code>…</Code><Message>…</Message></Error><RequestId>…</RequestId></ErrorResponse>`.
fn said(answer: &Answer<'_>) -> Said {
    let mut said = Said::new();
    // What can be read before the document breaks off is of use.
    let _ = read_error(answer.body, &mut said);
    said
}

fn read_error(body: &[u8], said: &mut Said) -> std::result::Result<(), XmlError> {
    let (mut xml, _) = Xml::open(body)?;
    while let Some(part) = xml.child()? {
        match &*part {
            "Error" => {
                while let Some(field) = xml.child()? {
                    match &*field {
                        "Code" => said.code = Some(xml.text()?),
                        "Message" => said.message = Some(xml.text()?),
                        _ => xml.skip()?,
                    }
                }
            }
            "RequestId" | "RequestID" => said.request_id = Some(xml.text()?),
            _ => xml.skip()?,
        }
    }
    Ok(())
}

static TABLE: StatusTable = StatusTable::new().codes(CODES).statuses(STATUSES).said(said);

/// The codes that mean something else than their status
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html> and the pages of both operations).
static CODES: &[(&str, Rule)] = &[
    ("AccessDenied", Rule::new(ErrorKind::PermissionDenied)),
    ("ExpiredToken", Rule::new(ErrorKind::Unauthenticated)),
    ("ExpiredTokenException", Rule::new(ErrorKind::Unauthenticated)),
    ("IncompleteSignature", Rule::new(ErrorKind::Unauthenticated)),
    ("InvalidClientTokenId", Rule::new(ErrorKind::Unauthenticated)),
    ("MissingAuthenticationToken", Rule::new(ErrorKind::Unauthenticated)),
    ("RequestExpired", Rule::new(ErrorKind::Unauthenticated)),
    ("SignatureDoesNotMatch", Rule::new(ErrorKind::Unauthenticated)),
    // Of the token of an identity provider.
    ("InvalidIdentityToken", Rule::new(ErrorKind::Unauthenticated)),
    ("IDPRejectedClaim", Rule::new(ErrorKind::Unauthenticated)),
    ("IDPCommunicationError", Rule::new(ErrorKind::Unavailable)),
    // A duration beyond the role's own maximum, an ARN that is none.
    ("ValidationError", Rule::new(ErrorKind::ConfigInvalid)),
    ("RegionDisabledException", Rule::new(ErrorKind::ConfigInvalid)),
    ("Throttling", Rule::new(ErrorKind::RateLimited)),
    ("ThrottlingException", Rule::new(ErrorKind::RateLimited)),
    ("InternalFailure", Rule::new(ErrorKind::Internal).retryable(true)),
    ("ServiceUnavailable", Rule::new(ErrorKind::Unavailable)),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
        <AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId>\
        <SecretAccessKey>s3cr3t+/</SecretAccessKey><SessionToken>tok&amp;en</SessionToken>\
        <Expiration>2026-01-01T06:00:00Z</Expiration></Credentials></AssumeRoleResult>\
        <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>";

    #[test]
    fn an_answer_is_read_and_one_that_is_none_is_not() {
        let (credentials, end) = parse(ANSWER.as_bytes(), "AssumeRole").unwrap();
        assert_eq!((credentials.access_key_id(), end.to_string().as_str()), ("ASIA", "2026-01-01T06:00:00Z"));
        assert_eq!(credentials.secret_access_key().expose_secret(), "s3cr3t+/");
        assert_eq!(credentials.token().unwrap().expose_secret(), "tok&en");
        for (from, to) in [
            ("AssumeRoleResponse", "ErrorResponse"),
            ("AssumeRoleResult", "OtherResult"),
            ("<AccessKeyId>ASIA</AccessKeyId>", ""),
            ("ASIA", "s3cr3t key"),
            ("s3cr3t+/", ""),
            ("tok&amp;en", ""),
            ("tok&amp;en", "&s3cr3t;"),
            ("2026-01-01T06:00:00Z", "s3cr3t"),
            ("</AssumeRoleResponse>", ""),
            ("<Credentials>", "<Credentials s3cr3t"),
        ] {
            let error = parse(ANSWER.replace(from, to).as_bytes(), "AssumeRole").unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{from}: {error:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read_or_refused(cut in 0..ANSWER.len(), junk in "(\\PC|[<>&;/]){0,20}") {
            let mut text = ANSWER.to_owned();
            text.insert_str(cut, &junk);
            let _ = parse(text.as_bytes(), "AssumeRole");
            proptest::prop_assert!(parse(&ANSWER.as_bytes()[..cut], "AssumeRole").is_err());
            let mut said = Said::new();
            let _ = read_error(text.as_bytes(), &mut said);
        }
    }
}
