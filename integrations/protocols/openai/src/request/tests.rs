use circle_core_common::interfaces::chat_model::{
    CacheMark, Media, Message, OutputSchema, Part, ProviderState, Role, Text, ToolCall, ToolOutput,
};

use super::*;
use crate::Preset;

fn body(preset: Preset, request: &ChatRequest, stream: bool) -> String {
    String::from_utf8(chat(&preset.profile(), "m", request, stream).unwrap().body).unwrap()
}

fn value(preset: Preset, request: &ChatRequest) -> Value {
    serde_json::from_str(&body(preset, request, false)).unwrap()
}

fn tool(name: &str) -> Tool {
    Tool::new(name, "d", json!({ "type": "object" }))
}

#[test]
fn the_smallest_request_is_small() {
    let request = ChatRequest::from("Hi");
    assert_eq!(body(Preset::Mistral, &request, false), r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#);
    let streamed = |preset| body(preset, &request, true).split_once(r#""stream""#).unwrap().1.to_owned();
    assert_eq!(streamed(Preset::Openai), r#":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#);
    assert_eq!(streamed(Preset::Groq), r#":true,"stream_options":{"include_usage":true}}"#);
    assert_eq!(streamed(Preset::Mistral), ":true}");
}

#[test]
fn everything_has_its_place() {
    let request = ChatRequest::new()
        .system("Be brief.")
        .system("Be kind.")
        .user("Hi")
        .tool(tool("f").strict(true))
        .tool_choice(ToolChoice::Required)
        .parallel_tools(false)
        .output(OutputSchema::new("a", json!({ "type": "object" })).strict(true))
        .max_output_tokens(9)
        .temperature(0.25)
        .top_p(0.5)
        .stop("END")
        .seed(7)
        .reasoning(Effort::Low)
        .extension(OpenAiChat::new().service_tier("flex").store(false).field("top_k", 3).field("a", json!({ "z": 1, "b": 2 })));
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief.\n\nBe kind."},{"role":"user","content":"Hi"}],"#,
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],"#,
        r#""tool_choice":"required","parallel_tool_calls":false,"response_format":{"type":"json_schema","#,
        r#""json_schema":{"name":"a","schema":{"type":"object"},"strict":true}},"max_completion_tokens":9,"temperature":0.25,"#,
        r#""top_p":0.5,"stop":["END"],"seed":7,"reasoning_effort":"low","service_tier":"flex","store":false,"#,
        r#""a":{"b":2,"z":1},"top_k":3}"#,
    );
    assert_eq!(body(Preset::Openai, &request, false), expected);
}

#[test]
fn tools_of_the_service_stand_behind_the_others() {
    let hosted = OpenAiChat::new().hosted_tool(json!({ "type": "browser_search", "a": 1 })).reasoning_summary("auto");
    let request = ChatRequest::from("Hi").tool(tool("f")).extension(hosted.clone());
    let body = body(Preset::Groq, &request, false);
    assert!(body.contains(r#"}},{"a":1,"type":"browser_search"}]"#), "{body}");
    assert_eq!(value(Preset::Groq, &ChatRequest::from("Hi").extension(hosted))["tools"].as_array().unwrap().len(), 1);
    let prepared = chat(&Preset::Groq.profile(), "m", &request, false).unwrap();
    assert_eq!(prepared.warnings[0].kind, WarningKind::HintIgnored, "nothing sums up reasoning here");
}

#[test]
fn a_field_is_not_set_twice() {
    let profile = Preset::Openai.profile();
    let request = ChatRequest::from("Hi").temperature(1.0).extension(OpenAiChat::new().field("temperature", 2));
    let error = chat(&profile, "m", &request, false).err().unwrap();
    assert!(error.is(ErrorKind::InvalidInput) && error.message().contains("`temperature`"), "{error}");
}

#[test]
fn presets_write_what_their_service_reads() {
    let request = ChatRequest::from("Hi").max_output_tokens(9).seed(7).tool(tool("f")).tool(tool("g"));
    let named = request.clone().tool_choice(ToolChoice::Tool("g".to_owned()));
    let mistral = value(Preset::Mistral, &request.clone().tool_choice(ToolChoice::Required));
    assert_eq!((&mistral["max_tokens"], &mistral["random_seed"], &mistral["tool_choice"]), (&json!(9), &json!(7), &json!("any")));
    assert_eq!(value(Preset::Groq, &request)["max_completion_tokens"], 9);
    assert_eq!(value(Preset::Openai, &named)["tool_choice"], json!({ "type": "function", "function": { "name": "g" } }));
    let llama = value(Preset::LlamaCpp, &named);
    assert_eq!((&llama["tool_choice"], llama["tools"].as_array().unwrap().len()), (&json!("required"), 1));
    assert_eq!(llama["tools"][0]["function"]["name"], "g");

    let thinking = |preset, options: ReasoningOptions| value(preset, &ChatRequest::from("Hi").reasoning(options));
    assert_eq!(thinking(Preset::Deepseek, Effort::None.into())["thinking"], json!({ "type": "disabled" }));
    assert_eq!(thinking(Preset::Deepseek, Effort::High.into())["reasoning_effort"], "high");
    assert_eq!(thinking(Preset::Openrouter, ReasoningOptions::new().budget_tokens(50))["reasoning"], json!({ "max_tokens": 50 }));
    let budget = ChatRequest::from("Hi").reasoning(ReasoningOptions::new().budget_tokens(50));
    assert_eq!(chat(&Preset::Openai.profile(), "m", &budget, false).unwrap().warnings[0].kind, WarningKind::HintIgnored);
}

#[test]
fn a_conversation_with_tools_goes_back() {
    let call = ToolCall::new("call_1", "f", json!({ "x": 1 }));
    let thought = Part::Reasoning(Text::new("shown").state(ProviderState::new("openai/deepseek", "kept")));
    let assistant = Message::new(Role::Assistant, vec![thought, Part::ToolCall(call.clone())]);
    let request = ChatRequest::from("Hi").message(assistant).tool_result(&call, ToolOutput::error("broken"));
    let messages = |preset| value(preset, &request)["messages"].clone();
    let function = json!({ "name": "f", "arguments": "{\"x\":1}" });
    let expected = json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1", "type": "function", "function": function }] },
        { "role": "tool", "content": "broken", "tool_call_id": "call_1" },
    ]);
    assert_eq!(messages(Preset::Openai), expected);
    assert_eq!(messages(Preset::Deepseek)[1]["reasoning_content"], "kept");
    let mistral = messages(Preset::Mistral);
    let id = mistral[1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(mistral[2]["tool_call_id"], id);

    let unthought = Message::new(Role::Assistant, vec![Part::ToolCall(call.clone())]);
    let request = ChatRequest::from("Hi").message(unthought).tool_result(&call, "x");
    assert_eq!(value(Preset::Deepseek, &request)["messages"][1]["reasoning_content"], "");
    assert_eq!(value(Preset::Openai, &request)["messages"][1].get("reasoning_content"), None);
}

#[test]
fn media_are_parts() {
    let request = ChatRequest::from("What?")
        .image(Media::new("x", "image/png"))
        .image(Media::from(http::Uri::from_static("https://example.com/a.png")))
        .audio(Media::new("x", "audio/wav"))
        .document(Media::new("x", "application/pdf").name("a.pdf"))
        .document(Media::file("file-1", "application/pdf"));
    let expected = json!([
        { "type": "text", "text": "What?" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,eA==" } },
        { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
        { "type": "input_audio", "input_audio": { "data": "eA==", "format": "wav" } },
        { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,eA==" } },
        { "type": "file", "file": { "file_id": "file-1" } },
    ]);
    assert_eq!(value(Preset::Openai, &request)["messages"][0]["content"], expected);
}

#[test]
fn what_a_service_does_not_take_is_refused_before_it_is_sent() {
    let address = || Media::from(http::Uri::from_static("https://example.com/a.png"));
    let call = ToolCall::new("call_1", "f", json!({}));
    let seen = ToolOutput::new(vec![Part::Image(Media::new("x", "image/png"))]);
    let called = ChatRequest::from("Hi").message(Message::new(Role::Assistant, vec![Part::ToolCall(call.clone())]));
    for (preset, request) in [
        (Preset::Ollama, ChatRequest::from("Hi").image(address())),
        (Preset::Openai, ChatRequest::from("Hi").image(Media::file("f", "image/png"))),
        (Preset::Openai, ChatRequest::from("Hi").audio(Media::new("x", "audio/ogg"))),
        (Preset::Openai, ChatRequest::from("Hi").document(address())),
        (Preset::Openai, called.clone().tool_result(&call, seen.clone())),
    ] {
        let error = chat(&preset.profile(), "m", &request, false).err().unwrap();
        assert!(error.is(ErrorKind::Unsupported), "{error}");
    }
    let llama = value(Preset::LlamaCpp, &called.tool_result(&call, seen));
    assert_eq!(llama["messages"][2]["content"][0]["type"], "image_url");
}

#[test]
fn a_time_to_keep_a_prompt_is_a_hint() {
    let mark = CacheMark::new();
    let warnings = |mark| chat(&Preset::Openai.profile(), "m", &ChatRequest::from("Hi").cache(mark), false).unwrap().warnings;
    assert_eq!(warnings(mark), []);
    assert_eq!(warnings(mark.ttl(std::time::Duration::from_secs(1)))[0].kind, WarningKind::HintIgnored);
}
