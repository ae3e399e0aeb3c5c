//! Signature Version 4.

mod chunked;
mod payload;
mod scope;
mod signature;
mod skew;

pub use self::payload::{PayloadHash, Trailer, TrailerChecksum};
pub use self::scope::SigningScope;
pub use self::signature::SigningStyle;

#[cfg(test)]
mod tests;
