//! The verifier: tells a log that is intact from one that is unanchored, truncated or rewritten.

mod report;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind as IoKind, Read};
use std::path::Path;

pub use report::{Integrity, Verification};

use super::checkpoint::{Checkpoint, notes};
use super::files::{CHECKPOINTS, ENTRY, INDEX, LINE_MAX, beside, io_error, read_index};
use super::merkle::{self, Frontier, Hash, leaf_hash};
use super::note::VerifyingKey;
use super::record::seq_of;
use crate::error::{Error, ErrorKind, Result};

/// Verifies an [`AuditLog`](super::AuditLog) offline, from its files, its public keys and the checkpoints that are anchored
/// elsewhere.
///
/// A log that is open may be verified; records that come meanwhile may look unanchored.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    origin: Option<String>,
    anchored: Vec<String>,
}

/// The leaves of a log, for proofs about it.
#[derive(Clone, Debug)]
pub struct Leaves(Vec<Hash>);

/// What the records' file holds.
struct Records {
    leaves: Vec<Hash>,
    /// The first line that is not the record that belongs there.
    misplaced: Option<u64>,
    /// Bytes behind the last whole line.
    torn: u64,
}

/// What checkpoints say, by size.
type Said = BTreeMap<u64, Vec<(Hash, Place)>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Log,
    Anchor,
}

impl Verifier {
    /// A verifier that believes these keys: the log's, and those that it had before.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self { keys: keys.into_iter().collect(), origin: None, anchored: Vec::new() }
    }

    /// Verifies the log of this origin; checkpoints of others are passed over in the anchors, and wrong in the log. Otherwise it
    /// is that of the anchors, or the log's own.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Adds checkpoints that are anchored in a second place, each a signed note.
    #[must_use]
    pub fn anchored(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.anchored.extend(notes);
        self
    }

    /// Verifies the log at this path. Reads all of it: seconds for a million records.
    ///
    /// # Errors
    /// `NotFound` when there is neither a log nor a checkpoint of it; `Unavailable` when a file cannot be read; `InvalidInput` when
    /// the anchors are of several logs and no origin says which.
    pub fn verify(&self, path: impl AsRef<Path>) -> Result<Verification> {
        let path = path.as_ref();
        let text = read_text(&beside(path, CHECKPOINTS))?;
        let local = text.as_deref().map(|text| notes(text).0).unwrap_or_default();
        // What vouches for records is read before them: an open log may have more of these meanwhile, and never fewer.
        let index = match open(&beside(path, INDEX))? {
            Some(file) => read_index(&file).map_err(|error| io_error(&beside(path, INDEX), error))?,
            None => Vec::new(),
        };
        let index: Vec<Hash> = index.into_iter().map(|(_, leaf)| leaf).collect();
        let records = match open(path)? {
            Some(file) => read_records(file).map_err(|error| io_error(path, error))?,
            None if local.is_empty() && self.anchored.is_empty() => {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no audit log {}", path.display())));
            }
            None => Records { leaves: Vec::new(), misplaced: None, torn: 0 },
        };

        let origin = self.wanted_origin(&local)?;
        let mut said = Said::new();
        let mut forged = None;
        for (place, note) in local.into_iter().map(|note| (Place::Log, note)).chain(self.notes()) {
            if place == Place::Anchor
                && Checkpoint::unverified(note).is_ok_and(|checkpoint| Some(&checkpoint.origin) != origin.as_ref())
            {
                continue;
            }
            match Checkpoint::open(note, &self.keys) {
                Ok(checkpoint) if Some(&checkpoint.origin) == origin.as_ref() => {
                    said.entry(checkpoint.size).or_default().push((checkpoint.root, place));
                }
                Ok(_) => forged = forged.or(Some("a checkpoint beside it is of another log")),
                Err(_) if place == Place::Log => forged = forged.or(Some("a checkpoint beside it is not signed by a known key")),
                Err(_) => forged = forged.or(Some("an anchored checkpoint is not signed by a known key")),
            }
        }
        Ok(judge(&records, &index, &said, forged))
    }

    fn notes(&self) -> impl Iterator<Item = (Place, &str)> {
        self.anchored.iter().map(|note| (Place::Anchor, note.as_str()))
    }

    fn wanted_origin(&self, local: &[&str]) -> Result<Option<String>> {
        if self.origin.is_some() {
            return Ok(self.origin.clone());
        }
        // Unverified: a wrong one leads to a checkpoint that is not believed.
        let origin = |note: &str| Checkpoint::unverified(note).ok().map(|checkpoint| checkpoint.origin);
        let mut anchored = self.anchored.iter().filter_map(|note| origin(note));
        let Some(first) = anchored.next() else { return Ok(local.first().and_then(|note| origin(note))) };
        if anchored.any(|other| other != first) {
            return Err(Error::new(ErrorKind::InvalidInput, "the anchors are of several logs: say which origin is meant"));
        }
        Ok(Some(first))
    }
}

