//! What credential sources see of the machine: environment variables, files, and programs that print credentials.

mod program;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::{Error, ErrorKind, Result};
use crate::random::Random;

/// The largest file that a credential source reads, in bytes.
const FILE_MAX: u64 = 1024 * 1024;

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// The length in bytes.
    pub length: u64,
    /// When it was written last, where the file system says so.
    pub modified: Option<SystemTime>,
}

/// Variables and files that a test or an application brings in place of the machine's.
#[async_trait]
pub trait OsSource: Send + Sync + 'static {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// What tells whether a file has changed.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; what else the system says.
    async fn stamp(&self, path: &Path) -> io::Result<FileStamp>;

    /// The content of a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; what else the system says.
    async fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces the content of a file, whole or not at all. Nobody but its owner may read it.
    ///
    /// # Errors
    /// `Unsupported` where nothing may be written, as here; what else the system says.
    async fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _ = (path, content);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What a program prints, which ends when the future is dropped.
    ///
    /// # Errors
    /// `Unsupported` where no programs may be run, as here; what else the system says.
    async fn run(&self, program: &str, arguments: &[String]) -> io::Result<Vec<u8>> {
        let _ = (program, arguments);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The environment variables and files that credential sources read.
#[derive(Clone, Default)]
pub enum Os {
    /// The process's own.
    #[default]
    System,
    /// Somebody else's.
    Source(Arc<dyn OsSource>),
}

impl Os {
    /// Variables and files from a source.
    #[must_use]
    pub fn from_source(source: impl OsSource) -> Self {
        Self::Source(Arc::new(source))
    }

    /// The value of an environment variable; one that is blank counts as not set.
    ///
    /// # Errors
    /// `ConfigInvalid` when the value is not UTF-8.
    pub fn variable(&self, name: &str) -> Result<Option<String>> {
        let value = match self {
            Self::System => match std::env::var(name) {
                Ok(value) => Some(value),
                Err(std::env::VarError::NotPresent) => None,
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(Error::new(ErrorKind::ConfigInvalid, format!("the environment variable `{name}` is not UTF-8")));
                }
            },
            Self::Source(source) => source.variable(name),
        };
        Ok(value.filter(|value| !value.trim().is_empty()))
    }

    /// What tells whether a file has changed; `None` when there is no such file.
    ///
    /// # Errors
    /// `ConfigInvalid` when the file cannot be looked at.
    pub async fn stamp(&self, path: &Path) -> Result<Option<FileStamp>> {
        let stamp = match self {
            Self::System => tokio::fs::metadata(path).await.and_then(|data| {
                // Opening a pipe waits for its writer, and a device may never end.
                if data.is_file() {
                    Ok(FileStamp { length: data.len(), modified: data.modified().ok() })
                } else {
                    Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"))
                }
            }),
            Self::Source(source) => source.stamp(path).await,
        };
        present(path, stamp)
    }

    /// The text of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// `ConfigInvalid` when it cannot be read, is over 1 MiB or not UTF-8.
    pub async fn read(&self, path: &Path) -> Result<Option<String>> {
        let bytes = match self {
            Self::System => read_file(path).await,
            Self::Source(source) => source.read(path).await,
        };
        // The error of `from_utf8` holds the bytes: it goes no further.
        let text = |bytes| String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"));
        present(path, bytes.and_then(text))
    }

    /// Replaces the text of a file, whole or not at all. Nobody but its owner may read it.
    ///
    /// # Errors
    /// `ConfigInvalid` when it cannot be written.
    pub async fn replace(&self, path: &Path, text: &str) -> Result<()> {
        let replaced = match self {
            Self::System => replace_file(path, text.as_bytes()).await,
            Self::Source(source) => source.replace(path, text.as_bytes()).await,
        };
        replaced.map_err(|error| {
            let text = format!("the file `{}` cannot be written: {error}", path.display());
            Error::new(ErrorKind::ConfigInvalid, text).with_source(error)
        })
    }

    /// What a program prints: run without a shell, without input, and without anybody reading what it complains of. It is ended when
    /// the future is dropped.
    ///
    /// # Errors
    /// `ConfigInvalid` when it cannot be run, ends with a failure, or prints over 64 KiB. The message has the program's name and none
    /// of its arguments.
    pub async fn run(&self, program: &str, arguments: &[String]) -> Result<Vec<u8>> {
        let output = match self {
            Self::System => program::run(program, arguments).await,
            Self::Source(source) => source.run(program, arguments).await,
        };
        output.map_err(|error| {
            let text = format!("the program `{program}` gives nothing: {error}");
            Error::new(ErrorKind::ConfigInvalid, text).with_source(error)
        })
    }

    /// A path whose leading `~` is the home folder.
    ///
    /// # Errors
    /// `ConfigInvalid` when the home folder is asked for and unknown.
    pub fn expand(&self, path: &str) -> Result<PathBuf> {
        let Some(rest) = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\'])) else {
            return Ok(path.into());
        };
        for name in ["HOME", "USERPROFILE"] {
            if let Some(home) = self.variable(name)? {
                return Ok(PathBuf::from(home).join(rest.trim_start_matches(['/', '\\'])));
            }
        }
        Err(Error::new(
            ErrorKind::ConfigInvalid,
            format!("`{path}` needs the home folder, and neither HOME nor USERPROFILE is set"),
        ))
    }
}

