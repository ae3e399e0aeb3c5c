//! What the handle of object storage makes of a provider's answers: cuts, silence, lost answers, races.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use circle_core_common::interfaces::object_store::{
    ByteRange, DeleteOptions, Deleted, GetOptions, GetRequest, MockObjectStoreProvider, Object, ObjectMeta, ObjectStore,
    ObjectStoreCapabilities, PutOptions,
};
use circle_core_common::{
    Bulk, ByteStream, CallOptions, CallReport, Cancel, Detail, Environment, Error, ErrorKind, Health, OnUnsupported, OperationId,
    ProviderInfo, Reason, Resolution, Result, Sent, Timestamp, Version,
};

const CONTENT: &str = "0123456789";

fn meta(version: &str) -> ObjectMeta {
    let mut meta = ObjectMeta::new("a".into(), CONTENT.len() as u64, Timestamp::UNIX_EPOCH);
    meta.version = Some(Version::etag(version));
    meta
}

fn cut() -> Error {
    Error::new(ErrorKind::Connection, "the connection was cut").with_sent(Sent::Maybe)
}

/// A stream of these chunks.
fn stream<const N: usize>(chunks: [Result<&'static str>; N]) -> ByteStream {
    ByteStream::unfold(chunks.into_iter(), |mut chunks| async move {
        chunks.next().transpose().map(|chunk| chunk.map(|chunk| (chunk.into(), chunks)))
    })
}

fn silent() -> ByteStream {
    ByteStream::unfold((), |()| std::future::pending())
}

fn object(from: u64, body: ByteStream) -> Object {
    Object::new(meta("1"), from..CONTENT.len() as u64, body)
}

fn bounded(request: &GetRequest) -> (u64, u64) {
    match request.options.range {
        Some(ByteRange::Bounded(from, to)) => (from, to),
        other => panic!("{other:?}"),
    }
}

/// A mock that can do what `change` leaves.
fn limited(change: impl FnOnce(&mut ObjectStoreCapabilities)) -> MockObjectStoreProvider {
    let mut capabilities = ObjectStoreCapabilities::all();
    change(&mut capabilities);
    let mut mock = MockObjectStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("mock", "1.0.0", ""));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(capabilities);
    mock.expect_health().returning(|_| Ok(Health::healthy()));
    mock
}

/// A store whose gets are answered by `answer`, which is told how many came before.
fn getting(answer: impl Fn(u32, GetRequest) -> Result<Object> + Send + Sync + 'static) -> ObjectStore {
    let mut mock = MockObjectStoreProvider::ready();
    let count = AtomicU32::new(0);
    mock.expect_get().returning(move |_, request| answer(count.fetch_add(1, Ordering::SeqCst), request));
    ObjectStore::new(mock)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_ends_at_the_deadline_and_at_cancellation() {
    for resumable in [true, false] {
        let store = || {
            let mut mock = limited(|capabilities| capabilities.get_range = resumable);
            mock.expect_get().returning(|_, _| Ok(object(0, silent())));
            ObjectStore::new(mock)
        };
        let object = store().with(CallOptions::new().timeout(Duration::from_secs(1))).get("a").await.unwrap();
        let error = object.bytes().await.unwrap_err();
        assert_eq!((error.kind(), error.resource()), (ErrorKind::Timeout, Some("a")), "resumable: {resumable}");
        assert_eq!(error.operation().map(circle_core_common::Operation::name), Some("object_store.get"));

        let cancel = Cancel::new();
        let object = store().with(CallOptions::new().cancel(&cancel)).get("a").await.unwrap();
        let reading = tokio::spawn(object.bytes());
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
        assert!(reading.await.unwrap().unwrap_err().is(ErrorKind::Cancelled), "resumable: {resumable}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_fails_is_tried_again_within_the_budget() {
    let store = getting(|count, request| match count {
        0 => Ok(object(0, stream([Ok("0123"), Err(cut())]))),
        1 | 2 => Err(Error::new(ErrorKind::Unavailable, "not now")),
        _ => {
            assert_eq!((bounded(&request), request.options.if_match), ((4, 10), Some(Version::etag("1"))));
            Ok(object(4, stream([Ok("456789")])))
        }
    });
    assert_eq!(store.get("a").await.unwrap().text().await.unwrap(), CONTENT);

    let store = getting(|count, _| match count {
        0 => Ok(object(0, stream([Ok("0123"), Err(cut())]))),
        _ => Err(Error::new(ErrorKind::Unavailable, "not now")),
    });
    let error = store.get("a").await.unwrap().text().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 4));
}

#[tokio::test(start_paused = true)]
async fn a_resume_waits_no_longer_than_a_service_may_ask_for() {
    let store = getting(|count, _| match count {
        0 => Ok(object(0, stream([Ok("0123"), Err(cut())]))),
        _ => {
            let mut detail = Detail::new();
            detail.retry_after = Some(Duration::MAX);
            Err(Error::new(ErrorKind::Unavailable, "not now").with_detail(detail))
        }
    });
    let started = tokio::time::Instant::now();
    let text = async { store.get("a").await.unwrap().text().await };
    let error = tokio::time::timeout(Duration::from_secs(3600), text).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(Duration::MAX)));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_cut_behind_the_last_byte_opens_nothing() {
    let store = getting(|count, _| {
        assert_eq!(count, 0);
        Ok(object(0, stream([Ok(CONTENT), Err(cut())])))
    });
    assert_eq!(store.get("a").await.unwrap().text().await.unwrap(), CONTENT);
    // What is no broken connection, such as a checksum that does not match, is not swallowed.
    let store = getting(|_, _| Ok(object(0, stream([Ok(CONTENT), Err(Error::new(ErrorKind::Corrupt, "checksum"))]))));
    assert!(store.get("a").await.unwrap().text().await.unwrap_err().is(ErrorKind::Corrupt));
}

