//! Has a question answered, and sends the answer.

use circle_core::Result;
use circle_core::ai::retrieval::{Answer, AnswerOptions};
use circle_core::chat_model::ChatModelCapabilities;
use circle_core::messenger::Sent;

use super::AskDocs;

/// What the model is told besides: messengers show plain text as it is.
const PLAIN: &str = "Write plain text, without Markdown.";

impl AskDocs {
    /// The answer to a question from the documents; `heard` gets the text as it comes, where the model streams.
    ///
    /// # Errors
    /// `NotFound` when there is nothing to answer from; what model and stores say.
    pub async fn answer(&self, question: &str, heard: &mut (dyn FnMut(&str) + Send)) -> Result<Answer> {
        let options = AnswerOptions::new().instructions(PLAIN);
        if !ChatModelCapabilities::STREAM.is_on(self.model.capabilities()) {
            return self.index.answer_with(&self.model, question, options).await;
        }
        let mut stream = self.index.stream_answer(&self.model, question, options).await?;
        while let Some(more) = stream.try_next().await? {
            heard(&more);
        }
        stream.finish().await
    }

    /// Sends question and answer with its sources to a channel.
    ///
    /// # Errors
    /// What the messenger says.
    pub async fn send(&self, channel: &str, question: &str, answer: &Answer) -> Result<Sent> {
        self.team.send(channel, text(question, answer)).await
    }
}

/// What is sent.
#[must_use]
pub fn text(question: &str, answer: &Answer) -> String {
    let mut text = format!("{question}\n\n{}", answer.text.trim());
    if !answer.citations.is_empty() {
        text += "\n\nSources:";
        for citation in &answer.citations {
            text += &format!("\n{citation}");
        }
    }
    if let Some(warning) = warning(answer) {
        text += &format!("\n\nCareful: {warning}.");
    }
    text
}

/// Why an answer is not to be trusted.
#[must_use]
pub fn warning(answer: &Answer) -> Option<String> {
    if !answer.unknown.is_empty() {
        let numbers: Vec<String> = answer.unknown.iter().map(|number| format!("[{number}]")).collect();
        return Some(format!("the answer cites {}, which it was not given", numbers.join(", ")));
    }
    answer.citations.is_empty().then(|| "the answer cites no document".to_owned())
}
