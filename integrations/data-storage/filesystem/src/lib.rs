//! Local files as a provider of object and key-value storage.
