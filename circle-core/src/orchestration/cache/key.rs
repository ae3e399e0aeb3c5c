//! What makes two requests the same.

use std::fmt::Write as _;
use std::io;

use circle_core_common::interfaces::chat_model::{ChatRequest, Message, ModelId, Text, Tool, ToolChoice};
use circle_core_common::interfaces::embedding_model::{EmbedInput, EmbedKind, EmbedOptions};
use circle_core_common::interfaces::vector_store::{Location, SparseVector, VectorQuery};
use circle_core_common::{Filter, ProviderInfo};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Changes with the form of what is hashed and of what is kept, so that an older form is never read.
const FORM: &str = "circle-cache/1/";

/// Who answers, and for whom.
#[derive(Serialize)]
pub(in crate::orchestration) struct Answerer<'a> {
    provider: &'a str,
    target: &'a str,
    /// Another cannot read what it attaches to answers.
    state_owner: Option<&'a str>,
    models: Vec<ModelId>,
    tenant: Option<&'a str>,
}

impl<'a> Answerer<'a> {
    pub(in crate::orchestration) fn new(info: &'a ProviderInfo, models: Vec<ModelId>, tenant: Option<&'a str>) -> Self {
        Self { provider: info.name, target: &info.target, state_owner: None, models, tenant }
    }

    /// Says whose state its answers hold.
    pub(super) fn state_owner(mut self, owner: &'a str) -> Self {
        self.state_owner = Some(owner);
        self
    }
}

#[derive(Serialize)]
struct Chat<'a> {
    interface: &'static str,
    answerer: &'a Answerer<'a>,
    model: Option<&'a str>,
    system: &'a [Text],
    messages: &'a [Message],
    tools: &'a [Tool],
    tool_choice: (&'static str, Option<&'a str>),
    parallel_tools: Option<bool>,
    output: Option<(&'a str, &'a str, Option<bool>)>,
    reasoning: Option<(Option<&'a str>, Option<u32>)>,
    max_output_tokens: Option<u32>,
    // As bits: what a float is written as may change.
    temperature: Option<u64>,
    top_p: Option<u64>,
    stop: &'a [String],
    seed: Option<u64>,
}

#[derive(Serialize)]
struct Embed<'a> {
    interface: &'static str,
    answerer: &'a Answerer<'a>,
    kind: Option<EmbedKind>,
    dimensions: Option<u32>,
    text: Option<&'a str>,
    media_type: Option<&'a str>,
    /// The hash of the content: JSON has no bytes.
    content: Option<String>,
}

#[derive(Serialize)]
struct Query<'a> {
    interface: &'static str,
    who: &'a str,
    collection: &'a str,
    namespace: Option<&'a str>,
    vector: Option<Vec<u32>>,
    using: Option<&'a str>,
    sparse: Option<Vec<(u32, u32)>>,
    text: Option<&'a str>,
    filter: Option<&'a Filter>,
    top_k: u32,
    min_score: Option<u32>,
    group_by: Option<(&'a str, u32)>,
    with_vectors: bool,
}

/// The key of a request; `None` of one that cannot be told from others, because it holds what has no canonical form.
pub(super) fn of_chat(answerer: &Answerer<'_>, request: &ChatRequest) -> Option<String> {
    if !request.extensions.is_empty() {
        return None;
    }
    let tool_choice = match &request.tool_choice {
        ToolChoice::Auto => ("auto", None),
        ToolChoice::None => ("none", None),
        ToolChoice::Required => ("required", None),
        ToolChoice::Tool(name) => ("tool", Some(name.as_str())),
        _ => return None,
    };
    // Marks of what the service is to keep change what it costs, not what it answers; they are part of the messages all the same.
    hashed(&Chat {
        interface: "ChatModel",
        answerer,
        model: request.model.as_ref().map(|model| model.as_str()),
        system: &request.system,
        messages: &request.messages,
        tools: &request.tools,
        tool_choice,
        parallel_tools: request.parallel_tools,
        output: request.output.as_ref().map(|output| (output.name.as_str(), output.schema.as_str(), output.strict)),
        reasoning: request.reasoning.as_ref().map(|of| (of.effort.as_ref().map(|effort| effort.as_str()), of.budget_tokens)),
        max_output_tokens: request.max_output_tokens,
        temperature: request.temperature.map(f64::to_bits),
        top_p: request.top_p.map(f64::to_bits),
        stop: &request.stop,
        seed: request.seed,
    })
}

