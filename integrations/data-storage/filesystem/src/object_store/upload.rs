//! Uploads in parts: kept under `.circle/uploads` until they end, over restarts.
//!
//! An upload is a directory with a file `upload`, which says what the object will be, and a file for each part. It has
//! ended when `upload` is gone. Completing writes the object first and ends the upload then: after a crash in between
//! the object is there, and completing once more finds its own write.

use std::time::Duration;

use circle_core_common::interfaces::object_store::{
    EndUploadRequest, ObjectKey, ObjectMeta, PartTag, Precondition, StartUploadRequest, UploadEnd, UploadId,
};
use circle_core_common::{Error, ErrorKind, Reason, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, hex};
use super::write::{Write, version};
use crate::blocking::Alive;
use crate::disk::{Dir, Stat};
use crate::error::{At, failed, present};
use crate::root::{Root, internal};
use crate::session::Staged;

const INFO: &str = "upload";

/// How much of a part is copied at once.
const CHUNK: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Info {
    key: ObjectKey,
    attributes: Attributes,
}

fn ended(id: &UploadId) -> Error {
    let text = format!("the upload of `{}` does not exist or has ended", id.key);
    Error::new(ErrorKind::NotFound, text).with_reason(Reason::UploadEnded)
}

/// Parts sort by name as they do by index.
fn part_name(index: u32) -> String {
    format!("{index:010}")
}

fn tag(index: u32, stat: &Stat) -> PartTag {
    PartTag::new(index, stat.size, version(stat).as_etag().unwrap_or_default())
}

impl Root {
    pub(super) fn start_upload(&self, bits: u128, request: StartUploadRequest) -> Result<UploadId> {
        let token = hex(&bits.to_be_bytes());
        let Some(dir) = self.open_or_make(&self.uploads, &token)? else {
            return Err(Error::new(ErrorKind::Internal, "a new upload found its name taken"));
        };
        // Whatever else it is, an upload has an id by which a completion finds its own write.
        let operation = request.operation.unwrap_or_else(|| token.as_str().into());
        let info = Info { key: request.key.clone(), attributes: Attributes::new(&request.options, Some(operation)) };
        let mut staged = self.stage()?;
        staged.write(&serde_json::to_vec(&info).map_err(|error| internal(&error))?)?;
        staged.sync()?;
        staged.place(&dir, INFO)?;
        self.sync_dir(&dir)?;
        Ok(UploadId::new(request.key, token))
    }

