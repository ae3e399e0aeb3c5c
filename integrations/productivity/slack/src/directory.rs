//! Channels and users by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use circle_core_common::{CallContext, Error, ErrorKind, Reason, Result, Tick};

use crate::client::{PAGE_MAX, SlackClient};
use crate::wire::{SlackConversation, SlackUser, read};

/// The most names that are remembered.
const NAMES_MAX: usize = 4096;
/// The most pages that are looked through for a name.
const PAGES_MAX: usize = 100;

/// What a channel or a recipient is called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// The id of a conversation.
    Conversation(&'a str),
    /// The id of a user.
    User(&'a str),
    /// An e-mail address.
    Email(&'a str),
    /// The handle of a user: `@ana`.
    Handle(&'a str),
    /// The name of a channel: `#general`, `general`.
    Name(&'a str),
}

impl<'a> Address<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let text = text.trim();
        // Names of channels and handles have no capitals; ids have nothing else.
        let is_id = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        match text.as_bytes().first() {
            Some(b'C' | b'G' | b'D') if is_id => Self::Conversation(text),
            Some(b'U' | b'W') if is_id => Self::User(text),
            Some(b'@') => Self::Handle(&text[1..]),
            Some(b'#') => Self::Name(&text[1..]),
            _ if text.contains('@') => Self::Email(text),
            _ => Self::Name(text),
        }
    }
}

/// The ids that are known by name, for a while, on the clock of the environment.
pub(crate) struct Directory {
    known: Mutex<HashMap<String, (Arc<str>, Tick)>>,
    /// One looks through a list at a time: the others find what it found.
    looking: tokio::sync::Mutex<()>,
    ttl: Duration,
    types: String,
}

impl Directory {
    pub(crate) fn new(ttl: Duration, types: String) -> Self {
        Self { known: Mutex::default(), looking: tokio::sync::Mutex::default(), ttl, types }
    }

    pub(crate) fn types(&self) -> &str {
        &self.types
    }

    /// The conversation that a name or an id means: for a user, the direct one.
    pub(crate) async fn conversation(&self, client: &SlackClient, cx: &CallContext, text: &str) -> Result<Arc<str>> {
        match Address::of(text) {
            Address::Conversation(id) => Ok(id.into()),
            Address::User(id) => self.direct(client, cx, id).await,
            Address::Email(email) => {
                let key = format!("mail {}", email.to_lowercase());
                let user = match self.known(cx, &key) {
                    Some(user) => user,
                    None => self.remember(cx, key, client.user_by_email(cx, email).await?.id),
                };
                self.direct(client, cx, &user).await
            }
            Address::Handle(handle) => {
                let user = self.listed(client, cx, &format!("@{}", handle.to_lowercase())).await?;
                self.direct(client, cx, &user).await
            }
            Address::Name(name) => self.listed(client, cx, &format!("#{}", name.to_lowercase())).await,
        }
    }

    /// Forgets a name that has led nowhere.
    pub(crate) fn forget(&self, text: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match Address::of(text) {
            Address::Conversation(_) => {}
            Address::User(id) => drop(known.remove(&format!("direct {id}"))),
            Address::Email(email) => drop(known.remove(&format!("mail {}", email.to_lowercase()))),
            Address::Handle(handle) => drop(known.remove(&format!("@{}", handle.to_lowercase()))),
            Address::Name(name) => drop(known.remove(&format!("#{}", name.to_lowercase()))),
        }
    }

    async fn direct(&self, client: &SlackClient, cx: &CallContext, user: &str) -> Result<Arc<str>> {
        let key = format!("direct {user}");
        match self.known(cx, &key) {
            Some(id) => Ok(id),
            None => Ok(self.remember(cx, key, client.open_conversation(cx, user).await?.id)),
        }
    }

    /// The id of what a list has under this key: `#name` or `@handle`, in lower case.
    async fn listed(&self, client: &SlackClient, cx: &CallContext, key: &str) -> Result<Arc<str>> {
        if let Some(id) = self.known(cx, key) {
            return Ok(id);
        }
        let _looking = self.looking.lock().await;
        if let Some(id) = self.known(cx, key) {
            return Ok(id);
        }
        let found = match key.starts_with('#') {
            true => self.look_for_channel(client, cx, key).await?,
            false => self.look_for_user(client, cx, key).await?,
        };
        let missing = || Error::new(ErrorKind::NotFound, format!("Slack has no `{key}` that the app may see"));
        found.ok_or_else(missing)
    }

    async fn look_for_channel(&self, client: &SlackClient, cx: &CallContext, key: &str) -> Result<Option<Arc<str>>> {
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let (channels, next) = client.conversations_page(cx, &self.types, cursor.as_deref(), Some(PAGE_MAX)).await?;
            let mut found = None;
            for channel in &channels {
                let channel: SlackConversation = read("a channel", channel)?;
                let Some(name) = channel.name_normalized.or(channel.name) else { continue };
                let name = format!("#{}", name.to_lowercase());
                if name == key {
                    found = Some(self.remember(cx, name, channel.id));
                } else {
                    self.note(cx, name, channel.id);
                }
            }
            if found.is_some() || next.is_none() {
                return Ok(found);
            }
            cursor = next;
        }
        Err(too_many("channels"))
    }

    /// A handle is unique in its workspace; the name that is shown counts where one user alone has it.
    async fn look_for_user(&self, client: &SlackClient, cx: &CallContext, key: &str) -> Result<Option<Arc<str>>> {
        let (mut cursor, mut shown) = (None, Vec::new());
        let wanted = &key[1..];
        for _ in 0..PAGES_MAX {
            let (users, next) = client.users_page(cx, cursor.as_deref(), Some(PAGE_MAX)).await?;
            for SlackUser { id, name, profile, .. } in users.into_iter().filter(|user| !user.deleted) {
                if name.to_lowercase() == wanted {
                    return Ok(Some(self.remember(cx, key.to_owned(), id)));
                }
                if profile.display_name.to_lowercase() == wanted {
                    shown.push(id);
                }
            }
            if next.is_none() {
                if shown.len() > 1 {
                    let text = format!("{} users show this name: say which by handle, id or e-mail address", shown.len());
                    return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
                }
                return Ok(shown.pop().map(|id| self.remember(cx, key.to_owned(), id)));
            }
            cursor = next;
        }
        Err(too_many("users"))
    }

    fn known(&self, cx: &CallContext, key: &str) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = cx.clock().now();
        known.get(key).filter(|(_, until)| now < *until).map(|(id, _)| Arc::clone(id))
    }

    /// Remembers what was seen in passing, while there is room.
    fn note(&self, cx: &CallContext, key: String, id: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < NAMES_MAX {
            known.insert(key, (id.into(), cx.clock().now().after(self.ttl)));
        }
    }

    fn remember(&self, cx: &CallContext, key: String, id: String) -> Arc<str> {
        let (id, now): (Arc<str>, _) = (id.into(), cx.clock().now());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX && !known.contains_key(&key) {
            known.retain(|_, (_, until)| now < *until);
            if known.len() >= NAMES_MAX {
                let oldest = known.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone());
                oldest.and_then(|key| known.remove(&key));
            }
        }
        known.insert(key, (Arc::clone(&id), now.after(self.ttl)));
        id
    }
}

fn too_many(what: &str) -> Error {
    let text = format!("there are more {what} than are looked through for a name: use the id");
    Error::new(ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        for (text, address) in [
            ("C024BE91L", Address::Conversation("C024BE91L")),
            ("D069C7QFK", Address::Conversation("D069C7QFK")),
            ("G012AB3CD", Address::Conversation("G012AB3CD")),
            ("U024BE7LH", Address::User("U024BE7LH")),
            ("W012A3CDE", Address::User("W012A3CDE")),
            ("@ana", Address::Handle("ana")),
            ("ana@example.org", Address::Email("ana@example.org")),
            ("#general", Address::Name("general")),
            ("general", Address::Name("general")),
            ("café", Address::Name("café")),
            ("CHAT", Address::Name("CHAT")),
        ] {
            assert_eq!(Address::of(text), address, "{text}");
        }
    }
}
