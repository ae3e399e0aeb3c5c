//! Several processes, and what the dead leave.

use super::*;

fn broken() -> Body {
    let mut left = Some(Bytes::from(vec![7; 300_000]));
    let stream = ByteStream::unfold((), move |()| {
        let next = left.take().ok_or_else(|| Error::new(ErrorKind::Connection, "cut"));
        async move { next.map(|chunk| Some((chunk, ()))) }
    });
    Body::from_stream(stream, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_root_have_one_winner() {
    let (directory, one) = store();
    let two = open(directory.path());
    for round in 0..20 {
        let key = format!("race/{round}");
        let tasks: Vec<_> = (0..32)
            .map(|n: u32| {
                let (files, key) = (if n.is_multiple_of(2) { one.clone() } else { two.clone() }, key.clone());
                tokio::spawn(async move { files.create(key, n.to_string()).await.map(|_| n) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(winner) => winners.push(winner),
                Err(error) => assert!(error.is(ErrorKind::AlreadyExists), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(text(&one, &key).await, winners[0].to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_by_two_stores_are_all_there() {
    let (directory, one) = store();
    let two = open(directory.path());
    let count = |old: Option<Bytes>| {
        let old = old.map_or(0, |old| std::str::from_utf8(&old).unwrap().parse::<u32>().unwrap());
        Ok((old + 1).to_string())
    };
    let tasks: Vec<_> = (0..8)
        .map(|n: u32| {
            let files = if n.is_multiple_of(2) { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                for _ in 0..10 {
                    files.update("counter", count).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(text(&one, "counter").await, "80");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_states_with_their_metadata() {
    let (_directory, files) = store();
    let put = |n: usize| {
        let files = files.clone();
        async move {
            let options = PutOptions::new().metadata("n", n.to_string());
            files.put_with("k", vec![n as u8; n], options).await.unwrap();
        }
    };
    put(1).await;
    let writer = tokio::spawn({
        let files = files.clone();
        async move {
            for n in (1..=200).cycle().take(600) {
                let options = PutOptions::new().metadata("n", n.to_string());
                files.put_with("k", vec![n as u8; n], options).await.unwrap();
            }
        }
    });
    let mut states = 0;
    while !writer.is_finished() {
        let object = files.get("k").await.unwrap();
        let n: usize = object.meta.metadata.get("n").expect("every state has its metadata").parse().unwrap();
        assert_eq!(object.bytes().await.unwrap(), vec![n as u8; n]);
        let head = files.head("k").await.unwrap();
        assert_eq!(head.metadata["n"], head.size.to_string());
        states += 1;
    }
    writer.await.unwrap();
    assert!(states > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_that_come_and_go_lose_nothing() {
    let (directory, files) = store();
    let tasks: Vec<_> = (0..6)
        .map(|n: u32| {
            let files = files.clone();
            tokio::spawn(async move {
                let key = if n == 0 { "d".to_owned() } else { format!("d/e/{n}") };
                for round in 0..60 {
                    files.put(&key, round.to_string()).await.unwrap();
                    assert_eq!(text(&files, &key).await, round.to_string());
                    assert_eq!(files.delete(&key).await.unwrap(), Deleted::Removed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(keys(&files, "").await.is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_broken_or_dropped_body_leaves_nothing() {
    let (directory, files) = store();
    files.put("k", "old").await.unwrap();
    assert!(files.put("k", broken()).await.unwrap_err().is(ErrorKind::Connection));
    assert!(files.put("new", broken()).await.is_err());
    let endless = ByteStream::unfold(0_u8, |n| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Some((Bytes::from(vec![n; 300_000]), n.wrapping_add(1))))
    });
    let put = files.put("k", Body::from_stream(endless, None));
    assert!(tokio::time::timeout(Duration::from_millis(50), put).await.is_err());
    let short = Body::from_stream(ByteStream::from(Bytes::from_static(b"abc")), Some(4));
    assert!(files.put("k", short).await.unwrap_err().is(ErrorKind::Corrupt));
    assert_eq!(keys(&files, "").await, ["k"]);
    assert_eq!(text(&files, "k").await, "old");
    // The last write of the dropped put may still be under way.
    for _ in 0..100 {
        if own(&directory, "tmp").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", own(&directory, "tmp"));
}

#[tokio::test]
async fn what_the_dead_left_is_swept_and_the_living_keep_theirs() {
    let (directory, files) = store();
    let tmp = directory.path().join(".circle/tmp");
    fs::write(tmp.join("dead-1"), "half").unwrap();
    fs::write(tmp.join("dead.lock"), "").unwrap();
    fs::write(tmp.join("ownerless-1"), "half").unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let mut receiver = Some(receiver);
    let slow = ByteStream::unfold(0_u8, move |n| {
        let receiver = receiver.take();
        async move {
            match receiver {
                Some(receiver) => {
                    receiver.await.ok();
                    Ok(Some((Bytes::from_static(b"whole"), n)))
                }
                None => Ok(None),
            }
        }
    });
    let put = tokio::spawn({
        let files = files.clone();
        async move { files.put("k", Body::from_stream(slow, None)).await }
    });
    while own(&directory, "tmp").len() < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let other = open(directory.path());
    assert_eq!(own(&directory, "tmp").len(), 1);
    sender.send(()).unwrap();
    put.await.unwrap().unwrap();
    assert_eq!(text(&other, "k").await, "whole");
    assert!(own(&directory, "tmp").is_empty());
}

#[tokio::test]
async fn uploads_survive_a_restart_until_they_are_too_old() {
    let (directory, files) = store();
    let upload = files.upload_with("big", PutOptions::new().content_type("a/b").if_absent()).await.unwrap();
    let late = upload.part(7, "late").await.unwrap();
    let id = serde_json::to_string(upload.id()).unwrap();
    drop((upload, files));
    let files = open(directory.path());
    let id: UploadId = serde_json::from_str(&id).unwrap();
    let upload = files.resume(&id);
    let old = upload.part(0, "oops").await.unwrap();
    let first = upload.part(0, "first ").await.unwrap();
    assert!(files.head("big").await.is_err() && keys(&files, "").await.is_empty());
    assert!(upload.clone().complete([old, late.clone()]).await.unwrap_err().is(ErrorKind::InvalidInput));
    let meta = upload.clone().complete([late.clone(), first]).await.unwrap();
    assert_eq!((meta.size, meta.content_type.as_deref()), (10, Some("a/b")));
    assert_eq!(text(&files, "big").await, "first late");
    assert_eq!(upload.part(1, "").await.unwrap_err().reason(), Some(Reason::UploadEnded));
    assert_eq!(upload.clone().complete([late]).await.unwrap_err().reason(), Some(Reason::UploadEnded));
    upload.abort().await.unwrap();
    for token in ["../../meta", "", "00000000000000000000000000000000"] {
        assert!(files.resume(UploadId::new("big", token)).part(0, "").await.unwrap_err().is(ErrorKind::NotFound));
    }
    files.upload("other").await.unwrap();
    let config = FilesystemConfig::new(directory.path());
    Filesystem::new(config.clone(), &Environment::default()).unwrap();
    assert_eq!(own(&directory, "uploads").len(), 1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    Filesystem::new(config.upload_expiry(Duration::from_millis(1)), &Environment::default()).unwrap();
    assert_eq!(own(&directory, "uploads").len(), 0);
}
