//! A credentials file on the disk.

use std::borrow::Cow;
use std::path::PathBuf;

use async_trait::async_trait;
use circle_core_common::credentials::{CredentialRequest, Found, Link};
use circle_core_common::{CallContext, Error, ErrorKind, Result};
use circle_core_protocol_oidc::AccessToken;

use crate::place::Place;

/// The variable that names a file.
const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const WELL_KNOWN: &str = "application_default_credentials.json";

/// Who says where the file is.
pub(super) enum Named {
    /// `GOOGLE_APPLICATION_CREDENTIALS`.
    Variable,
    /// gcloud, which puts it where it always does.
    WellKnown,
    /// The config.
    Stated(String),
}

/// A credentials file, read again for every token.
pub(super) struct FileCredentials {
    place: Place,
    named: Named,
}

impl FileCredentials {
    pub(super) const fn new(place: Place, named: Named) -> Self {
        Self { place, named }
    }

    /// Where the file is; or why there is none.
    fn path(&self) -> Result<std::result::Result<PathBuf, &'static str>> {
        let os = &self.place.os;
        match &self.named {
            Named::Stated(path) => Ok(Ok(os.expand(path.trim())?)),
            Named::Variable => match os.variable(VARIABLE)? {
                Some(path) => Ok(Ok(os.expand(path.trim())?)),
                None => Ok(Err("it is not set")),
            },
            Named::WellKnown => {
                if let Some(folder) = os.variable("CLOUDSDK_CONFIG")? {
                    return Ok(Ok(os.expand(folder.trim())?.join(WELL_KNOWN)));
                }
                let folder = if cfg!(windows) {
                    os.variable("APPDATA")?.map(|folder| PathBuf::from(folder).join("gcloud"))
                } else {
                    // Without a home folder there is no file in it.
                    os.expand("~/.config/gcloud").ok()
                };
                Ok(folder.map(|folder| folder.join(WELL_KNOWN)).ok_or("there is no home folder"))
            }
        }
    }

    /// Who says that the file is there.
    const fn insists(&self) -> Option<&'static str> {
        match self.named {
            Named::Stated(_) => Some("the config"),
            Named::Variable => Some("`GOOGLE_APPLICATION_CREDENTIALS`"),
            Named::WellKnown => None,
        }
    }
}

#[async_trait]
impl Link for FileCredentials {
    type Credential = AccessToken;

    fn name(&self) -> Cow<'static, str> {
        match self.named {
            Named::Variable => VARIABLE.into(),
            Named::WellKnown => "gcloud".into(),
            Named::Stated(_) => "config".into(),
        }
    }

    /// # Errors
    /// `ConfigInvalid` for a file that is named and not there, or that cannot be read or understood; `Unsupported` for a kind of
    /// credentials that is not built; those of the token endpoint.
    async fn find(&self, cx: &CallContext) -> Result<Found<AccessToken>> {
        self.find_for(cx, &CredentialRequest::new()).await
    }

    async fn find_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Found<AccessToken>> {
        let path = match self.path()? {
            Ok(path) => path,
            Err(why) => return Ok(Found::NotConfigured(why.into())),
        };
        let shown = format!("the file `{}`", path.display());
        match (self.place.os.read(&path).await?, self.insists()) {
            (Some(text), _) => self.place.token(cx, &text, &shown, request).await.map(Found::Credential),
            (None, Some(by)) => Err(Error::new(ErrorKind::ConfigInvalid, format!("{shown}, which {by} names, is not there"))),
            (None, None) => Ok(Found::NotConfigured(format!("{shown} is not there").into())),
        }
    }

    fn by_tenant(&self) -> bool {
        false
    }
}
