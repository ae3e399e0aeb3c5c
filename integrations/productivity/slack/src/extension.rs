//! What Slack alone knows: Block Kit, typed (<https://docs.slack.dev/reference/block-kit>).

use circle_core_common::interfaces::messenger::Message;
use circle_core_common::interfaces::notifier::Notification;
use circle_core_common::{Error, ErrorKind, Extension, Limit, Reason, Result};
use serde_json::{Value, json};

use crate::text::visible;

/// The most blocks of a message.
pub(crate) const BLOCKS_MAX: usize = 50;

/// Blocks of Slack's own, shown below what a message says; of a message of plain text they are all that is shown, and the text is for
/// notifications and screen readers.
///
/// ```
/// # use circle_core_common::interfaces::messenger::Message;
/// use circle_core_slack::{SlackBlocks, SlackButton, SlackText};
/// let blocks = SlackBlocks::new()
///     .header("Deploy 42")
///     .section(SlackText::mrkdwn("*shop* is out: <https://ci.example/42|log>"))
///     .actions([SlackButton::new("approve", "Approve").value("42").primary()]);
/// let message = Message::text("Deploy 42 waits for you").extension(blocks);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SlackBlocks {
    blocks: Vec<Value>,
    wrong: Option<Error>,
}

impl Extension<Message> for SlackBlocks {
    const PROVIDER: &'static str = "slack";
}

impl Extension<Notification> for SlackBlocks {
    const PROVIDER: &'static str = "slack";
    const ALSO: &'static [&'static str] = &["slack-webhook"];
}

/// A text of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackText {
    text: String,
    is_markup: bool,
}

impl SlackText {
    /// Shown as it is written.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_markup: false }
    }

    /// Slack's markup. What is not yours in it must have gone through [`escaped`](Self::escaped).
    #[must_use]
    pub fn mrkdwn(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_markup: true }
    }

    /// Text in which nothing is a link, a mention or an entity of Slack's markup.
    #[must_use]
    pub fn escaped(text: &str) -> String {
        crate::text::escaped(&visible(text))
    }

    fn json(&self) -> Value {
        let text = visible(&self.text);
        match self.is_markup {
            true => json!({ "type": "mrkdwn", "text": text }),
            false => json!({ "type": "plain_text", "text": text, "emoji": false }),
        }
    }
}

impl From<&str> for SlackText {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for SlackText {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

/// A button. What becomes of a click comes to the app as an interaction; one with an address opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlackButton {
    /// What the interaction calls it.
    pub action_id: String,
    /// What it says.
    pub text: String,
    /// What the interaction carries.
    pub value: Option<String>,
    /// What it opens.
    pub url: Option<String>,
    /// `primary` or `danger`.
    pub style: Option<&'static str>,
}

impl SlackButton {
    /// A button with this text.
    #[must_use]
    pub fn new(action_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { action_id: action_id.into(), text: text.into(), value: None, url: None, style: None }
    }

    /// Sets what the interaction carries.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets what it opens.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The one that most will choose.
    #[must_use]
    pub fn primary(mut self) -> Self {
        self.style = Some("primary");
        self
    }

    /// One that cannot be undone.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.style = Some("danger");
        self
    }
}

impl SlackBlocks {
    /// No block yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A heading, of at most 150 characters.
    #[must_use]
    pub fn header(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.limit("header", text.chars().count(), 150);
        self.push(json!({ "type": "header", "text": SlackText::plain(text).json() }))
    }

    /// A text, of at most 3000 characters.
    #[must_use]
    pub fn section(mut self, text: impl Into<SlackText>) -> Self {
        let text = text.into();
        self.limit("section", text.text.chars().count(), 3000);
        self.push(json!({ "type": "section", "text": text.json() }))
    }

    /// Texts in two columns, of at most 2000 characters each; at most ten.
    #[must_use]
    pub fn fields<T: Into<SlackText>>(mut self, fields: impl IntoIterator<Item = T>) -> Self {
        let fields: Vec<SlackText> = fields.into_iter().map(Into::into).collect();
        self.count("fields", fields.len(), 10);
        fields.iter().for_each(|field| self.limit("field", field.text.chars().count(), 2000));
        let fields: Vec<Value> = fields.iter().map(SlackText::json).collect();
        self.push(json!({ "type": "section", "fields": fields }))
    }

