//! What Slack answers.

use circle_core_common::{Error, ErrorKind, Result, Sent};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer that says no more than that it is one.
#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(rename = "ok")]
    _ok: bool,
}

/// Where a list goes on.
#[derive(Default, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) next_cursor: Option<String>,
}

/// The cursor of the next page; an empty one is the end.
pub(crate) fn next(metadata: Option<&Metadata>) -> Option<&str> {
    metadata.and_then(|metadata| metadata.next_cursor.as_deref()).filter(|cursor| !cursor.is_empty())
}

#[derive(Deserialize)]
pub(crate) struct Written {
    pub(crate) channel: String,
    pub(crate) ts: String,
}

#[derive(Deserialize)]
pub(crate) struct Messages {
    pub(crate) messages: Vec<Value>,
    pub(crate) response_metadata: Option<Metadata>,
}

/// A message of a history.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) ts: String,
    pub(crate) thread_ts: Option<String>,
    pub(crate) subtype: Option<String>,
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) user: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) bot_id: Option<String>,
    pub(crate) bot_profile: Option<BotProfile>,
    pub(crate) edited: Option<Edited>,
    #[serde(default)]
    pub(crate) reactions: Vec<ReactionOf>,
    #[serde(default)]
    pub(crate) files: Vec<FileOf>,
    pub(crate) reply_count: Option<u64>,
    pub(crate) metadata: Option<Marked>,
}

impl Message {
    pub(crate) fn read(value: &Value) -> Result<Self> {
        Self::deserialize(value).map_err(|error| unreadable("a message").with_source(error))
    }
}

#[derive(Deserialize)]
pub(crate) struct BotProfile {
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Edited {
    pub(crate) ts: String,
}

#[derive(Deserialize)]
pub(crate) struct ReactionOf {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) count: u64,
}

/// A file. One that was just uploaded tells little more than its id, and one that is gone nothing else.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct FileOf {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) mimetype: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) permalink: Option<String>,
}

/// The metadata of a message.
#[derive(Deserialize)]
pub(crate) struct Marked {
    pub(crate) event_type: Option<String>,
    #[serde(default)]
    pub(crate) event_payload: Value,
}

#[derive(Deserialize)]
pub(crate) struct UploadUrl {
    pub(crate) upload_url: String,
    pub(crate) file_id: String,
}

#[derive(Deserialize)]
pub(crate) struct Files {
    #[serde(default)]
    pub(crate) files: Vec<FileOf>,
}

#[derive(Deserialize)]
pub(crate) struct OneFile {
    pub(crate) file: FileOf,
}

#[derive(Deserialize)]
pub(crate) struct Conversations {
    pub(crate) channels: Vec<Value>,
    pub(crate) response_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(crate) struct OneConversation {
    pub(crate) channel: SlackConversation,
}

#[derive(Deserialize)]
pub(crate) struct Users {
    pub(crate) members: Vec<SlackUser>,
    pub(crate) response_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(crate) struct OneUser {
    pub(crate) user: SlackUser,
}

/// A value of a list, read by itself so that the list keeps it as it came.
pub(crate) fn read<T: DeserializeOwned>(what: &'static str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| unreadable(what).with_source(error))
}

fn unreadable(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("{what} of the answer is not what it should be")).with_sent(Sent::Yes)
}

/// A channel, a group or a direct conversation.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct SlackConversation {
    /// Its id.
    pub id: String,
    /// Its name, without `#`; direct conversations have none.
    pub name: Option<String>,
    /// Its name as it is compared.
    pub name_normalized: Option<String>,
    /// Whether it is for those who were invited.
    #[serde(default)]
    pub is_private: bool,
    /// Whether it is between two.
    #[serde(default)]
    pub is_im: bool,
    /// Whether it is between several, without a name.
    #[serde(default)]
    pub is_mpim: bool,
    /// Whether it is closed for good.
    #[serde(default)]
    pub is_archived: bool,
    /// Whether the app is in it.
    pub is_member: Option<bool>,
    /// With whom it is, of one between two.
    pub user: Option<String>,
    /// What it is about now.
    pub topic: Option<SlackTopic>,
}

/// What a channel is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct SlackTopic {
    /// What it says.
    #[serde(default)]
    pub value: String,
}

/// A user of the workspace.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct SlackUser {
    /// Its id.
    pub id: String,
    /// Its handle.
    #[serde(default)]
    pub name: String,
    /// Whether it is deactivated.
    #[serde(default)]
    pub deleted: bool,
    /// Whether it is a program.
    #[serde(default)]
    pub is_bot: bool,
    /// How it shows itself.
    #[serde(default)]
    pub profile: SlackProfile,
}

/// How a user shows itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct SlackProfile {
    /// The name that others see.
    #[serde(default)]
    pub display_name: String,
    /// The full name.
    #[serde(default)]
    pub real_name: String,
}

/// Whose token it is.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SlackIdentity {
    /// The address of the workspace.
    pub url: Option<String>,
    /// The name of the workspace.
    pub team: Option<String>,
    /// The id of the workspace.
    pub team_id: Option<String>,
    /// The handle of the user or of the app's bot.
    pub user: Option<String>,
    /// Its id.
    pub user_id: Option<String>,
    /// The id of the app's bot.
    pub bot_id: Option<String>,
}
