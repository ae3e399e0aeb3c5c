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
        if self.quiet {
            return Ok(());
        }
        writeln!(io::stdout(), "{text}").map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}")))
    }
}

/// Prints to standard error, one line for each problem.
pub(crate) fn report(text: &str) {
    // Names of files are anybody's.
    let shown = |line: &str| line.replace(char::is_control, "\u{fffd}");
    let lines: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(shown).collect();
    // Nobody is left to hear of a failure to report one.
    let _ = writeln!(io::stderr(), "ask_docs: {}", lines.join("\n  "));
}
