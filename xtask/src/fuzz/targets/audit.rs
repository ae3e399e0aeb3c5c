//! Checkpoints from anchors, and keys from command lines and files.

use circle_core_common::audit::Checkpoint;
use circle_core_common::audit::note::{self, SigningKey, VerifyingKey};

use super::Target;

/// The example of <https://c2sp.org/signed-note>.
const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const TEXT: &str = "This is an example message.\n";

pub(super) const NOTES: Target = Target {
    name: "audit-notes",
    promise: "no text is a checkpoint of a key that has signed none, and a key that is read is written as the same key",
    dictionary: &[
        b"\n\n",
        "\n— ".as_bytes(),
        b"example.com/foo ",
        b"PRIVATE+KEY+",
        b"+530d903a+",
        b"Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
        b"AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ],
    run: |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        let Ok(key) = VKEY.parse::<VerifyingKey>() else {
            return;
        };
        if let Ok(signed) = note::open(text, std::slice::from_ref(&key)) {
            assert_eq!(signed, TEXT, "nobody has signed this");
        }
        assert!(Checkpoint::open(text, &[key]).is_err(), "the key has signed no checkpoint");
        if let Ok(key) = text.parse::<VerifyingKey>() {
            assert!(key.to_string().parse::<VerifyingKey>().is_ok_and(|again| again == key), "`{key}` does not read back");
        }
        if let Ok(key) = SigningKey::parse(&text.to_owned().into()) {
            assert!(SigningKey::parse(&key.to_secret()).is_ok(), "a private key does not read back");
        }
    },
};
