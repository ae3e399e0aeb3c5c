//! What is checked before anything is sent: names, lengths, times, capabilities.

use super::{Caps, Notification, Notifier, Recipient, StatusOptions};
use crate::error::{Error, ErrorKind, Limit, Reason, Result};

/// The longest recipient or key, in bytes: the tokens of devices are long.
const NAME_MAX: usize = 4096;

/// A name of one line.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > NAME_MAX || name.contains(char::is_control) {
        let text = format!("{what} has 1 to {NAME_MAX} bytes, without line breaks and other control characters");
        return Err(Error::new(ErrorKind::InvalidInput, text).with_reason(Reason::NameInvalid));
    }
    Ok(())
}

impl Notifier {
    pub(super) fn check(&self, notification: &Notification) -> Result<()> {
        let capabilities = self.capabilities();
        if notification.title.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a notification has a title"));
        }
        if notification.title.contains(['\n', '\r']) {
            return Err(Error::new(ErrorKind::InvalidInput, "the title of a notification is one line"));
        }
        if notification.recipients.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a notification goes to somebody: name its recipients"));
        }
        for recipient in &notification.recipients {
            check_name("a recipient", recipient.as_str()).map_err(|error| error.with_resource(recipient.shared()))?;
        }
        let texts =
            [("title_max", &notification.title, capabilities.title_max), ("body_max", &notification.body, capabilities.body_max)];
        for (name, text, max) in texts {
            let length = text.chars().count() as u64;
            if length > max {
                return Err(Error::outside_limit(Limit::at_most(name, max, "characters"), length));
            }
        }
        if notification
            .link
            .as_ref()
            .is_some_and(|link| link.is_empty() || link.contains(|c: char| c.is_control() || c.is_whitespace()))
        {
            return Err(Error::new(ErrorKind::InvalidInput, "a link is an address without spaces"));
        }
        if notification.severity.is_some() {
            Caps::SEVERITY.check(capabilities)?;
        }
        if let Some(key) = &notification.dedup {
            check_name("a dedup key", key.as_str())?;
            Caps::DEDUP.check(capabilities)?;
        }
        self.check_time(notification)?;
        if self.core.options().is_some_and(|options| options.idempotency_key.is_some()) {
            Caps::IDEMPOTENCY.check(capabilities)?;
        }
        notification.extensions.check(self.core.provider())
    }

    fn check_time(&self, notification: &Notification) -> Result<()> {
        let Some(at) = notification.at else { return Ok(()) };
        let capabilities = self.capabilities();
        Caps::SCHEDULE.check(capabilities)?;
        let now = self.core.environment().clock().timestamp();
        if at <= now {
            return Err(Error::new(ErrorKind::InvalidInput, format!("the time {at} is over: leave it out to notify at once")));
        }
        let (ahead, max) = (at.since(now), capabilities.schedule_max);
        if ahead > max {
            let limit = Limit::at_most("schedule_max", max.as_secs(), "s");
            return Err(Error::outside_limit(limit, ahead.as_secs()));
        }
        Ok(())
    }

    pub(super) fn check_status(&self, options: &StatusOptions) -> Result<()> {
        let names = [
            ("a dedup key", options.dedup.as_ref().map(AsRef::as_ref)),
            ("a recipient", options.recipient.as_ref().map(Recipient::as_str)),
        ];
        for (what, name) in names {
            name.map_or(Ok(()), |name| check_name(what, name))?;
        }
        Caps::STATUS.check(self.capabilities())?;
        options.extensions.check(self.core.provider())
    }
}
