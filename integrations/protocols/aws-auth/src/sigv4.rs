//! Signature Version 4.

mod chunked;
mod payload;
mod presign;
mod scope;
mod signature;
mod signer;
mod skew;

pub use self::payload::{PayloadHash, Trailer, TrailerChecksum};
pub use self::presign::PRESIGN_MAX;
pub use self::scope::SigningScope;
pub use self::signature::SigningStyle;
pub use self::signer::SigV4;

#[cfg(test)]
mod tests;
