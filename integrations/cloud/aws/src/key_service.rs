//! The service `kms`: keys in AWS KMS.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use circle_core_common::interfaces::key_service::{
    Algorithm, Context, DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyService,
    KeyServiceCapabilities, KeyServiceProvider, ListRequest, PublicKey, PublicKeyRequest, RotateRequest, SignRequest,
    VerifyRequest,
};
use circle_core_common::resilience::{Idempotency, RemoteOperation};
use circle_core_common::secret::{ExposeSecret as _, SecretBytes};
use circle_core_common::{
    BuildContext, CallContext, Cursor, Environment, Error, ErrorKind, Health, Integration, Limit, Page, Provider, ProviderInfo,
    Reason, Result, Service,
};
use serde::{Deserialize, Serialize};

use crate::config::KmsConfig;
use crate::json::{JsonClient, JsonService};

static SERVICE: JsonService = JsonService { name: "kms", target: "TrentService" };

// What encrypts and signs leaves nothing behind at the service: repeated, it is another answer that is as good.
static ENCRYPT: RemoteOperation = RemoteOperation::new("kms.Encrypt", Idempotency::Safe, "/");
static DECRYPT: RemoteOperation = RemoteOperation::new("kms.Decrypt", Idempotency::Safe, "/");
static GENERATE: RemoteOperation = RemoteOperation::new("kms.GenerateDataKey", Idempotency::Safe, "/");
static SIGN: RemoteOperation = RemoteOperation::new("kms.Sign", Idempotency::Safe, "/");
static VERIFY: RemoteOperation = RemoteOperation::new("kms.Verify", Idempotency::Safe, "/");
static PUBLIC_KEY: RemoteOperation = RemoteOperation::new("kms.GetPublicKey", Idempotency::Safe, "/");
// Every rotation costs one of the ten that a key can have.
static ROTATE: RemoteOperation = RemoteOperation::new("kms.RotateKeyOnDemand", Idempotency::NonIdempotent, "/");
static LIST: RemoteOperation = RemoteOperation::new("kms.ListKeys", Idempotency::Safe, "/");

/// The most keys of a page.
const PAGE_MAX: u32 = 1000;
/// The most that is sent to be signed as it is; of more, the hash is.
const RAW_MAX: u64 = 4096;

/// AWS KMS. A key is named by its id, its ARN, or an alias such as `alias/orders`. Clones share the client.
#[derive(Clone)]
pub struct Kms {
    shared: Arc<Shared>,
}

struct Shared {
    info: ProviderInfo,
    client: JsonClient,
    capabilities: KeyServiceCapabilities,
}

impl Kms {
    /// A provider of this config. Sends nothing.
    ///
    /// # Errors
    /// `ConfigInvalid`: no region, an endpoint that is none.
    pub fn new(config: KmsConfig, cx: impl Into<BuildContext>) -> Result<Self> {
        let cx = cx.into();
        let (region, endpoint) = (config.region.as_deref(), config.endpoint.as_deref());
        let client = JsonClient::new(&SERVICE, region, endpoint, &config.credentials, &cx)?;
        let info = ProviderInfo::new(Self::NAME, env!("CARGO_PKG_VERSION"), client.place());
        let mut capabilities = KeyServiceCapabilities::all();
        capabilities.algorithms = ALGORITHMS.iter().map(|(algorithm, _)| algorithm.clone()).collect();
        Ok(Self { shared: Arc::new(Shared { info, client, capabilities }) })
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        cx: &CallContext,
        operation: &'static RemoteOperation,
        input: &(impl Serialize + Sync),
    ) -> Result<T> {
        self.shared.client.call(cx, operation, input).await
    }
}

/// What the service calls the algorithms.
static ALGORITHMS: [(Algorithm, &str); 5] = [
    (Algorithm::Ed25519, "ED25519_SHA_512"),
    (Algorithm::EcdsaP256Sha256, "ECDSA_SHA_256"),
    (Algorithm::EcdsaP384Sha384, "ECDSA_SHA_384"),
    (Algorithm::RsaPssSha256, "RSASSA_PSS_SHA_256"),
    (Algorithm::RsaPkcs1Sha256, "RSASSA_PKCS1_V1_5_SHA_256"),
];

