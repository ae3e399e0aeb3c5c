//! What a config file says about a filesystem service.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "seal")]
use circle_core_common::SecretRef;
use circle_core_common::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where and how to keep files. An unknown key is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FilesystemConfig {
    /// The directory that holds everything; it is made where it is missing. Its files are the objects.
    pub root: PathBuf,
    /// Whether a write is on the device before it is acknowledged. Off, a power cut can lose or damage the last writes; a
    /// crash of the process still cannot.
    #[serde(default = "on")]
    pub sync: bool,
    /// Whether files and directories get the modes that the process's umask lets; else the user of the process alone
    /// may read them. Processes of different users that share a root need it.
    #[serde(default)]
    pub shared: bool,
    /// How long an upload in parts stays after its last part; what is older is removed at the next start.
    #[serde(default = "week", with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub upload_expiry: Duration,
}

fn on() -> bool {
    true
}

fn week() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

impl FilesystemConfig {
    /// Everything at its default but the root.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), sync: on(), shared: false, upload_expiry: week() }
    }

    /// Sets whether a write is on the device before it is acknowledged.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Sets whether others may read what is written, as the umask says.
    #[must_use]
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Sets how long an unfinished upload stays.
    #[must_use]
    pub fn upload_expiry(mut self, expiry: Duration) -> Self {
        self.upload_expiry = expiry;
        self
    }
}

/// Which environment variables are secrets. An unknown key is an error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EnvironmentConfig {
    /// What the names of the variables begin with; the rest is the name of the secret, letter by letter. Only variables that
    /// begin so are seen. Without one, every variable of the process is a secret that can be asked for and listed.
    pub prefix: String,
}

impl EnvironmentConfig {
    /// Every variable whose name begins so.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }
}

/// Where sealed files are, and what opens them. An unknown key is an error.
#[cfg(feature = "seal")]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SealedFilesConfig {
    /// The directory of the files; it is made where it is missing. Its names are those of the secrets, and can be read.
    pub root: PathBuf,
    /// The key that seals: 32 bytes in Base64 or hexadecimal, such as `openssl rand -base64 32` makes. `file:` or `env:`, and
    /// not beside the files.
    pub key: SecretRef,
    /// Keys of earlier times, which still open what they have sealed. What is put anew is sealed with `key`.
    #[serde(default)]
    pub old_keys: Vec<SecretRef>,
    /// Whether a write is on the device before it is acknowledged.
    #[serde(default = "on")]
    pub sync: bool,
}

#[cfg(feature = "seal")]
impl SealedFilesConfig {
    /// Sealed files in this directory.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, key: SecretRef) -> Self {
        Self { root: root.into(), key, old_keys: Vec::new(), sync: on() }
    }

    /// Adds a key of earlier times.
    #[must_use]
    pub fn old_key(mut self, key: SecretRef) -> Self {
        self.old_keys.push(key);
        self
    }

    /// Sets whether a write is on the device before it is acknowledged.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }
}
