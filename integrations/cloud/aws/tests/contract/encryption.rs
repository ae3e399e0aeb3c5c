//! Keys of the caller's own (SSE-C), as Amazon documents them:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-c-encryption.html>.

use circle_core_aws::{CustomerKey, Encryption, S3Config, S3Copy, S3Error, S3Get, S3Meta, S3Put};
use circle_core_common::interfaces::object_store::{CopyOptions, GetOptions, HeadOptions, ObjectStore, PutOptions};
use circle_core_common::{ErrorKind, Reason, Resolution};
use circle_core_testkit::{CannedTransport, Received, Reply};

use super::{bucket, made, refusal};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const KEY_MD5: &str = "y4HAEFCYWuvAXWFTtA1Qpg==";
const OTHER: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";
const OTHER_MD5: &str = "ry9sFyn8WYF9Mz2zWfMQhQ==";

fn key() -> CustomerKey {
    CustomerKey::new(&[7; 32])
}

fn other() -> CustomerKey {
    CustomerKey::new(&[8; 32])
}

fn encrypted() -> PutOptions {
    PutOptions::new().extension(S3Put::new().encryption(Encryption::Customer(key())))
}

fn store() -> (CannedTransport, ObjectStore) {
    super::canned(S3Config::new("acme").region("eu-west-1"))
}

/// Algorithm, key and digest, of the object or of the source.
fn sent<'a>(request: &'a Received, of: &str) -> [Option<&'a str>; 3] {
    ["algorithm", "key", "key-md5"].map(|part| request.header(&format!("x-amz-{of}server-side-encryption-customer-{part}")))
}

const SENT: [Option<&str>; 3] = [Some("AES256"), Some(KEY), Some(KEY_MD5)];

#[tokio::test]
async fn a_key_goes_with_every_request_for_its_object() {
    let (canned, files) = store();
    canned.always(made("e").header("content-length", "0").header("x-amz-server-side-encryption-customer-key-MD5", KEY_MD5));
    files.put_with("a", "x", encrypted()).await.unwrap();
    files.get_with("a", GetOptions::new().extension(S3Get::new().customer_key(key()))).await.unwrap();
    let meta = files.head_with("a", HeadOptions::new().extension(S3Get::new().customer_key(key()))).await.unwrap();
    assert_eq!(meta.extensions.get::<S3Meta>().unwrap().customer_key_md5.as_deref(), Some(KEY_MD5));
    let received = canned.received();
    assert_eq!(received.len(), 3);
    for request in &received {
        assert_eq!(sent(request, ""), SENT, "{}", request.method);
        assert_eq!(request.header("x-amz-server-side-encryption"), None);
        let signed = request.header("authorization").unwrap();
        assert!(signed.contains("x-amz-server-side-encryption-customer-key;"), "it is signed: {signed}");
    }
}

#[tokio::test]
async fn a_key_goes_with_every_request_of_an_upload() {
    let (canned, files) = store();
    let started = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    canned.when(|request| request.query() == "uploads").always(Reply::xml(started));
    canned.when(|request| request.method == "PUT").always(made("p"));
    let ended = "<CompleteMultipartUploadResult><ETag>\"w-1\"</ETag></CompleteMultipartUploadResult>";
    canned.when(|request| request.method == "POST").always(Reply::xml(ended));
    canned.when(|request| request.method == "HEAD").always(made("w-1").header("content-length", "1"));
    let upload = files.upload_with("a", encrypted()).await.unwrap();
    // What is kept to resume by has no key; it is brought again.
    let id = serde_json::to_string(upload.id()).unwrap();
    assert!(!id.contains(KEY), "{id}");
    let resumed = files.resume(upload.id().clone()).extension(S3Put::new().encryption(Encryption::Customer(key())));
    let tag = resumed.part(0, "x").await.unwrap();
    resumed.complete([tag]).await.unwrap();
    let received = canned.received();
    assert_eq!(received.iter().map(|request| &*request.method).collect::<Vec<_>>(), ["POST", "PUT", "POST", "HEAD"]);
    assert!(received.iter().all(|request| sent(request, "") == SENT));
    let foreign = files.resume(upload.id().clone()).part(0, "x").await;
    assert!(foreign.is_ok() && sent(canned.received().last().unwrap(), "") == [None; 3], "only where it is brought");
}