impl Leaves {
    /// The leaves of the log at this path, from its records.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable` when it cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let none = || Error::new(ErrorKind::NotFound, format!("there is no audit log {}", path.display()));
        let file = open(path)?.ok_or_else(none)?;
        Ok(Self(read_records(file).map_err(|error| io_error(path, error))?.leaves))
    }

    /// How many records there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// The leaf of a record.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Hash> {
        self.0.get(usize::try_from(seq).ok()?)
    }

    /// The root that the log had at this size.
    ///
    /// # Errors
    /// `InvalidInput` when it has not so many records.
    pub fn root(&self, size: u64) -> Result<Hash> {
        self.first(size).map(merkle::root)
    }

    /// The proof that a record is in the log of this size; checked by [`merkle::verify_inclusion`].
    ///
    /// # Errors
    /// `InvalidInput` when there is no such record, or there are not so many.
    pub fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>> {
        merkle::prove_inclusion(self.first(size)?, seq)
    }

    /// The proof that the log of the second size continues that of the first; checked by [`merkle::verify_consistency`].
    ///
    /// # Errors
    /// `InvalidInput` when it does not, or has not so many records.
    pub fn consistency(&self, first: u64, second: u64) -> Result<Vec<Hash>> {
        merkle::prove_consistency(self.first(second)?, first)
    }

    fn first(&self, size: u64) -> Result<&[Hash]> {
        let found = usize::try_from(size).ok().and_then(|size| self.0.get(..size));
        found.ok_or_else(|| Error::new(ErrorKind::InvalidInput, format!("the log has {} records, not {size}", self.0.len())))
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == IoKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, error)),
    }
}

fn read_text(path: &Path) -> Result<Option<String>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    // What is not text is in a note that no key has signed.
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn read_records(file: File) -> std::io::Result<Records> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut found = Records { leaves: Vec::new(), misplaced: None, torn: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(found);
        }
        let at = found.leaves.len() as u64;
        let Some(record) = line.strip_suffix(b"\n") else {
            if read == LINE_MAX {
                found.misplaced = found.misplaced.or(Some(at));
            }
            found.torn += read as u64;
            continue;
        };
        if found.misplaced.is_none() && seq_of(record) != Some(at) {
            found.misplaced = Some(at);
        }
        found.leaves.push(leaf_hash(record));
    }
}

