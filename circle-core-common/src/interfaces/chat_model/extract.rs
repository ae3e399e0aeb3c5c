//! Answers that are values.

use super::{CHAT, ChatModel, ChatRequest, ChatResponse, FinishReason, OutputSchema, Received};
use crate::error::{Error, ErrorKind, Reason, Result, Sent};

impl ChatModel {
    /// An answer as a value of a type, whose schema the model is held to. One call is made, never a second one to mend the
    /// first.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::chat_model::ChatModel};
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Invoice {
    ///     number: String,
    ///     total_cents: u64,
    /// }
    /// # async fn example(model: ChatModel, text: String) -> Result<()> {
    /// let invoice: Invoice = model.extract(format!("Read this invoice:\n{text}")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`chat`](Self::chat); `Unsupported` without `output_schema`. Where the answer is none of the type, what it was is in
    /// the error ([`Received::of`]): `ContentFiltered` for a refusal; `Decode`, with reason `Truncated` for one that met the
    /// most tokens.
    pub async fn extract<T>(&self, request: impl Into<ChatRequest>) -> Result<T>
    where
        T: serde::de::DeserializeOwned + schemars::JsonSchema,
    {
        let response = self.chat_inner(request.into().output(OutputSchema::of::<T>())).await?;
        let extracted = whole(&response).and_then(|()| response.json());
        extracted.map_err(|error| self.core.place(Received::attach(error.with_sent(Sent::Yes), response), &CHAT))
    }
}

/// Whether an answer can be read as the JSON that was asked for.
fn whole(response: &ChatResponse) -> Result<()> {
    let filtered = |text| Err(Error::new(ErrorKind::ContentFiltered, text));
    match &response.finish {
        FinishReason::Refusal => filtered("the model refused to answer"),
        FinishReason::ContentFilter => filtered("a content policy ended the answer"),
        _ if response.refusal().is_some() => filtered("the model refused to answer"),
        FinishReason::Length => {
            let text = "the answer met the most tokens before its JSON was complete";
            Err(Error::new(ErrorKind::Decode, text).with_reason(Reason::Truncated))
        }
        _ => Ok(()),
    }
}
