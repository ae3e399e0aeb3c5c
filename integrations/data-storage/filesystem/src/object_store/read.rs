//! Getting: one state of an object, whole, whatever is written meanwhile.
//!
//! What is opened stays readable when it is replaced or deleted. Only another tool can change a file in place; content
//! that was changed while it was read ends in an error.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{CopyRequest, GetOptions, Object, ObjectKey, ObjectMeta, Precondition};
use circle_core_common::{ByteStream, Error, ErrorKind, Reason, Result, Timestamp};

use super::attributes::Attributes;
use super::place::Place;
use super::write::{Write, meta, mismatch, version};
use crate::blocking::{Alive, blocking};
use crate::disk::{Disk, Stat};
use crate::error::{At, failed, present};
use crate::root::Root;

/// How much is read at once, and given in one piece.
const CHUNK: u64 = 256 * 1024;

/// How often a read begins anew because the object was replaced meanwhile.
const ATTEMPTS: u32 = 1000;

/// One state of an object, open.
struct Opened {
    file: File,
    stat: Stat,
    attributes: Attributes,
    place: Place,
}

fn absent(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{key}` does not exist")).with_resource(key.shared())
}

fn unsteady(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::Unavailable, format!("`{key}` is replaced faster than it can be read"))
}

impl Root {
    pub(super) fn head(&self, key: &ObjectKey) -> Result<ObjectMeta> {
        for _ in 0..ATTEMPTS {
            let (place, stat) = self.find(key.as_str())?.ok_or_else(|| absent(key))?;
            if let Some(attributes) = self.attributes_in(key, &place, &stat)? {
                let mut meta = meta(key, &stat);
                attributes.give(&mut meta);
                return Ok(meta);
            }
        }
        Err(unsteady(key))
    }

    fn open_object(&self, key: &ObjectKey) -> Result<Opened> {
        for _ in 0..ATTEMPTS {
            let (place, _) = self.find(key.as_str())?.ok_or_else(|| absent(key))?;
            let opened = present(self.disk.open_file(&place.folder.dir, &place.name));
            let Some(file) = opened.at("opening", &place.folder.dir, &place.name)? else { continue };
            let stat = self.disk.stat_file(&file).at("asking for", &place.folder.dir, &place.name)?;
            if let Some(attributes) = self.attributes_in(key, &place, &stat)? {
                return Ok(Opened { file, stat, attributes, place });
            }
        }
        Err(unsteady(key))
    }

    /// The attributes of a file in its place, empty ones where it has none; `None` when it is not there any more.
    fn attributes_in(&self, key: &ObjectKey, place: &Place, stat: &Stat) -> Result<Option<Attributes>> {
        if let Some(attributes) = self.attributes(key.as_str(), stat)? {
            return Ok(Some(attributes));
        }
        let still = self.file(&place.folder, &place.name)?;
        Ok(still.is_some_and(|still| still == *stat).then(Attributes::default))
    }

    /// Copies one state of an object.
    pub(super) fn copy(&self, alive: &Alive, request: &CopyRequest, now: Timestamp) -> Result<ObjectMeta> {
        let precondition = if request.options.if_absent { Precondition::IfAbsent } else { Precondition::None };
        self.precheck(&request.to, &precondition)?;
        for _ in 0..ATTEMPTS {
            let opened = self.open_object(&request.from)?;
            let mut attributes = opened.attributes.clone();
            attributes.operation = request.operation.clone();
            let mut staged = self.stage()?;
            let mut content = self.content(opened);
            let copied = loop {
                match content.next() {
                    Ok(Some(chunk)) => staged.write(&chunk)?,
                    Ok(None) => break true,
                    Err(error) if error.is(ErrorKind::Conflict) => break false,
                    Err(error) => return Err(error),
                }
            };
            if copied {
                return self.commit(alive, staged, Write { key: &request.to, attributes, precondition: &precondition, now });
            }
        }
        Err(unsteady(&request.from))
    }

    fn content(&self, opened: Opened) -> Content {
        let path = opened.place.folder.dir.path().join(&opened.place.name);
        Content { disk: Arc::clone(&self.disk), path, file: opened.file, stat: opened.stat, left: 0..opened.stat.size }
    }

    pub(super) fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Object> {
        for _ in 0..ATTEMPTS {
            let opened = self.open_object(key)?;
            let (stat, current) = (opened.stat, version(&opened.stat));
            if options.if_match.as_ref().is_some_and(|expected| *expected != current) {
                return Err(mismatch(key));
            }
            if options.if_none_match.as_ref() == Some(&current) {
                let text = format!("`{key}` still has this version");
                return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::NotModified));
            }
            let range = options.range.map_or(Ok(0..stat.size), |range| range.resolve(stat.size))?;
            let mut meta = meta(key, &stat);
            opened.attributes.clone().give(&mut meta);
            let mut content = self.content(opened);
            content.left = range.clone();
            // A small object is read here and now, and begun anew if it is changed just then.
            let body = if range.end - range.start <= CHUNK {
                match content.next() {
                    Ok(bytes) => ByteStream::from(bytes.unwrap_or_default()),
                    Err(error) if error.is(ErrorKind::Conflict) => continue,
                    Err(error) => return Err(error),
                }
            } else {
                content.into_stream()
            };
            return Ok(Object::new(meta, range, body));
        }
        Err(unsteady(key))
    }
}

/// The rest of a range of an open file.
struct Content {
    disk: Arc<dyn Disk>,
    path: std::path::PathBuf,
    file: File,
    stat: Stat,
    left: Range<u64>,
}

impl Content {
    fn into_stream(self) -> ByteStream {
        ByteStream::unfold(self, |mut content| blocking(move |_| Ok(content.next()?.map(|chunk| (chunk, content)))))
    }

    fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(CHUNK.min(self.left.end - self.left.start)).unwrap_or(usize::MAX)];
        let read = self.disk.read_full_at(&self.file, self.left.start, &mut chunk);
        let read = read.map_err(|error| failed("reading", &self.path, error))?;
        self.left.start += read as u64;
        if read < chunk.len() || self.left.is_empty() {
            let now = self.disk.stat_file(&self.file).map_err(|error| failed("asking for", &self.path, error))?;
            if read < chunk.len() || (now.size, now.modified) != (self.stat.size, self.stat.modified) {
                let text = format!("{} was changed in place while it was read", self.path.display());
                return Err(Error::new(ErrorKind::Conflict, text).with_reason(Reason::VersionMismatch));
            }
        }
        Ok(Some(chunk.into()))
    }
}
