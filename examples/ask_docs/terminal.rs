//! What is printed beside the answer: a summary to standard output, problems and progress to standard error.

use std::io::{self, Write};

use circle_core_examples::bar::Bar;

/// Prints.
pub(crate) struct Terminal {
    quiet: bool,
    bar: Option<Bar>,
}

impl Terminal {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bar: None }
    }

    /// Begins another bar, where somebody would see it; over so many items and bytes, where that is known.
    pub(crate) fn begin(&mut self, unit: &'static str, total: Option<(u64, u64)>) {
        self.clear();
        self.bar = if self.quiet { None } else { Bar::on_terminal(unit) };
        if let (Some(bar), Some((items, bytes))) = (&mut self.bar, total) {
            bar.total(items, bytes);
        }
    }

    /// Moves the bar.
    pub(crate) fn advance(&mut self, items: u64, bytes: u64) {
        self.bar.iter_mut().for_each(|bar| bar.advance(items, bytes));
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        self.bar.iter_mut().for_each(Bar::clear);
        self.bar = None;
    }

    /// Reports a problem; the bar stays.
    pub(crate) fn problem(&mut self, text: &str) {
        self.bar.iter_mut().for_each(Bar::clear);
        report(text);
    }

    /// Prints a result that `--quiet` leaves out.
    pub(crate) fn summary(&mut self, text: &str) -> io::Result<()> {
        self.clear();
        if self.quiet { Ok(()) } else { writeln!(io::stdout(), "{text}") }
    }
}

/// Prints one line to standard error.
pub(crate) fn report(text: &str) {
    let line: String = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    // Names of files are anybody's.
    let line: String = line.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect();
    // Nobody is left to hear of a failure to report one.
    let _ = writeln!(io::stderr(), "ask_docs: {line}");
}
