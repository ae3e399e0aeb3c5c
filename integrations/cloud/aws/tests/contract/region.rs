//! Buckets in another region than the config says.

use circle_core_aws::{S3, S3Config};
use circle_core_common::ErrorKind;
use circle_core_testkit::Reply;

use super::{bucket, canned, made, refusal};

fn scope(request: &circle_core_testkit::Received) -> String {
    let authorization = request.header("authorization").unwrap_or_default();
    authorization.split('/').nth(2).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_redirect_is_followed_once_and_remembered() {
    let (canned, files) = canned(S3Config::new("acme").region("us-east-1"));
    let moved = refusal(301, "PermanentRedirect").header("x-amz-bucket-region", "eu-west-1");
    canned.when(|request| request.header("host") == Some("acme.s3.us-east-1.amazonaws.com")).always(moved);
    canned.when(|request| request.header("host") == Some("acme.s3.eu-west-1.amazonaws.com")).always(made("e"));
    files.put("a", "x").await.unwrap();
    files.put("b", "x").await.unwrap();
    let received = canned.received();
    assert_eq!(received.iter().map(scope).collect::<Vec<_>>(), ["us-east-1", "eu-west-1", "eu-west-1"]);
    assert_eq!(received[1].body, "x", "the content is sent again");
    assert_eq!(files.native::<S3>().unwrap().client().region(), "eu-west-1");
}

#[tokio::test]
async fn a_wrong_region_in_the_signature_is_mended_at_the_same_place() {
    let bucket = bucket().await;
    let wrong = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'eu-west-1' is wrong; expecting 'eu-central-1'\
                 </Message><Region>eu-central-1</Region></Error>";
    bucket.server.script([Reply::xml(wrong).with_status(400), made("e"), made("e")]);
    bucket.files.put("a", "x").await.unwrap();
    bucket.files.put("b", "x").await.unwrap();
    assert_eq!(bucket.server.received().iter().map(scope).collect::<Vec<_>>(), ["eu-west-1", "eu-central-1", "eu-central-1"]);
}

#[tokio::test]
async fn a_head_that_cannot_say_why_is_asked_again_in_the_region_it_names() {
    let (canned, files) = canned(S3Config::new("acme").region("us-east-1"));
    let moved = Reply::status(400).header("x-amz-bucket-region", "ap-south-1");
    canned.script([moved, made("e").header("content-length", "1")]);
    assert_eq!(files.head("a").await.unwrap().size, 1);
    assert_eq!(canned.received()[1].header("host"), Some("acme.s3.ap-south-1.amazonaws.com"));
}

#[tokio::test]
async fn a_bucket_that_seems_to_move_on_is_an_error_with_its_region() {
    let (canned, files) = canned(S3Config::new("acme").region("us-east-1"));
    let moved = |region: &str| refusal(301, "PermanentRedirect").header("x-amz-bucket-region", region);
    canned.script([moved("eu-west-1"), moved("eu-west-2"), moved("eu-west-3")]);
    let error = files.get("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("eu-west-2"), "{error}");
    assert_eq!(canned.hits(), 2);
}

#[tokio::test]
async fn a_region_that_is_none_is_no_place_to_send_a_credential_to() {
    for region in ["evil.example/", "eu west", "EU", "a@b", ""] {
        let (canned, files) = canned(S3Config::new("acme").region("us-east-1"));
        let body = format!("<Error><Code>PermanentRedirect</Code><Region>{region}</Region></Error>");
        canned.always(Reply::xml(body).with_status(301));
        assert_eq!(files.get("a").await.unwrap_err().kind(), ErrorKind::ConfigInvalid);
        assert_eq!(canned.hits(), 1, "{region}");
    }
}

#[tokio::test]
async fn a_redirect_away_from_an_endpoint_of_ones_own_is_not_followed() {
    let bucket = bucket().await;
    bucket.server.always(refusal(301, "PermanentRedirect").header("x-amz-bucket-region", "eu-central-1"));
    assert_eq!(bucket.files.get("a").await.unwrap_err().kind(), ErrorKind::ConfigInvalid);
    assert_eq!(bucket.server.hits(), 1);
}
