//! What of a request is the question, and what is there to quote.

use circle_core_common::interfaces::chat_model::{ChatRequest, Media, MediaSource, Part, Role};
use circle_core_common::{Error, ErrorKind, Result};

/// A text to quote from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) source: String,
    pub(super) text: String,
}

/// The question, and the passages in the order of the request.
pub(super) fn read(request: &ChatRequest) -> Result<(String, Vec<Passage>)> {
    let mut passages = Vec::new();
    for text in request.system.iter() {
        labelled(&text.text, &mut passages);
    }
    let mut question = String::new();
    for message in request.messages.iter().filter(|message| message.role == Role::User) {
        question.clear();
        for part in message.parts.iter() {
            match part {
                Part::Text(text) => question.push_str(&labelled(&text.text, &mut passages)),
                Part::Document(media) => {
                    let source = media.name.clone().unwrap_or_else(|| format!("document {}", passages.len() + 1));
                    passages.push(Passage { source, text: text_of(media)?.to_owned() });
                }
                _ => {}
            }
        }
    }
    Ok((question, passages))
}

/// The text of a document.
pub(super) fn text_of(media: &Media) -> Result<&str> {
    let MediaSource::Bytes(bytes) = &media.source else {
        return Err(Error::new(ErrorKind::Unsupported, "a document is quoted from its content: attach that, not its place"));
    };
    if !media.media_type.is_empty() && !media.media_type.starts_with("text/") {
        let text = format!("only documents of text are quoted, not `{}`", media.media_type);
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let text = format!("the document is not UTF-8 at byte {}", error.valid_up_to());
        Error::new(ErrorKind::InvalidInput, text)
    })
}

/// Takes the paragraphs that begin with their source in brackets out of a text; gives the rest.
fn labelled(text: &str, passages: &mut Vec<Passage>) -> String {
    let mut rest = String::new();
    for paragraph in text.split("\n\n") {
        let label = paragraph.trim_start().strip_prefix('[').and_then(|inner| inner.split_once(']'));
        match label {
            Some((source, text)) if !source.is_empty() && !source.contains('\n') => {
                passages.push(Passage { source: source.to_owned(), text: text.trim().to_owned() });
            }
            _ => {
                rest.push_str(paragraph);
                rest.push('\n');
            }
        }
    }
    rest
}
