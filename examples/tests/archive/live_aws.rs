//! The archive in S3, by another `circle.toml` and nothing else: `cargo xtask live aws` starts the server.

use std::fs;
use std::path::Path;

use circle_core::aws::{AwsCredentialsConfig, S3, S3Config};
use circle_core::object_store::HEAD;
use circle_core::{BuildContext, CallContext, Environment, SecretRef};

use crate::program::{args, run};
use crate::tree::{assert_same, make, noise};

/// The two configs: they differ in the service `files` alone.
fn config(work: &Path, files: &str) -> String {
    let index = work.join("index");
    format!("version = 1\n[services.files]\n{files}\n[services.index]\nprovider = \"filesystem\"\nroot = {index:?}\n")
}

fn in_folder(work: &Path) -> String {
    config(work, &format!("provider = \"filesystem\"\nroot = {:?}", work.join("files")))
}

fn in_s3(work: &Path, endpoint: &str, bucket: &str) -> String {
    let files = format!(
        "provider = \"s3\"\nbucket = \"{bucket}\"\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\nallow_loopback = true\n\
         credentials = {{ access_key_id = \"AKTEST\", secret_access_key = \"literal:SKTEST\" }}"
    );
    config(work, &files)
}

/// What the program prints of a run, without names and times.
fn archive_and_restore(work: &Path, config: &str, source: &Path) -> Vec<String> {
    let path = work.join("circle.toml");
    fs::write(&path, config).unwrap();
    let archive = |arguments: Vec<std::ffi::OsString>| {
        let common = args!["--config", path, "--index", "service:index"];
        run(arguments.into_iter().chain(common)).ok().out
    };
    let first = archive(args!["run", source, "service:files"].to_vec());
    let second = archive(args!["run", source, "service:files"].to_vec());
    assert!(second.ends_with("0 problems; 0 new chunks, 0 B\n"), "{second}");
    let verified = archive(args!["verify", "service:files"].to_vec());
    let target = work.join("target");
    archive(args!["restore", "service:files", target, "--quiet"].to_vec());
    assert_same(source, &target);
    let pruned = archive(args!["prune", "service:files", "--keep", "1"].to_vec());
    let counts =
        |text: &str| text.lines().last().and_then(|line| line.split_once(": ").or(Some(("", line)))).unwrap().1.to_owned();
    vec![counts(&first), counts(&verified), counts(&pruned)]
}

#[tokio::test]
#[ignore = "wants a server that `cargo xtask live aws` starts"]
async fn live_aws_archives_into_s3_as_into_a_folder() {
    let endpoint = std::env::var("CIRCLE_LIVE_S3S").unwrap();
    let context = BuildContext::new(Environment::default(), "files").allow_loopback(true);
    let key = AwsCredentialsConfig::access_key("AKTEST", SecretRef::literal("SKTEST"));
    let name = format!("archive-{}", std::process::id());
    let s3 = S3::new(S3Config::new(&name).region("us-east-1").endpoint(&endpoint).credentials(key), &context).unwrap();
    s3.client().create_bucket(&CallContext::new(context.environment(), &HEAD, None)).await.unwrap();

    let (source, folder, bucket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(source.path());
    fs::write(source.path().join("large"), noise(7, 24 << 20)).unwrap();
    let same = archive_and_restore(folder.path(), &in_folder(folder.path()), source.path());
    assert_eq!(archive_and_restore(bucket.path(), &in_s3(bucket.path(), &endpoint, &name), source.path()), same);
}
