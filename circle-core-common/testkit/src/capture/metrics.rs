//! The metrics of one future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::Capture;

/// A future whose metrics are recorded, whichever thread polls it.
pub(super) struct Metered<F> {
    future: Pin<Box<F>>,
    labels: Arc<Labels>,
}

impl<F> Metered<F> {
    pub(super) fn new(future: F, capture: Capture) -> Self {
        Self { future: Box::pin(future), labels: Arc::new(Labels(capture)) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let labels = Arc::clone(&self.labels);
        metrics::with_local_recorder(&*labels, || self.future.as_mut().poll(cx))
    }
}

/// Runs a function, and records the metrics of this thread meanwhile.
pub(super) fn with_recorder<T>(capture: &Capture, work: impl FnOnce() -> T) -> T {
    metrics::with_local_recorder(&Labels(capture.clone()), work)
}

/// Keeps names and labels; the values are numbers.
struct Labels(Capture);

impl Labels {
    fn keep(&self, key: &Key) {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.0.text(format_args!("the labels of the metric `{}`", key.name()), labels.join("\n"));
        self.0.text("the name of a metric", key.name());
    }
}

impl Recorder for Labels {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.keep(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.keep(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.keep(key);
        Histogram::noop()
    }
}
