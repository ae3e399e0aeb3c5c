//! What keys are made of, version by version.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ED25519,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
};
use bytes::Bytes;
use circle_core_common::encryption;
use circle_core_common::interfaces::key_service::Algorithm;
use circle_core_common::secret::SecretBytes;
use circle_core_common::{Error, ErrorKind, Result};

use crate::config::MemoryKeyUse;

/// What a key is made of; the newest version is the last, and there is always one.
pub(super) enum Material {
    Encrypts(Vec<SecretBytes>),
    Signs(Algorithm, Vec<SigningKey>),
}

impl Material {
    pub(super) fn new(used: MemoryKeyUse) -> Result<Self> {
        let algorithm = match used {
            MemoryKeyUse::Encrypt => return Ok(Self::Encrypts(vec![encryption::random_key()?])),
            MemoryKeyUse::Ed25519 => Algorithm::Ed25519,
            MemoryKeyUse::EcdsaP256 => Algorithm::EcdsaP256Sha256,
            MemoryKeyUse::EcdsaP384 => Algorithm::EcdsaP384Sha384,
        };
        let first = SigningKey::generate(&algorithm)?;
        Ok(Self::Signs(algorithm, vec![first]))
    }

    pub(super) fn rotate(&mut self) -> Result<()> {
        match self {
            Self::Encrypts(versions) => versions.push(encryption::random_key()?),
            Self::Signs(algorithm, versions) => versions.push(SigningKey::generate(algorithm)?),
        }
        Ok(())
    }

    pub(super) fn versions(&self) -> usize {
        match self {
            Self::Encrypts(versions) => versions.len(),
            Self::Signs(_, versions) => versions.len(),
        }
    }
}

/// A pair of keys.
pub(super) enum SigningKey {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair, &'static dyn VerificationAlgorithm),
}

fn failed<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "a key pair could not be made or used")
}

impl SigningKey {
    fn generate(algorithm: &Algorithm) -> Result<Self> {
        Ok(match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?, &ECDSA_P256_SHA256_ASN1)
            }
            Algorithm::EcdsaP384Sha384 => {
                Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?, &ECDSA_P384_SHA384_ASN1)
            }
            _ => Self::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Bytes> {
        let signature = match self {
            Self::Ed25519(pair) => pair.sign(message),
            Self::Ecdsa(pair, _) => pair.sign(&SystemRandom::new(), message).map_err(failed)?,
        };
        Ok(Bytes::copy_from_slice(signature.as_ref()))
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519(pair) => UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).verify(message, signature),
            Self::Ecdsa(pair, algorithm) => {
                UnparsedPublicKey::new(*algorithm, pair.public_key().as_ref()).verify(message, signature)
            }
        };
        verified.is_ok()
    }

    /// The public key as DER of a `SubjectPublicKeyInfo`.
    pub(super) fn public(&self) -> Result<Bytes> {
        let der = match self {
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::Ecdsa(pair, _) => pair.public_key().as_der(),
        };
        Ok(Bytes::copy_from_slice(der.map_err(failed)?.as_ref()))
    }
}
