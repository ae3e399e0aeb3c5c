//! The framework, the common interfaces and their conformance suites behind Circle Core.
