//! In-process reference provider of every storage interface.
