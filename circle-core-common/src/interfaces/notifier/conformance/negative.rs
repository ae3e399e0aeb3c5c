//! What holds for each capability that is off.

use std::time::Duration;

use super::{Caps, Desk};
use crate::capabilities::Flag;
use crate::context::CallOptions;
use crate::error::Result;
use crate::interfaces::notifier::{Notification, Notifier, Severity, StatusOptions};
use crate::suite::Outcome;
use crate::units::Timestamp;

/// The notifier without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Desk, flag: Flag<Caps>) -> Result<Notifier> {
    subject.without(flag)
}

fn to(recipient: &str) -> Notification {
    Notification::new("a").to([recipient])
}

fn soon() -> Timestamp {
    crate::Clock::System.timestamp() + Duration::from_secs(60)
}

crate::suite::negatives! {
    Notifier, Caps;
    /// How grave it is.
    without_severity: SEVERITY, |desk, name| [desk.notify(to(&name).severity(Severity::Critical)).await];
    /// Keys of notifications.
    without_dedup: DEDUP, |desk, name| [desk.notify(to(&name).dedup("a")).await];
    /// Taking back.
    without_clear: CLEAR, |desk, name| [desk.clear(&name).await];
    /// Notifying at a later moment.
    without_schedule: SCHEDULE, |desk, name| [desk.notify(to(&name).at(soon())).await];
    /// What became of notifications.
    without_status: STATUS, |desk, name| [
        desk.status().page().await,
        desk.status_with(StatusOptions::new().recipient(&name)).all().await,
    ];
    /// Ids that promise one notification.
    without_idempotency: IDEMPOTENCY, |desk, name| [
        desk.with(CallOptions::new().idempotency_key("an-id")).notify(to(&name)).await,
    ];
}
