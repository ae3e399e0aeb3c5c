//! Checkpoints (<https://c2sp.org/tlog-checkpoint>): which root a log has at which size, signed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::merkle::Hash;
use super::note::{self, SigningKey, VerifyingKey};
use crate::error::{Error, ErrorKind, Result};

/// What a log was at one time: its origin, its size, its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records it had.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint as a signed note.
    ///
    /// # Errors
    /// `InvalidInput` for an origin that is empty or not one line.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedCheckpoint> {
        if self.origin.is_empty() || self.origin.contains('\n') {
            return Err(Error::new(ErrorKind::InvalidInput, "the origin of a log is one line"));
        }
        let note = key.sign(&format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root)))?;
        Ok(SignedCheckpoint { checkpoint: self.clone(), note })
    }

    /// The checkpoint of a note that one of these keys has signed.
    ///
    /// # Errors
    /// As [`note::open`]; `InvalidInput` when the note is no checkpoint.
    pub fn open(note: &str, keys: &[VerifyingKey]) -> Result<Self> {
        Self::parse(note::open(note, keys)?)
    }

    /// What a note says that nobody has checked.
    pub(super) fn unverified(note: &str) -> Result<Self> {
        Self::parse(note::unverified(note)?)
    }

    fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::new(ErrorKind::InvalidInput, "this note is no checkpoint");
        let mut lines = text.split_terminator('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or_else(malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        // No sign and no zero in front: one size has one spelling.
        let digits = size.bytes().all(|byte| byte.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = Some(size).filter(|_| digits).and_then(|size| size.parse().ok()).ok_or_else(malformed)?;
        let root = BASE64.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(malformed)?;
        if lines.any(str::is_empty) {
            return Err(malformed());
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A checkpoint with the note that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

impl SignedCheckpoint {
    /// A note that has been read, with what it says.
    pub(super) fn from_note(checkpoint: Checkpoint, note: &str) -> Self {
        Self { checkpoint, note: note.to_owned() }
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed note.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.note)
    }
}

/// The notes of a file of checkpoints, each with an empty line behind it, and where the last whole one ends.
///
/// Our checkpoints have no empty line in their text, so that the first one is before the signatures, and the second ends the note.
pub(super) fn notes(text: &str) -> (Vec<&str>, usize) {
    let mut notes = Vec::new();
    let (mut start, mut empty) = (0, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line == "\n" {
            empty += 1;
            if empty == 2 {
                notes.push(&text[start..at - 1]);
                (start, empty) = (at, 0);
            }
        }
    }
    (notes, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_note_and_a_file_of_them() {
        let key = SigningKey::generate("logs.example").unwrap();
        let keys = [key.verifying_key().clone()];
        let checkpoint = Checkpoint { origin: "logs.example/1".to_owned(), size: 20_852_163, root: [7; 32] };
        let signed = checkpoint.sign(&key).unwrap();
        assert_eq!(Checkpoint::open(signed.note(), &keys).unwrap(), checkpoint);
        assert!(signed.note().starts_with("logs.example/1\n20852163\nBwcH"));
        let file = format!("{signed}\n{signed}\n");
        assert_eq!(notes(&file), (vec![signed.note(), signed.note()], file.len()));
        for cut in 0..file.len() {
            let Some(text) = file.get(..cut) else { continue };
            let whole = cut / (file.len() / 2);
            assert_eq!(notes(text), (vec![signed.note(); whole], whole * file.len() / 2), "{cut}");
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = BASE64.encode([7; 32]);
        for text in [
            "",
            "a\n",
            "a\n1\n",
            "\n1\nx\n",
            &format!("a\n01\n{root}\n"),
            &format!("a\n+1\n{root}\n"),
            &format!("a\n\n{root}\n"),
            &format!("a\n99999999999999999999\n{root}\n"),
            &format!("a\n1\n{}\n", &root[4..]),
            &format!("a\n1\n{root}\n\nb\n"),
        ] {
            assert!(Checkpoint::parse(text).is_err(), "{text:?}");
        }
        assert!(Checkpoint::parse(&format!("a\n0\n{root}\nextension\n")).is_ok());
        let key = SigningKey::generate("logs.example").unwrap();
        assert!(Checkpoint { origin: "a\nb".to_owned(), size: 0, root: [0; 32] }.sign(&key).is_err());
    }
}
