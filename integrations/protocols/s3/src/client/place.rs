//! Where the bucket is, and how it is spoken to there.

use std::sync::{Arc, OnceLock};

use circle_core_common::http::{Auth, HttpClient, Origin, Target};
use circle_core_common::{BuildContext, Error, ErrorKind, Result};
use circle_core_protocol_aws_auth::SigV4;

use super::Answers;
use crate::config::Addressing;
use crate::error::S3Error;
use crate::profile::{RegionRule, S3Profile};
use crate::settings::S3Settings;

/// One region of a service: its address, and a client that signs for it.
pub(crate) struct Place {
    region: String,
    /// Whether the region says where it is.
    is_regional: bool,
    service: Arc<Origin>,
    /// The bucket: an origin of its own, or a path.
    bucket: Target,
    http: HttpClient,
    signer: Option<SigV4>,
}

/// The place that the config names, and the one where the bucket turned out to be.
pub(super) struct Places {
    configured: Place,
    found: OnceLock<Place>,
    settings: S3Settings,
    cx: BuildContext,
}

impl Places {
    pub(super) fn new(settings: &S3Settings, cx: BuildContext) -> Result<Self> {
        let region = configured_region(settings)?;
        let configured = Place::new(settings, &cx, &region, region.clone())?;
        Ok(Self { configured, found: OnceLock::new(), settings: settings.clone(), cx })
    }

    pub(super) fn current(&self) -> &Place {
        self.found.get().unwrap_or(&self.configured)
    }

    /// The place that an answer names, once: a bucket that seems to move twice is left where it was found first.
    pub(super) fn moved(&self, from: &Place, error: &Error) -> Result<Option<&Place>> {
        let Some(region) = error.provider_error::<S3Error>().and_then(|error| error.region.as_deref()) else { return Ok(None) };
        if region == from.region || !is_region(region) || !self.follows(error) {
            return Ok(None);
        }
        if let Some(found) = self.found.get() {
            // Another call was faster.
            return Ok((found.region == region && !std::ptr::eq(found, from)).then_some(found));
        }
        // Only where buckets move between regions does another region mean another address.
        let at = if self.moves() { region } else { &self.configured.region };
        let place = Place::new(&self.settings, &self.cx, at, region.to_owned())?;
        Ok(Some(self.found.get_or_init(|| place)))
    }

    fn follows(&self, error: &Error) -> bool {
        // A wrong region in the signature can be mended anywhere; a redirect to another address only where the address
        // is made of the region.
        let code = error.provider_error::<S3Error>().map(|error| &*error.code);
        let resigns = matches!(code, Some("AuthorizationHeaderMalformed" | "BadRequest"));
        resigns || self.moves()
    }

    fn moves(&self) -> bool {
        self.settings.profile.redirects_regions && self.settings.endpoint.is_none()
    }
}

