//! Everything that a client lets out, searched for secrets.

mod metrics;

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core_common::Error;
use circle_core_common::suite::{Canary, Failed, Outcome, Telemetry};

use metrics::Metered;

/// Collects what a client lets out while it works with secrets, and looks for these in it: spans, events and their
/// fields down to TRACE, names and labels of metrics, and the errors and texts that it is given.
///
/// ```
/// # use circle_core_testkit::{Canary, Capture};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let secret = Canary::new();
/// let capture = Capture::of([&secret]);
/// let result = capture.run(async { secret.secret().len() }).await; // a call with the secret
/// capture.debug("the result", &result);
/// capture.assert_absent();
/// # }
/// ```
///
/// Clones collect into the same place. What a future spawns onto other tasks is not seen.
#[derive(Clone, Default)]
pub struct Capture {
    secrets: Arc<[Canary]>,
    telemetry: Telemetry,
    texts: Arc<Mutex<Vec<(String, String)>>>,
}

impl Capture {
    /// Looks for these secrets.
    #[must_use]
    pub fn of<'c>(secrets: impl IntoIterator<Item = &'c Canary>) -> Self {
        Self { secrets: secrets.into_iter().cloned().collect(), ..Self::default() }
    }

    /// Runs a future and collects its spans, events and metrics.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        self.telemetry.within(Metered::new(future, self.clone())).await
    }

    /// Runs a function, and collects the spans, events and metrics of this thread meanwhile: those of a runtime with one thread too,
    /// whichever of its tasks they are from.
    pub fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        self.telemetry.around(|| metrics::with_recorder(self, work))
    }

    /// Adds all that an error can be made to say: `Display`, `Debug` in both forms, its sources, its problem document.
    pub fn error(&self, error: &Error) {
        self.debug("the error", error);
        self.text("the error", error);
        let mut source = error.source();
        while let Some(error) = source {
            self.debug("the error's source", error);
            self.text("the error's source", error);
            source = error.source();
        }
        self.debug("the problem document", &error.to_problem());
    }

    /// Adds what `Debug` says of a value, in both forms.
    pub fn debug(&self, what: &str, value: &(impl fmt::Debug + ?Sized)) {
        self.text(format_args!("the Debug of {what}"), format_args!("{value:?}\n{value:#?}"));
    }

    /// Adds a text.
    pub fn text(&self, what: impl fmt::Display, text: impl fmt::Display) {
        self.texts().push((what.to_string(), text.to_string()));
    }

    /// Where secrets were found: the places, never what is there.
    #[must_use]
    pub fn leaks(&self) -> Vec<String> {
        let leaks = |text: &str| self.secrets.iter().any(|secret| secret.is_in(text));
        let mut places: Vec<_> = self.texts().iter().filter(|(_, text)| leaks(text)).map(|(what, _)| what.clone()).collect();
        for record in self.telemetry.records() {
            let what = if record.is_span { "span" } else { "event" };
            let found = record.fields.iter().filter(|(_, value)| leaks(value));
            places.extend(
                found.map(|(field, _)| format!("the field `{field}` of the {what} `{}` of {}", record.name, record.target)),
            );
        }
        places.sort();
        places.dedup();
        places
    }

    /// Checks that no secret was found.
    ///
    /// # Errors
    /// `Wrong`, with the places.
    pub fn check(&self) -> Outcome {
        let places = self.leaks();
        if places.is_empty() { Ok(()) } else { Err(Failed::Wrong(format!("a secret is shown by {}", places.join(", by ")))) }
    }

    /// Checks that no secret was found, for tests that fail by panicking.
    ///
    /// # Panics
    /// With the places.
    #[track_caller]
    pub fn assert_absent(&self) {
        if let Err(failed) = self.check() {
            panic!("{failed}");
        }
    }

    fn texts(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({} secrets, {} texts)", self.secrets.len(), self.texts().len())
    }
}

#[cfg(test)]
mod tests {
    use circle_core_common::{Detail, ErrorKind};

    use super::*;

    #[tokio::test]
    async fn a_secret_is_found_wherever_it_gets_out() {
        let secret = Canary::new();
        let value = secret.secret().to_owned();
        let found = async |leak: &dyn Fn(&Capture)| {
            let capture = Capture::of([&secret]);
            capture.run(async { leak(&capture) }).await;
            let leaks = capture.leaks();
            assert!(leaks.iter().all(|place| !secret.is_in(place)) && capture.check().is_ok() == leaks.is_empty());
            leaks.join("; ")
        };
        let error = |error: Error| move |capture: &Capture| capture.error(&error);
        let mut detail = Detail::new();
        detail.code = Some(value.clone());
        let source = std::io::Error::other(format!("token {value}"));
        for (leak, place) in [
            (
                &(|_: &Capture| tracing::trace!(target: "wire", sent = %value)) as &dyn Fn(&Capture),
                "the field `sent` of the event",
            ),
            (&|_| drop(tracing::info_span!("call", url = format!("https://h/?k={value}"))), "the field `url` of the span `call`"),
            (&|_| ::metrics::counter!("calls", "key" => value.clone()).increment(1), "the labels of the metric `calls`"),
            (&|capture| capture.text("a page", format!("%{}", hex(&value))), "a page"),
            (&error(Error::new(ErrorKind::Internal, format!("no {value}"))), "the error"),
            (&error(Error::new(ErrorKind::Internal, "no").with_detail(detail)), "the problem document"),
            (&error(Error::new(ErrorKind::Internal, "no").with_source(source)), "the error's source"),
        ] {
            let leaks = found(leak).await;
            assert!(leaks.contains(place), "{place}: {leaks}");
        }
        assert_eq!(found(&|capture| capture.text("nothing", "harmless")).await, "");
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02X}")).collect()
    }

    #[tokio::test]
    #[should_panic(expected = "a secret is shown by the Debug of a config")]
    async fn a_leak_fails_a_test() {
        let secret = Canary::new();
        let capture = Capture::of([&secret]);
        capture.debug("a config", &secret.secret());
        capture.assert_absent();
    }
}
