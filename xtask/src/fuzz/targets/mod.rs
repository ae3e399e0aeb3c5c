//! What is fuzzed, and what each must keep.

mod audit;
mod aws_profiles;
mod chat_stream;
mod cloud_credentials;
mod config;
mod event_stream;
mod filesystem;
mod http;
mod identity;
mod s3;
mod texts;

pub(super) struct Target {
    /// Also the name of its corpus folder.
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    /// Words that mean something to the parser.
    pub(super) dictionary: &'static [&'static [u8]],
    /// Panics when the promise is broken.
    pub(super) run: fn(&[u8]),
}

pub(super) const TARGETS: &[Target] = &[
    texts::TIMESTAMP,
    texts::BYTE_SIZE,
    texts::DURATION,
    texts::CURSOR,
    texts::SECRET_REF,
    config::TOML,
    config::JSON,
    config::ENVIRONMENT,
    audit::NOTES,
    filesystem::KEYS,
    aws_profiles::PROFILES,
    aws_profiles::ANSWERS,
    cloud_credentials::GOOGLE,
    cloud_credentials::ENTRA,
    http::ORIGIN,
    http::HEADERS,
    http::FAILURE,
    identity::TOKEN,
    identity::CLAIMS,
    identity::KEYS,
    s3::ANSWERS,
    event_stream::EVENT_STREAM,
    chat_stream::CHAT_STREAM,
    chat_stream::RESPONSE_STREAM,
];
