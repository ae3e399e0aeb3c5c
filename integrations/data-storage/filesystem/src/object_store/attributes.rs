//! What an object has besides its content: headers, the application's metadata, the id of the write.
//!
//! A file has no room for them, and extended attributes are missing on some file systems and too small on others, so
//! they are in a file of their own under `.circle/meta`. *It belongs to one state of one object*: its name is the hash
//! of the key, and the size and time of change (in nanoseconds) of the content. That makes it safe:
//!
//! - A writer makes it, complete and synchronised, *before* the rename that makes the content visible. Until then no
//!   file has that size and time under that key, so nobody looks at it. The rename thus changes content and attributes
//!   in one step, and a crash before or after it leaves a file under `meta` that belongs to nothing.
//! - The writer sets the time of change itself, from a clock with nanoseconds, and never to that of the object that it
//!   replaces. The kernel's own times, which the writes of other tools get, are those of its last tick: a file that
//!   another tool changes does not get ours by chance. Its attributes are then gone, as they should be.
//! - A reader that finds no attributes looks again whether the file is still in its place. If it is not, a writer has
//!   replaced it and removed the old attributes, and the reader begins anew. So nobody sees old content without them.
//!
//! Neither inode nor device is in the name: a root that was copied with its times (`cp -a`, `rsync -a`) keeps all
//! attributes. What belongs to nothing any more is removed by the first write into the same 256th of the keys, under the
//! lock that every writer of these keys holds: there it cannot be an object that is just being written.

use std::collections::BTreeMap;

use circle_core_common::interfaces::object_store::{ObjectMeta, PutOptions};
use circle_core_common::{Error, ErrorKind, OperationId, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::{Dir, Stat};
use crate::error::{At, present};
use crate::root::{Root, internal};

/// Headers, metadata and the id of the write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<OperationId>,
}

impl Attributes {
    pub(crate) fn new(options: &PutOptions, operation: Option<OperationId>) -> Self {
        Self {
            content_type: options.content_type.clone(),
            content_encoding: options.content_encoding.clone(),
            content_language: options.content_language.clone(),
            content_disposition: options.content_disposition.clone(),
            cache_control: options.cache_control.clone(),
            metadata: options.metadata.clone(),
            operation,
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn give(self, meta: &mut ObjectMeta) {
        meta.content_type = self.content_type;
        meta.content_encoding = self.content_encoding;
        meta.content_language = self.content_language;
        meta.content_disposition = self.content_disposition;
        meta.cache_control = self.cache_control;
        meta.metadata = self.metadata;
        meta.operation = self.operation;
    }
}

/// The file of the attributes: whose they are, and they.
#[derive(Serialize, Deserialize)]
struct Record {
    key: String,
    #[serde(flatten)]
    attributes: Attributes,
}

/// The 256th of all keys that a key belongs to: what one lock protects, and one directory of attributes holds.
pub(crate) struct Share {
    pub(crate) name: String,
    hash: String,
}

impl Share {
    pub(crate) fn of(key: &str) -> Self {
        let hash = hex(&Sha256::digest(key)[..20]);
        Self { name: hash[..2].to_owned(), hash }
    }

    fn file(&self, stat: &Stat) -> String {
        let (seconds, nanos) = stat.modified;
        format!("{}-{}-{seconds}.{nanos:09}", self.hash, stat.size)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Root {
    /// The attributes of a key's file in this state; `None` where there are none.
    pub(crate) fn attributes(&self, key: &str, stat: &Stat) -> Result<Option<Attributes>> {
        let share = Share::of(key);
        let Some(dir) = present(self.disk.open_dir(&self.meta, &share.name)).at("opening", &self.meta, &share.name)? else {
            return Ok(None);
        };
        let name = share.file(stat);
        let Some(bytes) = present(self.disk.read_small(&dir, &name)).at("reading", &dir, &name)? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("the metadata of `{key}` in {} cannot be read", dir.path().join(&name).display());
            Error::new(ErrorKind::Corrupt, text).with_source(error)
        })?;
        Ok((record.key == key).then_some(record.attributes))
    }

    /// Keeps the attributes for a file that is not in its place yet. The caller holds the lock of the share.
    pub(crate) fn put_attributes(&self, share: &Share, key: &str, stat: &Stat, attributes: &Attributes) -> Result<()> {
        let name = share.file(stat);
        if attributes.is_empty() {
            return self.remove_attributes(share, stat);
        }
        let missing =
            || Error::new(ErrorKind::Conflict, format!("{} is no directory", self.meta.path().join(&share.name).display()));
        let dir = self.open_or_make(&self.meta, &share.name)?.ok_or_else(missing)?;
        let record = Record { key: key.to_owned(), attributes: attributes.clone() };
        let bytes = serde_json::to_vec(&record).map_err(|error| internal(&error))?;
        // A crash can have left one that was never seen.
        self.unlink(&dir, &name)?;
        let mut file = self.create(&dir, &name)?;
        let written = self.disk.write_all(&mut file, &bytes).at("writing", &dir, &name).and_then(|()| {
            self.sync(&file, &dir, &name)?;
            self.sync_dir(&dir)
        });
        if written.is_err() {
            // The error says what happened; what stays is swept.
            let _ = self.unlink(&dir, &name);
        }
        written
    }

    /// Forgets the attributes of a state that is no more.
    pub(crate) fn remove_attributes(&self, share: &Share, stat: &Stat) -> Result<()> {
        match present(self.disk.open_dir(&self.meta, &share.name)).at("opening", &self.meta, &share.name)? {
            Some(dir) => self.unlink(&dir, &share.file(stat)).map(drop),
            None => Ok(()),
        }
    }

    /// Removes the attributes in a share that belong to nothing. The caller holds the lock of the share.
    pub(crate) fn sweep_attributes(&self, share: &Share) -> Result<()> {
        let Some(dir) = present(self.disk.open_dir(&self.meta, &share.name)).at("opening", &self.meta, &share.name)? else {
            return Ok(());
        };
        for entry in self.disk.entries(&dir).on("reading", &dir)? {
            if let Some(name) = entry.name.to_str()
                && !self.is_in_use(&dir, name)?
            {
                self.unlink(&dir, name)?;
            }
        }
        Ok(())
    }

    fn is_in_use(&self, dir: &Dir, name: &str) -> Result<bool> {
        let bytes = self.disk.read_small(dir, name).at("reading", dir, name)?;
        // What cannot be read was never complete, so that no object can have come to belong to it.
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else { return Ok(false) };
        let found = self.find(&record.key)?;
        Ok(found.is_some_and(|(_, stat)| Share::of(&record.key).file(&stat) == name))
    }
}
