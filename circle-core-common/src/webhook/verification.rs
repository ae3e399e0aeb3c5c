//! Verification by a scheme.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::carried::{Carried, Places, encode};
use super::content::{Content, plain_header};
use super::key::WebhookKey;
use super::refused;
use super::scheme::{Encoding, Scheme};
use super::template::{Piece, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::interfaces::webhook_verifier::{
    ParseRequest, Verified, WebhookAnswer, WebhookEvent, WebhookId, WebhookVerifierCapabilities,
};
use crate::units::Timestamp;

/// How far the moment of signing may be from now. Slack, Stripe and Standard Webhooks say five minutes.
const TOLERANCE: Duration = Duration::from_secs(300);

/// The most that a config may tolerate.
const TOLERANCE_MAX: Duration = Duration::from_secs(3600);

/// A scheme that can be verified by.
#[derive(Clone, Debug)]
pub struct Verification {
    scheme: Scheme,
    template: Template,
    places: Places,
    tolerance: Duration,
}

/// What a service sends: for tests of those who receive, and for senders.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Its id, where the scheme has a header for one.
    pub id: &'a str,
    /// When it is signed.
    pub at: Timestamp,
    /// Its body.
    pub body: &'a [u8],
}

impl Verification {
    /// Verification by a scheme, five minutes around now.
    ///
    /// # Errors
    /// `ConfigInvalid` for a scheme that contradicts itself, or that takes for an id what is not signed.
    pub fn new(scheme: Scheme) -> Result<Self> {
        let wrong = |text: &'static str| Err(Error::new(ErrorKind::ConfigInvalid, text));
        let template = Template::parse(scheme.signed.as_deref().unwrap_or("{body}"))?;
        let places = Places::of(&scheme)?;
        if template.has(&Piece::Timestamp) != places.timestamp.is_some() {
            return wrong("a scheme has both `timestamp_header` and `{timestamp}` in `signed`, or neither");
        }
        if template.has(&Piece::Id) != places.id.is_some() {
            return wrong("a scheme has both `id_header` and `{id}` in `signed`, or neither: an id that is not signed is none");
        }
        if scheme.separator.is_some_and(|separator| !separator.is_ascii() || separator.is_ascii_alphanumeric()) {
            return wrong("`separator` is a mark of ASCII that no signature holds, such as `,`");
        }
        if places.timestamp.as_ref() == Some(&places.signature)
            && (scheme.separator.is_none() || scheme.timestamp_prefix.is_empty())
        {
            return wrong("a header with moment and signature has a `separator`, and a `timestamp_prefix`");
        }
        if scheme.id_fields.iter().chain(&scheme.kind_fields).any(|field| !field.starts_with('/')) {
            return wrong("the fields of a scheme are JSON pointers, such as `/id`");
        }
        Ok(Self { scheme, template, places, tolerance: TOLERANCE })
    }

