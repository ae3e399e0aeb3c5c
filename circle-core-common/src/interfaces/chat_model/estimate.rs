//! How many tokens a request has, by a rule of thumb.

use super::{ChatRequest, Part};
use crate::error::Result;

/// Letters per token of English text, roughly the same in all common vocabularies.
const LETTERS_PER_TOKEN: u64 = 4;
/// What a message costs besides its content, roughly.
const TOKENS_PER_MESSAGE: u64 = 4;

/// The documented emulation of `count_tokens`: four letters of ASCII are a token, and so is each other character, which is
/// too many for some scripts and too few for others.
///
/// # Errors
/// `Unsupported` for images, audio and documents: what they cost differs by orders of magnitude between services.
pub(super) fn tokens(request: &ChatRequest) -> Result<u64> {
    let mut sum = Sum::default();
    request.system.iter().for_each(|text| sum.text(&text.text));
    for tool in request.tools.iter() {
        [&*tool.name, &*tool.description, tool.input.as_str()].into_iter().for_each(|text| sum.text(text));
    }
    if let Some(output) = &request.output {
        sum.text(output.schema.as_str());
    }
    for message in request.messages.iter() {
        message.parts.iter().try_for_each(|part| sum.part(part))?;
    }
    let overhead = TOKENS_PER_MESSAGE * (request.messages.len() + request.system.len() + request.tools.len()) as u64;
    Ok(sum.ascii.div_ceil(LETTERS_PER_TOKEN) + sum.other + overhead)
}

#[derive(Default)]
struct Sum {
    ascii: u64,
    other: u64,
}

impl Sum {
    fn text(&mut self, text: &str) {
        let other = text.chars().filter(|letter| !letter.is_ascii()).count();
        self.other += other as u64;
        self.ascii += text.bytes().filter(u8::is_ascii).count() as u64;
    }

    fn part(&mut self, part: &Part) -> Result<()> {
        match part {
            Part::Text(text) | Part::Refusal(text) | Part::Reasoning(text) => self.text(&text.text),
            Part::ToolCall(call) => [&call.name, &call.arguments].into_iter().for_each(|text| self.text(text)),
            Part::ToolResult(result) => return result.output.parts.iter().try_for_each(|part| self.part(part)),
            Part::Opaque(opaque) => self.text(&opaque.state.data),
            Part::Image(_) | Part::Audio(_) | Part::Document(_) => {
                return Err(crate::Error::unsupported(super::Caps::COUNT_TOKENS.name()));
            }
        }
        Ok(())
    }
}
