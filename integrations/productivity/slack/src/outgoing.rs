//! What is sent: a message as Slack takes it.

use circle_core_common::interfaces::messenger::{Block, Content};
use circle_core_common::{CallContext, Error, ErrorKind, Limit, OperationId, Result};
use serde::Serialize;
use serde_json::Value;

use crate::blocks::{self, Mentioned};
use crate::client::SlackClient;
use crate::directory::Directory;
use crate::extension::{BLOCKS_MAX, SlackBlocks};
use crate::text::{escaped, link, visible};

/// The longest text, escaped: Slack cuts what is longer
/// (<https://docs.slack.dev/reference/methods/chat.postMessage#truncating>).
pub(crate) const TEXT_MAX: u64 = 40_000;
/// The longest text of an edit (<https://docs.slack.dev/reference/methods/chat.update>, `msg_too_long`).
const UPDATE_TEXT_MAX: u64 = 4000;

/// The kind of metadata by which messages are found again.
pub(crate) const EVENT_TYPE: &str = "circle_core_write";
/// The field that has the id of the write.
pub(crate) const EVENT_FIELD: &str = "operation_id";

/// The arguments of `chat.postMessage`.
#[derive(Serialize)]
pub(crate) struct Post<'a> {
    channel: &'a str,
    #[serde(flatten)]
    saying: Saying,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_broadcast: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

impl<'a> Post<'a> {
    pub(crate) fn new(channel: &'a str, saying: Saying) -> Self {
        // Files are shown where their links are.
        let unfurl_links = saying.has_files.then_some(true);
        Self { channel, saying, thread_ts: None, reply_broadcast: None, unfurl_links, metadata: None }
    }

    pub(crate) fn thread(mut self, thread: Option<&'a str>, broadcast: bool) -> Self {
        self.thread_ts = thread;
        self.reply_broadcast = (thread.is_some() && broadcast).then_some(true);
        self
    }

    pub(crate) fn operation(mut self, operation: &OperationId) -> Self {
        let payload = serde_json::json!({ EVENT_FIELD: operation.to_string() });
        self.metadata = Some(serde_json::json!({ "event_type": EVENT_TYPE, "event_payload": payload }));
        self
    }
}

/// The arguments of `chat.update`.
#[derive(Serialize)]
pub(crate) struct Update<'a> {
    pub(crate) channel: &'a str,
    pub(crate) ts: &'a str,
    #[serde(flatten)]
    pub(crate) saying: Saying,
}

/// What a message says.
#[derive(Serialize)]
pub(crate) struct Saying {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) blocks: Vec<Value>,
    /// Off for plain text, which is what is shown where there are no blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrkdwn: Option<bool>,
    #[serde(skip)]
    has_files: bool,
}

impl Saying {
    /// Content with files, each as its address and its name, and with blocks of Slack's own.
    pub(crate) fn new(
        content: &Content,
        mentioned: &Mentioned,
        files: &[(String, String)],
        own: Option<&SlackBlocks>,
    ) -> Result<Self> {
        let mut blocks = match content {
            Content::Rich(rich) => blocks::kit(rich, mentioned),
            _ => Vec::new(),
        };
        if let Some(own) = own {
            blocks.extend_from_slice(own.checked()?);
        }
        let mut text = escaped(&visible(&content.plain_text()));
        if !files.is_empty() {
            if !blocks.is_empty() {
                blocks.push(blocks::links(files));
            }
            let links: Vec<String> = files.iter().map(|(url, name)| link(url, name)).collect();
            if !text.trim().is_empty() {
                text.push('\n');
            }
            text.push_str(&links.join(" "));
        }
        at_most("blocks", blocks.len() as u64, BLOCKS_MAX as u64, "blocks")?;
        at_most("text", text.chars().count() as u64, TEXT_MAX, "characters, escaped")?;
        let mrkdwn = blocks.is_empty().then_some(false);
        Ok(Self { text, blocks, mrkdwn, has_files: !files.is_empty() })
    }

