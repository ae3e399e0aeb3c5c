//! What holds for each capability that is off.

use super::{Algorithm, Caps, Keys};
use crate::capabilities::Flag;
use crate::error::Result;
use crate::interfaces::key_service::KeyService;
use crate::suite::Outcome;

/// The service without this capability: as it is where it lacks it, else masked.
///
/// # Errors
/// Why the service behind the handle has not started.
pub fn without(subject: &Keys, flag: Flag<Caps>) -> Result<KeyService> {
    // What is decrypted may be a data key, and what is given a context must be encrypted first.
    subject.with_capabilities(|capabilities| {
        capabilities.encrypt |= flag == Caps::CONTEXT;
        capabilities.data_key &= flag != Caps::ENCRYPT;
        flag.set(capabilities, false);
    })
}

crate::suite::negatives! {
    KeyService, Caps;
    /// Encrypting.
    without_encrypt: ENCRYPT, |keys, name| [
        keys.encrypt(&name, "x", ()).await,
        keys.decrypt(&name, "x", ()).await,
    ];
    /// Data keys.
    without_data_key: DATA_KEY, |keys, name| [keys.generate_data_key(&name, ()).await];
    /// Signing.
    without_sign: SIGN, |keys, name| [
        keys.sign(&name, Algorithm::Ed25519, "x").await,
        keys.verify(&name, Algorithm::Ed25519, "x", "y").await,
        keys.public_key(&name).await,
    ];
    /// Rotation.
    without_rotate: ROTATE, |keys, name| [keys.rotate(&name).await];
    /// Contexts.
    without_context: CONTEXT, |keys, name| [
        keys.encrypt(&name, "x", [("a", "b")]).await,
        keys.decrypt(&name, "x", [("a", "b")]).await,
    ];
    /// Listing.
    without_list: LIST, |keys, name| [
        keys.list(&name).page().await,
        keys.list(&name).all().await,
    ];
}
