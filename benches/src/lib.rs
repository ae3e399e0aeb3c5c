//! Benchmarks of Circle Core.