/// The key of one input.
pub(in crate::orchestration) fn of_input(answerer: &Answerer<'_>, options: &EmbedOptions, input: &EmbedInput) -> Option<String> {
    if !options.extensions.is_empty() {
        return None;
    }
    let (text, media_type, content) = match input {
        EmbedInput::Text(text) => (Some(&**text), None, None),
        EmbedInput::Image { media_type, content } => (None, Some(&**media_type), Some(hex(&Sha256::digest(content)))),
        _ => return None,
    };
    let EmbedOptions { kind, dimensions, .. } = options;
    let (kind, dimensions) = (*kind, *dimensions);
    hashed(&Embed { interface: "EmbeddingModel", answerer, kind, dimensions, text, media_type, content })
}

/// The key of a query, for whom it is made.
pub(in crate::orchestration) fn of_query(who: &str, location: &Location, query: &VectorQuery) -> Option<String> {
    if !query.extensions.is_empty() {
        return None;
    }
    let sparse = |sparse: &SparseVector| sparse.entries().iter().map(|(at, number)| (*at, number.to_bits())).collect();
    hashed(&Query {
        interface: "VectorStore",
        who,
        collection: location.collection.as_str(),
        namespace: location.namespace.as_ref().map(|namespace| namespace.as_str()),
        vector: query.vector.as_ref().map(|vector| vector.iter().map(|number| number.to_bits()).collect()),
        using: query.using.as_deref(),
        sparse: query.sparse.as_ref().map(sparse),
        text: query.text.as_deref(),
        filter: query.filter.as_ref(),
        top_k: query.top_k,
        min_score: query.min_score.map(f32::to_bits),
        group_by: query.group_by.as_ref().map(|group| (&*group.field, group.per_group)),
        with_vectors: query.with_vectors,
    })
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hashed(request: &impl Serialize) -> Option<String> {
    let mut hashing = Hashing(Sha256::new());
    serde_json::to_writer(&mut hashing, request).ok()?;
    Some(format!("{FORM}{}", hex(&hashing.0.finalize())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use circle_core_common::interfaces::chat_model::{Effort, Media, OutputSchema, Part, Role};
    use serde_json::json;

    use super::*;

    fn key(request: &ChatRequest) -> String {
        let info = ProviderInfo::new("openai", "1", "gpt-5-mini@host");
        of_chat(&Answerer::new(&info, vec![ModelId::new("openai", "gpt-5-mini")], None), request).unwrap()
    }

    /// A field that the key does not know would give one request the answer of another.
    #[test]
    fn every_field_of_a_request_is_part_of_the_key() {
        let text = format!("{:?}", ChatRequest::new());
        let fields: Vec<&str> = text.split(", ").filter_map(|field| field.split(':').next()).collect();
        let known = [
            "ChatRequest { model",
            "system",
            "system_cache",
            "messages",
            "tools",
            "tools_cache",
            "tool_choice",
            "parallel_tools",
            "output",
            "reasoning",
            "max_output_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "extensions",
        ];
        assert_eq!(fields, known, "a new field of `ChatRequest` needs a place in the key");
        let base = || ChatRequest::new().system("Be brief.").user("Is it?");
        let tool = circle_core_common::interfaces::chat_model::Tool::new("t", "d", json!({ "type": "object" }));
        let others = [
            base(),
            base().model("m"),
            base().system("More."),
            base().user("Sure?"),
            base().image(Media::new("x", "image/png")),
            base().image(Media::new("y", "image/png")),
            base().message(Message::new(Role::Assistant, vec![Part::text("Sure?")])),
            base().tool(tool.clone()),
            base().tool(tool.clone()).tool_choice(ToolChoice::Required),
            base().tool(tool.clone()).tool_choice(ToolChoice::None),
            base().tool(tool.clone()).tool_choice(ToolChoice::Tool("t".to_owned())),
            base().tool(tool).parallel_tools(true),
            base().output(OutputSchema::new("n", json!({ "type": "object" }))),
            base().output(OutputSchema::new("n", json!({ "type": "object" })).strict(true)),
            base().reasoning(Effort::Low),
            base().reasoning(Effort::High),
            base().max_output_tokens(7),
            base().temperature(0.0),
            base().top_p(0.5),
            base().stop("x"),
            base().seed(7),
        ];
        let keys: std::collections::HashSet<String> = others.iter().map(key).collect();
        assert_eq!(keys.len(), others.len());
    }

    /// As for chats: a field that the key does not know would give one query the matches of another.
    #[test]
    fn every_field_of_a_query_is_part_of_the_key() {
        let text = format!("{:?}", VectorQuery::words("w"));
        let fields =
            ["vector", "using", "sparse", "text", "filter", "top_k", "min_score", "group_by", "with_vectors", "extensions"];
        let found: Vec<&str> = text.split(", ").filter_map(|field| field.split(": ").next()).collect();
        let known: Vec<String> = found.iter().map(|field| field.trim_start_matches("VectorQuery { ").to_owned()).collect();
        assert_eq!(known, fields, "a new field of `VectorQuery` needs a place in the key");
        let base = || VectorQuery::near(vec![1.0, 2.0]);
        let place = || Location::new("docs");
        let sparse = || SparseVector::new([(1, 0.5)]);
        let others = [
            ("-", place(), base()),
            ("+", place(), base()),
            ("-", Location::new("other"), base()),
            ("-", place().namespace("n"), base()),
            ("-", place(), VectorQuery::near(vec![1.0, 2.5])),
            ("-", place(), VectorQuery::near_sparse(sparse())),
            ("-", place(), base().sparse(sparse())),
            ("-", place(), VectorQuery::words("w")),
            ("-", place(), base().hybrid("w")),
            ("-", place(), base().using("title")),
            ("-", place(), base().filter(Filter::eq("a", 1))),
            ("-", place(), base().filter(Filter::eq("a", 2))),
            ("-", place(), base().top_k(3)),
            ("-", place(), base().min_score(0.5)),
            ("-", place(), base().group_by("a", 1)),
            ("-", place(), base().group_by("a", 2)),
            ("-", place(), base().with_vectors()),
        ];
        let keys: std::collections::HashSet<String> =
            others.iter().map(|(who, location, query)| of_query(who, location, query).unwrap()).collect();
        assert_eq!(keys.len(), others.len());
        assert_eq!(of_query("-", &place(), &base()), of_query("-", &place(), &base()));
    }

    #[test]
    fn equal_requests_have_equal_keys_and_other_answerers_others() {
        let request = || ChatRequest::new().user("Is it?");
        assert_eq!(key(&request()), key(&request()));
        assert!(key(&request()).starts_with(FORM) && key(&request()).len() == FORM.len() + 64);
        let of = |target: &str, model: &str, tenant| {
            let info = ProviderInfo::new("openai", "1", target);
            of_chat(&Answerer::new(&info, vec![ModelId::new("openai", model)], tenant), &request()).unwrap()
        };
        let info = ProviderInfo::new("openai", "1", "a");
        let owner = Answerer::new(&info, vec![ModelId::new("openai", "m")], None).state_owner("openai/openai/responses");
        let of_owner = of_chat(&owner, &request()).unwrap();
        let keys = [
            of_owner,
            of("a", "m", None),
            of("b", "m", None),
            of("a", "n", None),
            of("a", "m", Some("t")),
            of("a", "m", Some("u")),
        ];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
    }
}
