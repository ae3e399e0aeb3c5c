//! Pseudonyms: a record names who called by a code that only the key of that person leads back to.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::files::{io_error, private_exclusive, replace};
use crate::error::{Error, ErrorKind, Result};

/// The keys of the subjects of a log, in a file: whose pseudonym is which, until a key is destroyed.
///
/// A pseudonym is the HMAC-SHA-256 of the subject under a random key of its own, cut to 128 bits: `p-` and 32 hexadecimal
/// digits. Without the key, nobody can tell whose it is by trying names. [`SubjectKeys::erase`] destroys a key: the records stay
/// as they are, and the log verifies as before.
pub struct SubjectKeys {
    path: PathBuf,
    file: File,
    keys: HashMap<String, Zeroizing<[u8; 32]>>,
    /// Whether a key is not on disk for sure.
    unsynced: bool,
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    key: T,
    subject: T,
}

impl SubjectKeys {
    /// Opens or creates the file, which only its owner may read. While a log is open, its keys are the log's:
    /// use [`AuditLog::erase`](super::AuditLog::erase) there.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be made or read, or another process has it open; `Corrupt` when it holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let failed = |error: std::io::Error| io_error(&path, error);
        let mut file = private_exclusive(&path).map_err(failed)?;
        let mut text = Zeroizing::new(Vec::new());
        file.read_to_end(&mut text).map_err(failed)?;
        // What a crash tore off was never used: a key is on disk before the first record with its pseudonym.
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(whole as u64)).map_err(failed)?;
        let mut keys = HashMap::new();
        for line in text[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let (subject, key) = parse(line).ok_or_else(|| {
                let text = format!("{} does not hold keys of subjects", path.display());
                Error::new(ErrorKind::Corrupt, text)
            })?;
            keys.insert(subject, key);
        }
        Ok(Self { path, file, keys, unsynced: false })
    }

    /// The pseudonym of a subject that has one.
    #[must_use]
    pub fn pseudonym(&self, subject: &str) -> Option<String> {
        self.keys.get(subject).map(|key| pseudonym(key, subject))
    }

    /// Whose pseudonym this is.
    #[must_use]
    pub fn subject(&self, wanted: &str) -> Option<&str> {
        self.keys.iter().find(|(subject, key)| pseudonym(key, subject) == wanted).map(|(subject, _)| subject.as_str())
    }

    /// The pseudonym of a subject, made now if it has none; on disk once [`SubjectKeys::sync`] has returned.
    pub(super) fn pseudonym_of(&mut self, subject: &str) -> Result<String> {
        if let Some(key) = self.keys.get(subject) {
            return Ok(pseudonym(key, subject));
        }
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())
            .map_err(|error| Error::new(ErrorKind::Internal, "the operating system gave no random bytes").with_source(error))?;
        let length = self.file.stream_position().map_err(|error| io_error(&self.path, error))?;
        let written = self.file.write_all(&line(subject, &key)?);
        if let Err(error) = written {
            // Half a line would spoil the next one.
            let _ = self.file.set_len(length);
            let _ = self.file.seek(SeekFrom::Start(length));
            return Err(io_error(&self.path, error));
        }
        self.unsynced = true;
        let made = pseudonym(&key, subject);
        self.keys.insert(subject.to_owned(), key);
        Ok(made)
    }

    /// Makes the keys of new subjects durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.unsynced {
            self.file.sync_data().map_err(|error| io_error(&self.path, error))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Destroys the key of a subject: from then on nobody can tell which records are of it, and its next call gets another
    /// pseudonym. Says whether there was a key.
    ///
    /// The file is written anew without the key; what the device keeps of the old one is out of reach, and so are backups.
    ///
    /// # Errors
    /// `Unavailable`, `QuotaExceeded` when the file cannot be written; the key is there still.
    pub fn erase(&mut self, subject: &str) -> Result<bool> {
        if !self.keys.contains_key(subject) {
            return Ok(false);
        }
        let mut text = Zeroizing::new(Vec::new());
        for (other, key) in self.keys.iter().filter(|(other, _)| *other != subject) {
            text.extend_from_slice(&line(other, key)?);
        }
        let failed = |error: std::io::Error| io_error(&self.path, error);
        replace(&self.path, &text).map_err(failed)?;
        self.keys.remove(subject);
        self.file = private_exclusive(&self.path).map_err(failed)?;
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        self.unsynced = false;
        Ok(true)
    }
}

