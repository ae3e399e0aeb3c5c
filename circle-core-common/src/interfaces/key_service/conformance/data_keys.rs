//! Data keys.

use super::{Caps, Keys};
use crate::error::ErrorKind;
use crate::interfaces::key_service::DataKey;
use crate::secret::ExposeSecret as _;
use crate::suite::{Outcome, equal, expect_kind, holds};

/// A data key is 32 bytes, and its encrypted form decrypts to it.
pub async fn data_key_is_decrypted_from_its_encrypted_form(subject: Keys) -> Outcome {
    subject.needs(Caps::DATA_KEY)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let made = keys.generate_data_key(key, &context).await?;
    equal("bytes", &made.key.len(), &DataKey::LEN)?;
    holds("the encrypted form is not the key", made.encrypted.ciphertext != made.key.expose_secret())?;
    holds("`Debug` shows no key", format!("{:?}", made.key) == "SecretBytes([REDACTED])")?;
    let decrypted = keys.decrypt(key, made.encrypted.ciphertext, &context).await?;
    holds("the key comes back", decrypted.expose_secret() == made.key.expose_secret())
}

/// Every data key is another one.
pub async fn data_keys_are_never_the_same(subject: Keys) -> Outcome {
    subject.needs(Caps::DATA_KEY)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let (one, two) = (keys.generate_data_key(key, &context).await?, keys.generate_data_key(key, &context).await?);
    holds("the keys differ", one.key.expose_secret() != two.key.expose_secret())?;
    holds("the encrypted forms differ", one.encrypted.ciphertext != two.encrypted.ciphertext)
}

/// The encrypted form of a data key is decrypted under its own context alone.
pub async fn data_key_under_another_context_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::DATA_KEY)?;
    subject.needs(Caps::CONTEXT)?;
    let (keys, key) = (&subject.handle, subject.key()?);
    let made = keys.generate_data_key(key, subject.context("a")).await?.encrypted.ciphertext;
    expect_kind("decrypt", keys.decrypt(key, made.clone(), subject.context("b")).await, ErrorKind::Corrupt)?;
    expect_kind("decrypt", keys.decrypt(key, made, ()).await, ErrorKind::Corrupt).map(drop)
}