    /// For an edit, which has no way to say that its text is no markup: what is shown is a block.
    pub(crate) fn for_update(mut self, content: &Content) -> Result<Self> {
        at_most("text", self.text.chars().count() as u64, UPDATE_TEXT_MAX, "characters, escaped, of an edit")?;
        if self.blocks.is_empty() {
            self.blocks.push(blocks::literal(&content.plain_text()));
        }
        self.mrkdwn = None;
        Ok(self)
    }
}

fn at_most(name: &'static str, length: u64, max: u64, unit: &'static str) -> Result<()> {
    if length > max {
        return Err(Error::outside_limit(Limit::at_most(name, max, unit), length));
    }
    Ok(())
}

/// The ids of the channels that content mentions by name.
pub(crate) async fn mentioned(
    client: &SlackClient,
    directory: &Directory,
    cx: &CallContext,
    content: &Content,
) -> Result<Mentioned> {
    let mut ids = Mentioned::new();
    let names = match content {
        Content::Rich(rich) => names(rich),
        _ => Vec::new(),
    };
    for name in names {
        match directory.conversation(client, cx, &name).await {
            Ok(id) => drop(ids.insert(name, id)),
            // A channel that there is not is mentioned by its name.
            Err(error) if error.is(ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ids)
}

fn names(rich: &[Block]) -> Vec<String> {
    blocks::mentioned(rich)
}

#[cfg(test)]
mod tests {
    use super::*;
    use circle_core_common::Reason;

    fn text(text: &str) -> Content {
        Content::Text(text.into())
    }

    fn saying(content: &Content, files: &[(String, String)], own: Option<&SlackBlocks>) -> Result<Saying> {
        Saying::new(content, &Mentioned::new(), files, own)
    }

    #[test]
    fn plain_text_is_no_markup() {
        let json = serde_json::to_string(&Post::new("C1", saying(&text("*a* <!channel>"), &[], None).unwrap())).unwrap();
        assert_eq!(json, r#"{"channel":"C1","text":"*a* &lt;!channel&gt;","mrkdwn":false}"#);
        let update = Update {
            channel: "C1",
            ts: "1.2",
            saying: saying(&text("*a*"), &[], None).unwrap().for_update(&text("*a*")).unwrap(),
        };
        assert_eq!(
            serde_json::to_string(&update).unwrap(),
            concat!(
                r#"{"channel":"C1","ts":"1.2","text":"*a*","blocks":[{"elements":[{"elements":[{"text":"*a*","type":"text"}],"#,
                r#""type":"rich_text_section"}],"type":"rich_text"}]}"#
            )
        );
    }

    #[test]
    fn files_are_linked_in_text_and_blocks() {
        let files = [("https://a.example/f".to_owned(), "q3.csv".to_owned())];
        assert_eq!(saying(&text("here"), &files, None).unwrap().text, "here\n<https://a.example/f|q3.csv>");
        assert_eq!(saying(&text(""), &files, None).unwrap().text, "<https://a.example/f|q3.csv>");
        let rich = saying(&Content::Rich([Block::paragraph(["x"])].into()), &files, None).unwrap();
        assert_eq!((rich.blocks.len(), rich.mrkdwn, rich.has_files), (2, None, true));
    }

    #[test]
    fn what_slack_would_cut_is_refused() {
        let limit = |result: Result<Saying>| result.err().and_then(|error| error.reason());
        assert!(saying(&text(&"x".repeat(40_000)), &[], None).is_ok());
        // Escaped it is five times as long.
        assert_eq!(limit(saying(&text(&"&".repeat(8001)), &[], None)), Some(Reason::OutsideLimit));
        let long = text(&"x".repeat(4001));
        assert_eq!(limit(saying(&long, &[], None).unwrap().for_update(&long)), Some(Reason::OutsideLimit));
        let blocks = (0..51).fold(SlackBlocks::new(), |blocks, _| blocks.divider());
        assert_eq!(limit(saying(&text("x"), &[], Some(&blocks))), Some(Reason::OutsideLimit));
    }
}
