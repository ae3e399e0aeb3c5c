//! A secret in a file of profiles.

use std::borrow::Cow;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::text_file::{LOOK_AGAIN, TextFile};
use crate::context::CallContext;
use crate::credentials::{Found, Lease, Link};
use crate::error::{Error, ErrorKind, Result};

/// A key of one profile of a file such as this:
///
/// ```toml
/// [default]
/// token = "…"
///
/// [production]
/// token = "…"
/// ```
///
/// The profile is the one that was chosen, by the config or by a variable, and must be there then; or else `default`. The file
/// is read again every minute, and when the secret was refused.
#[derive(Clone, Debug)]
pub struct ProfileFile {
    file: TextFile,
    key: String,
    profile: Option<String>,
    variable: Option<String>,
}

impl ProfileFile {
    /// This key of a profile of this file.
    #[must_use]
    pub fn new(file: TextFile, key: impl Into<String>) -> Self {
        Self { file, key: key.into(), profile: None, variable: None }
    }

    /// The profile that the config chose, where it did.
    #[must_use]
    pub fn profile(mut self, profile: Option<String>) -> Self {
        self.profile = profile;
        self
    }

    /// The variable that may choose the profile.
    #[must_use]
    pub fn profile_by(mut self, variable: impl Into<String>) -> Self {
        self.variable = Some(variable.into());
        self
    }
}

#[async_trait]
impl Link for ProfileFile {
    type Credential = SecretString;

    fn name(&self) -> Cow<'static, str> {
        match &self.profile {
            Some(profile) => format!("profile {profile}").into(),
            None => "profile".into(),
        }
    }

    /// # Errors
    /// `ConfigInvalid` when the file cannot be read or understood, a profile was chosen and is not there, or it has no such
    /// key.
    async fn find(&self, cx: &CallContext) -> Result<Found<SecretString>> {
        let invalid = |text: String| Err(Error::new(ErrorKind::ConfigInvalid, text));
        let by_variable = match &self.variable {
            Some(variable) => self.file.os.variable(variable)?.map(|profile| profile.trim().to_owned()),
            None => None,
        };
        let chosen = self.profile.clone().or(by_variable);
        let profile = chosen.as_deref().unwrap_or("default");
        let (text, path) = match (self.file.text().await?, &chosen) {
            (Ok(read), _) => read,
            (Err(why), None) => return Ok(Found::NotConfigured(why.into())),
            (Err(why), Some(_)) => return invalid(format!("the profile `{profile}` was chosen, but {why}")),
        };
        let path = path.display();
        let table: toml::Table = match toml::from_str(text.expose_secret()) {
            Ok(table) => table,
            // The parser's own message quotes the line, and the line is a secret.
            Err(error) => {
                let before = error.span().map_or("", |span| text.expose_secret().get(..span.start).unwrap_or_default());
                return invalid(format!("`{path}:{}` is not TOML", before.matches('\n').count() + 1));
            }
        };
        let Some(found) = table.get(profile).and_then(toml::Value::as_table) else {
            let why = format!("there is no profile `{profile}` in `{path}`");
            return if chosen.is_some() { invalid(why) } else { Ok(Found::NotConfigured(why.into())) };
        };
        match found.get(&self.key).map(toml::Value::as_str) {
            Some(Some(secret)) if !secret.trim().is_empty() => {
                let lease = Lease::new(SecretString::from(secret.trim()));
                Ok(Found::Credential(lease.refresh_from(cx.clock().timestamp() + LOOK_AGAIN)))
            }
            Some(_) => invalid(format!("`{}` of the profile `{profile}` in `{path}` is no text, or a blank one", self.key)),
            None => invalid(format!("the profile `{profile}` in `{path}` has no `{}`", self.key)),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
