//! Signed notes (<https://c2sp.org/signed-note>): text under Ed25519 signatures, with the keys that make and check them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// The type of the signatures that are made and checked here.
const ED25519: u8 = 1;

/// How Go's `sumdb/note` begins a private key; the specification leaves its form open.
const PRIVATE: &str = "PRIVATE+KEY+";

/// The most signatures that a note may carry.
const SIGNATURES_MAX: usize = 64;

fn malformed(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, text)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(|one| one.is_whitespace() || one.is_control() || one == '+') {
        return Err(malformed("the name of a key is a word without `+`, such as `example.com/audit`"));
    }
    Ok(())
}

/// The name and the 33 bytes (type and key) of `<name>+<id in hex>+<base64>`, whose id the caller checks.
fn split_key(text: &str) -> Result<(&str, u32, Zeroizing<[u8; 33]>)> {
    let malformed_key = || malformed("a key is `<name>+<id>+<base64>`");
    let (name, rest) = text.trim_end().split_once('+').ok_or_else(malformed_key)?;
    let (id, key) = rest.split_once('+').ok_or_else(malformed_key)?;
    check_name(name)?;
    let id = Some(id).filter(|id| id.len() == 8 && !id.starts_with('+')).and_then(|id| u32::from_str_radix(id, 16).ok());
    let bytes = Zeroizing::new(BASE64.decode(key).map_err(|_| malformed_key())?);
    let bytes: [u8; 33] = bytes.as_slice().try_into().map_err(|_| malformed("the key is not one of Ed25519"))?;
    let bytes = Zeroizing::new(bytes);
    if bytes[0] != ED25519 {
        return Err(malformed("the key is not one of Ed25519"));
    }
    Ok((name, id.ok_or_else(malformed_key)?, bytes))
}

/// Checks signatures: a *vkey*, `example.com/audit+530d903a+Aeky…`. It is public.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: [u8; 32],
}

impl VerifyingKey {
    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of the hash of name and key, by which a signature names its key.
    #[must_use]
    pub fn id(&self) -> u32 {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519]);
        hasher.update(self.key);
        let hash = hasher.finalize();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| PublicKey::new(self.key).verify(text, &signature).is_ok())
    }
}

impl std::str::FromStr for VerifyingKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, id, bytes) = split_key(text)?;
        let mut key = [0; 32];
        key.copy_from_slice(&bytes[1..]);
        let key = Self { name: name.to_owned(), key };
        if key.id() == id { Ok(key) } else { Err(malformed("the id of the key is not that of its name and its bytes")) }
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ED25519], self.key.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), BASE64.encode(bytes))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// Signs notes. `Debug` shows its public half.
#[derive(Clone)]
pub struct SigningKey {
    pair: KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new key with this name, best like the address of a page: `example.com/audit`.
    ///
    /// # Errors
    /// `InvalidInput` for a name with a space or a `+`; `Internal` when the operating system has no randomness.
    pub fn generate(name: &str) -> Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| Error::new(ErrorKind::Internal, "the operating system gave no random bytes").with_source(error))?;
        Self::new(name, &seed)
    }

    /// Reads a key: `PRIVATE+KEY+<name>+<id>+<base64>`, the form of [`SigningKey::to_secret`].
    ///
    /// # Errors
    /// `InvalidInput` when it is none; the message shows nothing of it.
    pub fn parse(secret: &SecretString) -> Result<Self> {
        let text = secret.expose_secret().trim_end().strip_prefix(PRIVATE);
        let text = text.ok_or_else(|| malformed("a private key begins with `PRIVATE+KEY+`"))?;
        let (name, id, bytes) = split_key(text)?;
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&bytes[1..]);
        let key = Self::new(name, &seed)?;
        if key.public.id() == id {
            Ok(key)
        } else {
            Err(malformed("the id of the private key is not that of its name and its bytes"))
        }
    }

    fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        check_name(name)?;
        let pair = KeyPair::try_from_seed(Seed::new(*seed)).map_err(|_| malformed("the bytes of the private key are none"))?;
        let public = VerifyingKey { name: name.to_owned(), key: *pair.pk };
        Ok(Self { pair, public })
    }

    /// The key as text, to be kept as a secret.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        let seed = self.pair.sk.seed();
        let bytes = Zeroizing::new([&[ED25519], seed.as_slice()].concat());
        let base64 = Zeroizing::new(BASE64.encode(&*bytes));
        format!("{PRIVATE}{}+{:08x}+{}", self.public.name, self.public.id(), &*base64).into()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs `text`, which ends with a line break.
    ///
    /// # Errors
    /// `InvalidInput` for a text without its end, or with a control character.
    pub fn sign(&self, text: &str) -> Result<String> {
        check_text(text)?;
        let signature = self.pair.sk.sign(text, None);
        let bytes = [self.public.id().to_be_bytes().as_slice(), signature.as_slice()].concat();
        Ok(format!("{text}\n— {} {}\n", self.public.name, BASE64.encode(bytes)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

fn check_text(text: &str) -> Result<()> {
    if !text.ends_with('\n') || text.chars().any(|one| one < ' ' && one != '\n') {
        return Err(malformed("the text of a note ends with a line break and has no other control character"));
    }
    Ok(())
}

/// The text of a signed note that one of these keys has signed.
///
/// # Errors
/// `InvalidInput` when it is no note; `Corrupt` when none of the keys has signed it, or one of their signatures is wrong.
pub fn open<'n>(note: &'n str, keys: &[VerifyingKey]) -> Result<&'n str> {
    let (text, signatures) = split(note)?;
    let mut verified = false;
    for signature in signatures {
        let (name, id, bytes) = signature?;
        let known = keys.iter().find(|key| key.name == name && key.id() == id);
        match known.map(|key| key.verifies(text, &bytes)) {
            Some(true) => verified = true,
            Some(false) => return Err(Error::new(ErrorKind::Corrupt, "a signature of the note is wrong")),
            // Another's signature says nothing here.
            None => {}
        }
    }
    if verified { Ok(text) } else { Err(Error::new(ErrorKind::Corrupt, "none of the keys has signed the note")) }
}

type SignatureLine<'n> = Result<(&'n str, u32, Vec<u8>)>;

