//! Each preset: where its requests go, what they are signed for, and what is refused before anything is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]

use circle_core_common::interfaces::object_store::{CopyOptions, ListOptions, ObjectStore, ObjectStoreCapabilities, PutOptions};
use circle_core_common::{BuildContext, Environment, Error, ErrorKind, SecretRef};
use circle_core_s3_compatible::{
    Addressing, AwsCredentialsConfig, CustomerKey, Encryption, Preset, S3Compatible, S3CompatibleConfig, S3Put, TrailingChecksum,
};
use circle_core_testkit::{CannedTransport, Received, Reply};

type Caps = ObjectStoreCapabilities;

fn config(preset: Preset) -> S3CompatibleConfig {
    let config = S3CompatibleConfig::new(preset, "documents");
    match preset {
        Preset::Minio => config.endpoint("https://minio.example.org:9000"),
        Preset::R2 => config.account("0123abcd"),
        Preset::Oracle => config.namespace("axnamespace").region("eu-frankfurt-1"),
        Preset::Storj | Preset::Gcs => config,
        Preset::Ibm => config.region("eu-de"),
        Preset::Oss => config.region("eu-central-1"),
        Preset::Cos => config.region("eu-frankfurt"),
        _ => config.region("fra1"),
    }
}

fn build(config: S3CompatibleConfig) -> Result<(CannedTransport, ObjectStore), Error> {
    let canned = CannedTransport::new();
    let environment = Environment::builder().transport(canned.clone()).build();
    let key = AwsCredentialsConfig::access_key("AKIDEXAMPLE", SecretRef::literal("secret".to_owned()));
    let provider = S3Compatible::new(config.credentials(key), BuildContext::from(&environment))?;
    Ok((canned, ObjectStore::new(provider)))
}

fn store(preset: Preset) -> (CannedTransport, ObjectStore) {
    build(config(preset)).unwrap()
}

fn made() -> Reply {
    Reply::status(200).header("etag", "\"e\"").header("content-length", "0")
}

fn scope(request: &Received) -> &str {
    request.header("authorization").unwrap_or_default().split('/').nth(2).unwrap_or_default()
}

#[tokio::test]
async fn requests_go_where_the_service_is() {
    for (preset, host, path, region) in [
        (Preset::Minio, "minio.example.org:9000", "/documents/a%20b", "us-east-1"),
        (Preset::R2, "0123abcd.r2.cloudflarestorage.com", "/documents/a%20b", "auto"),
        (Preset::Spaces, "documents.fra1.digitaloceanspaces.com", "/a%20b", "fra1"),
        (Preset::Storj, "gateway.storjshare.io", "/documents/a%20b", "us-east-1"),
        (Preset::Oracle, "axnamespace.compat.objectstorage.eu-frankfurt-1.oraclecloud.com", "/documents/a%20b", "eu-frankfurt-1"),
        (Preset::Ibm, "documents.s3.eu-de.cloud-object-storage.appdomain.cloud", "/a%20b", "eu-de"),
        (Preset::Oss, "documents.s3.oss-eu-central-1.aliyuncs.com", "/a%20b", "eu-central-1"),
        (Preset::Cos, "documents.cos.eu-frankfurt.myqcloud.com", "/a%20b", "eu-frankfurt"),
        (Preset::Gcs, "storage.googleapis.com", "/documents/a%20b", "auto"),
    ] {
        let (canned, files) = store(preset);
        canned.always(made());
        files.put("a b", "content").await.unwrap();
        let request = &canned.received()[0];
        assert_eq!((request.header("host"), request.target.as_str(), scope(request)), (Some(host), path, region), "{preset:?}");
        for absent in ["x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "x-amz-trailer", "content-encoding"] {
            assert_eq!(request.header(absent), None, "{preset:?} {absent}");
        }
    }
    assert_eq!(Preset::ALL.len(), 9, "a new preset stands in the table above");
}

#[tokio::test]
async fn what_a_service_does_not_promise_is_refused_before_anything_is_sent() {
    let off = |preset: Preset| -> Vec<&str> {
        let (_, files) = store(preset);
        Caps::FLAGS.iter().filter(|flag| !flag.is_on(files.capabilities())).map(|flag| flag.name()).collect()
    };
    let unpromised =
        ["put_if_absent", "put_if_match", "put_checksum", "get_version", "delete_if_match", "list_versions", "copy_if_absent"];
    assert_eq!(off(Preset::Minio), ["get_version", "delete_if_match", "list_versions", "copy_if_absent"]);
    assert_eq!(off(Preset::R2), ["put_checksum", "get_version", "delete_if_match", "list_versions"]);
    for preset in [Preset::Spaces, Preset::Oracle, Preset::Ibm, Preset::Oss, Preset::Cos, Preset::Gcs] {
        assert_eq!(off(preset), unpromised, "{preset:?}");
        let (canned, files) = store(preset);
        let error = files.create("a", "a").await.unwrap_err();
        assert_eq!((error.kind(), error.capability(), canned.hits()), (ErrorKind::Unsupported, Some("put_if_absent"), 0));
    }
    assert!(off(Preset::Storj).contains(&"list_start_after"), "its lists have an order of their own");
}

