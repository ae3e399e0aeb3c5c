//! The shared files, read again once they have changed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use circle_core_common::Result;
use circle_core_common::credentials::{FileStamp, Os};

use crate::profile_file::{FileKind, Profile, Sections, parse};

#[derive(Debug)]
pub(super) struct SharedFiles {
    os: Os,
    /// The last reading of each file.
    config: Mutex<Option<Reading>>,
    credentials: Mutex<Option<Reading>>,
}

#[derive(Clone, Debug)]
struct Reading {
    path: PathBuf,
    stamp: FileStamp,
    sections: Arc<Sections>,
}

impl SharedFiles {
    pub(super) const fn new(os: Os) -> Self {
        Self { os, config: Mutex::new(None), credentials: Mutex::new(None) }
    }

    pub(super) async fn read(&self) -> Result<Shared> {
        let (config, config_file) = self.read_one(FileKind::Config).await?;
        let (credentials, credentials_file) = self.read_one(FileKind::Credentials).await?;
        Ok(Shared { config, credentials, places: format!("{credentials_file} and {config_file}") })
    }

    /// The sections of one file, and the name of the file for messages.
    async fn read_one(&self, kind: FileKind) -> Result<(Arc<Sections>, String)> {
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
            return Ok((known.sections, shown));
        }
        // Removed since: as if it had not been there.
        let Some(text) = self.os.read(&path).await? else { return Ok((Arc::default(), shown)) };
        let sections = Arc::new(parse(&text, kind, &shown)?);
        let reading = Reading { path, stamp, sections: Arc::clone(&sections) };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        Ok((sections, shown))
    }
}

/// What both files say.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) config: Arc<Sections>,
    pub(super) credentials: Arc<Sections>,
    /// The names of the files, for messages.
    pub(super) places: String,
}

impl Shared {
    /// A profile; what the credentials file says of it counts, key by key.
    pub(super) fn profile(&self, name: &str) -> Option<Profile> {
        let (config, credentials) = (self.config.profiles.get(name), self.credentials.profiles.get(name));
        let mut profile = config.or(credentials)?.clone();
        profile.merge(credentials.cloned().unwrap_or_default());
        Some(profile)
    }

    pub(super) fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.config.sso_sessions.get(name)
    }
}
