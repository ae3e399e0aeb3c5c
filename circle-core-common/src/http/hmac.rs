//! Requests that are signed with a shared secret, each service in its own way: what is signed is described, not written out.
//!
//! ```
//! use circle_core_common::SecretRef;
//! use circle_core_common::http::{Hash, HmacScheme, Part};
//!
//! // A service that signs method, path, query, the moment and the body, each on a line of its own.
//! let parts = [
//!     Part::Method, Part::text("\n"), Part::Path, Part::text("\n"), Part::Query, Part::text("\n"), Part::Timestamp,
//!     Part::text("\n"), Part::hex(Hash::Sha256, [Part::Body]),
//! ];
//! let scheme = HmacScheme::new(Hash::Sha256, parts)
//!     .header("x-timestamp", "{timestamp}")
//!     .header("authorization", "ACME {key_id}:{signature}");
//! let auth = scheme.auth("AK123", SecretRef::environment("ACME_SECRET"))?;
//! # Ok::<(), circle_core_common::Error>(())
//! ```

mod canonical;
mod moment;
mod place;
mod scheme;
mod signer;
#[cfg(test)]
mod tests;

pub use canonical::{Encoding, Pairs, Part};
pub use moment::MomentFormat;
pub use scheme::{Hash, HmacScheme, KeyEncoding, SignatureEncoding};
