//! The suites of {{interfaces}}.
fn main() {}
