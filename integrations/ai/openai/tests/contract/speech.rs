//! Speech from text, and text from speech.

use std::time::Duration;

use circle_core_common::{ErrorKind, Reason};
use circle_core_openai::speech::{SpeechFormat, SpeechRequest, Voice};
use circle_core_openai::transcriptions::{
    Granularity, TextFormat, TranscriptionDetail, TranscriptionEvent, TranscriptionRequest, TranslationRequest,
};
use circle_core_openai::{FilePart, OpenAiError, Preset};
use circle_core_testkit::{Break, Place, Reply};
use serde_json::json;

use super::{events, form, last, native, refused, unasked};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_spoken() {
    let (server, client, cx) = native(Reply::ok("sound").header("content-type", "audio/opus").chunked()).await;
    let request = SpeechRequest::new("gpt-4o-mini-tts", "alloy", "Good morning.");
    let request = request.instructions("Gently.").format(SpeechFormat::Opus).speed(1.5).field("stream_format", "audio");
    let speech = client.speak(&cx, &request).await.unwrap();
    assert_eq!((speech.content_type.as_deref(), speech.request_id.as_deref()), (Some("audio/opus"), Some("req-1")));
    assert_eq!(speech.audio.collect(None).await.unwrap(), "sound");
    let body = concat!(
        r#"{"model":"gpt-4o-mini-tts","input":"Good morning.","voice":"alloy","instructions":"Gently.","#,
        r#""response_format":"opus","speed":1.5,"stream_format":"audio"}"#
    );
    assert_eq!(last(&server), ("POST /v1/audio/speech".to_owned(), body.to_owned()));

    client.speak(&cx, &SpeechRequest::new("m", Voice::custom("voice_1"), "x")).await.unwrap();
    assert_eq!(last(&server).1, r#"{"model":"m","input":"x","voice":{"id":"voice_1"}}"#);
    let error = client.speak(&cx, &SpeechRequest::new("m", "alloy", "x").speed(f32::NAN)).await.unwrap_err();
    assert!(error.is(ErrorKind::InvalidInput) && server.hits() == 2, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_that_is_cut_ends_in_an_error() {
    let (_server, client, cx) = native(Reply::ok("sound").breaking(Place::Body(2), Break::Close)).await;
    let speech = client.speak(&cx, &SpeechRequest::new("m", "alloy", "x")).await.unwrap();
    let error = speech.audio.collect(None).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Connection, Some(Reason::Truncated)));
}

fn recording() -> FilePart {
    FilePart::new("meeting.mp3", "sound")
}

const FILE: (&str, &str, &str, &str) = ("file", "meeting.mp3", "audio/mpeg", "sound");

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_written_down() {
    let answer = r#"{"text":"Good morning.","languages":[{"code":"en"},{}],"logprobs":[{"token":"Good","logprob":-0.5,"bytes":[71]}],
        "usage":{"type":"tokens","input_tokens":14,"input_token_details":{"audio_tokens":14},"output_tokens":45,"total_tokens":59}}"#;
    let (server, client, cx) = native(Reply::json(answer)).await;
    let written = client.transcribe(&cx, &TranscriptionRequest::new("gpt-4o-transcribe", recording())).await.unwrap();
    assert_eq!((written.text.as_str(), &written.languages[..]), ("Good morning.", &["en".to_owned()][..]));
    assert_eq!((written.logprobs[0].token.as_str(), written.usage.unwrap().output_tokens), ("Good", Some(45)));
    let expected = form(&[("model", "gpt-4o-transcribe")], &[FILE]);
    assert_eq!(last(&server), ("POST /v1/audio/transcriptions".to_owned(), expected));

    let request = TranscriptionRequest::new("m", recording())
        .language("en")
        .languages(["en", "lv"])
        .keywords(["Daugava"])
        .prompt("Rivers.")
        .temperature(0.5)
        .granularities([Granularity::Word, Granularity::Segment])
        .logprobs()
        .chunking(json!({ "type": "server_vad", "threshold": 0.5 }))
        .speaker("agent", "data:audio/wav;base64,AAA")
        .field("newer", "yes");
    client.transcribe(&cx, &request).await.unwrap();
    let fields = [
        ("model", "m"),
        ("language", "en"),
        ("languages[]", "en"),
        ("languages[]", "lv"),
        ("keywords[]", "Daugava"),
        ("prompt", "Rivers."),
        ("temperature", "0.5"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("include[]", "logprobs"),
        ("chunking_strategy[threshold]", "0.5"),
        ("chunking_strategy[type]", "server_vad"),
        ("known_speaker_names[]", "agent"),
        ("known_speaker_references[]", "data:audio/wav;base64,AAA"),
        ("newer", "yes"),
    ];
    assert_eq!(last(&server).1, form(&fields, &[FILE]));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_words_and_speakers_have_their_times() {
    let answer = r#"{"task":"transcribe","language":"english","duration":8.47,"text":"Hi.","words":[{"word":"Hi","start":0.5,"end":1}],
        "segments":[{"id":0,"seek":0,"start":0.0,"end":3.32,"text":" Hi.","tokens":[50364],"temperature":0.0,"avg_logprob":-0.28,
        "compression_ratio":1.2,"no_speech_prob":0.01}],"usage":{"type":"duration","seconds":9}}"#;
    let (server, client, cx) = native(Reply::json(answer)).await;
    let request = TranscriptionRequest::new("whisper-1", recording()).detail(TranscriptionDetail::Segments);
    let written = client.transcribe(&cx, &request).await.unwrap();
    assert_eq!((written.duration, written.words[0].start), (Some(Duration::from_millis(8470)), Some(Duration::from_millis(500))));
    let segment = &written.segments[0];
    assert_eq!(
        (segment.id.as_deref(), segment.end, segment.avg_logprob),
        (Some("0"), Some(Duration::from_millis(3320)), Some(-0.28))
    );
    assert_eq!(written.usage.unwrap().duration, Some(Duration::from_secs(9)));
    assert_eq!(last(&server).1, form(&[("model", "whisper-1"), ("response_format", "verbose_json")], &[FILE]));

    // vLLM writes the length as a text.
    let answer = r#"{"text":"Hi.","duration":"27.5","segments":[{"id":"seg_001","text":"Hi.","speaker":"agent"}],"words":null}"#;
    let (_server, client, cx) = native(Reply::json(answer)).await;
    let written = client.transcribe(&cx, &request.detail(TranscriptionDetail::Speakers)).await.unwrap();
    assert_eq!((written.duration, written.segments[0].speaker.as_deref()), (Some(Duration::from_millis(27_500)), Some("agent")));
}

#[tokio::test(flavor = "multi_thread")]
async fn subtitles_are_text() {
    let (server, client, cx) = native(Reply::ok("WEBVTT\n\nHi \"error\".\n").header("content-type", "text/plain")).await;
    let request = TranscriptionRequest::new("whisper-1", recording());
    assert_eq!(client.transcribe_text(&cx, &request, TextFormat::Vtt).await.unwrap(), "WEBVTT\n\nHi \"error\".\n");
    assert_eq!(last(&server).1, form(&[("model", "whisper-1"), ("response_format", "vtt")], &[FILE]));
    let (_server, client, cx) = native(Reply::ok(&b"\xff\xfe"[..])).await;
    assert!(client.transcribe_text(&cx, &request, TextFormat::Srt).await.unwrap_err().is(ErrorKind::Decode));
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_translated() {
    let (server, client, cx) = native(Reply::json(r#"{"text":"Good morning.","language":"english","duration":1.5}"#)).await;
    let request = TranslationRequest::new("whisper-1", recording()).prompt("Polite.").temperature(0.0).field("newer", "1");
    let request = request.detail(TranscriptionDetail::Segments);
    assert_eq!(client.translate(&cx, &request).await.unwrap().language.as_deref(), Some("english"));
    let fields = [
        ("model", "whisper-1"),
        ("prompt", "Polite."),
        ("temperature", "0"),
        ("response_format", "verbose_json"),
        ("newer", "1"),
    ];
    assert_eq!(last(&server), ("POST /v1/audio/translations".to_owned(), form(&fields, &[FILE])));
    let (_server, client, cx) = native(Reply::ok("Good morning.")).await;
    assert_eq!(client.translate_text(&cx, &request, TextFormat::Text).await.unwrap(), "Good morning.");
}

const STREAM: &str = concat!(
    "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Good\",\"logprobs\":[{\"token\":\"Good\",\"logprob\":-0.1,\"bytes\":[71]}]}\n\n",
    "data: {\"type\":\"transcript.text.segment\",\"id\":\"seg_1\",\"start\":0.0,\"end\":1.5,\"text\":\"Good\",\"speaker\":\"A\"}\n\n",
    "data: {\"type\":\"newer\"}\n\n",
    "data: {\"type\":\"transcript.text.done\",\"text\":\"Good morning.\",\"usage\":{\"type\":\"tokens\",\"output_tokens\":3}}\n\n",
);

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_written_down_as_it_is_recognised() {
    let (server, client, cx) = native(events(STREAM).chunked().drip(3, Duration::ZERO)).await;
    let request = TranscriptionRequest::new("gpt-4o-transcribe", recording()).chunking("auto");
    let mut events = client.transcribe_stream(&cx, &request).await.unwrap();
    let Some(TranscriptionEvent::Delta { text, logprobs, .. }) = events.try_next().await.unwrap() else { panic!("words") };
    assert_eq!((text.as_str(), logprobs.len()), ("Good", 1));
    let Some(TranscriptionEvent::Segment(segment)) = events.try_next().await.unwrap() else { panic!("a segment") };
    assert_eq!((segment.speaker.as_deref(), segment.end), (Some("A"), Some(Duration::from_millis(1500))));
    assert_eq!(events.try_next().await.unwrap(), Some(TranscriptionEvent::Other("newer".to_owned())));
    let Some(TranscriptionEvent::Done(whole)) = events.try_next().await.unwrap() else { panic!("the whole") };
    assert_eq!((whole.text.as_str(), whole.usage.unwrap().output_tokens), ("Good morning.", Some(3)));
    assert!(events.try_next().await.unwrap().is_none());
    let fields = [("model", "gpt-4o-transcribe"), ("chunking_strategy", "auto"), ("stream", "true")];
    assert_eq!(last(&server).1, form(&fields, &[FILE]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_stream_gives_the_whole() {
    let (_server, client, cx) = native(Reply::json(r#"{"text":"Good morning."}"#)).await;
    let mut events = client.transcribe_stream(&cx, &TranscriptionRequest::new("whisper-1", recording())).await.unwrap();
    assert!(matches!(events.try_next().await.unwrap(), Some(TranscriptionEvent::Done(whole)) if whole.text == "Good morning."));
    assert!(events.try_next().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chunks_of_vllm_are_words_too() {
    let stream = concat!(
        "data: {\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\"Good\"}}]}\n\n",
        "data: {\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
    );
    let (_server, client, cx) = native(events(stream).chunked()).await;
    let mut events = client.transcribe_stream(&cx, &TranscriptionRequest::new("m", recording())).await.unwrap();
    assert!(matches!(events.try_next().await.unwrap(), Some(TranscriptionEvent::Delta { text, .. }) if text == "Good"));
    assert!(matches!(events.try_next().await.unwrap(), Some(TranscriptionEvent::Delta { text, .. }) if text.is_empty()));
    assert!(events.try_next().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_stream_is_typed() {
    let refusal = "data: {\"error\":{\"message\":\"Too busy\",\"type\":\"overloaded_error\",\"param\":null,\"code\":\"x\"}}\n\n";
    let first = &STREAM[..STREAM.find("\n\n").unwrap() + 2];
    for (stream, kind, reason) in [
        (first.to_owned(), ErrorKind::Connection, Some(Reason::Truncated)),
        (first.to_owned() + &refusal.replace("\"code\":\"x\"", "\"code\":null"), ErrorKind::Unavailable, None),
        (first.to_owned() + "data: <html>\n\n", ErrorKind::Decode, None),
    ] {
        let (_server, client, cx) = native(events(stream).chunked()).await;
        let mut events = client.transcribe_stream(&cx, &TranscriptionRequest::new("m", recording())).await.unwrap();
        assert!(events.try_next().await.unwrap().is_some());
        let error = events.try_next().await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (kind, reason), "{error}");
        if kind == ErrorKind::Unavailable {
            assert_eq!(error.provider_error::<OpenAiError>().unwrap().request_id.as_deref(), Some("req-1"));
        }
        assert!(events.try_next().await.unwrap().is_none(), "after an error it is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_speech_is_not_asked_for_it() {
    let (server, client, cx) = unasked(Preset::LlamaCpp).await;
    refused(&server, client.speak(&cx, &SpeechRequest::new("m", "alloy", "x")).await.map(drop));
    refused(&server, client.translate(&cx, &TranslationRequest::new("m", recording())).await);
    let (server, client, cx) = unasked(Preset::Openrouter).await;
    refused(&server, client.transcribe(&cx, &TranscriptionRequest::new("m", recording())).await);
    refused(&server, client.transcribe_stream(&cx, &TranscriptionRequest::new("m", recording())).await);
}
