//! What S3 does beyond the interface, and keys in signatures.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use circle_core_aws::{S3Meta, S3Put, Versioning};
use circle_core_common::interfaces::object_store::{HEAD, ObjectKey, ObjectStore, PutOptions};
use circle_core_common::suite::{Failed, Outcome, equal, expect_kind, expect_reason, holds};
use circle_core_common::{CallContext, ErrorKind, Reason};

use super::{Bucket, SECRET, environment};

type Case = fn(Arc<Bucket>) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The cases, by name.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("keys_are_signed_as_they_are", |bucket| Box::pin(keys_are_signed_as_they_are(bucket))),
    ("wrong_secret_is_unauthenticated", |bucket| Box::pin(wrong_secret_is_unauthenticated(bucket))),
    ("missing_bucket_is_not_found", |bucket| Box::pin(missing_bucket_is_not_found(bucket))),
    ("dropped_writer_leaves_no_upload", |bucket| Box::pin(dropped_writer_leaves_no_upload(bucket))),
    ("parts_are_listed", |bucket| Box::pin(parts_are_listed(bucket))),
    ("tags_and_classes_are_kept", |bucket| Box::pin(tags_and_classes_are_kept(bucket))),
    ("bucket_operations_answer", |bucket| Box::pin(bucket_operations_answer(bucket))),
];

const KEYS: &[&str] = &[
    "plain",
    "b//c",
    "b/./c",
    "b/../c",
    "./b",
    "../b",
    "/lead",
    "//lead",
    "../../up",
    "trail/",
    ".hidden",
    "x y",
    " x",
    "x ",
    "x\\y",
    "x\ny",
    "x\ty",
    "%2F",
    "x%2Fy",
    "x%00y",
    "100%",
    "q?x=1&y=2#z",
    "x+y",
    "x:y*z",
    "x\"y'z",
    "<x>|y",
    "x~y",
    "x=y,z;w@v!$(w)[u]{t}^`",
    "ünïcödé/ключ/日本/🦀",
    "é",
    "e\u{301}",
];

/// Every key that the server can keep is put, got, listed and deleted, in paths, in lists and in bulk.
async fn keys_are_signed_as_they_are(bucket: Arc<Bucket>) -> Outcome {
    let subject = bucket.subject(false).await?;
    let mut keys: Vec<String> = KEYS.iter().filter(|key| !(bucket.server.refuses)(key)).map(|key| subject.name(key)).collect();
    for key in &keys {
        subject.handle.put(key, key.as_str()).await?;
    }
    for key in &keys {
        equal(format!("the content of {key:?}"), &subject.handle.get(key).await?.text().await?, key)?;
    }
    for key in keys.extract_if(.., |key| (bucket.server.unlisted)(key)).collect::<Vec<_>>() {
        subject.handle.delete(&key).await?;
        expect_kind(format!("get of {key:?}"), subject.handle.get(&key).await, ErrorKind::NotFound)?;
    }
    let listed = subject.handle.list(&subject.namespace).all().await?;
    keys.sort_unstable();
    equal("the list", &listed.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), &keys)?;
    let copy = subject.name("copy of é +%");
    subject.handle.copy(&keys[0], &copy).await?;
    equal("the copy", &subject.handle.get(&copy).await?.text().await?, &keys[0])?;
    subject.handle.delete_many(keys.iter().chain([&copy])).await?.all()?;
    equal("what is left", &subject.handle.list(&subject.namespace).all().await?.len(), &0)
}

/// A wrong secret is told as such, in one line and without the secret.
async fn wrong_secret_is_unauthenticated(bucket: Arc<Bucket>) -> Outcome {
    if !bucket.checks_signatures() {
        return Err(Failed::Skipped(format!("{} checks no signature", bucket.server.name)));
    }
    let store = ObjectStore::new(bucket.s3(&environment(), "another-secret")?);
    let error = expect_kind("put", store.put("a", "a").await, ErrorKind::Unauthenticated)?;
    holds("the error shows no secret", !format!("{error:?}").contains("another-secret"))
}

/// A bucket that is absent is `NotFound`, for objects and for lists.
async fn missing_bucket_is_not_found(bucket: Arc<Bucket>) -> Outcome {
    let store = ObjectStore::new(bucket.elsewhere(&environment())?);
    expect_kind("get", store.get("a").await, ErrorKind::NotFound)?;
    if bucket.server.name != "s3s" {
        expect_kind("put", store.put("a", "a").await, ErrorKind::NotFound)?;
    }
    expect_kind("list", store.list("").all().await, ErrorKind::NotFound).map(drop)
}

