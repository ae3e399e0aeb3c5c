//! Getting 4 KiB from memory: a handle of Circle Core beside object_store and OpenDAL.

use std::hint::black_box;

use bytes::Bytes;
use circle_core_benches::{CONTENT, at_once, get, guarded, plain};
use circle_core_peers::{Contest, Contestant};
use object_store::{ObjectStoreExt as _, PutPayload};
use opendal::layers::{MetricsLayer, RetryLayer, TimeoutLayer, TracingLayer};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let (plain, guarded) = (plain(), guarded());
    let path = object_store::path::Path::from("reports/q3.md");
    let object_store = object_store::memory::InMemory::new();
    at_once(object_store.put(&path, PutPayload::from_static(&CONTENT))).expect("a put");
    let bare = opendal::Operator::new(opendal::services::Memory::default()).expect("an operator");
    at_once(bare.write("reports/q3.md", Bytes::from_static(&CONTENT))).expect("a write");
    let layered = bare
        .clone()
        .layer(TimeoutLayer::new())
        .layer(RetryLayer::new())
        .layer(TracingLayer::new())
        .layer(MetricsLayer::default());
    let opendal = |operator: opendal::Operator| move || at_once(operator.read("reports/q3.md")).expect("a read").to_bytes().len();
    let contestants = vec![
        contestant("Circle Core, access control and audit off", move || get(&plain)),
        contestant("Circle Core, 16 access rules and a bounded audit queue", move || get(&guarded)),
        contestant("object_store 0.14 InMemory, no layers", || {
            at_once(async { object_store.get(&path).await?.bytes().await }).expect("a get").len()
        }),
        contestant("OpenDAL 0.59 Memory, no layers", opendal(bare)),
        contestant("OpenDAL 0.59 Memory, timeout, retry, tracing, metrics layers", opendal(layered)),
    ];
    Contest { title: "get of 4 KiB from memory", rounds: 41, calls: 20_000 }.run(contestants);
}

fn contestant<'a>(name: &'static str, call: impl Fn() -> usize + 'a) -> Contestant<'a> {
    Contestant::each(name, move || assert_eq!(black_box(call()), CONTENT.len()))
}
