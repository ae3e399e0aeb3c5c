//! What a call leaves in spans and logs.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::credentials::LOAD;

/// One span, or one event, with all its fields as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Whether it is a span; else an event.
    pub is_span: bool,
    /// The target.
    pub target: &'static str,
    /// The name.
    pub name: &'static str,
    /// The level.
    pub level: Level,
    /// The fields, as `name=value`, in the order in which they were recorded.
    pub fields: Vec<(&'static str, String)>,
}

/// Records all spans and events of the futures that run [`within`](Self::within) it; what those spawn is not seen.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    records: Arc<Mutex<Vec<(u64, Recorded)>>>,
}

impl Telemetry {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future and records what it leaves.
    pub async fn within<F: Future>(&self, future: F) -> F::Output {
        future.with_subscriber(Recorder { telemetry: self.clone(), next: AtomicU64::new(1) }).await
    }

    /// Runs a function and records what this thread leaves meanwhile.
    pub fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(Recorder { telemetry: self.clone(), next: AtomicU64::new(1) }, work)
    }

    /// Everything recorded so far, in order.
    #[must_use]
    pub fn records(&self) -> Vec<Recorded> {
        self.lock().iter().map(|(_, record)| record.clone()).collect()
    }

    /// The spans of calls of handles, as the operations that they name; without those that get a credential for another call,
    /// which come when one is needed.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let is_call = |record: &Recorded| record.is_span && record.target == "circle" && record.name == "call";
        let operation = |record: Recorded| record.fields.into_iter().find(|(name, _)| *name == "circle.operation");
        let calls = self.records().into_iter().filter(is_call).filter_map(operation).map(|(_, name)| name);
        calls.filter(|name| name != LOAD.name()).collect()
    }

    /// Everything recorded, as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.records().iter().map(|record| format!("{record:?}\n")).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Recorded)>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: u64, is_span: bool, metadata: &Metadata<'static>, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields::default();
        record(&mut fields);
        let (target, name, level) = (metadata.target(), metadata.name(), *metadata.level());
        self.lock().push((id, Recorded { is_span, target, name, level, fields: fields.0 }));
    }
}

/// Keeps one subscriber registered for good.
///
/// What `tracing` remembers of a span's place in the code is decided when it is first reached; a thread that reaches it
/// while another begins to record could decide that nobody listens.
pub(crate) fn listen() {
    static LISTENER: OnceLock<Dispatch> = OnceLock::new();
    LISTENER.get_or_init(|| Dispatch::new(Recorder { telemetry: Telemetry::new(), next: AtomicU64::new(1) }));
}

struct Recorder {
    telemetry: Telemetry,
    next: AtomicU64,
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.telemetry.add(id, true, span.metadata(), |fields| span.record(fields));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut records = self.telemetry.lock();
        if let Some((_, record)) = records.iter_mut().find(|(id, _)| *id == span.into_u64()) {
            record.fields.append(&mut fields.0);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.telemetry.add(0, false, event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn spans_events_and_late_fields_are_recorded() {
        let telemetry = Telemetry::new();
        telemetry
            .within(async {
                let span = tracing::info_span!(target: "circle", "call", circle.operation = "a.b", late = tracing::field::Empty);
                span.record("late", 7);
                tracing::trace!(what = "event");
            })
            .await;
        tracing::info!("outside");
        let records = telemetry.records();
        assert_eq!(telemetry.calls(), ["a.b"]);
        assert_eq!(records[0].fields[1], ("late", "7".to_owned()));
        assert_eq!(records[1].fields, [("what", "event".to_owned())]);
        assert_eq!(records.len(), 2);
    }
}