impl Place {
    /// The place at the address of the region `at`, signed for `region`.
    fn new(settings: &S3Settings, cx: &BuildContext, at: &str, region: String) -> Result<Self> {
        let service = Arc::new(cx.origin(&endpoint(settings, at)?).map_err(|error| error.context("endpoint"))?);
        let bucket = bucket_target(settings, &service)?;
        let credentials = settings.credentials.credentials(cx);
        let signer = credentials.map(|credentials| SigV4::s3(credentials, region.as_str()));
        let auth = signer.clone().map_or(Auth::None, Auth::custom);
        let http = cx.http(Arc::clone(&bucket.origin)).also_at(Arc::clone(&service)).auth(auth).classify(Answers).build();
        let is_regional = settings.endpoint.is_none() && settings.profile.region == RegionRule::Required;
        Ok(Self { region, is_regional, service, bucket, http, signer })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The region of a service that has one address for each, and the host of any other.
    pub(super) fn name(&self) -> &str {
        if self.is_regional { &self.region } else { self.service.host() }
    }

    pub(super) fn http(&self) -> &HttpClient {
        &self.http
    }

    pub(super) fn signer(&self) -> Option<&SigV4> {
        self.signer.as_ref()
    }

    /// Whether what is sent can be read on the way.
    pub(super) fn is_plain(&self) -> bool {
        *self.bucket.origin.scheme() != http::uri::Scheme::HTTPS
    }

    /// The service, for what is about no bucket.
    pub(super) fn service(&self) -> Target {
        Target::new(&self.service, "/")
    }

    /// The bucket itself.
    pub(super) fn bucket(&self) -> Target {
        self.bucket.clone()
    }

    /// An object.
    pub(super) fn object(&self, key: &str) -> Target {
        self.bucket.clone().path(key)
    }
}

fn configured_region(settings: &S3Settings) -> Result<String> {
    let profile = &settings.profile;
    let region = match (profile.region, &settings.region) {
        (RegionRule::Fixed(word), None) => word.to_owned(),
        (_, Some(region)) => region.clone(),
        (RegionRule::Default(word), None) => word.to_owned(),
        (RegionRule::Required, None) if settings.endpoint.is_some() => "us-east-1".to_owned(),
        (RegionRule::Required, None) => {
            let text = format!("`region` is missing: the address of `{}` is made of it", profile.name);
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
    };
    if is_region(&region) {
        return Ok(region);
    }
    let text = format!("the region `{}` is not made of small letters, digits and `-`", region.escape_debug());
    Err(Error::new(ErrorKind::ConfigInvalid, text))
}

/// Whether a text may be a part of a host: it may come from a service's answer.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn endpoint(settings: &S3Settings, region: &str) -> Result<String> {
    if let Some(endpoint) = &settings.endpoint {
        return Ok(endpoint.clone());
    }
    let S3Profile { name, endpoint, region_suffixes, .. } = &settings.profile;
    let Some(template) = endpoint else {
        let text = format!("`endpoint` is missing: every installation of `{name}` has its own");
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    };
    let suffix = region_suffixes.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("", |(_, suffix)| suffix);
    let mut address = template.replace("{region}", region).replace("{suffix}", suffix);
    for (field, value) in [("{account}", &settings.account), ("{namespace}", &settings.namespace)] {
        if !address.contains(field) {
            continue;
        }
        let plain = |text: &&String| {
            (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let Some(value) = value.as_ref().filter(plain) else {
            let key = field.trim_matches(['{', '}']);
            let text =
                format!("`{key}` is missing or has other than letters, digits and `-`: the address of `{name}` is made of it");
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        };
        address = address.replace(field, value);
    }
    Ok(address)
}

/// The bucket in the path or in front of the host.
fn bucket_target(settings: &S3Settings, service: &Arc<Origin>) -> Result<Target> {
    let (profile, bucket) = (&settings.profile, settings.bucket.as_str());
    check_bucket(bucket)?;
    let chosen = settings.addressing;
    if profile.addressing_is_fixed && chosen.is_some_and(|chosen| chosen != profile.addressing) {
        let text = format!("`{}` knows one `addressing` only; leave it out", profile.name);
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    }
    let by_default = match settings.endpoint {
        // What is behind an address of one's own rarely has a name for each bucket.
        Some(_) if !profile.addressing_is_fixed => Addressing::Path,
        _ => profile.addressing,
    };
    let virtual_host = match chosen.unwrap_or(by_default) {
        Addressing::Path => false,
        // A certificate for `*.host` does not cover `a.b.host`.
        Addressing::Virtual if chosen.is_none() && !profile.addressing_is_fixed => is_label(bucket),
        Addressing::Virtual => true,
    };
    if !virtual_host {
        return Ok(Target::new(service, "/").path(bucket));
    }
    let origin = service.subdomain(bucket).map_err(|error| error.context("the bucket in front of the host of `endpoint`"))?;
    Ok(Target::new(&Arc::new(origin), "/"))
}

/// Whether a bucket is one label of a host.
fn is_label(bucket: &str) -> bool {
    bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

/// Services have their own rules; what is refused here would name something else than a bucket.
fn check_bucket(bucket: &str) -> Result<()> {
    let plain = bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if plain && (1..=255).contains(&bucket.len()) && !matches!(bucket, "." | "..") {
        return Ok(());
    }
    let text = format!("`{}` is no name for a bucket: letters, digits, `-`, `_` and `.`", bucket.escape_debug());
    Err(Error::new(ErrorKind::ConfigInvalid, text))
}
