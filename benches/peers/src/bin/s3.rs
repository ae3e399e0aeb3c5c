//! S3 beside object_store and OpenDAL, on the same server: get and put of 4 KiB, 1 MiB and 64 MiB, a list of 10,000 keys.
//!
//! It wants a server that checks signatures, with the bucket `peers` in it and the keys `AKTEST` and `SKTEST`:
//! `CIRCLE_S3=http://127.0.0.1:15230 cargo run --release --bin s3`, for example over
//! `s3s-fs --host 127.0.0.1 --port 15230 --access-key AKTEST --secret-key SKTEST FOLDER` with a folder `peers` in FOLDER.
//!
//! Each has its defaults, retries and timeouts included. All read a whole object into memory, and put one that is in
//! memory; what is larger than their limit for one request they send in parts.

use bytes::Bytes;
use circle_core_aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core_common::interfaces::object_store::ObjectStore;
use circle_core_common::{BuildContext, Environment, SecretRef};
use circle_core_peers::{Contest, Contestant};
use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3Builder;
use opendal::layers::{RetryLayer, TimeoutLayer};
use tokio::runtime::Runtime;

const BUCKET: &str = "peers";
const KEYS: usize = 10_000;

struct Clients {
    ours: ObjectStore,
    object_store: object_store::aws::AmazonS3,
    opendal: opendal::Operator,
}

impl Clients {
    fn new(endpoint: &str) -> Self {
        let context = BuildContext::new(Environment::default(), "documents").allow_loopback(true);
        let keys = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST"));
        let config = S3Config::new(BUCKET).region("us-east-1").endpoint(endpoint).credentials(keys);
        let ours = ObjectStore::new(S3::new(config, &context).expect("a provider"));
        let object_store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_access_key_id("AKTEST")
            .with_secret_access_key("SKTEST")
            .build()
            .expect("a store");
        let opendal = opendal::services::S3::default()
            .bucket(BUCKET)
            .region("us-east-1")
            .endpoint(endpoint)
            .access_key_id("AKTEST")
            .secret_access_key("SKTEST")
            .disable_config_load()
            .disable_ec2_metadata();
        let opendal = opendal::Operator::new(opendal).expect("an operator").layer(TimeoutLayer::new()).layer(RetryLayer::new());
        Self { ours, object_store, opendal }
    }
}

fn main() {
    let endpoint = std::env::var("CIRCLE_S3").expect("CIRCLE_S3 names the server: http://127.0.0.1:15230");
    // As an application runs: the parts of a large object go in parallel.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    opendal::install_default();
    let clients = Clients::new(&endpoint);
    for (name, size, rounds, calls) in [("4 KiB", 4 << 10, 21, 20), ("1 MiB", 1 << 20, 21, 4), ("64 MiB", 64 << 20, 11, 1)] {
        let content = Bytes::from(vec![7; size]);
        put(&runtime, &clients, name, &content, rounds, calls);
        get(&runtime, &clients, name, size, rounds, calls);
    }
    list(&runtime, &clients);
}

fn put(runtime: &Runtime, clients: &Clients, name: &str, content: &Bytes, rounds: usize, calls: u32) {
    let Clients { ours, object_store, opendal } = clients;
    let path = object_store::path::Path::from("object");
    let contestants = vec![
        Contestant::each("object_store 0.14", || {
            runtime.block_on(object_store.put(&path, content.clone().into())).expect("a put");
        }),
        Contestant::each("OpenDAL 0.59, timeout and retry layers", || {
            runtime.block_on(opendal.write("object", content.clone())).expect("a write");
        }),
        Contestant::each("Circle Core", || {
            runtime.block_on(ours.put("object", content.clone())).expect("a put");
        }),
    ];
    Contest { title: &format!("`s3_put` of {name}"), rounds, calls }.run(contestants);
}

fn get(runtime: &Runtime, clients: &Clients, name: &str, size: usize, rounds: usize, calls: u32) {
    let Clients { ours, object_store, opendal } = clients;
    let path = object_store::path::Path::from("object");
    let contestants = vec![
        Contestant::each("object_store 0.14", || {
            let bytes = runtime.block_on(async { object_store.get(&path).await?.bytes().await });
            assert_eq!(bytes.expect("a get").len(), size);
        }),
        Contestant::each("OpenDAL 0.59, timeout and retry layers", || {
            assert_eq!(runtime.block_on(opendal.read("object")).expect("a read").len(), size);
        }),
        Contestant::each("Circle Core", || {
            let bytes = runtime.block_on(async { ours.get("object").await?.bytes().await });
            assert_eq!(bytes.expect("a get").len(), size);
        }),
    ];
    Contest { title: &format!("`s3_get` of {name}"), rounds, calls }.run(contestants);
}

fn list(runtime: &Runtime, clients: &Clients) {
    let Clients { ours, object_store, opendal } = clients;
    runtime.block_on(async {
        let entries = (0..KEYS).map(|at| (format!("list/{:02}/{at:05}", at % 50), Bytes::from_static(b"x")));
        if ours.list("list/").limit(KEYS as u64).all().await.map_or(0, |objects| objects.len()) < KEYS {
            for (key, content) in entries {
                ours.put(key, content).await.expect("a put");
            }
        }
    });
    let contestants = vec![
        Contestant::each("object_store 0.14", || {
            use futures_util::TryStreamExt as _;
            let prefix = object_store::path::Path::from("list");
            let objects: Vec<_> =
                runtime.block_on(object_store::ObjectStore::list(object_store, Some(&prefix)).try_collect()).expect("a list");
            assert_eq!(objects.len(), KEYS);
        }),
        Contestant::each("OpenDAL 0.59, timeout and retry layers", || {
            let objects = runtime
                .block_on(opendal.list_options("list/", opendal::options::ListOptions { recursive: true, ..Default::default() }));
            assert_eq!(objects.expect("a list").len(), KEYS);
        }),
        Contestant::each("Circle Core", || {
            let objects = runtime.block_on(ours.list("list/").all()).expect("a list");
            assert_eq!(objects.len(), KEYS);
        }),
    ];
    Contest { title: "`s3_list` of 10,000 keys", rounds: 11, calls: 1 }.run(contestants);
}