/// What the files say together, the worst of it first.
fn judge(records: &Records, index: &[Hash], said: &Said, forged: Option<&'static str>) -> Verification {
    let leaves = &records.leaves;
    let count = leaves.len() as u64;
    let roots = roots_at(leaves, said.keys().copied());
    let largest = |place: Option<Place>| {
        let speaks = |roots: &Vec<(Hash, Place)>| roots.iter().any(|(_, at)| place.is_none_or(|place| place == *at));
        said.iter().rev().find(|(_, roots)| speaks(roots)).map_or(0, |(size, _)| *size)
    };
    let mut found = Verification {
        records: count,
        signed: largest(None).min(count),
        anchored: largest(Some(Place::Anchor)).min(count),
        torn_bytes: records.torn,
        integrity: Integrity::Intact,
    };

    // The index is believed as far as a checkpoint has its root, and then says which record it is.
    let indexed = roots_at(index, said.keys().copied());
    let fits = |roots: &BTreeMap<u64, Hash>, size: &u64| {
        roots.get(size).is_some_and(|root| said[size].iter().all(|(said, _)| said == root))
    };
    let trusted = said.keys().rev().find(|size| fits(&indexed, size)).map_or(0, |size| *size);
    let differs = leaves.iter().zip(index).position(|(leaf, entry)| leaf != entry).map(|at| at as u64);
    let exact = differs.filter(|at| *at < trusted);

    let wrong = said.keys().find(|size| **size <= count && !fits(&roots, size)).copied();
    let fork = said.iter().find(|(_, roots)| roots.iter().any(|(root, _)| *root != roots[0].0)).map(|(size, _)| *size);
    // Where an anchor speaks against the log, whoever changed it may have the key, and checkpoints beside it mean nothing.
    let anchored = |size: &u64| said[size].iter().any(|(_, place)| *place == Place::Anchor);
    let before = |limit: u64, by: u64| {
        let speaks = |size: &u64| *size < limit && fits(&roots, size) && (anchored(size) || !anchored(&by));
        said.keys().rev().find(|size| speaks(size)).copied().unwrap_or(0)
    };

    let expected = largest(None).max(index.len() as u64);
    found.integrity = if let Some(size) = wrong {
        let from = exact.unwrap_or_else(|| before(size, size));
        let how = if fork == Some(size) {
            "two checkpoints of one size have different roots"
        } else {
            "the records do not lead to the root of a checkpoint"
        };
        Integrity::Rewritten { first: from, last: exact.unwrap_or(size.saturating_sub(1)), how }
    } else if let Some(at) = exact.or(records.misplaced) {
        Integrity::Rewritten { first: at, last: at, how: "a record is not the one that belongs there" }
    } else if let Some(size) = fork {
        Integrity::Rewritten {
            first: before(size, size),
            last: size.saturating_sub(1),
            how: "two checkpoints of one size have different roots",
        }
    } else if let Some(how) = forged {
        Integrity::Rewritten { first: 0, last: count.saturating_sub(1), how }
    } else if let Some(at) = differs {
        Integrity::Rewritten { first: at, last: at, how: "a record is not the one in the index" }
    } else if expected > count {
        // With an index that is believed, what is left is what was there; without, as far as the last checkpoint that fits.
        let proven = match said.keys().next_back() {
            _ if trusted >= count => count,
            Some(by) => before(count + 1, *by),
            None => 0,
        };
        Integrity::Truncated { expected, proven }
    } else if found.anchored < count || count == 0 && !said.values().flatten().any(|(_, place)| *place == Place::Anchor) {
        Integrity::Unanchored { first: found.anchored }
    } else {
        Integrity::Intact
    };
    found
}

/// The roots of the log at these sizes, as far as it has them.
fn roots_at(leaves: &[Hash], sizes: impl Iterator<Item = u64>) -> BTreeMap<u64, Hash> {
    let mut roots = BTreeMap::new();
    let mut sizes = sizes.peekable();
    let mut frontier = Frontier::new();
    let mut leaves = leaves.iter();
    loop {
        while sizes.next_if(|size| *size <= frontier.size()).is_some() {
            roots.insert(frontier.size(), frontier.root());
        }
        match leaves.next() {
            Some(leaf) if sizes.peek().is_some() => frontier.push(*leaf),
            _ => return roots,
        }
    }
}

const _: () = assert!(ENTRY == 8 + size_of::<Hash>());
