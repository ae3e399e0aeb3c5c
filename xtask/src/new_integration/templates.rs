//! The templates that a skeleton is made of.

/// An interface that a skeleton can offer.
pub(super) struct Template {
    pub(super) interface: &'static str,
    pub(super) source: &'static str,
    /// The part of the client that stands in for its service.
    pub(super) part: &'static Part,
    /// What the crate's example calls the handle, and does with it.
    pub(super) handle: &'static str,
    pub(super) example: &'static str,
}

/// A part of the client, in `src/client/<name>.rs`. Interfaces may share one.
#[derive(PartialEq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    pub(super) does: Does,
}

/// What a part of the client does; the sections of the templates are named by it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Does {
    /// It keeps what it is given, within a capacity.
    Keep,
    /// It is a model.
    Model,
    /// It signs, by secrets that can be wrong.
    Sign,
}

impl Does {
    fn section(self) -> &'static str {
        match self {
            Self::Keep => "keeps",
            Self::Model => "models",
            Self::Sign => "signs",
        }
    }
}

static TABLES: Part = Part { name: "tables", source: include_str!("../../templates/client/tables.rs"), does: Does::Keep };
static COLLECTIONS: Part =
    Part { name: "collections", source: include_str!("../../templates/client/collections.rs"), does: Does::Keep };
static OUTBOX: Part = Part { name: "outbox", source: include_str!("../../templates/client/outbox.rs"), does: Does::Keep };
static LEXICON: Part = Part { name: "lexicon", source: include_str!("../../templates/client/lexicon.rs"), does: Does::Model };
static SIGNING: Part = Part { name: "signing", source: include_str!("../../templates/client/signing.rs"), does: Does::Sign };
static ECHO: Part = Part { name: "echo", source: include_str!("../../templates/client/echo.rs"), does: Does::Model };

pub(super) const TEMPLATES: [Template; 8] = [
    Template {
        interface: "ObjectStore",
        source: include_str!("../../templates/interfaces/object_store.rs"),
        part: &TABLES,
        handle: "files",
        example: "files.put(\"greeting\", \"hello\").await?;\nassert_eq!(files.get(\"greeting\").await?.text().await?, \"hello\");",
    },
    Template {
        interface: "KeyValueStore",
        source: include_str!("../../templates/interfaces/key_value_store.rs"),
        part: &TABLES,
        handle: "entries",
        example: "entries.put(\"greeting\", \"hello\").await?;\nlet entry = entries.get(\"greeting\").await?;\n\
                  assert_eq!(entry.expect(\"just put\").value, \"hello\");",
    },
    Template {
        interface: "ChatModel",
        source: include_str!("../../templates/interfaces/chat_model.rs"),
        part: &ECHO,
        handle: "model",
        example: "assert_eq!(model.chat(\"Hello.\").await?.text(), \"You said: Hello.\");",
    },
    Template {
        interface: "EmbeddingModel",
        source: include_str!("../../templates/interfaces/embedding_model.rs"),
        part: &LEXICON,
        handle: "embedder",
        example: "let texts = [\"green tea\", \"tea that is green\", \"black coffee\"];\n\
                  let vectors = embedder.embed_many(texts).await?.all()?;\n\
                  assert!(vectors[0].cosine(&vectors[1]) > vectors[0].cosine(&vectors[2]));",
    },
    Template {
        interface: "VectorStore",
        source: include_str!("../../templates/interfaces/vector_store.rs"),
        part: &COLLECTIONS,
        handle: "vectors",
        example: "use circle_core_common::interfaces::vector_store::{CollectionSpec, Record, VectorQuery};\n\n\
                  let notes = vectors.collection(\"notes\");\nnotes.ensure(CollectionSpec::new(2)).await?;\n\
                  notes.put(Record::new(\"greeting\", [1.0, 0.0])).await?;\n\
                  assert_eq!(notes.query(VectorQuery::near([0.9, 0.1])).await?[0].id, \"greeting\");",
    },
    Template {
        interface: "Messenger",
        source: include_str!("../../templates/interfaces/messenger.rs"),
        part: &OUTBOX,
        handle: "team",
        example: "team.send(\"#general\", \"Hello.\").await?;\n\
                  assert_eq!(team.history(\"#general\").all().await?[0].text, \"Hello.\");",
    },
    Template {
        interface: "Notifier",
        source: include_str!("../../templates/interfaces/notifier.rs"),
        part: &OUTBOX,
        handle: "notifier",
        example: "use circle_core_common::interfaces::notifier::{DeliveryState, Notification};\n\n\
                  notifier.notify(Notification::new(\"Disk 95 %\").to([\"ana\"])).await?.all()?;\n\
                  assert_eq!(notifier.status().all().await?[0].state, DeliveryState::Accepted);",
    },
    Template {
        interface: "WebhookVerifier",
        source: include_str!("../../templates/interfaces/webhook_verifier.rs"),
        part: &SIGNING,
        handle: "hooks",
        example: "use circle_core_common::webhook::{Delivery, Verification};\n\n\
                  // A request, as the service signs it.\nlet body = r#\"{\"id\":\"1\",\"type\":\"greeting\"}\"#;\n\
                  let service = Verification::new({{library}}::scheme())?;\n\
                  let signed = Delivery { id: \"\", at: std::time::SystemTime::now().into(), body: body.as_bytes() };\n\
                  let headers = service.sign(&[service.key(\"a secret\")?], signed)?;\n\n\
                  let event = hooks.verify(&headers, &body.into()).await?;\n\
                  assert!(event.is(\"greeting\"));\n\
                  assert_eq!(hooks.once(&event, || async { Ok(\"handled\") }).await?, Some(\"handled\"));\n\
                  assert_eq!(hooks.once(&event, || async { Ok(\"again\") }).await?, None);",
    },
];

