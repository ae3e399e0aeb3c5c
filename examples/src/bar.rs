//! A progress bar on standard error, and numbers for people.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is drawn at most.
const REDRAW: Duration = Duration::from_millis(100);

/// Its width, in characters.
const WIDTH: usize = 24;

/// A bar over items and their bytes. A failure to draw it has nobody to be reported to.
#[derive(Debug)]
pub struct Bar {
    unit: &'static str,
    done: (u64, u64),
    total: Option<(u64, u64)>,
    drawn: Option<Instant>,
    visible: bool,
}

impl Bar {
    /// A bar that counts in this unit; `None` where standard error is no terminal and nobody would see it.
    #[must_use]
    pub fn on_terminal(unit: &'static str) -> Option<Self> {
        io::stderr().is_terminal().then_some(Self { unit, done: (0, 0), total: None, drawn: None, visible: false })
    }

    /// Says how much there is to do.
    pub fn total(&mut self, items: u64, bytes: u64) {
        self.total = Some((items, bytes));
        self.draw();
    }

    /// Says what was done in addition.
    pub fn advance(&mut self, items: u64, bytes: u64) {
        self.done.0 += items;
        self.done.1 += bytes;
        self.draw();
    }

    /// Takes it off the terminal, so that a line can be printed; the next advance draws it again.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.visible) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn draw(&mut self) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            self.visible = true;
            let mut stderr = io::stderr();
            let _ = write!(stderr, "\r{}\x1b[K", self.text()).and_then(|()| stderr.flush());
        }
    }

    fn text(&self) -> String {
        let (items, bytes) = self.done;
        let unit = self.unit;
        let Some((all_items, all_bytes)) = self.total else { return format!("{items} {unit}, {}", size(bytes)) };
        // Bytes and items together, so that the bar moves over large and over many small files.
        let (done, all) = (bytes + items * 4096, (all_bytes + all_items * 4096).max(1));
        let share = (done as f64 / all as f64).min(1.0);
        let full = (share * WIDTH as f64) as usize;
        let bar: String = "#".repeat(full) + &"-".repeat(WIDTH - full);
        let bytes = if all_bytes == 0 { String::new() } else { format!(", {} of {}", size(bytes), size(all_bytes)) };
        format!("[{bar}] {:3.0} %  {items} of {all_items} {unit}{bytes}", share * 100.0)
    }
}

/// A number of things for people: `1 file`, `2 files`.
#[must_use]
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A size for people: `12.3 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_moves_over_items_and_bytes() {
        let mut bar = Bar { unit: "files", done: (3, 2048), total: None, drawn: Some(Instant::now()), visible: false };
        assert_eq!(bar.text(), "3 files, 2.0 KiB");
        bar.total = Some((4, 2048));
        assert_eq!(bar.text(), "[##################------]  78 %  3 of 4 files, 2.0 KiB of 2.0 KiB");
        bar.total = Some((6, 0));
        bar.done = (3, 0);
        assert_eq!(bar.text(), "[############------------]  50 %  3 of 6 files");
        assert_eq!((count(1, "file"), count(2, "file"), size(999)), ("1 file".into(), "2 files".into(), "999 B".into()));
    }
}
