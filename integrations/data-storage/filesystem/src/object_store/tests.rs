//! What the public suite cannot see: the files themselves, other tools beside the store, and other processes.

mod keys;
mod processes;
mod provider;
mod tools;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use circle_core_common::interfaces::object_store::{
    DeleteOptions, Deleted, Entry, GetOptions, ListOptions, ObjectStore, PutOptions, UploadId,
};
use circle_core_common::{Body, ByteStream, CallContext, Environment, Error, ErrorKind, Provider, Reason};
use tempfile::TempDir;

use crate::{Filesystem, FilesystemConfig};

fn store() -> (TempDir, ObjectStore) {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    (directory, files)
}

fn open(path: &Path) -> ObjectStore {
    ObjectStore::new(Filesystem::open(path).unwrap())
}

async fn text(files: &ObjectStore, key: &str) -> String {
    files.get(key).await.unwrap().text().await.unwrap()
}

async fn keys(files: &ObjectStore, prefix: &str) -> Vec<String> {
    let listed = files.list(prefix).page_size(2).stream();
    let mut keys = Vec::new();
    let mut listed = listed;
    while let Some(meta) = listed.try_next().await.unwrap() {
        keys.push(meta.key.to_string());
    }
    keys
}

/// The files in a directory of the store's own.
fn own(directory: &TempDir, part: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![directory.path().join(".circle").join(part)];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_none_or(|extension| extension != "lock") {
                names.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    names
}