#[tokio::test]
async fn a_copy_has_a_key_for_each_end() {
    let (canned, files) = store();
    canned.when(|request| request.method == "HEAD").always(made("e").header("content-length", "1"));
    let copied = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
    canned.when(|request| request.method == "PUT").always(Reply::xml(copied));
    let extras = S3Copy::new().source_key(key()).encryption(Encryption::Customer(other())).storage_class("GLACIER_IR");
    files.copy_with("a", "b", CopyOptions::new().extension(extras)).await.unwrap();
    let plain = S3Copy::new().encryption(Encryption::Service);
    files.copy_with("a", "b", CopyOptions::new().extension(plain)).await.unwrap();
    let received = canned.received();
    assert_eq!(sent(&received[0], ""), SENT, "the source is looked at with its key");
    assert_eq!(sent(&received[1], "copy-source-"), SENT);
    assert_eq!(sent(&received[1], ""), [Some("AES256"), Some(OTHER), Some(OTHER_MD5)]);
    assert_eq!(received[1].header("x-amz-storage-class"), Some("GLACIER_IR"));
    assert_eq!((sent(&received[2], ""), sent(&received[3], "")), ([None; 3], [None; 3]));
    assert_eq!(received[3].header("x-amz-server-side-encryption"), Some("AES256"));
}

#[tokio::test]
async fn a_copy_in_parts_has_a_key_for_each_end() {
    let (canned, files) = store();
    canned.when(|request| request.method == "HEAD").always(made("e").header("content-length", (6_u64 << 30).to_string()));
    let started = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    canned.when(|request| request.query() == "uploads").always(Reply::xml(started));
    canned.when(|request| request.method == "PUT").always(Reply::xml("<CopyPartResult><ETag>p</ETag></CopyPartResult>"));
    let ended = "<CompleteMultipartUploadResult><ETag>w</ETag></CompleteMultipartUploadResult>";
    canned.when(|request| request.method == "POST").always(Reply::xml(ended));
    let extras = S3Copy::new().source_key(key()).encryption(Encryption::Customer(other()));
    files.copy_with("a", "b", CopyOptions::new().extension(extras)).await.unwrap();
    let target = [Some("AES256"), Some(OTHER), Some(OTHER_MD5)];
    let received = canned.received();
    let (posts, parts): (Vec<_>, Vec<_>) = received[1..].iter().partition(|request| request.method == "POST");
    assert!(posts.iter().all(|request| sent(request, "") == target && sent(request, "copy-source-") == [None; 3]));
    assert!(parts.iter().all(|request| sent(request, "") == target && sent(request, "copy-source-") == SENT));
    assert_eq!((posts.len(), parts.len()), (2, 6));
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_with_the_key() {
    let (canned, files) = store();
    canned.when(|request| request.method == "PUT").always(refusal(500, "InternalError"));
    canned.when(|request| request.method == "HEAD").always(made("another").header("content-length", "1"));
    let error = files.put_with("a", "x", encrypted().if_absent()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(!format!("{error:?}").contains(KEY));
    assert_eq!(files.resolve(&error).await.unwrap(), Resolution::Unknown);
    let heads: Vec<_> = canned.received().into_iter().filter(|request| request.method == "HEAD").collect();
    assert!(heads.len() == 2 && heads.iter().all(|request| sent(request, "") == SENT));
}

#[tokio::test]
async fn a_key_is_never_sent_where_it_could_be_read_and_never_shown() {
    let bucket = bucket().await;
    let error = bucket.files.put_with("a", "x", encrypted()).await.unwrap_err();
    assert_eq!((error.kind(), bucket.server.hits()), (ErrorKind::InvalidInput, 0), "{error}");
    let (canned, files) = store();
    let repeated = format!("<Error><Code>InvalidArgument</Code><Message>{KEY} is no key</Message></Error>");
    canned.always(Reply::xml(repeated).with_status(400));
    let error = files.put_with("a", "x", encrypted()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let told = error.provider_error::<S3Error>().unwrap();
    for text in [format!("{error:?} {error}"), format!("{told:?}"), format!("{:?}", encrypted()), format!("{:?}", key())] {
        assert!(!text.contains(KEY) && !text.contains("BwcHBwcH"), "{text}");
    }
    assert_ne!(error.reason(), Some(Reason::ChecksumMismatch));
}
