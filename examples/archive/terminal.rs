//! What is printed: results to standard output, problems and progress to standard error.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use circle_core_examples::archive::observe::{Event, Observer};
use circle_core_examples::bar::Bar;

use crate::args::Output;

/// Prints.
pub(crate) struct Terminal {
    output: Output,
    state: Mutex<State>,
}

struct State {
    /// `None` where nobody would see it.
    bar: Option<Bar>,
    /// The first failure to write a result.
    failed: Option<io::Error>,
}

impl Terminal {
    pub(crate) fn new(output: Output, unit: &'static str) -> Self {
        let bar = if output.quiet { None } else { Bar::on_terminal(unit) };
        Self { output, state: Mutex::new(State { bar, failed: None }) }
    }

    /// Prints a result.
    pub(crate) fn line(&self, text: &str) {
        let mut state = self.lock();
        state.clear();
        if state.failed.is_none() {
            state.failed = writeln!(io::stdout(), "{text}").err();
        }
    }

    /// Prints a result that `--quiet` leaves out.
    pub(crate) fn summary(&self, text: &str) {
        if !self.output.quiet {
            self.line(text);
        }
    }

    /// Takes the bar away.
    ///
    /// # Errors
    /// The first failure to print a result.
    pub(crate) fn finish(self) -> io::Result<()> {
        let mut state = self.lock();
        state.clear();
        state.failed.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verbose(&self, what: &str, path: impl std::fmt::Display) {
        if self.output.verbose {
            self.line(&format!("{what} {path}"));
        }
    }
}

impl Observer for Terminal {
    fn wants_total(&self) -> bool {
        self.lock().bar.is_some()
    }

    fn event(&self, event: Event<'_>) {
        match event {
            Event::Stored(path) => self.verbose("stored", path),
            Event::Unchanged(path) => self.verbose("unchanged", path),
            Event::Restored(path) => self.verbose("restored", path),
            Event::Problem { path, text } => {
                self.lock().report(&path.map_or_else(|| text.to_owned(), |path| format!("{path}: {text}")))
            }
            Event::Note(text) if !self.output.quiet => self.lock().report(text),
            Event::Total { items, bytes } => self.lock().bar.iter_mut().for_each(|bar| bar.total(items, bytes)),
            Event::Done { items, bytes } => self.lock().bar.iter_mut().for_each(|bar| bar.advance(items, bytes)),
            _ => {}
        }
    }
}

impl State {
    fn report(&mut self, text: &str) {
        self.clear();
        // A failure to report has nobody to be reported to, here and below.
        let _ = writeln!(io::stderr(), "archive: {text}");
    }

    fn clear(&mut self) {
        self.bar.iter_mut().for_each(Bar::clear);
    }
}
