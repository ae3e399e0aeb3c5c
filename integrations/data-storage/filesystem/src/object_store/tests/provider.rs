//! Conditions, roots and ends.

use super::*;

#[tokio::test]
async fn conditions_and_ranges_hold() {
    let (_directory, files) = store();
    let version = files.put("k", "0123456789").await.unwrap().version.unwrap();
    let get = |options: GetOptions| files.get_with("k", options);
    assert_eq!(get(GetOptions::new().suffix(3)).await.unwrap().text().await.unwrap(), "789");
    assert_eq!(get(GetOptions::new().range(2..4)).await.unwrap().text().await.unwrap(), "23");
    assert_eq!(get(GetOptions::new().range(11..)).await.unwrap_err().reason(), Some(Reason::RangeNotSatisfiable));
    assert!(get(GetOptions::new().if_match(&version)).await.is_ok());
    assert_eq!(get(GetOptions::new().if_none_match(&version)).await.unwrap_err().reason(), Some(Reason::NotModified));
    let newer = files.replace("k", "new", &version).await.unwrap().version.unwrap();
    assert!(files.delete_with("k", DeleteOptions::new().if_match(&version)).await.unwrap_err().is(ErrorKind::Conflict));
    assert_eq!(get(GetOptions::new().if_match(&version)).await.unwrap_err().reason(), Some(Reason::VersionMismatch));
    files.copy("k", "copy").await.unwrap();
    assert_eq!(text(&files, "copy").await, "new");
    assert!(files.copy("absent", "copy").await.unwrap_err().is(ErrorKind::NotFound));
    assert_eq!(files.delete_with("k", DeleteOptions::new().if_match(&newer)).await.unwrap(), Deleted::Removed);
    assert!(files.replace("k", "", &newer).await.unwrap_err().is(ErrorKind::Conflict));
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = Filesystem::open(&root).unwrap_err();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.to_string().contains(root.to_str().unwrap()), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    fs::create_dir(directory.path().join("root")).unwrap();
    fs::write(directory.path().join("root/.circle"), "").unwrap();
    assert!(Filesystem::open(directory.path().join("root")).unwrap_err().is(ErrorKind::ConfigInvalid));
    let newer = directory.path().join("newer");
    Filesystem::open(&newer).unwrap();
    fs::write(newer.join(".circle/format"), r#"{"format":99,"folds":false}"#).unwrap();
    assert!(Filesystem::open(&newer).unwrap_err().message().contains("format 99"));
}

#[tokio::test]
async fn a_closed_store_is_closed_and_a_vanished_root_is_unhealthy() {
    let directory = tempfile::tempdir().unwrap();
    let filesystem = Filesystem::open(directory.path().join("root")).unwrap();
    let cx = CallContext::new(filesystem.environment(), &circle_core_common::interfaces::object_store::HEAD, None);
    filesystem.health(&cx).await.unwrap();
    fs::rename(directory.path().join("root"), directory.path().join("moved")).unwrap();
    assert!(filesystem.health(&cx).await.is_err());
    filesystem.close(&cx).await.unwrap();
    filesystem.close(&cx).await.unwrap();
    let files = ObjectStore::new(filesystem);
    assert!(files.head("k").await.unwrap_err().is(ErrorKind::Closed));
    assert!(files.put("k", "").await.unwrap_err().is(ErrorKind::Closed));
}