/// The text of a note, which nobody has checked, and its signatures.
fn split(note: &str) -> Result<(&str, impl Iterator<Item = SignatureLine<'_>>)> {
    let malformed_note = || malformed("this is no signed note");
    let at = note.rfind("\n\n").ok_or_else(malformed_note)?;
    let (text, signatures) = (&note[..=at], &note[at + 2..]);
    check_text(text)?;
    if !signatures.ends_with('\n') || signatures.lines().count() > SIGNATURES_MAX {
        return Err(malformed_note());
    }
    let lines = signatures.split_terminator('\n').map(move |line| {
        let (name, base64) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or_else(malformed_note)?;
        check_name(name)?;
        let bytes = BASE64.decode(base64).map_err(|_| malformed_note())?;
        let Some((id, signature)) = bytes.split_first_chunk::<4>().filter(|(_, signature)| !signature.is_empty()) else {
            return Err(malformed_note());
        };
        Ok((name, u32::from_be_bytes(*id), signature.to_vec()))
    });
    Ok((text, lines))
}

/// The text of a note whose signatures nobody has checked: to sort notes, never to believe them.
pub(super) fn unverified(note: &str) -> Result<&str> {
    split(note).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From <https://c2sp.org/signed-note>.
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const NOTE: &str = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_example_of_the_specification_verifies() {
        let key: VerifyingKey = VKEY.parse().unwrap();
        assert_eq!((key.name(), key.id(), key.to_string()), ("example.com/foo", 0x530d_903a, VKEY.to_owned()));
        assert_eq!(open(NOTE, std::slice::from_ref(&key)).unwrap(), "This is an example message.\n");
        for (from, to) in [("example message", "example massage"), ("Uw2QOkn8", "Uw2QOkn9"), ("foo U", "fob U"), ("— ", "- ")] {
            assert!(open(&NOTE.replace(from, to), std::slice::from_ref(&key)).is_err(), "{to}");
        }
        assert!(open(NOTE, &[]).unwrap_err().is(ErrorKind::Corrupt));
        for wrong in [VKEY.replace("530d903a", "530d903b"), VKEY.replace("foo", "fob"), VKEY.replace("Aek", "Bek"), String::new()]
        {
            assert!(wrong.parse::<VerifyingKey>().is_err(), "{wrong}");
        }
    }

    /// The key pair and the note of Go's `golang.org/x/mod/sumdb/note` documentation.
    #[test]
    fn private_keys_are_those_of_the_go_tools() {
        let secret = SecretString::from("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz");
        let key = SigningKey::parse(&secret).unwrap();
        assert_eq!(key.verifying_key().to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        assert_eq!(key.to_secret().expose_secret(), secret.expose_secret());
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signed = key.sign(text).unwrap();
        let line =
            "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert_eq!(signed, format!("{text}\n{line}"));
        assert_eq!(open(&signed, &[key.verifying_key().clone()]).unwrap(), text);
    }

    #[test]
    fn keys_and_signatures_are_those_of_another_library() {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
        for at in 1..64 {
            let (seed, text) = ([at; 32], format!("{at}\n"));
            let (ours, theirs) =
                (SigningKey::new("a.example", &seed).unwrap(), Ed25519KeyPair::from_seed_unchecked(&seed).unwrap());
            assert_eq!(theirs.public_key().as_ref(), ours.public.key);
            let signature = [ours.public.id().to_be_bytes().as_slice(), theirs.sign(text.as_bytes()).as_ref()].concat();
            assert_eq!(ours.sign(&text).unwrap(), format!("{text}\n— a.example {}\n", BASE64.encode(signature)));
        }
    }

    #[test]
    fn a_key_of_zeros_is_refused() {
        let zeros = BASE64.encode([[ED25519].as_slice(), &[0; 32]].concat());
        let error = SigningKey::parse(&format!("{PRIVATE}a.example+00000000+{zeros}").into()).unwrap_err();
        assert!(error.is(ErrorKind::InvalidInput));
    }

    #[test]
    fn another_signer_is_ignored_and_text_may_hold_empty_lines() {
        let (ours, other) = (SigningKey::generate("a.example").unwrap(), SigningKey::generate("b.example").unwrap());
        let text = "one\n\ntwo\n";
        let both = format!("{}{}", other.sign(text).unwrap(), ours.sign(text).unwrap().rsplit_once("\n\n").unwrap().1);
        for key in [&ours, &other] {
            assert_eq!(open(&both, &[key.verifying_key().clone()]).unwrap(), text);
        }
        assert!(ours.sign("no end").is_err() && ours.sign("a\tb\n").is_err() && ours.sign("").is_err());
        assert!(
            SigningKey::generate("a b").is_err() && SigningKey::generate("a+b").is_err() && SigningKey::generate("").is_err()
        );
    }

    #[test]
    fn no_message_and_no_debug_shows_a_private_key() {
        let key = SigningKey::generate("a.example").unwrap();
        let secret = key.to_secret();
        let hidden = secret.expose_secret().rsplit_once('+').unwrap().1;
        let broken = SecretString::from(secret.expose_secret().replace("a.example", "b.example"));
        let error = SigningKey::parse(&broken).unwrap_err();
        assert!(!format!("{key:?}{error:?}{error}").contains(hidden));
    }
}