#[tokio::test]
async fn versions_are_on_where_the_service_keeps_them() {
    for preset in Preset::ALL {
        let built = build(config(*preset).versions(true));
        let keeps = matches!(preset, Preset::Minio | Preset::Spaces | Preset::Storj | Preset::Ibm | Preset::Cos);
        match built {
            Ok((_, files)) => assert!(keeps && files.capabilities().list_versions, "{preset:?}"),
            Err(error) => assert!(!keeps && error.is(ErrorKind::ConfigInvalid), "{preset:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn oracle_lists_by_markers() {
    let (canned, files) = store(Preset::Oracle);
    let page = |truncated: bool, key: &str| {
        Reply::xml(format!(
            "<ListBucketResult><IsTruncated>{truncated}</IsTruncated><Contents><Key>{key}</Key><Size>1</Size></Contents></ListBucketResult>"
        ))
    };
    canned.script([page(true, "a&amp;b"), page(false, "c")]);
    let options = ListOptions::new().start_after("a");
    assert_eq!(files.list_with("", options).page_size(1).all().await.unwrap().len(), 2);
    let targets: Vec<_> = canned.received().iter().map(|request| request.target.clone()).collect();
    let list = "/documents?encoding-type=url&max-keys=1&prefix=&marker=";
    assert_eq!(targets, [format!("{list}a"), format!("{list}a%26b")]);
}

#[tokio::test]
async fn r2_has_a_header_of_its_own_for_copies_and_parts_of_one_size() {
    let (canned, files) = store(Preset::R2);
    canned.when(|request| request.method == "HEAD").always(made());
    canned
        .when(|request| request.method == "PUT" && request.target == "/documents/b")
        .always(Reply::xml("<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"));
    files.copy_with("a", "b", CopyOptions::new().if_absent()).await.unwrap();
    let received = canned.received();
    assert_eq!(received[1].header("cf-copy-destination-if-none-match"), Some("*"));
    assert_eq!(received[1].header("if-none-match"), None);
    let upload = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    canned.when(|request| request.method == "POST").always(Reply::xml(upload));
    canned.when(|request| request.method == "PUT" && request.query().contains("partNumber")).always(made());
    let upload = files.upload("a").await.unwrap();
    let mut tags = Vec::new();
    for (index, size) in [(0, 5 << 20), (1, 6 << 20), (2, 1)] {
        tags.push(upload.part(index, vec![0_u8; size]).await.unwrap());
    }
    let hits = canned.hits();
    let error = upload.complete(tags).await.unwrap_err();
    assert_eq!((error.kind(), canned.hits()), (ErrorKind::InvalidInput, hits), "{error}");
}

#[tokio::test]
async fn r2_takes_metadata_beyond_ascii_as_encoded_words() {
    let options = || PutOptions::new().metadata("place", "Rīga");
    let (canned, files) = store(Preset::R2);
    canned.always(made());
    files.put_with("a", "a", options()).await.unwrap();
    assert_eq!(canned.received()[0].header("x-amz-meta-place"), Some("=?UTF-8?B?UsSrZ2E=?="));
    let (canned, files) = store(Preset::Spaces);
    assert_eq!(files.put_with("a", "a", options()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(canned.hits(), 0);
}

#[tokio::test]
async fn google_deletes_one_by_one_and_the_others_with_a_digest() {
    let (canned, files) = store(Preset::Gcs);
    canned.always(Reply::status(204));
    files.delete_many(["a", "b"]).await.unwrap().all().unwrap();
    let mut targets: Vec<_> = canned.received().iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    targets.sort();
    assert_eq!(targets, ["DELETE /documents/a", "DELETE /documents/b"]);
    let (canned, files) = store(Preset::Ibm);
    canned.always(Reply::xml("<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>b</Key></Deleted></DeleteResult>"));
    files.delete_many(["a", "b"]).await.unwrap().all().unwrap();
    let received = canned.received();
    assert_eq!(received[0].header("content-md5").map(str::len), Some(24));
    assert_eq!(received[0].header("x-amz-checksum-sha256"), None);
}

#[tokio::test]
async fn extensions_that_a_service_lacks_are_refused() {
    for preset in [Preset::R2, Preset::Oss, Preset::Gcs, Preset::Spaces] {
        let (canned, files) = store(preset);
        let tagged = PutOptions::new().extension(S3Put::new().tag("a", "b"));
        let error = files.put_with("a", "a", tagged).await.unwrap_err();
        assert_eq!((error.kind(), canned.hits()), (ErrorKind::Unsupported, 0), "{preset:?}: {error}");
    }
    let (canned, files) = store(Preset::Cos);
    canned.always(made());
    files.put_with("a", "a", PutOptions::new().extension(S3Put::new().tag("a", "b"))).await.unwrap();
    assert_eq!(canned.received()[0].header("x-amz-tagging"), Some("a=b"));
}

#[tokio::test]
async fn keys_of_the_caller_go_where_the_service_documents_them() {
    for preset in Preset::ALL {
        let (canned, files) = store(*preset);
        canned.always(made());
        let encryption = Encryption::Customer(CustomerKey::new(&[7; 32]));
        let put = files.put_with("a", "a", PutOptions::new().extension(S3Put::new().encryption(encryption))).await;
        let takes = matches!(preset, Preset::Minio | Preset::R2 | Preset::Oracle | Preset::Ibm);
        assert_eq!((put.is_ok(), canned.hits()), (takes, usize::from(takes)), "{preset:?}");
        if let Err(error) = put {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

#[tokio::test]
async fn checksums_stand_behind_the_content_where_the_service_is_known_to_take_them() {
    for preset in Preset::ALL {
        let (canned, files) = store(*preset);
        canned.always(made());
        let extras = S3Put::new().trailing_checksum(TrailingChecksum::Crc64Nvme);
        let put = files.put_with("a", "a", PutOptions::new().extension(extras)).await;
        let takes = matches!(preset, Preset::Minio);
        assert_eq!((put.is_ok(), canned.hits()), (takes, usize::from(takes)), "{preset:?}");
    }
}

#[test]
fn what_the_address_is_made_of_must_be_there() {
    for (config, words) in [
        (S3CompatibleConfig::new(Preset::Minio, "b"), "`endpoint` is missing"),
        (S3CompatibleConfig::new(Preset::R2, "b"), "`account` is missing"),
        (S3CompatibleConfig::new(Preset::R2, "b").account("evil.example/"), "`account`"),
        (S3CompatibleConfig::new(Preset::Oracle, "b").region("r"), "`namespace` is missing"),
        (S3CompatibleConfig::new(Preset::Oracle, "b").namespace("n"), "`region` is missing"),
        (S3CompatibleConfig::new(Preset::Spaces, "b").region("fra1.evil.example"), "the region"),
        (S3CompatibleConfig::new(Preset::Oss, "b").region("r").addressing(Addressing::Path), "`addressing`"),
        (S3CompatibleConfig::new(Preset::Gcs, "a/b"), "no name for a bucket"),
        (S3CompatibleConfig::new(Preset::Gcs, "b").lacks("flying"), "`lacks` names `flying`"),
        (S3CompatibleConfig::new(Preset::Minio, "b").endpoint("http://minio.example.org"), "plain `http`"),
    ] {
        let error = build(config).err().unwrap();
        assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains(words), "{words}: {error}");
    }
}

#[test]
fn a_preset_is_named_as_the_config_has_it() {
    for (text, preset) in [("r2", Preset::R2), ("minio", Preset::Minio), ("gcs", Preset::Gcs)] {
        let text = format!("{{\"preset\":\"{text}\",\"bucket\":\"b\",\"lacks\":[\"put_if_match\"]}}");
        let config: S3CompatibleConfig = serde_json::from_str(&text).unwrap();
        assert_eq!((config.preset, config.preset.profile().name), (preset, preset.profile().name));
    }
    assert!(serde_json::from_str::<S3CompatibleConfig>("{\"preset\":\"r3\",\"bucket\":\"b\"}").is_err());
    assert!(serde_json::from_str::<S3CompatibleConfig>("{\"preset\":\"r2\",\"bucket\":\"b\",\"buckets\":1}").is_err());
}

#[tokio::test]
async fn another_region_in_the_signature_leaves_the_address_as_it_is() {
    let (canned, files) = store(Preset::Spaces);
    let wrong = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>No</Message><Region>us-east-1</Region></Error>";
    canned.script([Reply::xml(wrong).with_status(400), made(), made()]);
    files.put("a", "x").await.unwrap();
    files.put("b", "x").await.unwrap();
    let received = canned.received();
    assert_eq!(received.iter().map(scope).collect::<Vec<_>>(), ["fra1", "us-east-1", "us-east-1"]);
    assert!(received.iter().all(|request| request.header("host") == Some("documents.fra1.digitaloceanspaces.com")));
}
