use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::credentials::LOAD;
use crate::environment::Environment;

fn context() -> CallContext {
    CallContext::new(&Environment::default(), &LOAD, None)
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_and_nothing_is_left_lying_about() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("new/tokens");
    let (store, cx) = (FileTokens::new(&folder), context());
    let mut version = None;
    for number in 0..20 {
        let record = TokenRecord::new(format!("r{number}"));
        version = store.compare_and_swap(&cx, "../k/…", version.as_ref(), &record).await.unwrap();
        assert!(version.is_some());
        if number == 14 {
            let long_ago = std::time::SystemTime::now() - 2 * KEPT;
            for entry in std::fs::read_dir(&folder).unwrap() {
                File::options().append(true).open(entry.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
            }
        }
    }
    assert!(store.compare_and_swap(&cx, "../k/…", None, &TokenRecord::new("x")).await.unwrap().is_none());
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(names.len(), 5, "of an hour ago there is nothing any more: {names:?}");
    for entry in &names {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "no key leads out of the folder");
}

#[tokio::test]
async fn a_record_that_was_cut_or_is_a_folder_is_an_error_and_no_other_record() {
    let folder = tempfile::tempdir().unwrap();
    let (store, cx) = (FileTokens::new(folder.path()), context());
    let version = store.compare_and_swap(&cx, "k", None, &TokenRecord::new("r3fr3sh")).await.unwrap();
    let path = folder.path().join(format!("{}.1", FileTokens::stem("k")));
    std::fs::write(&path, "{\"refresh_token\": \"r3fr").unwrap();
    let error = store.read(&cx, "k").await.unwrap_err();
    assert!(error.is(ErrorKind::Corrupt) && !format!("{error:?}").contains("r3fr"), "{error:?}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(store.read(&cx, "k").await.is_err());
    assert!(version.is_some());
}

/// Every writer counts one up from what it read: if two ever believed to have written the same version, counts are lost.
#[tokio::test]
async fn of_many_writers_one_writes_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let won = Arc::new(AtomicU32::new(0));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            // Each as in a process of its own: nothing is shared but the folder.
            let (store, won) = (FileTokens::new(folder.path()), Arc::clone(&won));
            tokio::spawn(async move {
                let cx = context();
                let mut mine = 0;
                while mine < 10 {
                    let (count, version) = match store.read(&cx, "k").await.unwrap() {
                        None => (0, None),
                        Some((record, version)) => (record.refresh_token.expose_secret().parse::<u32>().unwrap(), Some(version)),
                    };
                    let next = TokenRecord::new((count + 1).to_string());
                    if store.compare_and_swap(&cx, "k", version.as_ref(), &next).await.unwrap().is_some() {
                        mine += 1;
                        won.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let (record, _) = FileTokens::new(folder.path()).read(&context(), "k").await.unwrap().unwrap();
    assert_eq!(record.refresh_token.expose_secret(), "40");
    assert_eq!(won.load(Ordering::SeqCst), 40);
}
