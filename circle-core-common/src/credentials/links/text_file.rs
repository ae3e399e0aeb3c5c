//! A secret that is the content of a file.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::context::CallContext;
use crate::credentials::{Found, Lease, Link, Os};
use crate::error::{Error, ErrorKind, Result};

/// How often the file is looked at.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The content of a file without the blanks around it: that which a variable names, or else the usual one, if it is there. It
/// is read again every minute, and when the secret was refused.
#[derive(Clone, Debug)]
pub struct TextFile {
    pub(super) os: Os,
    pub(super) usual: Option<String>,
    pub(super) variable: Option<String>,
}

impl TextFile {
    /// No file yet.
    #[must_use]
    pub const fn new(os: Os) -> Self {
        Self { os, usual: None, variable: None }
    }

    /// The file where it usually is; a leading `~` is the home folder.
    #[must_use]
    pub fn usually(mut self, path: impl Into<String>) -> Self {
        self.usual = Some(path.into());
        self
    }

    /// The variable that may name another file, which must be there then.
    #[must_use]
    pub fn named_by(mut self, variable: impl Into<String>) -> Self {
        self.variable = Some(variable.into());
        self
    }

    /// The text of the file; else why there is none, without a value.
    ///
    /// # Errors
    /// `ConfigInvalid` for a file that is named and not there, or cannot be read.
    pub(super) async fn text(&self) -> Result<std::result::Result<(SecretString, PathBuf), String>> {
        let named = match &self.variable {
            Some(variable) => self.os.variable(variable)?.map(|path| (variable, path)),
            None => None,
        };
        let path = match (&named, &self.usual) {
            (Some((_, path)), _) => self.os.expand(path.trim())?,
            (None, Some(usual)) => match self.os.expand(usual) {
                Ok(path) => path,
                // No home folder, no file in it.
                Err(_) => return Ok(Err(format!("there is no home folder for `{usual}`"))),
            },
            (None, None) => {
                let variable = self.variable.as_deref().unwrap_or_default();
                return Ok(Err(format!("`{variable}` is not set")));
            }
        };
        match (self.os.read(&path).await?, named) {
            (Some(text), _) => Ok(Ok((text.into(), path))),
            (None, None) => Ok(Err(format!("there is no file `{}`", path.display()))),
            (None, Some((variable, _))) => {
                let text = format!("there is no file `{}`, which `{variable}` names", path.display());
                Err(Error::new(ErrorKind::ConfigInvalid, text))
            }
        }
    }
}

#[async_trait]
impl Link for TextFile {
    type Credential = SecretString;

    fn name(&self) -> Cow<'static, str> {
        "file".into()
    }

    /// # Errors
    /// `ConfigInvalid` for a file that a variable names and that is not there, one that cannot be read, and an empty one.
    async fn find(&self, cx: &CallContext) -> Result<Found<SecretString>> {
        use secrecy::ExposeSecret;

        let (text, path) = match self.text().await? {
            Ok(read) => read,
            Err(why) => return Ok(Found::NotConfigured(why.into())),
        };
        let secret = text.expose_secret().trim();
        if secret.is_empty() {
            return Err(Error::new(ErrorKind::ConfigInvalid, format!("the file `{}` is empty", path.display())));
        }
        let lease = Lease::new(SecretString::from(secret));
        Ok(Found::Credential(lease.refresh_from(cx.clock().timestamp() + LOOK_AGAIN)))
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