fn name_of(algorithm: &Algorithm) -> Result<&'static str> {
    let found = ALGORITHMS.iter().find(|(known, _)| known == algorithm);
    found.map(|(_, name)| *name).ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("KMS does not sign by {algorithm:?}")))
}

/// What is sent of a message, and how that is called: the service takes little, and the hash stands for the rest.
fn message(algorithm: &Algorithm, message: &[u8]) -> Result<(String, &'static str)> {
    let hash = match algorithm {
        Algorithm::EcdsaP384Sha384 => &digest::SHA384,
        Algorithm::Ed25519 => {
            let length = message.len() as u64;
            if !(1..=RAW_MAX).contains(&length) {
                return Err(Error::outside_limit(
                    Limit::at_most("message_max", RAW_MAX, "bytes for Ed25519, and at least one"),
                    length,
                ));
            }
            return Ok((STANDARD.encode(message), "RAW"));
        }
        _ => &digest::SHA256,
    };
    Ok((STANDARD.encode(digest::digest(hash, message)), "DIGEST"))
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    // Its error shows a character.
    STANDARD.decode(text).map_err(|_| Error::new(ErrorKind::Decode, "the service did not answer in Base64"))
}

fn pairs(context: &Context) -> Option<std::collections::BTreeMap<&str, &str>> {
    (!context.is_empty()).then(|| context.iter().collect())
}

#[async_trait]
impl KeyServiceProvider for Kms {
    fn capabilities(&self) -> &KeyServiceCapabilities {
        &self.shared.capabilities
    }

    async fn encrypt(&self, cx: &CallContext, request: EncryptRequest) -> Result<Encrypted> {
        let plaintext = STANDARD.encode(request.plaintext.expose_secret());
        let input = Encrypt { key_id: request.key.as_str(), plaintext: &plaintext, encryption_context: pairs(&request.context) };
        let output: Ciphertext = self.call(cx, &ENCRYPT, &input).await?;
        Ok(Encrypted::new(decoded(&output.ciphertext_blob)?))
    }

    async fn decrypt(&self, cx: &CallContext, request: DecryptRequest) -> Result<SecretBytes> {
        if request.ciphertext.is_empty() {
            return Err(Error::new(ErrorKind::Corrupt, "nothing was encrypted to nothing"));
        }
        let input = Decrypt {
            key_id: request.key.as_str(),
            ciphertext_blob: STANDARD.encode(&request.ciphertext),
            encryption_context: pairs(&request.context),
        };
        let output: Plaintext = self.call(cx, &DECRYPT, &input).await?;
        Ok(decoded(&output.plaintext)?.into())
    }

    async fn generate_data_key(&self, cx: &CallContext, request: DataKeyRequest) -> Result<DataKey> {
        let context = pairs(&request.context);
        let input = GenerateDataKey { key_id: request.key.as_str(), key_spec: "AES_256", encryption_context: context };
        let output: Generated = self.call(cx, &GENERATE, &input).await?;
        let encrypted = Encrypted::new(decoded(&output.ciphertext_blob)?);
        Ok(DataKey::new(decoded(&output.plaintext)?.into(), encrypted))
    }

    async fn sign(&self, cx: &CallContext, request: SignRequest) -> Result<Bytes> {
        let (message, message_type) = message(&request.algorithm, &request.message)?;
        let signing_algorithm = name_of(&request.algorithm)?;
        let input = Sign { key_id: request.key.as_str(), message, message_type, signing_algorithm, signature: None };
        let output: Signed = self.call(cx, &SIGN, &input).await?;
        Ok(decoded(&output.signature)?.into())
    }

    async fn verify(&self, cx: &CallContext, request: VerifyRequest) -> Result<()> {
        let wrong = || Error::new(ErrorKind::Corrupt, "the signature is not right").with_reason(Reason::SignatureInvalid);
        if request.signature.is_empty() {
            return Err(wrong());
        }
        let (message, message_type) = message(&request.algorithm, &request.message)?;
        let signing_algorithm = name_of(&request.algorithm)?;
        let signature = Some(STANDARD.encode(&request.signature));
        let input = Sign { key_id: request.key.as_str(), message, message_type, signing_algorithm, signature };
        let output: Verified = self.call(cx, &VERIFY, &input).await?;
        if output.signature_valid { Ok(()) } else { Err(wrong()) }
    }