/// The files of every skeleton: where, and the template.
pub(super) const FILES: [(&str, &str); 7] = [
    ("README.md", include_str!("../../templates/README.md")),
    ("src/lib.rs", include_str!("../../templates/lib.rs")),
    ("src/config.rs", include_str!("../../templates/config.rs")),
    ("src/error.rs", include_str!("../../templates/error.rs")),
    ("src/client.rs", include_str!("../../templates/client.rs")),
    ("src/provider.rs", include_str!("../../templates/provider.rs")),
    ("tests/conformance.rs", include_str!("../../templates/conformance.rs")),
];

/// The parts of the client, each once.
pub(super) fn parts(templates: &[&Template]) -> Vec<&'static Part> {
    let mut parts: Vec<&'static Part> = Vec::new();
    for template in templates {
        if !parts.contains(&template.part) {
            parts.push(template.part);
        }
    }
    parts
}

/// The names of the sections that such a skeleton has.
pub(super) fn sections(templates: &[&Template]) -> Vec<&'static str> {
    let mut sections = Vec::new();
    for part in parts(templates) {
        sections.extend([part.name, part.does.section()]);
    }
    sections
}

/// A template without the sections that are not named. A section stands between the lines `{{#name}}` and `{{/name}}`, and
/// has none within it.
pub(super) fn chosen(template: &str, sections: &[&str]) -> String {
    let mut kept = String::with_capacity(template.len());
    let mut leaving_out = false;
    for line in template.split_inclusive('\n') {
        match line.trim_end() {
            mark if mark.starts_with("{{#") => leaving_out = !sections.iter().any(|name| mark == format!("{{{{#{name}}}}}")),
            mark if mark.starts_with("{{/") => leaving_out = false,
            _ if leaving_out => {}
            _ => kept.push_str(line),
        }
    }
    kept
}

pub(super) fn filled(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn sections_that_are_not_named_are_left_out() {
        let template = "a\n{{#x}}\nb\n{{/x}}\n{{#y}}\n{{c}}\n{{/y}}\nd";
        assert_eq!(chosen(template, &["y"]), "a\n{{c}}\nd");
        assert_eq!(chosen(template, &["x", "y"]), "a\nb\n{{c}}\nd");
        assert_eq!(chosen(template, &[]), "a\nd");
    }
}
