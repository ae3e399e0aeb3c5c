//! The common interfaces, one folder each, all with the same rooms.

pub mod object_store;
