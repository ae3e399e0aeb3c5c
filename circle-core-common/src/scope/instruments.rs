//! The metrics of calls: ours, and those that the conventions have for the kind of service.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{IntoF64, Key, Label};

use super::CALL_DURATION;
use crate::context::CallContext;
use crate::error::ErrorKind;
use crate::operation::Operation;
use crate::telemetry::{
    CHUNK_TIME, Counter, DB_DURATION, FIRST_CHUNK, Histogram, Labels, MESSAGES_SENT, MESSAGING_DURATION, MODEL_DURATION,
    TOKEN_USAGE,
};

/// How many models of a service are told apart.
const MODELS: usize = 32;

/// The time since a call started. The clock is read when somebody takes it, and once: without an exporter and without
/// objectives nobody does, and a reading is a good part of a call in memory.
pub(crate) struct Taken<'a> {
    cx: &'a CallContext,
    time: Cell<Option<Duration>>,
}

impl<'a> Taken<'a> {
    pub(crate) fn now(cx: &'a CallContext) -> Self {
        Self { cx, time: Cell::new(None) }
    }

    pub(crate) fn get(&self) -> Duration {
        let time = self.time.get().unwrap_or_else(|| self.cx.elapsed());
        self.time.set(Some(time));
        time
    }
}

/// The time for a histogram, in seconds; notes that there is one which takes it.
struct Heard<'a>(&'a Taken<'a>, &'a Cell<bool>);

impl IntoF64 for Heard<'_> {
    fn into_f64(self) -> f64 {
        self.1.set(true);
        self.0.get().as_secs_f64()
    }
}

/// Which of OpenTelemetry's conventions are for the calls of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Convention {
    Database,
    Messaging,
    /// A model, with the conventions' name of what it does.
    Model(&'static str),
}

impl Convention {
    /// None for object stores, of which the conventions have spans only.
    fn of(operation: &Operation) -> Option<Self> {
        match (operation.interface(), verb(operation)) {
            ("KeyValueStore" | "VectorStore", _) => Some(Self::Database),
            ("Messenger" | "Notifier", _) => Some(Self::Messaging),
            ("ChatModel", "chat" | "stream") => Some(Self::Model("chat")),
            ("EmbeddingModel", "embed") => Some(Self::Model("embeddings")),
            _ => None,
        }
    }
}

/// The name of an operation behind that of its interface: `get`.
fn verb(operation: &Operation) -> &'static str {
    operation.name().split_once('.').map_or(operation.name(), |(_, verb)| verb)
}

/// Whether a call sends a message.
fn sends(operation: &Operation) -> bool {
    matches!(operation.name(), "messenger.send" | "notifier.notify")
}

/// The instruments of a handle, made when they are first used.
#[derive(Debug)]
pub(super) struct Instruments {
    operations: [OnceLock<Box<Outcomes<Timed>>>; Operation::MAX_PER_INTERFACE],
    models: Labels<Model>,
}

/// One for success, and one for each kind of failure.
#[derive(Debug)]
struct Outcomes<T> {
    success: T,
    failures: OnceLock<Box<[OnceLock<T>]>>,
}

impl<T> Outcomes<T> {
    fn new(make: impl FnOnce(Option<ErrorKind>) -> T) -> Self {
        Self { success: make(None), failures: OnceLock::new() }
    }

    #[inline]
    fn get(&self, error: Option<ErrorKind>, make: impl FnOnce(Option<ErrorKind>) -> T) -> &T {
        match error {
            None => &self.success,
            Some(kind) => self.failure(kind, make),
        }
    }

    fn failure(&self, kind: ErrorKind, make: impl FnOnce(Option<ErrorKind>) -> T) -> &T {
        let failures = self.failures.get_or_init(|| ErrorKind::ALL.iter().map(|_| OnceLock::new()).collect());
        let at = ErrorKind::ALL.iter().position(|one| *one == kind).unwrap_or(0);
        failures[at].get_or_init(|| make(Some(kind)))
    }
}

/// The instruments of one operation that ends in one way.
#[derive(Debug)]
struct Timed {
    call: Histogram,
    convention: Option<Histogram>,
    sent: Option<Counter>,
}

