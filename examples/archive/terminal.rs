//! What is printed: results to standard output, problems and progress to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use circle_core_examples::archive::observe::{Event, Observer};

use crate::args::Output;

/// How often the bar is drawn at most.
const REDRAW: Duration = Duration::from_millis(100);

/// The bar's width, in characters.
const WIDTH: usize = 24;

/// Prints.
pub(crate) struct Terminal {
    output: Output,
    /// What the work is counted in.
    unit: &'static str,
    state: Mutex<State>,
}

struct State {
    /// `None` where nobody would see it.
    bar: Option<Bar>,
    /// The first failure to write a result.
    failed: Option<io::Error>,
}

struct Bar {
    done: (u64, u64),
    total: Option<(u64, u64)>,
    drawn: Option<Instant>,
    visible: bool,
}

impl Terminal {
    pub(crate) fn new(output: Output, unit: &'static str) -> Self {
        let shown = !output.quiet && io::stderr().is_terminal();
        let bar = shown.then_some(Bar { done: (0, 0), total: None, drawn: None, visible: false });
        Self { output, unit, state: Mutex::new(State { bar, failed: None }) }
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
            Event::Total { items, bytes } => self.lock().advance(self.unit, |bar| bar.total = Some((items, bytes))),
            Event::Done { items, bytes } => self.lock().advance(self.unit, |bar| {
                bar.done.0 += items;
                bar.done.1 += bytes;
            }),
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
        if let Some(bar) = &mut self.bar
            && std::mem::take(&mut bar.visible)
        {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn advance(&mut self, unit: &str, change: impl FnOnce(&mut Bar)) {
        let Some(bar) = &mut self.bar else { return };
        change(bar);
        if bar.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            bar.drawn = Some(Instant::now());
            bar.visible = true;
            let mut stderr = io::stderr();
            let _ = write!(stderr, "\r{}\x1b[K", bar.text(unit)).and_then(|()| stderr.flush());
        }
    }
}

impl Bar {
    fn text(&self, unit: &str) -> String {
        let (items, bytes) = self.done;
        let Some((all_items, all_bytes)) = self.total else { return format!("{items} {unit}, {}", size(bytes)) };
        // Bytes and items together, so that the bar moves over large and over many small files.
        let (done, all) = (bytes + items * 4096, (all_bytes + all_items * 4096).max(1));
        let share = (done as f64 / all as f64).min(1.0);
        let full = (share * WIDTH as f64) as usize;
        let bar: String = "#".repeat(full) + &"-".repeat(WIDTH - full);
        format!("[{bar}] {:3.0} %  {items} of {all_items} {unit}, {} of {}", share * 100.0, size(bytes), size(all_bytes))
    }
}

/// A number of things for people: `1 file`, `2 files`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A size for people: `12.3 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
