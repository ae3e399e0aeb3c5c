//! What is checked before anything is sent: names, limits, capabilities.

use std::time::Duration;

use super::{
    ByteRange, Caps, CopyOptions, DeleteOptions, GetOptions, HeadOptions, ListRequest, ObjectKey, ObjectStore, Precondition,
    PresignMethod, PresignRequest, PutOptions,
};
use crate::capabilities::Flag;
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

impl ObjectStore {
    fn need(&self, flag: Flag<Caps>, needed: bool) -> Result<()> {
        if needed { flag.check(self.capabilities()) } else { Ok(()) }
    }

    pub(super) fn check_extensions(&self, extensions: &crate::Extensions) -> Result<()> {
        extensions.check(self.core.provider())
    }

    pub(super) fn check_key(&self, key: &ObjectKey) -> Result<()> {
        let max = self.capabilities().key_max.as_u64();
        match key.as_str().len() as u64 {
            0 => Err(Error::new(ErrorKind::InvalidInput, "the key is empty").with_reason(Reason::NameInvalid)),
            length if length > max => Err(Error::outside_limit(Limit::at_most("key_max", max, "bytes"), length)),
            _ => Ok(()),
        }
    }

    pub(super) fn check_head(&self, key: &ObjectKey, options: &HeadOptions) -> Result<()> {
        self.check_key(key)?;
        self.need(Caps::GET_VERSION, options.version.is_some())?;
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_get(&self, key: &ObjectKey, options: &GetOptions) -> Result<()> {
        self.check_key(key)?;
        match options.range {
            None => {}
            Some(ByteRange::Bounded(from, to)) if from > to => {
                return Err(Error::new(ErrorKind::InvalidInput, format!("the range {from}..{to} ends before it starts")));
            }
            Some(ByteRange::Bounded(..) | ByteRange::From(_)) => self.need(Caps::GET_RANGE, true)?,
            // Without the suffix, the range carries the emulation.
            Some(ByteRange::Suffix(_)) => {
                let emulates =
                    self.core.options().is_some_and(|options| options.on_unsupported == Some(crate::OnUnsupported::Emulate));
                let flag = if emulates && !self.capabilities().get_suffix { Caps::GET_RANGE } else { Caps::GET_SUFFIX };
                self.need(flag, true)?;
            }
        }
        self.need(Caps::GET_IF_MATCH, options.if_match.is_some())?;
        self.need(Caps::GET_IF_NONE_MATCH, options.if_none_match.is_some())?;
        self.need(Caps::GET_VERSION, options.version.is_some())?;
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_put(&self, key: &ObjectKey, options: &PutOptions) -> Result<()> {
        self.check_key(key)?;
        self.check_precondition(&options.precondition)?;
        let headers = [
            &options.content_type,
            &options.content_encoding,
            &options.content_language,
            &options.content_disposition,
            &options.cache_control,
        ];
        self.need(Caps::PUT_METADATA, !options.metadata.is_empty() || headers.iter().any(|header| header.is_some()))?;
        self.need(Caps::PUT_CHECKSUM, options.checksum.is_some())?;
        for header in headers.into_iter().flatten() {
            check_header_value(header)?;
        }
        if let Some(content_type) = &options.content_type {
            check_content_type(content_type)?;
        }
        check_metadata(options)?;
        if let Some(size) = options.part_size {
            let (min, max) = (self.capabilities().part_min.as_u64().max(1), self.capabilities().part_max.as_u64());
            if !(min..=max).contains(&size.as_u64()) {
                let limit = if size.as_u64() < min {
                    Limit::at_least("part_min", min, "bytes")
                } else {
                    Limit::at_most("part_max", max, "bytes")
                };
                return Err(Error::outside_limit(limit, size.as_u64()));
            }
        }
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_precondition(&self, precondition: &Precondition) -> Result<()> {
        self.need(Caps::PUT_IF_ABSENT, matches!(precondition, Precondition::IfAbsent))?;
        self.need(Caps::PUT_IF_MATCH, matches!(precondition, Precondition::IfMatch(_)))
    }

    pub(super) fn check_size(&self, length: Option<u64>) -> Result<()> {
        let max = self.capabilities().put_max.as_u64();
        match length {
            Some(length) if length > max => Err(Error::outside_limit(Limit::at_most("put_max", max, "bytes"), length)),
            None if self.capabilities().put_needs_length => {
                let text = "the provider needs to know the length of a body; give bytes, a file, or a stream with its length";
                Err(Error::new(ErrorKind::InvalidInput, text))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_delete(&self, key: &ObjectKey, options: &DeleteOptions) -> Result<()> {
        self.check_key(key)?;
        self.need(Caps::DELETE_IF_MATCH, options.if_match.is_some())?;
        self.need(Caps::LIST_VERSIONS, options.version.is_some())?;
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_list(&self, request: &ListRequest) -> Result<()> {
        let options = &request.options;
        self.need(Caps::LIST_DELIMITER, options.delimiter.is_some())?;
        self.need(Caps::LIST_START_AFTER, options.start_after.is_some())?;
        self.need(Caps::LIST_VERSIONS, options.versions)?;
        if options.delimiter.as_deref() == Some("") {
            return Err(Error::new(ErrorKind::InvalidInput, "the delimiter is empty"));
        }
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_copy(&self, from: &ObjectKey, to: &ObjectKey, options: &CopyOptions) -> Result<()> {
        self.need(Caps::COPY, true)?;
        self.check_key(from)?;
        self.check_key(to)?;
        self.need(Caps::COPY_IF_ABSENT, options.if_absent)?;
        self.need(Caps::GET_VERSION, options.source_version.is_some())?;
        self.check_extensions(&options.extensions)
    }

    pub(super) fn check_presign(&self, request: &PresignRequest) -> Result<()> {
        self.need(Caps::PRESIGN_GET, request.method == PresignMethod::Get)?;
        self.need(Caps::PRESIGN_PUT, request.method == PresignMethod::Put)?;
        self.check_key(&request.key)?;
        let max = self.capabilities().presign_max;
        if request.expires > max || request.expires < Duration::from_secs(1) {
            let limit = Limit { min: Some(1), ..Limit::at_most("presign_max", max.as_secs(), "seconds") };
            return Err(Error::outside_limit(limit, request.expires.as_secs_f64()));
        }
        if let Some(content_type) = &request.options.content_type {
            check_content_type(content_type)?;
        }
        self.check_extensions(&request.options.extensions)
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid)
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check_content_type(content_type: &str) -> Result<()> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(()),
        _ => Err(invalid(format!("`{}` is not a media type such as `text/plain`", content_type.escape_debug()))),
    }
}

/// What would break out of a header is refused everywhere, so that an object moves between providers.
fn check_header_value(value: &str) -> Result<()> {
    match value.chars().find(|c| c.is_control()) {
        Some(control) => Err(invalid(format!("a content header holds the control character {}", control.escape_debug()))),
        None => Ok(()),
    }
}

fn check_metadata(options: &PutOptions) -> Result<()> {
    let mut folded = std::collections::BTreeSet::new();
    for (name, value) in &options.metadata {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            let text = format!("the metadata name `{}` is not made of letters, digits, `-`, `_` and `.`", name.escape_debug());
            return Err(invalid(text));
        }
        if !folded.insert(name.to_ascii_lowercase()) {
            return Err(invalid(format!("the metadata name `{name}` is there twice, in different case")));
        }
        check_header_value(value)?;
    }
    Ok(())
}