/// The instruments of one model.
#[derive(Debug)]
pub(crate) struct Model {
    calls: Outcomes<Histogram>,
    tokens: [Histogram; 2],
    first_chunk: Histogram,
    chunk: Histogram,
    /// The labels of all of them.
    labels: Vec<Label>,
}

fn with_error(mut labels: Vec<Label>, error: Option<ErrorKind>) -> Vec<Label> {
    labels.extend(error.map(|kind| Label::from_static_parts("error.type", kind.code())));
    labels
}

impl Timed {
    fn new(operation: &'static Operation, service: &str, provider: &'static str, error: Option<ErrorKind>) -> Self {
        let service = || Label::new("circle.service", service.to_owned());
        let ours = [
            Label::from_static_parts("circle.operation", operation.name()),
            service(),
            Label::from_static_parts("circle.provider", provider),
        ];
        let labels = |system: &'static str, name: &'static str, kind: Option<(&'static str, &'static str)>| {
            let mut labels = vec![Label::from_static_parts(system, provider), Label::from_static_parts(name, verb(operation))];
            labels.extend(kind.map(|(key, value)| Label::from_static_parts(key, value)));
            labels.push(service());
            with_error(labels, error)
        };
        let (convention, sent) = match Convention::of(operation) {
            Some(Convention::Database) => (Some((DB_DURATION, labels("db.system.name", "db.operation.name", None))), None),
            Some(Convention::Messaging) => {
                let kind = sends(operation).then_some(("messaging.operation.type", "send"));
                let duration = labels("messaging.system", "messaging.operation.name", kind);
                let sent = kind.map(|_| labels("messaging.system", "messaging.operation.name", None));
                (Some((MESSAGING_DURATION, duration)), sent)
            }
            Some(Convention::Model(_)) | None => (None, None),
        };
        Self {
            call: Histogram::new(Key::from_parts(CALL_DURATION, with_error(ours.into(), error))),
            convention: convention.map(|(name, labels)| Histogram::new(Key::from_parts(name, labels))),
            sent: sent.map(|labels| Counter::new(Key::from_parts(MESSAGES_SENT, labels))),
        }
    }
}

impl Model {
    fn new(kind: &'static str, service: &str, provider: &'static str, model: &str) -> Self {
        let mut labels = vec![
            Label::from_static_parts("gen_ai.operation.name", kind),
            Label::from_static_parts("gen_ai.provider.name", provider),
        ];
        if !model.is_empty() {
            labels.push(Label::new("gen_ai.request.model", model.to_owned()));
        }
        labels.push(Label::new("circle.service", service.to_owned()));
        let histogram = |name: &'static str, labels: Vec<Label>| Histogram::new(Key::from_parts(name, labels));
        let tokens = ["input", "output"].map(|kind| {
            let mut labels = labels.clone();
            labels.insert(2, Label::from_static_parts("gen_ai.token.type", kind));
            histogram(TOKEN_USAGE, labels)
        });
        Self {
            calls: Outcomes::new(|error| histogram(MODEL_DURATION, with_error(labels.clone(), error))),
            tokens,
            first_chunk: histogram(FIRST_CHUNK, labels.clone()),
            chunk: histogram(CHUNK_TIME, labels.clone()),
            labels,
        }
    }

    fn calls(&self, error: Option<ErrorKind>) -> &Histogram {
        self.calls.get(error, |error| Histogram::new(Key::from_parts(MODEL_DURATION, with_error(self.labels.clone(), error))))
    }

    /// Records the tokens of a call. What is unknown is not told.
    pub(crate) fn tokens(&self, input: Option<u64>, output: Option<u64>) {
        for (histogram, tokens) in self.tokens.iter().zip([input, output]) {
            // No count of tokens comes near the numbers that a float cannot tell apart.
            tokens.inspect(|&tokens| histogram.record(tokens as f64));
        }
    }

    /// Records when the first piece of an answer came, and says whether anybody wants to know.
    pub(crate) fn first_chunk(&self, taken: &Taken<'_>) -> bool {
        let heard = Cell::new(false);
        self.first_chunk.record(Heard(taken, &heard));
        heard.get()
    }

    /// Records how long a piece came after the one before it.
    pub(crate) fn chunk(&self, took: Duration) {
        self.chunk.record(took);
    }
}

