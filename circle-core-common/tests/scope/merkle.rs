//! The Merkle tree against the vectors of `transparency-dev/merkle` (Apache-2.0, commit 417fb0c3, `testdata/`): all but those of
//! subtrees, which RFC 6962 does not have. One of each line; `desc` is the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use circle_core_common::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    desc: String,
    want_err: bool,
    proof: Option<Vec<String>>,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum What {
    Inclusion { leaf_idx: u64, tree_size: u64, root: Option<String>, leaf_hash: Option<String> },
    Consistency { size1: u64, size2: u64, root1: Option<String>, root2: Option<String> },
}

/// A hash of another length, or none, is no hash: our types do not let it in.
fn hash(text: Option<&str>) -> Option<Hash> {
    BASE64.decode(text?).unwrap().try_into().ok()
}

/// Where any root will do, the vectors have words in place of hashes.
fn root_hash(text: Option<&str>) -> Option<Hash> {
    let mut bytes = BASE64.decode(text?).unwrap();
    bytes.resize(bytes.len().max(32), 0);
    bytes.try_into().ok()
}

fn holds(vector: &Vector) -> Option<bool> {
    let proof = vector.proof.iter().flatten().map(|text| hash(Some(text))).collect::<Option<Vec<Hash>>>()?;
    Some(match &vector.what {
        What::Inclusion { leaf_idx, tree_size, root, leaf_hash } => {
            verify_inclusion(*leaf_idx, *tree_size, &hash(leaf_hash.as_deref())?, &proof, &root_hash(root.as_deref())?).is_ok()
        }
        What::Consistency { size1, size2, root1, root2 } => {
            verify_consistency(*size1, *size2, &proof, &root_hash(root1.as_deref())?, &root_hash(root2.as_deref())?).is_ok()
        }
    })
}

#[test]
fn the_public_vectors_hold() {
    let (mut proven, mut refused) = (0, 0);
    for line in include_str!("merkle_vectors.jsonl").lines() {
        let vector: Vector = serde_json::from_str(line).unwrap();
        let holds = holds(&vector).unwrap_or(false);
        assert_eq!(holds, !vector.want_err, "{}", vector.desc);
        *(if holds { &mut proven } else { &mut refused }) += 1;
    }
    assert_eq!((proven, refused), (12, 184));
}
