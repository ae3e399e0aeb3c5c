//! The table is the tests: every number that is promised is there, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn every_number_is_a_test_and_every_test_is_in_the_table() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failures");
    let mut tests = BTreeSet::new();
    for file in std::fs::read_dir(&here).expect("the tests").flatten() {
        if file.path().extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(file.path()).expect("a text");
            tests.extend(text.lines().filter_map(name).map(str::to_owned));
        }
    }
    let table = std::fs::read_to_string(here.join("README.md")).expect("the table");
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for line in table.lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let Some(Ok(number)) = cells.next().map(str::parse) else { continue };
        let quoted = cells.next().unwrap_or_default().split('`').skip(1).step_by(2).map(str::to_owned);
        rows.entry(number).or_default().extend(quoted);
    }
    let promised: BTreeSet<u32> = (1..=60).collect();
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), promised);
    let mut listed = BTreeSet::new();
    for (number, places) in rows {
        assert!(!places.is_empty(), "{number} is nowhere");
        for place in places {
            match place.split_once(": ") {
                // A test elsewhere: its file, and what stands there.
                Some((file, text)) => {
                    let path = here.join("../../../..").join(file);
                    let found = std::fs::read_to_string(&path).is_ok_and(|content| content.contains(text));
                    assert!(found, "{number}: no {text} in {file}");
                }
                None => {
                    assert!(place.starts_with(&format!("t{number:02}_")), "{number}: {place}");
                    listed.insert(place);
                }
            }
        }
    }
    assert_eq!(listed, tests);
}

/// The name of the numbered test that begins in this line.
fn name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?.split('(').next()?;
    let number = name.strip_prefix('t')?.split('_').next()?;
    number.parse::<u32>().is_ok().then_some(name)
}
