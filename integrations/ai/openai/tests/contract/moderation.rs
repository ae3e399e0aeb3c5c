//! Moderation of texts and images.

use circle_core_common::ErrorKind;
use circle_core_common::interfaces::chat_model::Media;
use circle_core_openai::{ModerationInput, Preset};
use circle_core_testkit::Reply;

use super::{last, native, refused, unasked};

const ONE: &str = r#"{"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":true,"categories":{"violence":true,
    "illicit":null,"of tomorrow":false},"category_scores":{"violence":0.9},"category_applied_input_types":{"violence":["text","image"]}}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_moderated_one_by_one() {
    let (server, client, cx) = native(Reply::json(ONE)).await;
    let result = client.moderate(&cx, &["text"], None).await.unwrap().remove(0);
    assert!(result.flagged && result.categories["violence"] && !result.categories["of tomorrow"]);
    assert!(!result.categories.contains_key("illicit"));
    assert_eq!(result.category_applied_input_types["violence"], ["text", "image"]);
    assert_eq!(last(&server), ("POST /v1/moderations".to_owned(), r#"{"input":["text"]}"#.to_owned()));
    assert!(client.moderate(&cx, &["one", "two"], None).await.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_images_are_moderated_as_one() {
    let (server, client, cx) = native(Reply::json(ONE)).await;
    let mut address = Media::new("", "image/png");
    address.source =
        circle_core_common::interfaces::chat_model::MediaSource::Uri("https://example.com/image.png".parse().unwrap());
    let inputs: [ModerationInput; 3] = ["words".into(), Media::new("x", "image/png").into(), address.into()];
    assert!(client.moderate_content(&cx, &inputs, Some("omni-moderation-latest")).await.unwrap().flagged);
    let body = concat!(
        r#"{"input":[{"type":"text","text":"words"},{"type":"image_url","image_url":{"url":"data:image/png;base64,eA=="}},"#,
        r#"{"type":"image_url","image_url":{"url":"https://example.com/image.png"}}],"model":"omni-moderation-latest"}"#
    );
    assert_eq!(last(&server).1, body);
    let file = [Media::file("file-1", "image/png").into()];
    assert!(client.moderate_content(&cx, &file, None).await.unwrap_err().is(ErrorKind::Unsupported));
    assert_eq!(server.hits(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_tells_categories_only_flags_what_meets_one() {
    for (met, flagged) in [("true", true), ("false", false)] {
        let answer = format!(r#"{{"results":[{{"categories":{{"pii":{met}}},"category_scores":{{"pii":0.5}}}}]}}"#);
        let (_server, client, cx) = native(Reply::json(answer)).await;
        assert_eq!(client.moderate(&cx, &["x"], None).await.unwrap()[0].flagged, flagged);
    }
    let (server, client, cx) = unasked(Preset::Vllm).await;
    refused(&server, client.moderate(&cx, &["x"], None).await);
}
