//! What a config file says about a filesystem service.

use std::path::PathBuf;
use std::time::Duration;

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
