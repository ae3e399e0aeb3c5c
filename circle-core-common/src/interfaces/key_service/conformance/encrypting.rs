//! Encrypting a little.

use super::{Caps, Keys};
use crate::error::{ErrorKind, Reason};
use crate::secret::ExposeSecret as _;
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};
use crate::units::ByteSize;

/// What was encrypted comes back, every byte of it: nothing is not encrypted by every service, one byte and all bytes are.
pub async fn encrypted_bytes_come_back(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let max = usize::try_from(keys.capabilities().plaintext_max.as_u64().min(1 << 16)).unwrap_or_default();
    for plaintext in [vec![0], (0..=255).collect(), vec![7; max]] {
        let encrypted = keys.encrypt(key, plaintext.as_slice(), &context).await?;
        holds("the ciphertext is not the plaintext", encrypted.ciphertext != plaintext)?;
        let decrypted = keys.decrypt(key, encrypted.ciphertext, &context).await?;
        holds(format!("{} bytes come back as they went", plaintext.len()), decrypted.expose_secret() == plaintext)?;
    }
    Ok(())
}

/// Twice the same is never the same ciphertext.
pub async fn equal_plaintexts_are_encrypted_differently(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let one = keys.encrypt(key, "equal", &context).await?;
    let two = keys.encrypt(key, "equal", &context).await?;
    holds("the ciphertexts differ", one.ciphertext != two.ciphertext)
}

/// What one key has encrypted, another does not decrypt: `Corrupt`.
pub async fn another_key_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, context) = (&subject.handle, subject.context("a"));
    let encrypted = keys.encrypt(subject.key()?, "a", &context).await?;
    let result = keys.decrypt(subject.other_key()?, encrypted.ciphertext, &context).await;
    expect_kind("decrypt", result, ErrorKind::Corrupt).map(drop)
}

/// What was encrypted under a context is decrypted under no other, nor without one: `Corrupt`.
pub async fn another_context_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    subject.needs(Caps::CONTEXT)?;
    let (keys, key) = (&subject.handle, subject.key()?);
    let right = || super::Context::from([("tenant", "acme"), ("purpose", "orders")]);
    let encrypted = keys.encrypt(key, "a", right()).await?.ciphertext;
    for wrong in [
        super::Context::new(),
        super::Context::from([("tenant", "acme")]),
        super::Context::from([("tenant", "other"), ("purpose", "orders")]),
        super::Context::from([("tenant", "orders"), ("purpose", "acme")]),
        right().with("more", ""),
    ] {
        expect_kind(format!("decrypt under {wrong:?}"), keys.decrypt(key, encrypted.clone(), &wrong).await, ErrorKind::Corrupt)?;
    }
    holds("the right one decrypts", keys.decrypt(key, encrypted, right()).await?.expose_secret() == b"a")
}

/// A ciphertext with one bit flipped is `Corrupt`, whichever bit it is.
pub async fn flipped_bit_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let encrypted = keys.encrypt(key, "a plaintext", &context).await?.ciphertext;
    // A service that is asked over a network is asked for some of them.
    for place in (0..encrypted.len()).step_by(subject.scale.pick(17, 1)) {
        let mut flipped = encrypted.to_vec();
        flipped[place] ^= 1 << (place % 8);
        let result = keys.decrypt(key, flipped, &context).await;
        expect_kind(format!("byte {place} of {}", encrypted.len()), result, ErrorKind::Corrupt)?;
    }
    Ok(())
}

/// A ciphertext that is cut, empty or longer is `Corrupt`.
pub async fn cut_ciphertext_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let (keys, key, context) = (&subject.handle, subject.key()?, subject.context("a"));
    let encrypted = keys.encrypt(key, "a plaintext", &context).await?.ciphertext;
    let longer = [&encrypted[..], b"x"].concat();
    for wrong in [&encrypted[..encrypted.len() - 1], &encrypted[..encrypted.len() / 2], &encrypted[..1], &longer] {
        let result = keys.decrypt(key, wrong.to_vec(), &context).await;
        expect_kind(format!("{} bytes of {}", wrong.len(), encrypted.len()), result, ErrorKind::Corrupt)?;
    }
    Ok(())
}

/// A key that is not there is `NotFound`, and the error names it.
pub async fn key_that_is_not_there_is_not_found(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let name = "00000000-0000-4000-8000-000000000000";
    let error = expect_kind("encrypt", subject.handle.encrypt(name, "a", ()).await, ErrorKind::NotFound)?;
    equal("the name in the error", &error.resource(), &Some(name))
}

/// More than `plaintext_max` is `InvalidInput` with that limit, and nothing is sent.
pub async fn plaintext_outside_the_limit_is_invalid_input(subject: Keys) -> Outcome {
    subject.needs(Caps::ENCRYPT)?;
    let key = subject.key()?;
    // A limit that is too large for a test is put on by it: the handle enforces what is declared.
    let keys = subject.with_capabilities(|capabilities| {
        capabilities.plaintext_max = ByteSize::bytes(capabilities.plaintext_max.as_u64().min(1 << 20));
    })?;
    let max = usize::try_from(keys.capabilities().plaintext_max.as_u64()).unwrap_or_default();
    let call = async {
        let result = keys.encrypt(key, vec![0; max + 1], ()).await;
        let error = expect_reason("encrypt", result, ErrorKind::InvalidInput, Reason::OutsideLimit)?;
        equal("the limit", &error.limit().and_then(|limit| limit.max), &Some(max as u64))
    };
    subject.sends_nothing(call).await
}

/// An empty name of a key is `InvalidInput` everywhere, and so is one above `name_max`; nothing is sent.
pub async fn name_outside_the_limits_is_invalid_input(subject: Keys) -> Outcome {
    let keys = &subject.handle;
    let capabilities = keys.capabilities();
    let max = usize::try_from(capabilities.name_max.as_u64()).unwrap_or(usize::MAX - 1);
    for name in [String::new(), "x".repeat(max + 1)] {
        let calls = async {
            if capabilities.encrypt {
                expect_kind("encrypt", keys.encrypt(&name, "a", ()).await, ErrorKind::InvalidInput)?;
                expect_kind("decrypt", keys.decrypt(&name, "a", ()).await, ErrorKind::InvalidInput)?;
            }
            if capabilities.data_key {
                expect_kind("generate_data_key", keys.generate_data_key(&name, ()).await, ErrorKind::InvalidInput)?;
            }
            if let Some(algorithm) = capabilities.algorithms.first().filter(|_| capabilities.sign) {
                expect_kind("sign", keys.sign(&name, algorithm.clone(), "a").await, ErrorKind::InvalidInput)?;
                expect_kind("public_key", keys.public_key(&name).await, ErrorKind::InvalidInput)?;
            }
            Ok(())
        };
        subject.sends_nothing(calls).await?;
    }
    Ok(())
}