    /// Sets how far the moment of signing may be from now: a second to an hour.
    ///
    /// # Errors
    /// `ConfigInvalid` outside that.
    pub fn tolerance(mut self, tolerance: Duration) -> Result<Self> {
        if !(Duration::from_secs(1)..=TOLERANCE_MAX).contains(&tolerance) {
            return Err(Error::new(ErrorKind::ConfigInvalid, "`tolerance` is one second to one hour"));
        }
        self.tolerance = tolerance;
        Ok(self)
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// What a verifier by this scheme can do.
    #[must_use]
    pub fn capabilities(&self) -> WebhookVerifierCapabilities {
        let mut capabilities = WebhookVerifierCapabilities::none();
        capabilities.timestamp = self.places.timestamp.is_some();
        capabilities.id = self.places.id.is_some() || !self.scheme.id_fields.is_empty();
        capabilities.tolerance = self.tolerance;
        capabilities
    }

    /// A secret as the key that it stands for.
    ///
    /// # Errors
    /// `ConfigInvalid` for one that is empty, has spaces around it, or is not written as the scheme has it.
    pub fn key(&self, secret: &str) -> Result<WebhookKey> {
        WebhookKey::new(&self.scheme, secret)
    }

    /// Decides whether a request was signed with one of these keys, at about `now`.
    ///
    /// # Errors
    /// As [`WebhookVerifierProvider::verify`](crate::interfaces::webhook_verifier::WebhookVerifierProvider::verify).
    pub fn verify(&self, keys: &[WebhookKey], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Verified> {
        let carried = self.places.read(&self.scheme, &self.template, headers)?;
        let mut secret = None;
        for (number, key) in keys.iter().enumerate() {
            let expected = key.sign(&self.template, carried.timestamp, carried.id, body);
            for signature in &carried.signatures {
                // Every key is tried with every signature: how long it takes does not tell which was right.
                let is_right = verify_slices_are_equal(expected.as_ref(), signature).is_ok();
                secret = secret.or(is_right.then_some(number));
            }
        }
        let secret = secret.ok_or_else(refused::invalid)?;
        if let Some(at) = carried.at {
            if now.since(at) > self.tolerance {
                return Err(refused::expired());
            }
            if at.since(now) > self.tolerance {
                return Err(refused::in_future());
            }
        }
        Ok(self.verified(&carried, headers, body, secret))
    }

    fn verified(&self, carried: &Carried<'_>, headers: &HeaderMap, body: &[u8], secret: usize) -> Verified {
        let content = Content::read(&self.scheme, body);
        let own = if self.places.id.is_some() { Some(carried.id.to_owned()) } else { content.id(&self.scheme) };
        let id_is_hash = own.is_none();
        let id = own.unwrap_or_else(|| {
            let mut context = digest::Context::new(&digest::SHA256);
            self.template.write(carried.timestamp, carried.id, body, |bytes| context.update(bytes));
            format!("sha256:{}", encode(context.finish().as_ref(), Encoding::Hex))
        });
        let mut verified = Verified::new(WebhookId::new(id));
        verified.id_is_hash = id_is_hash;
        verified.kind = content.kind(&self.scheme).or_else(|| plain_header(headers, self.places.kind.as_ref()));
        verified.at = carried.at;
        verified.secret = secret;
        verified
    }

    /// The event of a verified request.
    #[must_use]
    pub fn parse(&self, request: ParseRequest) -> WebhookEvent {
        let answer = self.answer(request.verified.kind.as_deref(), &request.body);
        let mut event = WebhookEvent::new(request.verified, request.body);
        event.delivery = plain_header(&request.headers, self.places.delivery.as_ref());
        let content_type = request.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        event.content_type = content_type.map(str::to_owned);
        event.answer = answer;
        event
    }

    fn answer(&self, kind: Option<&str>, body: &Bytes) -> Option<WebhookAnswer> {
        let challenge = self.scheme.challenge.as_ref().filter(|challenge| kind == Some(&*challenge.kind))?;
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        Some(WebhookAnswer::text(body.pointer(&challenge.field)?.as_str()?))
    }

    /// The headers of a delivery, signed with each of these keys.
    ///
    /// # Errors
    /// `InvalidInput` for several keys where the scheme has no separator, and for an id that no header can hold.
    pub fn sign(&self, keys: &[WebhookKey], delivery: Delivery<'_>) -> Result<HeaderMap> {
        let invalid = |text: &'static str| Error::new(ErrorKind::InvalidInput, text);
        if keys.is_empty() || (keys.len() > 1 && self.scheme.separator.is_none()) {
            return Err(invalid("the scheme writes one signature: give one key"));
        }
        let timestamp = delivery.at.unix_seconds().to_string();
        let id = if self.places.id.is_some() { delivery.id } else { "" };
        let mut entries = Vec::new();
        let mut headers: Vec<(&HeaderName, String)> = Vec::new();
        match &self.places.timestamp {
            Some(name) if *name == self.places.signature => entries.push(format!("{}{timestamp}", self.scheme.timestamp_prefix)),
            Some(name) => headers.push((name, format!("{}{timestamp}", self.scheme.timestamp_prefix))),
            None => {}
        }
        for key in keys {
            let tag = key.sign(&self.template, &timestamp, id, delivery.body);
            entries.push(format!("{}{}", self.scheme.signature_prefix, encode(tag.as_ref(), self.scheme.encoding)));
        }
        let separator = self.scheme.separator.map(String::from).unwrap_or_default();
        headers.push((&self.places.signature, entries.join(&separator)));
        if let Some(name) = &self.places.id {
            headers.push((name, id.to_owned()));
        }
        let value = |text: String| HeaderValue::try_from(text).map_err(|_| invalid("the id cannot stand in a header"));
        headers.into_iter().map(|(name, text)| Ok((name.clone(), value(text)?))).collect()
    }
}
