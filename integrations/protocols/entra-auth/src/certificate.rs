//! A certificate with its key, in one text of PEM.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core_common::credentials::Fixed;
use circle_core_common::http::TlsIdentity;
use circle_core_common::{Error, ErrorKind, Result};
use circle_core_protocol_oidc::{Algorithm, SigningKey};
use pem::{EncodeConfig, LineEnding, Pem};
use secrecy::{ExposeSecret, SecretString};

/// The key that assertions are signed with, and by which certificate it is known: the first in the text.
///
/// # Errors
/// `ConfigInvalid` for what is no PEM, lacks one of the two, or has a key of another certificate; `Unsupported` for a key that is
/// encrypted. Nothing of the text is repeated.
pub(crate) fn signing_key(text: &SecretString) -> Result<SigningKey> {
    let invalid = |what: &str| Error::new(ErrorKind::ConfigInvalid, format!("the client certificate cannot be used: {what}"));
    let parts = pem::parse_many(text.expose_secret()).map_err(|_| invalid("it is not PEM"))?;
    let find = |tags: &[&str]| parts.iter().find(|part| tags.contains(&part.tag()));
    if find(&["ENCRYPTED PRIVATE KEY"]).is_some() {
        return Err(Error::new(ErrorKind::Unsupported, "the key of the client certificate is encrypted, which is not supported"));
    }
    let certificate = find(&["CERTIFICATE"]).ok_or_else(|| invalid("there is no certificate in it"))?;
    let key = find(&["PRIVATE KEY", "RSA PRIVATE KEY"]).ok_or_else(|| invalid("there is no RSA key in it"))?;
    let write = |part: &Pem| pem::encode_config(part, EncodeConfig::new().set_line_ending(LineEnding::LF));
    let key = SecretString::from(write(key));
    // That the key is the certificate's is known before the service is asked.
    TlsIdentity::from_pem(write(certificate).as_bytes(), key.expose_secret().as_bytes())?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.contents()));
    Ok(SigningKey::new(Algorithm::PS256, Fixed::new(key)).certificate_sha256(thumbprint))
}
