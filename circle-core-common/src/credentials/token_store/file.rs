//! Token records in files, for several processes of one machine.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{TokenRecord, TokenStore};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Result};
use crate::identifier::Version;
use crate::random::Random;

/// The largest record that is read, in bytes.
const RECORD_MAX: u64 = 256 * 1024;
/// How long earlier versions stay: a writer that was held up between its look and its write must not find the name free that
/// was taken and cleared meanwhile.
const KEPT: Duration = Duration::from_secs(3600);
/// How long there may be between the two.
const HELD_UP_MAX: Duration = Duration::from_secs(600);
/// How often a record is looked for that somebody replaced between the look at its folder and the look into it.
const RACES: u32 = 16;

/// Token records in files that only their owner may read, one for each version of the last hour: a record is written whole
/// beside them and then given its name, which only one writer can do. No lock is left behind by a process that ends.
///
/// The folder must be on a disk of this machine that knows hard links. Who can read the files can act as those who signed in.
#[derive(Clone, Debug)]
pub struct FileTokens {
    folder: PathBuf,
}

impl FileTokens {
    /// Records in this folder, which is made, for its owner only, when the first is written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// What the files of a key begin with; keys may hold anything and be of any length.
    fn stem(key: &str) -> String {
        let hash = Sha256::digest(key.as_bytes());
        hash.iter().take(16).fold(String::new(), |stem, byte| stem + &format!("{byte:02x}"))
    }
}

/// Files block.
async fn blocking<T: Send + 'static>(folder: &Path, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported | io::ErrorKind::NotADirectory => {
                ErrorKind::ConfigInvalid
            }
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("the tokens in `{}`: {error}", folder.display())).with_source(error)
    })
}

fn version_of(number: u64) -> Version {
    Version::generation(number.to_string())
}

#[async_trait]
impl TokenStore for FileTokens {
    async fn read(&self, _: &CallContext, key: &str) -> Result<Option<(TokenRecord, Version)>> {
        let (folder, stem) = (self.folder.clone(), Self::stem(key));
        let found = blocking(&self.folder, move || newest_text(&folder, &stem)).await?;
        found.map(|(text, number)| Ok((TokenRecord::from_text(text.expose_secret())?, version_of(number)))).transpose()
    }

    async fn compare_and_swap(
        &self,
        _: &CallContext,
        key: &str,
        version: Option<&Version>,
        record: &TokenRecord,
    ) -> Result<Option<Version>> {
        let expected = version.map(|version| version.as_generation().and_then(|number| number.parse::<u64>().ok()));
        let expected = match expected {
            None => 0,
            Some(Some(number)) => number,
            Some(None) => return Err(Error::new(ErrorKind::InvalidInput, "this version is none of these files")),
        };
        let draft = format!(".draft-{:032x}", Random::System.bits()?);
        let (folder, stem, text) = (self.folder.clone(), Self::stem(key), record.to_text()?);
        let written = blocking(&self.folder, move || {
            let draft = folder.join(draft);
            let written = swap(&folder, &stem, expected, &draft, &text);
            // Under its own name, if it got one, it stays.
            let _ = std::fs::remove_file(draft);
            written
        });
        Ok(written.await?.map(version_of))
    }
}

/// The numbers of the versions of a key.
fn versions(folder: &Path, stem: &str) -> io::Result<Vec<u64>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number: Option<u64> = name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.parse().ok());
        numbers.extend(number);
    }
    Ok(numbers)
}

fn newest(folder: &Path, stem: &str) -> io::Result<u64> {
    Ok(versions(folder, stem)?.into_iter().max().unwrap_or(0))
}

fn newest_text(folder: &Path, stem: &str) -> io::Result<Option<(SecretString, u64)>> {
    for _ in 0..RACES {
        let number = newest(folder, stem)?;
        if number == 0 {
            return Ok(None);
        }
        match File::open(folder.join(format!("{stem}.{number}"))) {
            Ok(file) => {
                // Of its full size from the start: a text that grows leaves copies behind.
                let mut text = String::with_capacity(usize::try_from(file.metadata()?.len().min(RECORD_MAX)).unwrap_or(0) + 1);
                if file.take(RECORD_MAX + 1).read_to_string(&mut text)? as u64 > RECORD_MAX {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("over {RECORD_MAX} bytes")));
                }
                return Ok(Some((text.into(), number)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "the record changes faster than it can be read"))
}

fn swap(folder: &Path, stem: &str, expected: u64, draft: &Path, text: &SecretString) -> io::Result<Option<u64>> {
    let began = SystemTime::now();
    if newest(folder, stem)? != expected {
        return Ok(None);
    }
    make_folder(folder)?;
    let mut file = create_private(draft)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    let number = expected + 1;
    match std::fs::hard_link(draft, folder.join(format!("{stem}.{number}"))) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        linked => linked?,
    }
    sync_folder(folder)?;
    let now = SystemTime::now();
    if now.duration_since(began).is_ok_and(|took| took > HELD_UP_MAX) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the write was held up, and others may have gone past it"));
    }
    for old in versions(folder, stem)?.into_iter().filter(|old| *old < number) {
        let old = folder.join(format!("{stem}.{old}"));
        let written = std::fs::metadata(&old).and_then(|data| data.modified());
        if written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > KEPT)) {
            // Somebody else may have cleared it.
            let _ = std::fs::remove_file(old);
        }
    }
    Ok(Some(number))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The name of a file is there after a crash once its folder has been written.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