    /// The directory of an upload. A token is a single name of digits and letters, so that it leads nowhere else.
    fn upload_dir(&self, id: &UploadId) -> Result<Dir> {
        if id.token.len() != 32 || !id.token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ended(id));
        }
        present(self.disk.open_dir(&self.uploads, &id.token)).at("opening", &self.uploads, &id.token)?.ok_or_else(|| ended(id))
    }

    fn info(&self, id: &UploadId) -> Result<(Dir, Info)> {
        let dir = self.upload_dir(id)?;
        let bytes = present(self.disk.read_small(&dir, INFO)).at("reading", &dir, INFO)?.ok_or_else(|| ended(id))?;
        let info: Info = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("{} cannot be read", dir.path().join(INFO).display())).with_source(error)
        })?;
        if info.key == id.key { Ok((dir, info)) } else { Err(ended(id)) }
    }

    pub(super) fn check_upload(&self, id: &UploadId) -> Result<()> {
        self.info(id).map(drop)
    }

    pub(super) fn put_part(&self, alive: &Alive, id: &UploadId, index: u32, mut staged: Staged) -> Result<PartTag> {
        let (dir, _) = self.info(id)?;
        staged.sync()?;
        alive.check()?;
        let name = part_name(index);
        match staged.rename(&dir, &name, crate::disk::Replace::Allow) {
            Ok(()) => {}
            // The upload has ended meanwhile.
            Err(error) if crate::error::is_absent(&error) => return Err(ended(id)),
            Err(error) => return Err(error).at("renaming to", &dir, &name),
        }
        self.sync_dir(&dir)?;
        Ok(tag(index, &staged.stat()?))
    }

    pub(super) fn end_upload(&self, alive: &Alive, request: &EndUploadRequest, now: Timestamp) -> Result<Option<ObjectMeta>> {
        let id = &request.upload;
        match &request.end {
            UploadEnd::Complete { parts, precondition } => {
                let meta = self.complete(alive, id, parts, precondition, now)?;
                Ok(Some(meta))
            }
            UploadEnd::Abort => {
                match self.upload_dir(id) {
                    Ok(dir) => self.remove_upload(&dir, &id.token)?,
                    Err(error) if error.is(ErrorKind::NotFound) => {}
                    Err(error) => return Err(error),
                }
                Ok(None)
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "the filesystem provider does not know this end of an upload")),
        }
    }

    fn complete(
        &self,
        alive: &Alive,
        id: &UploadId,
        parts: &[PartTag],
        precondition: &Precondition,
        now: Timestamp,
    ) -> Result<ObjectMeta> {
        let (dir, info) = self.info(id)?;
        let operation = info.attributes.operation.clone();
        let write = Write { key: &info.key, attributes: info.attributes, precondition, now };
        let done = self.precheck(&info.key, precondition).and_then(|()| self.commit(alive, self.joined(&dir, parts)?, write));
        let meta = match done {
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict) => {
                // The condition fails on this very object when a crash came between the write and the end.
                self.head(&info.key).ok().filter(|meta| meta.operation == operation).ok_or(error)?
            }
            done => done?,
        };
        self.remove_upload(&dir, &id.token)?;
        Ok(meta)
    }

    /// The parts in one staged file.
    fn joined(&self, dir: &Dir, parts: &[PartTag]) -> Result<Staged> {
        let mut staged = self.stage()?;
        let mut buffer = vec![0; CHUNK];
        for part in parts {
            let name = part_name(part.index);
            let invalid = |what: &str| Error::new(ErrorKind::InvalidInput, format!("part {} {what}", part.index));
            let file = present(self.disk.open_file(dir, &name)).at("opening", dir, &name)?;
            let file = file.ok_or_else(|| invalid("was not uploaded"))?;
            let stat = self.disk.stat_file(&file).at("asking for", dir, &name)?;
            if tag(part.index, &stat) != *part {
                return Err(invalid("has been replaced since"));
            }
            let mut offset = 0;
            while offset < stat.size {
                let read = self.disk.read_full_at(&file, offset, &mut buffer).at("reading", dir, &name)?;
                if read == 0 {
                    return Err(failed("reading", dir.path().join(&name), std::io::ErrorKind::UnexpectedEof.into()));
                }
                staged.write(&buffer[..read])?;
                offset += read as u64;
            }
        }
        Ok(staged)
    }

    /// Ends an upload: from its first step on, nobody finds it.
    fn remove_upload(&self, dir: &Dir, token: &str) -> Result<()> {
        self.unlink(dir, INFO)?;
        self.sync_dir(dir)?;
        for entry in self.disk.entries(dir).on("reading", dir)? {
            if let Some(name) = entry.name.to_str() {
                self.unlink(dir, name)?;
            }
        }
        match present(self.disk.remove_dir(&self.uploads, token)) {
            Ok(_) => Ok(()),
            Err(error) => Err(error).at("removing", &self.uploads, token),
        }
    }

    /// Removes uploads that nothing was added to for so long, and what is left of those that have ended.
    pub(crate) fn sweep_uploads(&self, expiry: Duration, now: Timestamp) -> Result<()> {
        for entry in self.disk.entries(&self.uploads).on("reading", &self.uploads)? {
            let Some(token) = entry.name.to_str() else { continue };
            // A part makes the directory younger, since it gets its name there.
            let stat = present(self.disk.stat(&self.uploads, token)).at("asking for", &self.uploads, token)?;
            let dir = present(self.disk.open_dir(&self.uploads, token)).at("opening", &self.uploads, token)?;
            let (Some(stat), Some(dir)) = (stat, dir) else { continue };
            if now.since(Timestamp::from_unix(stat.modified.0, stat.modified.1)) > expiry {
                self.remove_upload(&dir, token)?;
            }
        }
        Ok(())
    }
}