async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"));
    }
    let mut bytes = Vec::new();
    tokio::fs::File::open(path).await?.take(FILE_MAX + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("over {FILE_MAX} bytes")));
    }
    Ok(bytes)
}

async fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let bits = Random::System.bits().map_err(io::Error::other)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".draft-{bits:032x}"));
    let draft = PathBuf::from(draft);
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&draft).await?;
    let written = async {
        file.write_all(content).await?;
        file.sync_all().await?;
        tokio::fs::rename(&draft, path).await
    }
    .await;
    if written.is_err() {
        let _ = tokio::fs::remove_file(&draft).await;
    }
    written
}

fn present<T>(path: &Path, found: io::Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let text = format!("the file `{}` cannot be read: {error}", path.display());
            Err(Error::new(ErrorKind::ConfigInvalid, text).with_source(error))
        }
    }
}

impl fmt::Debug for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "Os(system)",
            Self::Source(_) => "Os(source)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables(&'static [(&'static str, &'static str)]);

    #[async_trait]
    impl OsSource for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }

        async fn stamp(&self, _: &Path) -> io::Result<FileStamp> {
            Err(io::ErrorKind::NotFound.into())
        }

        async fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(b"\xFFs3cr3t".to_vec())
        }
    }

    #[test]
    fn a_blank_variable_is_not_set() {
        let os = Os::from_source(Variables(&[("A", " \t"), ("B", ""), ("C", "c")]));
        for (name, value) in [("A", None), ("B", None), ("C", Some("c")), ("D", None)] {
            assert_eq!(os.variable(name).unwrap().as_deref(), value, "{name}");
        }
    }

    #[test]
    fn only_a_leading_tilde_alone_is_the_home_folder() {
        let os = Os::from_source(Variables(&[("HOME", "/users/ann")]));
        for (path, expanded) in
            [("~/.aws/config", "/users/ann/.aws/config"), ("~ben/x", "~ben/x"), ("/a/~/b", "/a/~/b"), ("~", "/users/ann")]
        {
            assert_eq!(os.expand(path).unwrap(), Path::new(expanded), "{path}");
        }
        assert!(Os::from_source(Variables(&[])).expand("~/x").unwrap_err().is(ErrorKind::ConfigInvalid));
    }

    #[tokio::test]
    async fn files_that_are_missing_are_none_and_others_are_errors_without_content() {
        let os = Os::from_source(Variables(&[]));
        assert_eq!(os.stamp(Path::new("x")).await.unwrap(), None);
        let error = os.read(Path::new("x")).await.unwrap_err();
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
        let folder = tempfile::tempdir().unwrap();
        assert!(Os::System.read(folder.path()).await.unwrap_err().message().ends_with("no regular file"));
        assert_eq!(Os::System.read(&folder.path().join("none")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        for text in ["first, and longer", "second"] {
            Os::System.replace(&path, text).await.unwrap();
            assert_eq!(Os::System.read(&path).await.unwrap().as_deref(), Some(text));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let error = Os::System.replace(&folder.path().join("none/token.json"), "s3cr3t").await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }

    #[tokio::test]
    async fn a_source_of_ones_own_writes_and_runs_nothing() {
        let os = Os::from_source(Variables(&[]));
        assert!(os.replace(Path::new("x"), "s3cr3t").await.is_err());
        let error = os.run("/bin/true", &["s3cr3t".to_owned()]).await.unwrap_err();
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
}
