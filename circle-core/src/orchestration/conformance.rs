//! The suites of the interfaces over every decorator: what is decorated is still what it was.

mod models;
mod services;
