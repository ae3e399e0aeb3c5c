//! Keeps an object store in step with a folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use circle_core::object_store::{ObjectKey, ObjectStore};
use circle_core::prelude::*;
use circle_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::folder::{self, File};

/// How many files are read and stored at once.
const AT_ONCE: usize = 8;

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many files are looked at.
    Found(u64),
    /// One of them was, with so many bytes.
    Looked(u64),
    /// A file is not in the store, and why.
    Skipped {
        /// Its path within the folder.
        path: &'a str,
        /// Why.
        why: &'a str,
    },
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stocked {
    /// How many files were stored.
    pub stored: u64,
    /// How many were deleted from the store.
    pub deleted: u64,
    /// How many were skipped.
    pub skipped: u64,
}

/// What the store has of the folder: hashes by path.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stock {
    files: BTreeMap<String, String>,
}

/// A file that was read.
struct Content {
    path: String,
    size: u64,
    content: std::result::Result<(String, String), String>,
}

/// Stores the documents of a folder under `folders/<name>/`, as far as they have changed, and deletes those that are gone.
/// What is no text, or larger than `file_max`, is not stored; what cannot be read stays as it was stored before.
///
/// Killed at any moment, the next time does what is left: hashes are kept after what they are of.
///
/// # Errors
/// `InvalidInput` when the folder cannot be read; what the store says.
pub async fn stock(
    files: &ObjectStore,
    folder: &Path,
    name: &str,
    file_max: ByteSize,
    heard: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Stocked> {
    let root = folder.to_owned();
    let walked = tokio::task::spawn_blocking(move || folder::walk(&root)).await.map_err(broke_off)?;
    let found = walked.map_err(|error| {
        let text = format!("the folder {} cannot be read: {error}; name one with text or Markdown in it", folder.display());
        Error::new(ErrorKind::InvalidInput, text)
    })?;
    let key = ObjectKey::from(format!("stock/{name}.json"));
    let before: Stock = match files.get(&key).await {
        // It only spares work: where it cannot be read, everything is stored again.
        Ok(object) => object.json().await.or_else(|error| match error.is(ErrorKind::Decode) {
            true => Ok(Stock::default()),
            false => Err(error),
        })?,
        Err(error) if error.is(ErrorKind::NotFound) => Stock::default(),
        Err(error) => return Err(error),
    };
    let mut stocked = Stocked::default();
    let mut after = Stock::default();
    for unreadable in &found.unreadable {
        heard(Event::Skipped { path: &unreadable.path, why: &unreadable.why });
        stocked.skipped += 1;
        let below = format!("{}/", unreadable.path);
        let kept = before.files.iter().filter(|(path, _)| **path == unreadable.path || path.starts_with(&below));
        after.files.extend(kept.map(|(path, hash)| (path.clone(), hash.clone())));
    }
    heard(Event::Found(found.files.len() as u64));
    let mut waiting = found.files.into_iter();
    let (mut reads, mut writes) = (JoinSet::new(), JoinSet::new());
    loop {
        while reads.len() < AT_ONCE
            && let Some(file) = waiting.next()
        {
            reads.spawn_blocking(move || read(file, file_max));
        }
        let Some(read) = reads.join_next().await else { break };
        let Content { path, size, content } = read.map_err(broke_off)?;
        match content {
            Err(why) => {
                heard(Event::Skipped { path: &path, why: &why });
                stocked.skipped += 1;
            }
            Ok((hash, text)) => {
                if before.files.get(&path) != Some(&hash) {
                    let (files, key) = (files.clone(), format!("folders/{name}/{path}"));
                    writes.spawn(async move { files.put(key, text).await });
                    stocked.stored += 1;
                }
                after.files.insert(path, hash);
            }
        }
        heard(Event::Looked(size));
        while writes.len() >= AT_ONCE {
            if let Some(written) = writes.join_next().await {
                written.map_err(broke_off)??;
            }
        }
    }
    while let Some(written) = writes.join_next().await {
        written.map_err(broke_off)??;
    }
    // Also what a run that was killed has stored and no list names.
    let mut gone = Vec::new();
    let prefix = format!("folders/{name}/");
    let mut stored = files.list(&*prefix).stream();
    while let Some(meta) = stored.try_next().await? {
        let path = meta.key.as_str().strip_prefix(&prefix).unwrap_or_default();
        if !after.files.contains_key(path) {
            gone.push(meta.key.clone());
        }
    }
    stocked.deleted = gone.len() as u64;
    if !gone.is_empty() {
        files.delete_many(gone).await?.all()?;
    }
    if before != after {
        files.put(&key, serde_json::to_vec(&after).map_err(broke_off)?).await?;
    }
    Ok(stocked)
}

/// Reads a file and its hash, as far as it is a document.
fn read(file: File, max: ByteSize) -> Content {
    let File { path, place } = file;
    let content = || -> std::result::Result<String, String> {
        // One byte more than is allowed tells a large file without reading all of it.
        let mut content = Vec::new();
        let opened = std::fs::File::open(&place).map_err(|error| error.to_string())?;
        opened.take(max.as_u64() + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
        if content.len() as u64 > max.as_u64() {
            return Err(format!("is larger than {max}; --max-size allows more"));
        }
        String::from_utf8(content).map_err(|error| format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    };
    let content = content().map(|text| (Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect(), text));
    let size = content.as_ref().map_or(0, |(_, text): &(String, String)| text.len() as u64);
    Content { path, size, content }
}

fn broke_off(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Internal, "a part of the work broke off").with_source(error)
}

#[cfg(test)]
mod tests {
    use circle_core::memory::Memory;

    use super::*;

    async fn keys(files: &ObjectStore) -> Vec<String> {
        files.list("folders/").all().await.unwrap().into_iter().map(|meta| meta.key.to_string()).collect()
    }

    #[tokio::test]
    async fn the_store_follows_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        let files = ObjectStore::new(Memory::new());
        let mut skipped = Vec::new();
        let mut step = async || {
            let mut heard = |event: Event<'_>| {
                if let Event::Skipped { path, why } = event {
                    skipped.push(format!("{path} {why}"));
                }
            };
            stock(&files, folder.path(), "docs", ByteSize::bytes(10), &mut heard).await.unwrap()
        };
        write("a.md", b"a");
        write("b.md", b"b");
        write("large.md", b"12345678901");
        write("latin.txt", b"caf\xe9");
        assert_eq!(step().await, Stocked { stored: 2, deleted: 0, skipped: 2 });
        assert_eq!(step().await, Stocked { stored: 0, deleted: 0, skipped: 2 });
        write("a.md", b"changed");
        std::fs::remove_file(folder.path().join("b.md")).unwrap();
        // What a run that was killed has left.
        files.put("folders/docs/lost.md", "lost").await.unwrap();
        assert_eq!(step().await, Stocked { stored: 1, deleted: 2, skipped: 2 });
        assert_eq!(keys(&files).await, ["folders/docs/a.md"]);
        assert_eq!(files.get("folders/docs/a.md").await.unwrap().text().await.unwrap(), "changed");
        // A list that cannot be read costs a run its thrift, and nothing else.
        files.put("stock/docs.json", "{\"fi").await.unwrap();
        assert_eq!(step().await, Stocked { stored: 1, deleted: 0, skipped: 2 });
        assert_eq!(step().await, Stocked { stored: 0, deleted: 0, skipped: 2 });
        skipped.sort();
        skipped.dedup();
        assert_eq!(skipped, ["large.md is larger than 10 B; --max-size allows more", "latin.txt is not UTF-8 at byte 3"]);
        let error = stock(&files, Path::new("/absent"), "docs", ByteSize::mib(1), &mut |_| {}).await.unwrap_err();
        assert!(error.is(ErrorKind::InvalidInput), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_cannot_be_read_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let files = ObjectStore::new(Memory::new());
        let at = folder.path().join("a.md");
        std::fs::write(&at, "a").unwrap();
        stock(&files, folder.path(), "docs", ByteSize::mib(1), &mut |_| {}).await.unwrap();
        std::fs::remove_file(&at).unwrap();
        std::os::unix::fs::symlink("a.md", &at).unwrap(); // a loop
        let stocked = stock(&files, folder.path(), "docs", ByteSize::mib(1), &mut |_| {}).await.unwrap();
        assert_eq!(stocked, Stocked { stored: 0, deleted: 0, skipped: 1 });
        assert_eq!(keys(&files).await, ["folders/docs/a.md"]);
    }
}
