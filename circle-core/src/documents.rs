//! Whether the tables of the guides say what the code says.

use circle_core_common::telemetry::METRICS;

use crate::{ErrorKind, Reason};

const ERRORS: &str = include_str!("../../docs/errors.md");
const OBSERVABILITY: &str = include_str!("../../docs/observability.md");

/// The rows below a heading whose first cell is code: the first two cells.
fn rows<'t>(document: &'t str, heading: &str) -> Vec<(&'t str, &'t str)> {
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.strip_prefix('`')?.strip_suffix('`')?, cells.next()?))
    });
    cells.collect()
}

#[test]
fn every_kind_and_reason_is_in_the_table_of_errors() {
    let kinds: Vec<_> = ErrorKind::ALL.iter().map(|kind| (format!("{kind:?}"), kind.number().to_string())).collect();
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| (format!("{reason:?}"), reason.number().to_string())).collect();
    let written = |heading| rows(ERRORS, heading).into_iter().map(|(name, number)| (name.to_owned(), number.to_owned()));
    assert_eq!(written("Kinds").collect::<Vec<_>>(), kinds);
    assert_eq!(written("Reasons").collect::<Vec<_>>(), reasons);
}

#[test]
fn every_metric_is_in_the_table_of_metrics() {
    let written: Vec<_> = rows(OBSERVABILITY, "Metrics").into_iter().map(|(name, _)| name).collect();
    assert_eq!(written, METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>());
}
