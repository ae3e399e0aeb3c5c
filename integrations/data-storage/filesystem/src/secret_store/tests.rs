//! What the public suite cannot see of sealed files: what is on the disk, and what opens it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;

use circle_core_common::interfaces::secret_store::{SecretFields, SecretStore};
use circle_core_common::secret::ExposeSecret as _;
use circle_core_common::{Environment, ErrorKind, SecretRef};

use super::SealedFiles;
use crate::config::SealedFilesConfig;

const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const OTHER: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn literal(key: &str) -> SecretRef {
    SecretRef::literal(key)
}

async fn open(config: SealedFilesConfig) -> SecretStore {
    SecretStore::new(SealedFiles::open(config.sync(false), &Environment::default()).await.unwrap())
}

#[tokio::test]
async fn files_are_the_users_alone_and_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(SealedFilesConfig::new(folder.path(), literal(KEY))).await;
    secrets.put("payments/db", [("user", "the-user"), ("password", "hunter2")]).await.unwrap();
    let path = folder.path().join("payments/db");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let content = std::fs::read(&path).unwrap();
    for text in ["the-user", "user", "hunter2", "password"] {
        assert!(!content.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn a_file_in_the_place_of_another_is_corrupt_and_so_is_one_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(SealedFilesConfig::new(folder.path(), literal(KEY))).await;
    secrets.put("a", SecretFields::single("of a")).await.unwrap();
    std::fs::copy(folder.path().join("a"), folder.path().join("b")).unwrap();
    assert!(secrets.get("b").await.unwrap_err().is(ErrorKind::Corrupt));
    let content = std::fs::read(folder.path().join("a")).unwrap();
    for place in [0, 40, content.len() - 1] {
        let mut changed = content.clone();
        changed[place] ^= 1;
        std::fs::write(folder.path().join("a"), changed).unwrap();
        assert!(secrets.get("a").await.unwrap_err().is(ErrorKind::Corrupt), "byte {place}");
    }
    std::fs::write(folder.path().join("a"), content).unwrap();
    assert_eq!(secrets.get("a").await.unwrap().value().unwrap().expose_secret(), "of a");
}

#[tokio::test]
async fn a_new_key_seals_and_the_old_one_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(SealedFilesConfig::new(folder.path(), literal(KEY))).await;
    before.put("a", SecretFields::single("old")).await.unwrap();
    let alone = open(SealedFilesConfig::new(folder.path(), literal(OTHER))).await;
    assert!(alone.get("a").await.unwrap_err().is(ErrorKind::Corrupt));
    let both = open(SealedFilesConfig::new(folder.path(), literal(OTHER)).old_key(literal(KEY))).await;
    assert_eq!(both.get("a").await.unwrap().value().unwrap().expose_secret(), "old");
    both.put("a", SecretFields::single("new")).await.unwrap();
    assert_eq!(alone.get("a").await.unwrap().value().unwrap().expose_secret(), "new");
}

#[tokio::test]
async fn keys_that_are_none_stop_the_start_and_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for key in ["short", "AgIC", &"zz".repeat(32), &"01".repeat(31)] {
        let config = SealedFilesConfig::new(folder.path(), literal(key));
        let error = SealedFiles::open(config, &Environment::default()).await.unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && !format!("{error} {error:?}").contains(key), "{error}");
    }
}
