//! Where lines are written.

use std::io::{self, IsTerminal, Write};

use circle_core_common::{Error, ErrorKind, Result, Sent};

use crate::config::{ConsoleColor, ConsoleOutput};

/// How much of what was written is kept in memory, in bytes.
const CAPTURED_MAX: usize = 1 << 20;

/// Where lines are written, and whether they have colours.
pub(crate) struct Output {
    to: ConsoleOutput,
    has_color: bool,
    captured: String,
}

impl Output {
    pub(crate) fn new(to: ConsoleOutput, color: ConsoleColor) -> Self {
        let terminal = match to {
            ConsoleOutput::Stdout => io::stdout().is_terminal(),
            ConsoleOutput::Stderr => io::stderr().is_terminal(),
            ConsoleOutput::Memory => false,
        };
        // https://no-color.org: present and not empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let has_color = has_color(color, terminal, refused);
        Self { to, has_color, captured: String::new() }
    }

    pub(crate) fn has_color(&self) -> bool {
        self.has_color
    }

    /// What was captured, the last mebibyte of it.
    pub(crate) fn captured(&self) -> &str {
        &self.captured
    }

    /// Writes whole lines.
    pub(crate) fn write(&mut self, lines: &str) -> Result<()> {
        let written = match self.to {
            ConsoleOutput::Stdout => write_all(io::stdout().lock(), lines),
            ConsoleOutput::Stderr => write_all(io::stderr().lock(), lines),
            ConsoleOutput::Memory => {
                self.captured.push_str(lines);
                self.forget();
                Ok(())
            }
        };
        written.map_err(|error| {
            let closed = error.kind() == io::ErrorKind::BrokenPipe;
            Error::new(ErrorKind::Unavailable, format!("the console cannot be written to: {error}"))
                .with_sent(Sent::No)
                .with_retryable(!closed)
                .with_source(error)
        })
    }

    /// Forgets the oldest lines.
    fn forget(&mut self) {
        let Some(from) = self.captured.len().checked_sub(CAPTURED_MAX).filter(|over| *over > 0) else { return };
        let end = self.captured.as_bytes().iter().skip(from).position(|byte| *byte == b'\n');
        self.captured.drain(..end.map_or(self.captured.len(), |end| from + end + 1));
    }
}

fn has_color(color: ConsoleColor, terminal: bool, refused: bool) -> bool {
    match color {
        ConsoleColor::Always => true,
        ConsoleColor::Never => false,
        ConsoleColor::Auto => terminal && !refused,
    }
}

fn write_all(mut to: impl Write, lines: &str) -> io::Result<()> {
    to.write_all(lines.as_bytes())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use circle_core_common::interfaces::messenger::{Attachment, Message, Messenger};
    use circle_core_common::interfaces::notifier::{Notification, Notifier, Severity};

    use super::*;
    use crate::Console;

    #[tokio::test]
    async fn the_page_shows_what_is_written() {
        let console = Console::captured();
        let (team, notifier) = (Messenger::new(console.clone()), Notifier::new(console.clone()));
        let first = team.send("#finance", "Q3 is out").await.unwrap();
        let details = Message::text("Details, in the thread of 1").attach(Attachment::bytes("q3.csv", "a,b\n"));
        team.reply(&first, details).await.unwrap();
        team.edit(&first, "Q3 is out (v2)").await.unwrap();
        team.react(&first, "tada").await.unwrap();
        let full = Notification::new("Disk 95 %").severity(Severity::Critical).dedup("disk-db1").to(["ana", "ben"]);
        notifier.notify(full).await.unwrap().all().unwrap();
        notifier.clear("disk-db1").await.unwrap();
        let shown = format!("```text\n{}```", console.output());
        assert!(include_str!("../README.md").contains(&shown), "{shown}");
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        assert!(has_color(ConsoleColor::Auto, true, false));
        assert!(!has_color(ConsoleColor::Auto, true, true) && !has_color(ConsoleColor::Auto, false, false));
        assert!(has_color(ConsoleColor::Always, false, true) && !has_color(ConsoleColor::Never, true, false));
    }

    #[test]
    fn what_is_captured_is_bounded_by_whole_lines() {
        let mut output = Output::new(ConsoleOutput::Memory, ConsoleColor::Auto);
        let line = format!("{}\n", "ä".repeat(500));
        for _ in 0..2000 {
            output.write(&line).unwrap();
        }
        assert!(output.captured().len() <= CAPTURED_MAX && output.captured().len() > CAPTURED_MAX - line.len());
        assert!(output.captured().starts_with('ä') && output.captured().len().is_multiple_of(line.len()));
    }
}
