//! What a call tells to a recorder of metrics.

use std::sync::{Arc, Mutex};

use circle_core_common::access::{AccessRule, AccessRules};
use circle_core_common::interfaces::object_store::{MockObjectStoreProvider, ObjectStore};
use circle_core_common::{Error, ErrorKind};
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::{answering, meta};

/// The histograms that were asked for, and those that were recorded to: `name a=b c=d`.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<String>, Vec<String>)>>);

struct One(Seen, String);

impl Seen {
    /// How many of the name were asked for, and how often they were recorded to.
    fn counts(&self, label: &str) -> (usize, usize) {
        let seen = self.0.lock().unwrap();
        let of = |names: &[String]| names.iter().filter(|name| name.contains(label)).count();
        (of(&seen.0), of(&seen.1))
    }
}

impl HistogramFn for One {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.0.0.lock().unwrap().1.push(self.1.clone());
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect::<String>();
        let name = format!("{}{labels}", key.name());
        self.0.lock().unwrap().0.push(name.clone());
        Histogram::from_arc(Arc::new(One(self.clone(), name)))
    }
}

#[test]
fn call_durations_are_measured_with_bounded_labels() {
    let seen = Seen::default();
    let mut mock = MockObjectStoreProvider::ready();
    mock.expect_head().returning(|_, request| match request.key.as_str() {
        "a" => Ok(meta("a")),
        _ => Err(Error::new(ErrorKind::NotFound, "absent")),
    });
    let rules = AccessRules::new().rule(AccessRule::allow()).rule(AccessRule::deny().resource("secret"));
    let files = ObjectStore::builder(mock).name("documents").access(rules).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&seen, || {
        runtime.block_on(async {
            files.head("a").await.unwrap();
            files.head("b").await.unwrap_err();
            files.head("secret").await.unwrap_err();
        });
    });
    let common = "circle.call.duration circle.operation=object_store.head circle.service=documents circle.provider=mock";
    let expected = ["", " error.type=not_found", " error.type=permission_denied"].map(|end| format!("{common}{end}"));
    assert_eq!(seen.0.lock().unwrap().1, expected);
}

/// The recorder of the process is asked for an instrument once; one that is installed after the first call is seen. Other tests
/// of this process make calls too.
#[tokio::test]
async fn an_exporter_may_be_installed_at_any_time_and_gives_each_instrument_once() {
    let files = ObjectStore::builder(answering(101)).name("counted").build();
    files.head("a").await.unwrap();
    let seen = Seen::default();
    metrics::set_global_recorder(seen.clone()).unwrap_or_else(|_| panic!("another recorder"));
    for _ in 0..100 {
        files.head("a").await.unwrap();
    }
    assert_eq!(seen.counts("circle.service=counted"), (1, 100));
}
