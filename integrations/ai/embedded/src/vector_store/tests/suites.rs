//! The suites themselves: a provider that is right but for one defect fails cases that it should.
