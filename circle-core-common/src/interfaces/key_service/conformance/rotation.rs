//! New material for old keys.

use super::{Caps, Keys};
use crate::secret::ExposeSecret as _;
use crate::suite::{Outcome, holds};

/// A key that was rotated still decrypts what it has encrypted before, data keys too, and encrypts on.
pub async fn rotated_key_decrypts_what_it_encrypted_before(subject: Keys) -> Outcome {
    subject.needs(Caps::ROTATE)?;
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let before = keys.encrypt(key, "before", &context).await?;
    let data_key = if keys.capabilities().data_key { Some(keys.generate_data_key(key, &context).await?) } else { None };
    keys.rotate(key).await?;
    let after = keys.encrypt(key, "after", &context).await?;
    for (encrypted, plaintext) in [(before, "before"), (after, "after")] {
        let decrypted = keys.decrypt(key, encrypted.ciphertext, &context).await?;
        holds(format!("what was encrypted {plaintext} comes back"), decrypted.expose_secret() == plaintext.as_bytes())?;
    }
    if let Some(made) = data_key {
        let decrypted = keys.decrypt(key, made.encrypted.ciphertext, &context).await?;
        holds("the data key comes back", decrypted.expose_secret() == made.key.expose_secret())?;
    }
    Ok(())
}

/// A signature of a key that was rotated since is still right, where keys that sign are rotated.
pub async fn rotated_key_verifies_what_it_signed_before(subject: Keys) -> Outcome {
    subject.needs(Caps::ROTATE)?;
    subject.needs(Caps::SIGN)?;
    for (key, algorithm) in subject.signing_keys()? {
        let signature = subject.handle.sign(key, algorithm.clone(), "a message").await?;
        match subject.handle.rotate(key).await {
            Ok(_) => {}
            // Some services rotate keys that encrypt alone.
            Err(error) if error.is(crate::ErrorKind::InvalidInput) => continue,
            Err(error) => return Err(error.into()),
        }
        subject.handle.verify(key, algorithm.clone(), "a message", signature).await?;
        let next = subject.handle.sign(key, algorithm.clone(), "another").await?;
        subject.handle.verify(key, algorithm.clone(), "another", next).await?;
    }
    Ok(())
}

/// A rotation makes another version of the key, where versions are told.
pub async fn rotation_makes_another_version(subject: Keys) -> Outcome {
    subject.needs(Caps::ROTATE)?;
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key) = (&subject.handle, subject.key()?);
    let before = keys.encrypt(key, "a", ()).await?.key_version;
    keys.rotate(key).await?;
    let after = keys.encrypt(key, "a", ()).await?.key_version;
    holds("the version is another one", before.is_none() || before != after)
}