    /// Small text beside the point; at most ten.
    #[must_use]
    pub fn context<T: Into<SlackText>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<Value> = texts.into_iter().map(|text| text.into().json()).collect();
        self.count("context", texts.len(), 10);
        self.push(json!({ "type": "context", "elements": texts }))
    }

    /// An image that everybody can fetch, and what it shows for those who cannot see it.
    #[must_use]
    pub fn image(mut self, url: impl Into<String>, alt_text: impl Into<String>) -> Self {
        let (url, alt_text) = (url.into(), alt_text.into());
        self.limit("image_url", url.chars().count(), 3000);
        self.limit("alt_text", alt_text.chars().count(), 2000);
        self.push(json!({ "type": "image", "image_url": url, "alt_text": visible(&alt_text) }))
    }

    /// Buttons; at most 25.
    #[must_use]
    pub fn actions(mut self, buttons: impl IntoIterator<Item = SlackButton>) -> Self {
        let buttons: Vec<SlackButton> = buttons.into_iter().collect();
        self.count("actions", buttons.len(), 25);
        for button in &buttons {
            self.limit("button", button.text.chars().count(), 75);
            self.limit("action_id", button.action_id.chars().count(), 255);
            self.limit("value", button.value.as_ref().map_or(0, |value| value.chars().count()), 2000);
            self.limit("url", button.url.as_ref().map_or(0, |url| url.chars().count()), 3000);
        }
        let elements: Vec<Value> = buttons.iter().map(button).collect();
        self.push(json!({ "type": "actions", "elements": elements }))
    }

    /// A line between two parts.
    #[must_use]
    pub fn divider(self) -> Self {
        self.push(json!({ "type": "divider" }))
    }

    /// Any other block, as Slack documents it.
    #[must_use]
    pub fn block(mut self, block: Value) -> Self {
        if !block.get("type").is_some_and(Value::is_string) {
            let text = "a block of Block Kit is an object with a `type`";
            self.wrong.get_or_insert_with(|| Error::new(ErrorKind::InvalidInput, text));
        }
        self.push(block)
    }

    fn push(mut self, block: Value) -> Self {
        self.blocks.push(block);
        self
    }

    fn limit(&mut self, name: &'static str, length: usize, max: u64) {
        if length as u64 > max {
            self.wrong.get_or_insert_with(|| Error::outside_limit(Limit::at_most(name, max, "characters"), length));
        }
    }

    fn count(&mut self, name: &'static str, count: usize, max: u64) {
        if count as u64 > max {
            self.wrong.get_or_insert_with(|| Error::outside_limit(Limit::at_most(name, max, "elements"), count));
        } else if count == 0 {
            let text = format!("`{name}` of Block Kit has one element at least");
            self.wrong.get_or_insert_with(|| Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::OutsideLimit));
        }
    }

    /// The blocks, if Slack would take them.
    pub(crate) fn checked(&self) -> Result<&[Value]> {
        match &self.wrong {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(&self.blocks),
        }
    }
}

fn button(button: &SlackButton) -> Value {
    let mut json = json!({ "type": "button", "action_id": button.action_id, "text": SlackText::plain(&button.text).json() });
    for (name, value) in [("value", button.value.as_deref()), ("url", button.url.as_deref()), ("style", button.style)] {
        if let Some(value) = value {
            json[name] = value.into();
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_what_slack_documents() {
        let blocks = SlackBlocks::new()
            .header("Deploy 42")
            .section(SlackText::mrkdwn("*shop*"))
            .fields(["a"])
            .context([SlackText::plain("by ana")])
            .image("https://a.example/x.png", "A graph")
            .actions([SlackButton::new("approve", "Approve").value("42").primary()])
            .divider()
            .block(json!({ "type": "markdown", "text": "**x**" }));
        assert_eq!(
            serde_json::to_value(blocks.checked().unwrap()).unwrap(),
            json!([
                { "type": "header", "text": { "type": "plain_text", "text": "Deploy 42", "emoji": false } },
                { "type": "section", "text": { "type": "mrkdwn", "text": "*shop*" } },
                { "type": "section", "fields": [{ "type": "plain_text", "text": "a", "emoji": false }] },
                { "type": "context", "elements": [{ "type": "plain_text", "text": "by ana", "emoji": false }] },
                { "type": "image", "image_url": "https://a.example/x.png", "alt_text": "A graph" },
                { "type": "actions", "elements": [{
                    "type": "button", "action_id": "approve", "value": "42", "style": "primary",
                    "text": { "type": "plain_text", "text": "Approve", "emoji": false },
                }] },
                { "type": "divider" },
                { "type": "markdown", "text": "**x**" },
            ])
        );
    }

    #[test]
    fn what_slack_would_refuse_is_refused_here() {
        for blocks in [
            SlackBlocks::new().header("x".repeat(151)),
            SlackBlocks::new().section("x".repeat(3001)),
            SlackBlocks::new().fields([""; 11]),
            SlackBlocks::new().context([""; 0]),
            SlackBlocks::new().actions([SlackButton::new("a", "x".repeat(76))]),
            SlackBlocks::new().block(json!({})),
        ] {
            assert!(blocks.checked().unwrap_err().is(ErrorKind::InvalidInput), "{blocks:?}");
        }
    }
}
