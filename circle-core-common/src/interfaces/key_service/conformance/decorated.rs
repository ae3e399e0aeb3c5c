//! Decorated key services.

use bytes::Bytes;

use crate::interfaces::key_service::{
    DataKey, DataKeyRequest, DecryptRequest, EncryptRequest, Encrypted, KeyInfo, KeyService, KeyServiceCapabilities,
    KeyServiceProvider, ListRequest, PublicKey, PublicKeyRequest, RotateRequest, SignRequest, VerifyRequest,
};
use crate::listing::Page;
use crate::secret::SecretBytes;

crate::suite::decorated! {
    KeyService over KeyServiceProvider with KeyServiceCapabilities as key_service {
        encrypt(EncryptRequest) -> Encrypted;
        decrypt(DecryptRequest) -> SecretBytes;
        generate_data_key(DataKeyRequest) -> DataKey;
        sign(SignRequest) -> Bytes;
        verify(VerifyRequest) -> ();
        public_key(PublicKeyRequest) -> PublicKey;
        rotate(RotateRequest) -> KeyInfo;
        list(ListRequest) -> Page<KeyInfo>;
    }
}
