//! Signatures.

use super::{Algorithm, Caps, Keys};
use crate::error::{ErrorKind, Reason};
use crate::suite::{Outcome, equal, expect_kind, expect_reason, holds};

/// A signature of a message is right for it, however long the message is.
pub async fn signature_is_verified(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    for (key, algorithm) in subject.signing_keys()? {
        for message in [vec![], b"a message".to_vec(), vec![7; 5000]] {
            let signature = subject.handle.sign(key, algorithm.clone(), &message).await?;
            subject.handle.verify(key, algorithm.clone(), &message, signature).await?;
        }
    }
    Ok(())
}

/// A signature is right for no other message: `Corrupt`, reason `SignatureInvalid`.
pub async fn signature_of_another_message_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    for (key, algorithm) in subject.signing_keys()? {
        let signature = subject.handle.sign(key, algorithm.clone(), "a message").await?;
        for message in ["a messagE", "a message ", ""] {
            let result = subject.handle.verify(key, algorithm.clone(), message, signature.clone()).await;
            expect_reason("verify", result, ErrorKind::Corrupt, Reason::SignatureInvalid)?;
        }
    }
    Ok(())
}

/// A signature with a bit flipped, cut or empty is `Corrupt`, reason `SignatureInvalid`.
pub async fn flipped_bit_of_a_signature_is_corrupt(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    for (key, algorithm) in subject.signing_keys()? {
        let signature = subject.handle.sign(key, algorithm.clone(), "a message").await?;
        let mut wrong = vec![signature.slice(..signature.len() - 1), signature.slice(..1)];
        for place in (0..signature.len()).step_by(subject.scale.pick(31, 1)) {
            let mut flipped = signature.to_vec();
            flipped[place] ^= 1 << (place % 8);
            wrong.push(flipped.into());
        }
        for signature in wrong {
            let result = subject.handle.verify(key, algorithm.clone(), "a message", signature).await;
            expect_reason(format!("{algorithm:?}"), result, ErrorKind::Corrupt, Reason::SignatureInvalid)?;
        }
    }
    Ok(())
}

/// A public key is a `SubjectPublicKeyInfo` in DER, names its algorithm, and stays the same.
pub async fn public_key_is_a_subject_public_key_info(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    for (key, algorithm) in subject.signing_keys()? {
        let public = subject.handle.public_key(key).await?;
        // SEQUENCE { SEQUENCE { OBJECT IDENTIFIER … } BIT STRING }: the outer length is in one byte, or in as many as are said.
        let head = match public.der.get(1).copied().unwrap_or_default() {
            length @ ..0x80 => (2, usize::from(length)),
            bytes => {
                let bytes = usize::from(bytes & 0x7f);
                let length = public.der.iter().skip(2).take(bytes).fold(0, |length, byte| length << 8 | usize::from(*byte));
                (2 + bytes, length)
            }
        };
        equal("the first byte", &public.der.first(), &Some(&0x30))?;
        equal("the length", &public.der.len(), &(head.0 + head.1))?;
        equal("the first byte within", &public.der.get(head.0), &Some(&0x30))?;
        holds(format!("{:?} names {algorithm:?}", public.algorithms), public.algorithms.contains(algorithm))?;
        equal("the same again", &subject.handle.public_key(key).await?.der, &public.der)?;
    }
    Ok(())
}

/// What is declared is what keys sign by, and nothing is sent for what is not.
pub async fn algorithms_are_those_that_are_declared(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    let declared = &subject.handle.capabilities().algorithms;
    for (key, algorithm) in subject.signing_keys()? {
        holds(format!("{algorithm:?} is declared"), declared.contains(algorithm))?;
        let unknown = Algorithm::Other("no-such-algorithm".to_owned());
        let call = async {
            expect_kind("sign", subject.handle.sign(key, unknown.clone(), "a").await, ErrorKind::Unsupported)?;
            expect_kind("verify", subject.handle.verify(key, unknown, "a", "b").await, ErrorKind::Unsupported)
        };
        subject.sends_nothing(call).await?;
    }
    Ok(())
}

/// A key that encrypts signs nothing, and has no public key: `InvalidInput`.
pub async fn key_that_encrypts_does_not_sign(subject: Keys) -> Outcome {
    subject.needs(Caps::SIGN)?;
    let (key, keys) = (subject.key()?, &subject.handle);
    let (_, algorithm) = &subject.signing_keys()?[0];
    expect_kind("sign", keys.sign(key, algorithm.clone(), "a").await, ErrorKind::InvalidInput)?;
    expect_kind("public_key", keys.public_key(key).await, ErrorKind::InvalidInput).map(drop)
}
