//! Images, as OpenAI's reference shows them.

use circle_core_common::{ErrorKind, Reason};
use circle_core_openai::images::{ImageContent, ImageDelivery, ImageEdit, ImageEvent, ImageRequest, ImageVariation};
use circle_core_openai::{FilePart, Preset};
use circle_core_testkit::{Break, Place, Reply};

use super::{events, form, last, native, refused, unasked};

const MADE: &str = r#"{"created":1713833628,"background":"opaque","output_format":"png","size":"1024x1024","quality":"high","newer":{},
    "data":[{"b64_json":"aW1hZ2U="},{"url":"https://images.example/1?sig=secret","revised_prompt":"a nice one"}],
    "usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn images_are_made_from_words() {
    let (server, client, cx) = native(Reply::json(MADE)).await;
    let request = ImageRequest::new("A lighthouse").model("gpt-image-1").count(2_u32).size("1024x1024").quality("high");
    let request = request.background("opaque").delivery(ImageDelivery::Base64).output_format("webp").output_compression(80);
    let made = client.generate_images(&cx, &request.user("u-1").field("moderation", "low")).await.unwrap();
    assert_eq!(made.images[0].content, ImageContent::Bytes("image".into()));
    assert_eq!(made.images[1].content, ImageContent::Url("https://images.example/1?sig=secret".to_owned()));
    assert_eq!(made.images[1].revised_prompt.as_deref(), Some("a nice one"));
    let usage = made.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.input_image_tokens, usage.output_tokens), (Some(50), Some(40), Some(50)));
    assert_eq!((made.size.as_deref(), made.created.unwrap().unix_seconds()), (Some("1024x1024"), 1_713_833_628));
    assert!(!format!("{made:?}").contains("secret"));
    let body = concat!(
        r#"{"prompt":"A lighthouse","model":"gpt-image-1","n":2,"size":"1024x1024","quality":"high","background":"opaque","#,
        r#""response_format":"b64_json","output_format":"webp","output_compression":80,"user":"u-1","moderation":"low"}"#
    );
    assert_eq!(last(&server), ("POST /v1/images/generations".to_owned(), body.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_made_from_images() {
    let (server, client, cx) = native(Reply::json(MADE)).await;
    let (first, second) = (FilePart::new("a.png", "one"), FilePart::new("b.webp", "two"));
    let edit = ImageEdit::new("Make it winter", first.clone()).model("gpt-image-1").count(1_u32).field("input_fidelity", "high");
    client.edit_images(&cx, &edit.clone().mask(FilePart::new("mask.png", "three"))).await.unwrap();
    let fields = [("prompt", "Make it winter"), ("model", "gpt-image-1"), ("n", "1"), ("input_fidelity", "high")];
    let files = [("image", "a.png", "image/png", "one"), ("mask", "mask.png", "image/png", "three")];
    assert_eq!(last(&server), ("POST /v1/images/edits".to_owned(), form(&fields, &files)));
    client.edit_images(&cx, &edit.image(second)).await.unwrap();
    let files = [("image[]", "a.png", "image/png", "one"), ("image[]", "b.webp", "image/webp", "two")];
    assert_eq!(last(&server).1, form(&fields, &files));

    client.vary_image(&cx, &ImageVariation::new(first).delivery(ImageDelivery::Url).size("256x256")).await.unwrap();
    let expected = form(&[("size", "256x256"), ("response_format", "url")], &[("image", "a.png", "image/png", "one")]);
    assert_eq!(last(&server), ("POST /v1/images/variations".to_owned(), expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_image_is_undecodable() {
    for answer in [
        r#"{"created":1,"data":[]}"#,
        r#"{"created":1,"data":null}"#,
        r#"{"created":1,"data":[{}]}"#,
        r#"{"created":1,"data":[{"b64_json":"?"}]}"#,
        r#"{"created":1,"data":7}"#,
        "[]",
    ] {
        let (_server, client, cx) = native(Reply::json(answer)).await;
        let error = client.generate_images(&cx, &ImageRequest::new("x")).await.unwrap_err();
        assert!(error.is(ErrorKind::Decode), "{answer}: {error}");
    }
}

const STREAM: &str = concat!(
    "event: image_generation.partial_image\n",
    "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"c2tldGNo\",\"partial_image_index\":1}\n\n",
    "event: newer\ndata: {\"type\":\"newer\"}\n\n",
    "event: image_generation.completed\n",
    "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"aW1hZ2U=\",\"usage\":{\"output_tokens\":5}}\n\n",
);

#[tokio::test(flavor = "multi_thread")]
async fn sketches_come_before_the_image() {
    let (server, client, cx) = native(events(STREAM).chunked()).await;
    let mut images = client.generate_images_stream(&cx, &ImageRequest::new("x").model("gpt-image-1"), 2).await.unwrap();
    let Some(ImageEvent::Partial { index: 1, content, .. }) = images.try_next().await.unwrap() else { panic!("a sketch") };
    assert_eq!(content, ImageContent::Bytes("sketch".into()));
    assert_eq!(images.try_next().await.unwrap(), Some(ImageEvent::Other("newer".to_owned())));
    let Some(ImageEvent::Completed { content, usage, .. }) = images.try_next().await.unwrap() else { panic!("an image") };
    assert_eq!((content, usage.unwrap().output_tokens), (ImageContent::Bytes("image".into()), Some(5)));
    assert!(images.try_next().await.unwrap().is_none());
    let body = r#"{"prompt":"x","model":"gpt-image-1","stream":true,"partial_images":2}"#;
    assert_eq!(last(&server).1, body);

    let edited = STREAM.replace("image_generation", "image_edit");
    let (server, client, cx) = native(events(edited).chunked()).await;
    let mut images = client.edit_images_stream(&cx, &ImageEdit::new("x", FilePart::new("a.png", "one")), 0).await.unwrap();
    assert!(matches!(images.try_next().await.unwrap(), Some(ImageEvent::Partial { .. })));
    let fields = [("prompt", "x"), ("stream", "true"), ("partial_images", "0")];
    assert_eq!(last(&server).1, form(&fields, &[("image", "a.png", "image/png", "one")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_its_image_is_cut() {
    let cut = STREAM.find("event: image_generation.completed").unwrap();
    for answer in
        [events(&STREAM[..cut]).chunked(), events(STREAM).chunked().breaking(Place::Body(cut as u64 + 10), Break::Close)]
    {
        let (_server, client, cx) = native(answer).await;
        let mut images = client.generate_images_stream(&cx, &ImageRequest::new("x"), 1).await.unwrap();
        images.try_next().await.unwrap();
        images.try_next().await.unwrap();
        let error = images.try_next().await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)), "{error}");
        assert!(images.try_next().await.unwrap().is_none());
    }
    // Of two images one is not all.
    let (_server, client, cx) = native(events(STREAM).chunked()).await;
    let mut images = client.generate_images_stream(&cx, &ImageRequest::new("x").count(2_u32), 1).await.unwrap();
    for _ in 0..3 {
        images.try_next().await.unwrap();
    }
    assert_eq!(images.try_next().await.unwrap_err().reason(), Some(Reason::Truncated));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_images_is_not_asked_for_them() {
    let (server, client, cx) = unasked(Preset::Groq).await;
    refused(&server, client.generate_images(&cx, &ImageRequest::new("x")).await);
    let (server, client, cx) = unasked(Preset::Ollama).await;
    refused(&server, client.edit_images(&cx, &ImageEdit::new("x", FilePart::new("a.png", ""))).await);
    let (server, client, cx) = unasked(Preset::Azure).await;
    refused(&server, client.vary_image(&cx, &ImageVariation::new(FilePart::new("a.png", ""))).await);
}