fn parse(line: &[u8]) -> Option<(String, Zeroizing<[u8; 32]>)> {
    let line: Line<String> = serde_json::from_slice(line).ok()?;
    let base64 = Zeroizing::new(line.key);
    let bytes = Zeroizing::new(BASE64.decode(&*base64).ok()?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some((line.subject, key))
}

fn line(subject: &str, key: &Zeroizing<[u8; 32]>) -> Result<Zeroizing<Vec<u8>>> {
    let base64 = Zeroizing::new(BASE64.encode(**key));
    let line = Line { key: base64.as_str(), subject };
    let mut bytes =
        Zeroizing::new(serde_json::to_vec(&line).map_err(|error| {
            Error::new(ErrorKind::Internal, "the key of a subject cannot be written as JSON").with_source(error)
        })?);
    bytes.push(b'\n');
    Ok(bytes)
}

fn pseudonym(key: &Zeroizing<[u8; 32]>, subject: &str) -> String {
    use fmt::Write as _;
    // A key of any length is one of HMAC's.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_slice()) else { return String::new() };
    mac.update(subject.as_bytes());
    let mut text = "p-".to_owned();
    for byte in &mac.finalize().into_bytes()[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKeys({} of {})", self.keys.len(), self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_keep_their_pseudonym_until_their_key_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        let mut keys = SubjectKeys::open(&path).unwrap();
        let (ana, bo) = (keys.pseudonym_of("ana").unwrap(), keys.pseudonym_of("bo\n\"").unwrap());
        assert!(ana != bo && ana.len() == 34 && keys.pseudonym_of("ana").unwrap() == ana);
        keys.sync().unwrap();
        drop(keys);

        let mut keys = SubjectKeys::open(&path).unwrap();
        assert_eq!((keys.pseudonym("ana"), keys.subject(&bo)), (Some(ana.clone()), Some("bo\n\"")));
        assert!(keys.erase("ana").unwrap() && !keys.erase("ana").unwrap());
        assert_eq!((keys.pseudonym("ana"), keys.subject(&ana)), (None, None));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("ana"));
        let later = keys.pseudonym_of("ana").unwrap();
        assert_ne!(later, ana);
        drop(keys);
        let keys = SubjectKeys::open(&path).unwrap();
        assert_eq!((keys.pseudonym("ana"), keys.pseudonym("bo\n\"")), (Some(later), Some(bo)));
    }

    #[test]
    fn a_torn_line_is_cut_off_and_a_foreign_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        let ana = SubjectKeys::open(&path).unwrap().pseudonym_of("ana").unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [whole.as_slice(), br#"{"key":"AAA"#].concat()).unwrap();
        let mut keys = SubjectKeys::open(&path).unwrap();
        assert_eq!(keys.pseudonym("ana"), Some(ana));
        keys.pseudonym_of("bo").unwrap();
        assert!(SubjectKeys::open(&path).unwrap_err().is(ErrorKind::Unavailable), "one process has it");
        drop(keys);
        assert!(SubjectKeys::open(&path).unwrap().pseudonym("bo").is_some());
        std::fs::write(&path, "somebody's notes\n").unwrap();
        let error = SubjectKeys::open(&path).unwrap_err();
        assert!(error.is(ErrorKind::Corrupt) && !error.to_string().contains("somebody"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let mut keys = SubjectKeys::open(&path).unwrap();
        keys.pseudonym_of("ana").unwrap();
        assert_eq!(mode(&path), 0o600);
        keys.erase("ana").unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}
