//! What a notifier can do.

use std::time::Duration;

crate::capabilities! {
    /// What a notifier can do. Telling somebody something every notifier can.
    pub struct NotifierCapabilities {
        flags {
            /// Tells apart how grave notifications are.
            severity = SEVERITY,
            /// Takes notifications under one key for one, until it is cleared.
            dedup = DEDUP,
            /// Takes notifications back.
            clear = CLEAR,
            /// Notifies at a later moment.
            schedule = SCHEDULE,
            /// Tells what became of notifications.
            status = STATUS,
            /// Notifies once, however often it is asked to under one idempotency key.
            idempotency = IDEMPOTENCY,
        }
        limits {
            /// The longest title, in characters.
            title_max: u64 = 200,
            /// The longest body, in characters.
            body_max: u64 = 4000,
            /// The most recipients of one call; the handle splits.
            recipients_max: u32 = 100,
            /// How far ahead notifications can be scheduled.
            schedule_max: Duration = Duration::from_secs(30 * 24 * 3600),
        }
    }
}