#[tokio::test]
async fn a_resume_at_another_byte_is_corrupt() {
    let store = getting(|count, _| match count {
        0 => Ok(object(0, stream([Ok("0123"), Err(cut())]))),
        _ => Ok(object(0, stream([Ok(CONTENT)]))),
    });
    assert!(store.get("a").await.unwrap().text().await.unwrap_err().is(ErrorKind::Corrupt));
}

#[tokio::test]
async fn an_emulated_suffix_is_of_one_version_and_one_call() {
    let mut mock = limited(|capabilities| capabilities.get_suffix = false);
    let versions = AtomicU32::new(0);
    mock.expect_head().times(2).returning(move |_, _| Ok(meta(&versions.fetch_add(1, Ordering::SeqCst).to_string())));
    mock.expect_get().times(2).returning(|_, request| {
        assert_eq!(bounded(&request), (7, 10));
        match request.options.if_match.unwrap().as_etag() {
            Some("0") => Err(Error::new(ErrorKind::Conflict, "written in between").with_reason(Reason::VersionMismatch)),
            _ => Ok(object(7, stream([Ok("789")]))),
        }
    });
    let report = CallReport::new();
    let options = CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report);
    let store = ObjectStore::new(mock).with(options);
    let suffix = store.get_with("a", GetOptions::new().suffix(3)).await.unwrap();
    assert_eq!((suffix.text().await.unwrap().as_str(), report.get().calls), ("789", 1));
}

