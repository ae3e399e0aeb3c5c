//! What is in a sealed file: fields and the id of their write, encrypted, bound to the name of the secret.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use circle_core_common::encryption;
use circle_core_common::interfaces::secret_store::{SecretFields, SecretName};
use circle_core_common::secret::{ExposeSecret as _, SecretBytes, SecretString};
use circle_core_common::{Error, ErrorKind, OperationId, Result, SecretRef};
use serde::{Deserialize, Serialize};

/// What every sealed file begins with: what it is, and the version of its form.
const MAGIC: &[u8] = b"circle-core sealed secret 1\n";

/// The keys of a store: one that seals, and all that open.
pub(super) struct Keys {
    /// The one that seals is the first.
    keys: Vec<SecretBytes>,
}

impl Keys {
    pub(super) async fn resolve(key: &SecretRef, old: &[SecretRef]) -> Result<Self> {
        let mut keys = Vec::with_capacity(1 + old.len());
        for reference in std::iter::once(key).chain(old) {
            keys.push(parse(&reference.resolve().await?).map_err(|error| error.context(format_args!("{reference:?}")))?);
        }
        Ok(Self { keys })
    }

    pub(super) fn seal(&self, name: &SecretName, fields: &SecretFields, operation: &OperationId) -> Result<Vec<u8>> {
        let fields = fields.names().filter_map(|name| Some((name, fields.get(name)?.expose_secret()))).collect();
        let content = Content { fields, operation: operation.to_string() };
        let plain = serde_json::to_vec(&content).map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let plain = SecretBytes::from(plain);
        let mut sealed = MAGIC.to_vec();
        sealed.extend(encryption::seal(self.keys.first().ok_or_else(no_key)?, &binding(name), plain.expose_secret())?);
        Ok(sealed)
    }

    pub(super) fn open(&self, name: &SecretName, sealed: &[u8]) -> Result<(SecretFields, OperationId)> {
        let sealed = sealed.strip_prefix(MAGIC).ok_or_else(|| Error::new(ErrorKind::Corrupt, "this is no sealed secret"))?;
        let mut opened = Err(no_key());
        for key in &self.keys {
            // A key that does not fit is known by the commitment, before anything is decrypted.
            opened = encryption::open(key, &binding(name), sealed);
            if opened.is_ok() {
                break;
            }
        }
        let plain = opened?;
        // Its error shows what it has read.
        let content: Read = serde_json::from_slice(plain.expose_secret())
            .map_err(|_| Error::new(ErrorKind::Corrupt, "a sealed secret cannot be read once it was opened"))?;
        Ok((content.fields.into_iter().collect(), content.operation.into()))
    }
}

fn no_key() -> Error {
    Error::new(ErrorKind::Internal, "there is no key")
}

/// A file that is put in the place of another does not open.
fn binding(name: &SecretName) -> Vec<u8> {
    [b"circle-core/sealed-files\0".as_slice(), name.as_str().as_bytes()].concat()
}

fn parse(text: &SecretString) -> Result<SecretBytes> {
    let text = text.expose_secret().trim();
    let bytes = if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        (0..64).step_by(2).filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
    } else {
        // Its error shows a character of the key.
        STANDARD.decode(text).unwrap_or_default()
    };
    let key = SecretBytes::from(bytes);
    if key.len() != 32 {
        let text = "a key that seals files is 32 bytes in Base64 or hexadecimal, such as `openssl rand -base64 32` makes";
        return Err(Error::new(ErrorKind::ConfigInvalid, text));
    }
    Ok(key)
}

#[derive(Serialize)]
struct Content<'a> {
    fields: BTreeMap<&'a str, &'a str>,
    operation: String,
}

#[derive(Deserialize)]
struct Read {
    fields: BTreeMap<String, String>,
    operation: String,
}