impl Instruments {
    pub(super) fn new() -> Self {
        Self { operations: [const { OnceLock::new() }; Operation::MAX_PER_INTERFACE], models: Labels::new(MODELS) }
    }

    /// Records a call, and says whether anybody listens. `model` is the model that it asks for.
    pub(super) fn record(
        &self,
        operation: &'static Operation,
        (service, provider): (&str, &'static str),
        model: Option<&Arc<str>>,
        error: Option<ErrorKind>,
        taken: &Taken<'_>,
    ) -> bool {
        let make = |error| Timed::new(operation, service, provider, error);
        let outcomes = self.operations[operation.index()].get_or_init(|| Box::new(Outcomes::new(make)));
        let timed = outcomes.get(error, make);
        let heard = Cell::new(false);
        timed.call.record(Heard(taken, &heard));
        if !heard.get() {
            return false;
        }
        if let Some(convention) = &timed.convention {
            convention.record(taken.get());
        }
        if let Some(sent) = &timed.sent {
            sent.add(1);
        }
        if let Some(told) = self.model(operation, (service, provider), model) {
            told.calls(error).record(taken.get());
        }
        true
    }

    /// The instruments of a model, where the operation is one of a model that the conventions know.
    pub(super) fn model(
        &self,
        operation: &'static Operation,
        (service, provider): (&str, &'static str),
        model: Option<&Arc<str>>,
    ) -> Option<Arc<Model>> {
        let Some(Convention::Model(kind)) = Convention::of(operation) else { return None };
        let name = model.map_or("", |model| &**model);
        Some(self.models.get(name, |name| Model::new(kind, service, provider, name)))
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use crate::Error;
    use crate::interfaces::key_value_store::{KeyValueStore, MockKeyValueStoreProvider};
    use crate::interfaces::messenger::{Messenger, MockMessengerProvider};
    use crate::interfaces::object_store::{MockObjectStoreProvider, ObjectStore};
    use crate::telemetry::kept::Kept;
    use crate::{ErrorKind, Handle};

    fn down() -> Error {
        Error::new(ErrorKind::Unavailable, "down")
    }

    #[tokio::test]
    async fn stores_and_messengers_are_told_by_their_conventions() {
        let (mut values, mut team, mut files) =
            (MockKeyValueStoreProvider::ready(), MockMessengerProvider::ready(), MockObjectStoreProvider::ready());
        values.expect_get().returning(|_, _| Err(down()));
        team.expect_send().returning(|_, _| Err(down()));
        team.expect_history().returning(|_, _| Err(down()));
        files.expect_head().returning(|_, _| Err(down()));
        let environment = crate::Environment::default;
        let values = KeyValueStore::new(values).rebind(environment(), "kv");
        let team = Messenger::new(team).rebind(environment(), "team");
        let files = ObjectStore::new(files).rebind(environment(), "files");
        let kept = Kept::default();
        let recording = metrics::set_default_local_recorder(&kept);
        for _ in 0..2 {
            values.get("a").await.unwrap_err();
        }
        team.send("general", "Hello").await.unwrap_err();
        team.history("general").all().await.unwrap_err();
        files.head("a").await.unwrap_err();
        drop(recording);
        let all = kept.all();
        let get = "db.system.name=mock db.operation.name=get circle.service=kv error.type=unavailable";
        assert_eq!(all[&format!("db.client.operation.duration {get}")].len(), 2);
        let end = "circle.service=team error.type=unavailable";
        let send = "messaging.system=mock messaging.operation.name=send";
        let durations = [
            format!("messaging.system=mock messaging.operation.name=history {end}"),
            format!("{send} messaging.operation.type=send {end}"),
        ];
        assert_eq!(kept.series("messaging.client.operation.duration"), durations);
        assert_eq!(all[&format!("messaging.client.sent.messages {send} {end}")], [1.0]);
        assert_eq!(kept.series("circle.call.duration").len(), 4);
        assert_eq!(kept.series("circle.usage.calls"), ["circle.service=files", "circle.service=kv", "circle.service=team"]);
        assert_eq!(all.len(), 1 + 2 + 1 + 4 + 3, "{all:?}");
    }
}