#[tokio::test(start_paused = true)]
async fn an_update_ends_at_its_deadline() {
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_get().returning(|_, _| Ok(object(0, stream([Ok(CONTENT)]))));
    mock.expect_put().returning(|_, _| Err(Error::new(ErrorKind::Conflict, "").with_reason(Reason::VersionMismatch)));
    let store = ObjectStore::new(mock).with(CallOptions::new().timeout(Duration::from_millis(50)));
    let started = tokio::time::Instant::now();
    let error = store.update("a", |_| Ok("b")).await.unwrap_err();
    assert_eq!((error.kind(), error.resource()), (ErrorKind::Timeout, Some("a")));
    assert!(started.elapsed() < Duration::from_millis(60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_update_without_preconditions_reads_nothing() {
    let change = |capabilities: &mut ObjectStoreCapabilities| capabilities.put_if_match = false;
    let error = ObjectStore::new(limited(change)).update("a", |_| Ok("b")).await.unwrap_err();
    assert_eq!((error.kind(), error.capability()), (ErrorKind::Unsupported, Some("put_if_match")));
}

#[tokio::test]
async fn an_update_whose_read_meets_another_writer_reads_again() {
    let mut mock = MockObjectStoreProvider::ready();
    let count = AtomicU32::new(0);
    mock.expect_get().times(3).returning(move |_, _| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(object(0, stream([Ok("0123"), Err(cut())]))),
        1 => Err(Error::new(ErrorKind::Conflict, "written in between").with_reason(Reason::VersionMismatch)),
        _ => Ok(object(0, stream([Ok(CONTENT)]))),
    });
    mock.expect_put().times(1).returning(|_, _| Ok(meta("2")));
    ObjectStore::new(mock).update("a", |_| Ok("b")).await.unwrap();
    // The function's own conflict is none of the store's.
    let store = getting(|count, _| {
        assert_eq!(count, 0);
        Ok(object(0, stream([Ok(CONTENT)])))
    });
    let error = store.update("a", |_| Err::<&str, _>(Error::new(ErrorKind::Conflict, "mine"))).await.unwrap_err();
    assert_eq!(error.message(), "mine");
}

/// What a store says to a create that its provider made `attempts` times and that was refused at last.
async fn refused_create(attempts: u32, present: Option<Option<&'static str>>) -> Result<ObjectMeta> {
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_put().returning(move |_, _| Err(Error::new(ErrorKind::AlreadyExists, "it is there").with_attempts(attempts)));
    mock.expect_head().returning(move |_, _| match present {
        None => Err(Error::new(ErrorKind::NotFound, "it is not")),
        Some(operation) => {
            let mut meta = meta("1");
            meta.operation = operation.map(OperationId::from);
            Ok(meta)
        }
    });
    ObjectStore::new(mock).create("a", "").await
}

#[tokio::test]
async fn a_create_that_may_have_met_itself_is_never_already_exists() {
    let kind = |result: Result<ObjectMeta>| result.unwrap_err().kind();
    assert_eq!(kind(refused_create(1, Some(None)).await), ErrorKind::AlreadyExists, "one attempt cannot meet itself");
    assert_eq!(kind(refused_create(2, Some(Some("somebody"))).await), ErrorKind::AlreadyExists, "another id is another write");
    assert_eq!(kind(refused_create(2, Some(None)).await), ErrorKind::OutcomeUnknown, "no id tells whose it is");
    assert_eq!(kind(refused_create(2, None).await), ErrorKind::OutcomeUnknown, "gone again");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_between_two_conflicting_requests_is_a_timeout_that_sent_nothing() {
    let mut mock = MockObjectStoreProvider::ready();
    let refused = || Error::new(ErrorKind::Conflict, "again").with_reason(Reason::ConflictingRequest).with_sent(Sent::Yes);
    mock.expect_put().returning(move |_, _| Err(refused()));
    let store = ObjectStore::new(mock);
    let error = store.with(CallOptions::new().timeout(Duration::from_millis(50))).create("a", "").await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::No));
    let error = store.create("a", "").await.unwrap_err();
    assert_eq!((error.reason(), error.attempts()), (Some(Reason::ConflictingRequest), 10));
}

/// What became of a delete of version 1 whose answer is `answer`, where `present` is the version there afterwards.
async fn delete(answer: Error, present: Option<&'static str>) -> (Result<Deleted>, ObjectStore) {
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_delete().returning(move |_, _| Ok(Bulk::new(vec![Err(answer.clone())])));
    mock.expect_head().returning(move |_, _| present.map(meta).ok_or_else(|| Error::new(ErrorKind::NotFound, "gone")));
    let store = ObjectStore::new(mock);
    (store.delete_with("a", DeleteOptions::new().if_match(Version::etag("1"))).await, store)
}

#[tokio::test]
async fn a_conditional_delete_whose_answer_is_lost_is_never_a_conflict_with_itself() {
    let refused = || Error::new(ErrorKind::Conflict, "another version").with_reason(Reason::VersionMismatch);
    assert_eq!(delete(cut(), None).await.0.unwrap(), Deleted::Unknown);
    assert_eq!(delete(refused().with_attempts(2), None).await.0.unwrap(), Deleted::Unknown);
    assert!(delete(refused(), None).await.0.unwrap_err().is(ErrorKind::Conflict));
    for (answer, present, expected) in [
        (cut(), "1", Resolution::NotApplied),
        (cut(), "2", Resolution::Unknown),
        (refused().with_attempts(2), "2", Resolution::Unknown),
    ] {
        let (result, store) = delete(answer, Some(present)).await;
        let error = result.unwrap_err();
        assert!(error.is(ErrorKind::OutcomeUnknown) && error.operation_id().is_some(), "{error:?}");
        assert_eq!(store.resolve(&error).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn absence_says_that_a_create_was_not_applied_and_nothing_of_a_replace() {
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_put().returning(|_, _| Err(cut()));
    mock.expect_head().returning(|_, _| Err(Error::new(ErrorKind::NotFound, "it is not there")));
    let store = ObjectStore::new(mock);
    let create = store.create("a", "").await.unwrap_err();
    assert_eq!(store.resolve(&create).await.unwrap(), Resolution::NotApplied);
    let replace = store.put_with("a", "", PutOptions::new().if_match(Version::etag("1"))).await.unwrap_err();
    assert_eq!(store.resolve(&replace).await.unwrap(), Resolution::Unknown);
    // An error of another interface, or of none, names no write to an object store.
    let foreign = Error::new(ErrorKind::OutcomeUnknown, "").with_operation_id("id".into()).with_resource(&"a".into());
    let get = &circle_core_common::interfaces::key_value_store::GET;
    for error in [foreign.clone(), foreign.with_place(get, &"".into(), "")] {
        assert!(store.resolve(&error).await.unwrap_err().is(ErrorKind::InvalidInput));
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_the_service_that_gave_it() {
    let store = |name: &str| {
        let mut mock = MockObjectStoreProvider::ready();
        mock.expect_list()
            .returning(|_, _| Ok(circle_core_common::Page::new(vec![], Some(circle_core_common::Cursor::new("next")))));
        ObjectStore::builder(mock).name(name).build()
    };
    let next = store("one").list("").page().await.unwrap().next;
    assert!(store("one").list("").starting_at(next.clone()).page().await.is_ok());
    let error = store("two").list("").starting_at(next).page().await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ForeignCursor));
}