/// A writer that is dropped leaves no upload that somebody would pay for.
async fn dropped_writer_leaves_no_upload(bucket: Arc<Bucket>) -> Outcome {
    if bucket.server.name == "s3s" {
        return Err(Failed::Skipped("s3s-fs lists no uploads".to_owned()));
    }
    let (subject, environment) = (bucket.subject(false).await?, environment());
    let s3 = bucket.s3(&environment, SECRET)?;
    let cx = CallContext::new(&environment, &HEAD, None);
    let key = subject.name("big");
    let mut writer = subject.handle.writer(&key).await?;
    writer.write(vec![7_u8; 20 << 20]).await?;
    holds("there is an upload", writer.upload_id().is_some())?;
    equal("uploads", &s3.client().list_multipart_uploads(&cx, &key, None).await?.uploads.len(), &1)?;
    drop(writer);
    for _ in 0..100 {
        if s3.client().list_multipart_uploads(&cx, &key, None).await?.uploads.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(Failed::Wrong("the upload is still there".to_owned()))
}

/// The parts of an upload are listed with number, size and tag.
async fn parts_are_listed(bucket: Arc<Bucket>) -> Outcome {
    let (subject, environment) = (bucket.subject(false).await?, environment());
    let s3 = bucket.s3(&environment, SECRET)?;
    let cx = CallContext::new(&environment, &HEAD, None);
    let upload = subject.handle.upload(subject.name("a")).await?;
    let tag = upload.part(0, "first").await?;
    let parts = s3.client().list_parts(&cx, upload.id(), None).await?.parts;
    equal("the parts", &parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(), &vec![(1, 5)])?;
    if bucket.server.name != "s3s" {
        equal("the tag", &parts[0].etag.as_str(), &&*tag.token)?;
    }
    upload.abort().await?;
    Ok(())
}

/// Tags and storage class are kept, and told.
async fn tags_and_classes_are_kept(bucket: Arc<Bucket>) -> Outcome {
    if bucket.server.name == "s3s" {
        return Err(Failed::Skipped("s3s-fs keeps neither".to_owned()));
    }
    let (subject, environment) = (bucket.subject(false).await?, environment());
    let s3 = bucket.s3(&environment, SECRET)?;
    let cx = CallContext::new(&environment, &HEAD, None);
    let key = subject.name("a");
    let extras = S3Put::new().storage_class("STANDARD_IA").tag("team", "a b:c/@").tag("env", "test");
    subject.handle.put_with(&key, "a", PutOptions::new().extension(extras)).await?;
    let meta = subject.handle.head(&key).await?;
    let extras = meta.extensions.get::<S3Meta>().cloned().unwrap_or_default();
    equal("the storage class", &extras.storage_class.as_deref(), &Some("STANDARD_IA"))?;
    let key = ObjectKey::from(&key);
    let tags = BTreeMap::from([("team", "a b:c/@"), ("env", "test")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    equal("the tags", &s3.client().get_object_tagging(&cx, &key).await?, &tags)?;
    let other = BTreeMap::from([("only".to_owned(), "one".to_owned())]);
    s3.client().put_object_tagging(&cx, &key, &other).await?;
    equal("the other tags", &s3.client().get_object_tagging(&cx, &key).await?, &other)?;
    s3.client().delete_object_tagging(&cx, &key).await?;
    equal("no tags", &s3.client().get_object_tagging(&cx, &key).await?, &BTreeMap::new())
}

/// Buckets are listed, located, made once and deleted only when they are empty.
async fn bucket_operations_answer(bucket: Arc<Bucket>) -> Outcome {
    let environment = environment();
    bucket.create().await?;
    let (s3, cx) = (bucket.s3(&environment, SECRET)?, CallContext::new(&environment, &HEAD, None));
    let client = s3.client();
    client.head_bucket(&cx).await?;
    let (buckets, _) = client.list_buckets(&cx, None).await?;
    holds("the bucket is listed", buckets.iter().any(|listed| listed.name == client.bucket()))?;
    equal("the region", &client.get_bucket_location(&cx).await?.as_str(), &"us-east-1")?;
    if bucket.server.versions {
        equal("versioning", &client.get_bucket_versioning(&cx).await?, &Versioning::Enabled)?;
        expect_kind("lifecycle", client.get_bucket_lifecycle(&cx).await, ErrorKind::NotFound)?;
    }
    ObjectStore::new(s3.clone()).put("here", "a").await?;
    if bucket.server.name != "s3s" {
        let error = expect_kind("delete", client.delete_bucket(&cx).await, ErrorKind::Conflict)?;
        equal("the code", &error.detail().and_then(|detail| detail.code.as_deref()), &Some("BucketNotEmpty"))?;
    }
    let elsewhere = bucket.elsewhere(&environment)?;
    elsewhere.client().create_bucket(&cx).await?;
    elsewhere.client().delete_bucket(&cx).await?;
    let result = elsewhere.client().head_bucket(&cx).await;
    expect_kind("head of what was deleted", result, ErrorKind::NotFound)?;
    let upload = circle_core_common::interfaces::object_store::UploadId::new("here", "none");
    match client.list_parts(&cx, &upload, None).await {
        Err(error) if error.reason() == Some(Reason::UploadEnded) => Ok(()),
        result if bucket.server.name == "s3s" => {
            holds("no upload, no parts", result.is_err() || result.is_ok_and(|list| list.parts.is_empty()))
        }
        result => expect_reason("parts of no upload", result, ErrorKind::NotFound, Reason::UploadEnded).map(drop),
    }
}
