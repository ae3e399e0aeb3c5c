//! How many tokens a request has, by a rule of thumb.

use super::{ChatRequest, Part};
use crate::error::Result;

/// Letters per token of English text, roughly the same in all common vocabularies.
const LETTERS_PER_TOKEN: u64 = 4;
/// What a message costs besides its content, roughly.
const TOKENS_PER_MESSAGE: u64 = 4;

/// How many tokens a request has, by a rule of thumb that can be wrong by half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenEstimate {
    /// The tokens of everything that is text: system texts, messages, tools, schemas.
    pub text_tokens: u64,
    /// The images, sounds and documents, which are not in it: what one costs differs by orders of magnitude between services.
    pub media: u64,
}

impl ChatRequest {
    /// How many tokens it has, roughly, without asking anybody: four letters of ASCII are a token, and so is each other
    /// character, which is too many for some scripts and too few for others.
    #[must_use]
    pub fn estimate(&self) -> TokenEstimate {
        let mut sum = Sum::default();
        self.system.iter().for_each(|text| sum.text(&text.text));
        for tool in self.tools.iter() {
            [&*tool.name, &*tool.description, tool.input.as_str()].into_iter().for_each(|text| sum.text(text));
        }
        if let Some(output) = &self.output {
            sum.text(output.schema.as_str());
        }
        self.messages.iter().flat_map(|message| message.parts.iter()).for_each(|part| sum.part(part));
        let overhead = TOKENS_PER_MESSAGE * (self.messages.len() + self.system.len() + self.tools.len()) as u64;
        TokenEstimate { text_tokens: sum.ascii.div_ceil(LETTERS_PER_TOKEN) + sum.other + overhead, media: sum.media }
    }
}

/// The documented emulation of `count_tokens`.
///
/// # Errors
/// `Unsupported` for images, audio and documents.
pub(super) fn tokens(request: &ChatRequest) -> Result<u64> {
    let estimate = request.estimate();
    if estimate.media > 0 {
        return Err(crate::Error::unsupported(super::Caps::COUNT_TOKENS.name()));
    }
    Ok(estimate.text_tokens)
}

#[derive(Default)]
struct Sum {
    ascii: u64,
    other: u64,
    media: u64,
}

impl Sum {
    fn text(&mut self, text: &str) {
        let other = text.chars().filter(|letter| !letter.is_ascii()).count();
        self.other += other as u64;
        self.ascii += text.bytes().filter(u8::is_ascii).count() as u64;
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) | Part::Refusal(text) | Part::Reasoning(text) => self.text(&text.text),
            Part::ToolCall(call) => [&call.name, &call.arguments].into_iter().for_each(|text| self.text(text)),
            Part::ToolResult(result) => result.output.parts.iter().for_each(|part| self.part(part)),
            Part::Opaque(opaque) => self.text(&opaque.state.data),
            Part::Image(_) | Part::Audio(_) | Part::Document(_) => self.media += 1,
        }
    }
}
