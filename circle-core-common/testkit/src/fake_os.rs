//! Environment variables and files that a test makes up.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use circle_core_common::credentials::{FileStamp, Os, OsSource};

/// A machine with these environment variables and these files, and nothing else: for sources of credentials, which look at the
/// machine through [`Os`].
///
/// ```
/// # use circle_core_testkit::FakeOs;
/// let machine = FakeOs::new().with_variable("ACME_TOKEN_FILE", "/run/token").with_file("/run/token", "first");
/// let os = machine.os(); // … for the source …
/// machine.write("/run/token", "second"); // … which finds this from now on
/// # assert_eq!(os.variable("ACME_TOKEN_FILE")?.as_deref(), Some("/run/token"));
/// # Ok::<(), circle_core_common::Error>(())
/// ```
///
/// Clones are the same machine.
#[derive(Clone, Default)]
pub struct FakeOs {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    variables: HashMap<String, String>,
    files: HashMap<PathBuf, File>,
    reads: usize,
}

struct File {
    content: Vec<u8>,
    /// How often it was written.
    version: u64,
}

impl FakeOs {
    /// No variables and no files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this variable.
    #[must_use]
    pub fn with_variable(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// With this file.
    #[must_use]
    pub fn with_file(self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.write(path, content);
        self
    }

    /// Sets a variable.
    pub fn set(&self, name: impl Into<String>, value: impl Into<String>) {
        self.state().variables.insert(name.into(), value.into());
    }

    /// Writes a file, whose time changes.
    pub fn write(&self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        let (path, content, mut state) = (path.into(), content.into(), self.state());
        let version = state.files.get(&path).map_or(0, |file| file.version + 1);
        state.files.insert(path, File { content, version });
    }

    /// How often files have been read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.state().reads
    }

    /// The machine as sources of credentials see it.
    #[must_use]
    pub fn os(&self) -> Os {
        Os::from_source(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OsSource for FakeOs {
    fn variable(&self, name: &str) -> Option<String> {
        self.state().variables.get(name).cloned()
    }

    async fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        let state = self.state();
        let file = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(file.version));
        Ok(FileStamp { length: file.content.len() as u64, modified })
    }

    async fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.reads += 1;
        Ok(state.files.get(path).ok_or(io::ErrorKind::NotFound)?.content.clone())
    }
}

/// Names only: values and contents are secrets.
impl fmt::Debug for FakeOs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "FakeOs({} variables, {} files)", state.variables.len(), state.files.len())
    }
}
