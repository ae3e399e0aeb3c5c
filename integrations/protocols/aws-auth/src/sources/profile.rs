//! Credentials in the shared files of the AWS tools.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use circle_core_common::credentials::{FileStamp, Found, Lease, Link, Os};
use circle_core_common::{CallContext, Error, ErrorKind, Result};

use crate::credentials::AwsCredentials;
use crate::profile_file::{FileKind, Profile, parse};

/// How often the files are looked at for a change; until then a refused key is what makes them be read again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Keys that lead to credentials which have to be fetched from elsewhere.
const FETCHED: [(&str, &str); 8] = [
    ("role_arn", "assumes a role"),
    ("sso_session", "signs in by SSO"),
    ("sso_start_url", "signs in by SSO"),
    ("sso_account_id", "signs in by SSO"),
    ("login_session", "signs in by `aws login`"),
    ("credential_process", "runs a program"),
    ("credential_source", "assumes a role"),
    ("web_identity_token_file", "exchanges a web identity"),
];

/// A profile of `~/.aws/credentials` and `~/.aws/config`, or of the files that `AWS_SHARED_CREDENTIALS_FILE` and
/// `AWS_CONFIG_FILE` name. The files are read again once they have changed.
#[derive(Debug)]
pub struct ProfileCredentials {
    os: Os,
    name: Option<String>,
    /// The last reading of each file.
    config: Mutex<Option<Reading>>,
    credentials: Mutex<Option<Reading>>,
}

#[derive(Clone, Debug)]
struct Reading {
    path: PathBuf,
    stamp: FileStamp,
    profiles: Arc<HashMap<String, Profile>>,
}

impl ProfileCredentials {
    /// The profile that `AWS_PROFILE` names, or else `default`; without such a profile it is not configured.
    #[must_use]
    pub const fn new(os: Os) -> Self {
        Self { os, name: None, config: Mutex::new(None), credentials: Mutex::new(None) }
    }

    /// This profile; without it, the source is broken.
    #[must_use]
    pub fn named(os: Os, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::new(os) }
    }

    /// The profiles of one file, and the name of the file for messages.
    async fn read(&self, kind: FileKind) -> Result<(Arc<HashMap<String, Profile>>, String)> {
        let (variable, usual, slot) = match kind {
            FileKind::Config => ("AWS_CONFIG_FILE", "~/.aws/config", &self.config),
            FileKind::Credentials => ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &self.credentials),
        };
        let named = self.os.variable(variable)?;
        let shown = named.as_deref().unwrap_or(usual).to_owned();
        let path = match (&named, self.os.expand(&shown)) {
            (_, Ok(path)) => path,
            // No home folder, no files in it.
            (None, Err(_)) => return Ok((Arc::default(), shown)),
            (Some(_), Err(error)) => return Err(error),
        };
        let Some(stamp) = self.os.stamp(&path).await? else { return Ok((Arc::default(), shown)) };
        let known = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.path == path && known.stamp == stamp && stamp.modified.is_some()) {
            return Ok((known.profiles, shown));
        }
        // Removed since: as if it had not been there.
        let Some(text) = self.os.read(&path).await? else { return Ok((Arc::default(), shown)) };
        let profiles = Arc::new(parse(&text, kind, &shown)?);
        let reading = Reading { path, stamp, profiles: Arc::clone(&profiles) };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        Ok((profiles, shown))
    }
}

#[async_trait]
impl Link for ProfileCredentials {
    type Credential = AwsCredentials;

    fn name(&self) -> Cow<'static, str> {
        match &self.name {
            Some(name) => format!("profile {name}").into(),
            None => "profile".into(),
        }
    }

    /// # Errors
    /// `ConfigInvalid` when a file cannot be read or understood, the profile is asked for and missing, or it has half a
    /// key; `Unsupported` when it needs a way to credentials that is not built yet.
    async fn find(&self, cx: &CallContext) -> Result<Found<AwsCredentials>> {
        let chosen = match &self.name {
            Some(name) => Some((name.clone(), "the config")),
            None => self.os.variable("AWS_PROFILE")?.map(|name| (name.trim().to_owned(), "`AWS_PROFILE`")),
        };
        let name = chosen.as_ref().map_or("default", |(name, _)| name);
        let (config, config_file) = self.read(FileKind::Config).await?;
        let (credentials, credentials_file) = self.read(FileKind::Credentials).await?;
        let places = format!("{credentials_file} and {config_file}");
        let mut profile = match (config.get(name), credentials.get(name)) {
            (None, None) => {
                let text = format!("there is no profile `{name}` in {places}");
                return match chosen {
                    Some((_, by)) => Err(Error::new(ErrorKind::ConfigInvalid, format!("{text}; {by} names it"))),
                    None => Ok(Found::NotConfigured(text.into())),
                };
            }
            (config, _) => config.cloned().unwrap_or_default(),
        };
        profile.merge(credentials.get(name).cloned().unwrap_or_default());
        let invalid = |what: &str| Err(Error::new(ErrorKind::ConfigInvalid, format!("the profile `{name}` in {places} {what}")));
        // Before the keys: a role names a `source_profile`, which may be this one, and running without it is running as
        // somebody else.
        if let Some((key, what)) = FETCHED.iter().find(|(key, _)| profile.get(key).is_some()) {
            let text =
                format!("the profile `{name}` in {places} {what} (`{key}`), which is not supported yet; give it an access key");
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                let credentials = AwsCredentials::new(id, secret);
                let credentials = match profile.get("aws_session_token") {
                    Some(token) => credentials.session_token(token),
                    None => credentials,
                };
                let lease = Lease::new(credentials).refresh_from(cx.clock().timestamp() + LOOK_AGAIN);
                Ok(Found::Credential(lease))
            }
            (Some(_), None) => invalid("has `aws_access_key_id`, but not `aws_secret_access_key`"),
            (None, Some(_)) => invalid("has `aws_secret_access_key`, but not `aws_access_key_id`"),
            // A `default` that only sets a region is no choice of credentials; a profile that was chosen is.
            (None, None) if chosen.is_some() => invalid("has no access key"),
            (None, None) => Ok(Found::NotConfigured(format!("the profile `{name}` in {places} has no access key").into())),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
