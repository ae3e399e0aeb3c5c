use circle_core_common::ErrorKind;
use circle_core_common::interfaces::chat_model::{
    CacheMark, Effort, Media, Message, Opaque, OutputSchema, Part, ProviderState, ReasoningOptions, Role, Text, Tool, ToolCall,
    ToolChoice, ToolOutput, WarningKind,
};

use super::*;
use crate::Preset;

const OWNER: &str = "openai/openai/responses";

fn written(preset: Preset, request: &ChatRequest, purpose: Purpose) -> Result<Prepared> {
    let profile = preset.profile();
    let wire = profile.responses.unwrap();
    super::body(&profile, &wire, "m", request, purpose)
}

fn text(preset: Preset, request: &ChatRequest, purpose: Purpose) -> String {
    String::from_utf8(written(preset, request, purpose).unwrap().body).unwrap()
}

fn value(preset: Preset, request: &ChatRequest) -> Value {
    serde_json::from_str(&text(preset, request, Purpose::Whole)).unwrap()
}

fn tool(name: &str) -> Tool {
    Tool::new(name, "d", json!({ "type": "object" }))
}

const HI: &str = r#"{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}]"#;

#[test]
fn the_smallest_request_is_small() {
    let request = ChatRequest::from("Hi");
    assert_eq!(text(Preset::Groq, &request, Purpose::Whole), format!("{HI}}}"));
    assert_eq!(text(Preset::Groq, &request, Purpose::Stream), format!(r#"{HI},"stream":true}}"#));
    // Nothing is kept there, and so reasoning comes along.
    let kept = r#""include":["reasoning.encrypted_content"],"store":false"#;
    assert_eq!(text(Preset::Openai, &request, Purpose::Whole), format!("{HI},{kept}}}"));
    let streamed = format!(r#"{HI},{kept},"stream":true,"stream_options":{{"include_obfuscation":false}}}}"#);
    assert_eq!(text(Preset::Openai, &request, Purpose::Stream), streamed);
    assert_eq!(text(Preset::Azure, &request, Purpose::Stream), format!(r#"{HI},{kept},"stream":true}}"#));
    assert_eq!(text(Preset::Vllm, &request, Purpose::Whole), format!(r#"{HI},"store":false}}"#));
    assert_eq!(text(Preset::Openai, &request, Purpose::Count), format!("{HI}}}"));
}

fn everything() -> ChatRequest {
    ChatRequest::new()
        .system("Be brief.")
        .system("Be kind.")
        .user("Hi")
        .tool(tool("f").strict(true))
        .tool(tool("g"))
        .tool_choice(ToolChoice::Tool("f".to_owned()))
        .parallel_tools(false)
        .output(OutputSchema::new("a", json!({ "type": "object" })).strict(true))
        .max_output_tokens(9)
        .temperature(0.25)
        .top_p(0.5)
        .reasoning(Effort::Low)
        .extension(
            OpenAiChat::new()
                .service_tier("flex")
                .prompt_cache_key("k")
                .safety_identifier("s")
                .verbosity("low")
                .reasoning_summary("auto")
                .hosted_tool(json!({ "type": "web_search", "filters": { "b": 1, "a": 2 } }))
                .field("metadata", json!({ "z": "1", "b": "2" }))
                .field("truncation", "auto"),
        )
}

#[test]
fn everything_has_its_place() {
    let counted = concat!(
        r#"{"model":"m","instructions":"Be brief.\n\nBe kind.","#,
        r#""input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}],"#,
        r#""tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true},"#,
        r#"{"type":"function","name":"g","description":"d","parameters":{"type":"object"},"strict":null},"#,
        r#"{"filters":{"a":2,"b":1},"type":"web_search"}],"#,
        r#""tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,"#,
        r#""text":{"format":{"type":"json_schema","name":"a","schema":{"type":"object"},"strict":true},"verbosity":"low"},"#,
        r#""reasoning":{"effort":"low","summary":"auto"}"#,
    );
    let answered = concat!(
        r#","max_output_tokens":9,"temperature":0.25,"top_p":0.5,"include":["reasoning.encrypted_content"],"store":false,"#,
        r#""service_tier":"flex","prompt_cache_key":"k","safety_identifier":"s","metadata":{"b":"2","z":"1"},"truncation":"auto"}"#,
    );
    assert_eq!(text(Preset::Openai, &everything(), Purpose::Whole), format!("{counted}{answered}"));
    // What is counted is what the model reads, not how it answers.
    assert_eq!(text(Preset::Openai, &everything(), Purpose::Count), format!(r#"{counted},"truncation":"auto"}}"#));
    assert_eq!(written(Preset::Openai, &everything(), Purpose::Whole).unwrap().warnings, []);
}

#[test]
fn defaults_yield_to_fields_and_nothing_is_set_twice() {
    let with = |extension: OpenAiChat| ChatRequest::from("Hi").temperature(1.0).reasoning(Effort::Low).extension(extension);
    let kept = value(Preset::Openai, &with(OpenAiChat::new().store(true).field("include", json!(["x"]))));
    assert_eq!((&kept["store"], &kept["include"]), (&json!(true), &json!(["x"])));
    assert_eq!(value(Preset::Openai, &with(OpenAiChat::new().field("store", true)))["store"], json!(true));
    for extension in [
        OpenAiChat::new().field("temperature", 2),
        OpenAiChat::new().field("reasoning", json!({})),
        OpenAiChat::new().store(true).field("store", true),
    ] {
        let error = written(Preset::Openai, &with(extension), Purpose::Whole).err().unwrap();
        assert!(error.is(ErrorKind::InvalidInput), "{error}");
    }
}

#[test]
fn services_are_asked_as_they_read() {
    let named = ChatRequest::from("Hi").tool(tool("f")).tool(tool("g")).tool_choice(ToolChoice::Tool("g".to_owned()));
    let llama = value(Preset::LlamaCpp, &named);
    assert_eq!((&llama["tool_choice"], llama["tools"].as_array().unwrap().len()), (&json!("required"), 1));
    let budget = ChatRequest::from("Hi").reasoning(ReasoningOptions::new().budget_tokens(50).effort(Effort::Low));
    assert_eq!(value(Preset::Openrouter, &budget)["reasoning"], json!({ "max_tokens": 50 }));
    let openai = written(Preset::Openai, &budget, Purpose::Whole).unwrap();
    assert_eq!(openai.warnings[0].kind, WarningKind::HintIgnored);
    assert_eq!(value(Preset::Openai, &budget)["reasoning"], json!({ "effort": "low" }));
    let marked = ChatRequest::from("Hi").cache(CacheMark::new().ttl(std::time::Duration::from_secs(1)));
    assert_eq!(written(Preset::Openai, &marked, Purpose::Whole).unwrap().warnings[0].kind, WarningKind::HintIgnored);
}

/// Bytes that no writer of JSON would write so.
const THOUGHT: &str = r#"{"id":"rs_1", "summary":[ ],"type":"reasoning","encrypted_content":"gAAA\/1==\u0041"}"#;
const SEARCH: &str = r#"{"type":"web_search_call","id":"ws_1", "status":"completed"}"#;
const PROGRAM: &str = r#"{"type":"function_call", "call_id":"call_2","name":"g","arguments":"{}","namespace":"n"}"#;

fn conversation() -> ChatRequest {
    let state = |data: &str| ProviderState::new(OWNER, data);
    let call = ToolCall::new("call_1", "f", json!({ "x": 1 }));
    let program = ToolCall::from_text("call_2", "g", "{}").state(state(PROGRAM));
    let assistant = Message::new(
        Role::Assistant,
        vec![
            Part::Reasoning(Text::new("shown").state(state(THOUGHT))),
            Part::Reasoning(Text::new("told, and not given back")),
            Part::Opaque(Opaque::new("web_search_call", state(SEARCH))),
            Part::text(""),
            Part::Text(Text::new("I look.").state(state(r#"{"phase":"commentary"}"#))),
            Part::Refusal(Text::new("No.")),
            Part::ToolCall(call.clone()),
            Part::ToolCall(program.clone()),
        ],
    );
    ChatRequest::from("Hi").message(assistant).tool_result(&call, "rain").tool_result(&program, ToolOutput::error("broken"))
}

#[test]
fn a_conversation_goes_back_in_order_and_state_byte_for_byte() {
    let expected = [
        r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}"#,
        THOUGHT,
        SEARCH,
        r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look."}],"phase":"commentary"}"#,
        r#"{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"No."}]}"#,
        r#"{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"x\":1}"}"#,
        PROGRAM,
        r#"{"type":"function_call_output","call_id":"call_1","output":"rain"}"#,
        r#"{"type":"function_call_output","call_id":"call_2","output":"broken"}"#,
    ];
    let body = text(Preset::Openai, &conversation(), Purpose::Whole);
    assert!(body.starts_with(&format!(r#"{{"model":"m","input":[{}],"#, expected.join(","))), "{body}");
    let plain = text(Preset::LmStudio, &conversation(), Purpose::Whole);
    assert!(!plain.contains("rs_1") && plain.contains(r#"{"type":"output_text","text":"No."}"#), "{plain}");
}

#[test]
fn state_that_was_changed_is_refused() {
    let thought = Part::Reasoning(Text::new("").state(ProviderState::new(OWNER, "no JSON")));
    let request = ChatRequest::from("Hi").message(Message::new(Role::Assistant, vec![thought]));
    let error = written(Preset::Openai, &request, Purpose::Whole).err().unwrap();
    assert!(error.is(ErrorKind::InvalidInput) && !error.message().contains("no JSON"), "{error}");
    // A phase is a help, no more.
    let said = Part::Text(Text::new("So.").state(ProviderState::new(OWNER, "[")));
    let request = ChatRequest::from("Hi").message(Message::new(Role::Assistant, vec![said]));
    assert_eq!(value(Preset::Openai, &request)["input"][1].get("phase"), None);
    let silent = ChatRequest::from("Hi").message(Message::assistant(""));
    assert_eq!(value(Preset::Openai, &silent)["input"][1]["content"][0]["text"], "");
}

#[test]
fn media_are_contents() {
    let address = || http::Uri::from_static("https://example.com/a.pdf");
    let seen = ToolOutput::new(vec![Part::text("see"), Part::Image(Media::new("x", "image/png"))]);
    let call = ToolCall::new("call_1", "f", json!({}));
    let request = ChatRequest::from("What?")
        .image(Media::new("x", "image/png"))
        .image(Media::from(http::Uri::from_static("https://example.com/a.png")))
        .image(Media::file("file-1", "image/png"))
        .document(Media::new("x", "application/pdf").name("a.pdf"))
        .document(Media::from(address()))
        .document(Media::file("file-2", "application/pdf"))
        .message(Message::new(Role::Assistant, vec![Part::ToolCall(call.clone())]))
        .tool_result(&call, seen);
    let input = value(Preset::Openai, &request)["input"].clone();
    let expected = json!([
        { "type": "input_text", "text": "What?" },
        { "type": "input_image", "image_url": "data:image/png;base64,eA==", "detail": "auto" },
        { "type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto" },
        { "type": "input_image", "file_id": "file-1", "detail": "auto" },
        { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,eA==" },
        { "type": "input_file", "file_url": "https://example.com/a.pdf" },
        { "type": "input_file", "file_id": "file-2" },
    ]);
    assert_eq!(input[0]["content"], expected);
    let given = json!([
        { "type": "input_text", "text": "see" },
        { "type": "input_image", "image_url": "data:image/png;base64,eA==", "detail": "auto" },
    ]);
    assert_eq!(input[2]["output"], given);
}

#[test]
fn what_a_service_does_not_take_is_refused_before_it_is_sent() {
    let call = ToolCall::new("call_1", "f", json!({}));
    let seen = ToolOutput::new(vec![Part::Image(Media::new("x", "image/png"))]);
    let called = ChatRequest::from("Hi").message(Message::new(Role::Assistant, vec![Part::ToolCall(call.clone())]));
    let address = || Media::from(http::Uri::from_static("https://example.com/a.png"));
    for (preset, request) in [
        (Preset::Openai, ChatRequest::from("Hi").audio(Media::new("x", "audio/wav"))),
        (Preset::Groq, ChatRequest::from("Hi").image(Media::file("f", "image/png"))),
        (Preset::Openrouter, ChatRequest::from("Hi").document(Media::file("f", "application/pdf"))),
        (Preset::Ollama, ChatRequest::from("Hi").image(address())),
        (Preset::Groq, called.tool_result(&call, seen)),
    ] {
        let error = written(preset, &request, Purpose::Whole).err().unwrap();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
}