    async fn public_key(&self, cx: &CallContext, request: PublicKeyRequest) -> Result<PublicKey> {
        let output: Public = self.call(cx, &PUBLIC_KEY, &OfKey { key_id: request.key.as_str() }).await?;
        if output.signing_algorithms.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, format!("the key `{}` does not sign", request.key)));
        }
        let known = |name: String| match ALGORITHMS.iter().find(|(_, known)| *known == name) {
            Some((algorithm, _)) => algorithm.clone(),
            None => Algorithm::Other(name),
        };
        let algorithms = output.signing_algorithms.into_iter().map(known).collect();
        Ok(PublicKey::new(decoded(&output.public_key)?, algorithms))
    }

    async fn rotate(&self, cx: &CallContext, request: RotateRequest) -> Result<KeyInfo> {
        let _: serde::de::IgnoredAny = self.call(cx, &ROTATE, &OfKey { key_id: request.key.as_str() }).await?;
        Ok(KeyInfo::new(request.key))
    }

    async fn list(&self, cx: &CallContext, request: ListRequest) -> Result<Page<KeyInfo>> {
        let input = ListKeys {
            limit: request.page.size.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
            marker: request.page.cursor.as_ref().map(Cursor::token),
        };
        let output: Keys = self.call(cx, &LIST, &input).await?;
        let keys = output.keys.into_iter().filter(|key| key.key_id.starts_with(&*request.prefix));
        let next = output.next_marker.filter(|_| output.truncated).map(Cursor::new);
        Ok(Page::new(keys.map(|key| KeyInfo::new(key.key_id)).collect(), next))
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kms({})", self.shared.info.target)
    }
}

#[async_trait]
impl Provider for Kms {
    fn info(&self) -> &ProviderInfo {
        &self.shared.info
    }

    fn environment(&self) -> &Environment {
        self.shared.client.environment()
    }

    async fn health(&self, cx: &CallContext) -> Result<Health> {
        self.call::<Keys>(cx, &LIST, &ListKeys { limit: 1, marker: None }).await.map(|_| Health::healthy())
    }

    async fn close(&self, _: &CallContext) -> Result<()> {
        self.shared.client.close();
        Ok(())
    }
}

impl Integration for Kms {
    type Config = KmsConfig;

    const NAME: &'static str = "kms";
    const INTERFACES: &'static [&'static str] = &["KeyService"];
    const REMOTE: bool = true;
    const OPERATIONS: &'static [&'static RemoteOperation] =
        &[&ENCRYPT, &DECRYPT, &GENERATE, &SIGN, &VERIFY, &PUBLIC_KEY, &ROTATE, &LIST];

    async fn build(config: KmsConfig, cx: BuildContext) -> Result<Service> {
        let kms = Arc::new(Self::new(config, cx)?);
        let keys: Arc<dyn KeyServiceProvider> = kms.clone();
        Ok(Service::new(kms).offer::<KeyService>(keys))
    }
}

type Pairs<'a> = Option<std::collections::BTreeMap<&'a str, &'a str>>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt<'a> {
    key_id: &'a str,
    plaintext: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context: Pairs<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    key_id: &'a str,
    ciphertext_blob: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context: Pairs<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey<'a> {
    key_id: &'a str,
    key_spec: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context: Pairs<'a>,
}

/// Of a signature that is asked for, and, with one, of its verification.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sign<'a> {
    key_id: &'a str,
    message: String,
    message_type: &'static str,
    signing_algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfKey<'a> {
    key_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListKeys<'a> {
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ciphertext {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Plaintext {
    plaintext: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Generated {
    ciphertext_blob: String,
    plaintext: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Signed {
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Verified {
    signature_valid: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Public {
    public_key: String,
    #[serde(default)]
    signing_algorithms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    #[serde(default)]
    keys: Vec<Key>,
    next_marker: Option<String>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    key_id: String,
}
