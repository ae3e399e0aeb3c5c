//! The Merkle tree of RFC 6962: hashes, roots, and proofs of inclusion and consistency.
//!
//! A proof shows with some twenty hashes what would otherwise need the whole log: that a record is in it, or that a later
//! log continues an earlier one.

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a record as a leaf: `SHA-256(0x00 || record)`.
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    let mut hasher = Sha256::new_with_prefix([0]);
    hasher.update(record);
    hasher.finalize().into()
}

/// The hash of a node over two others: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The right edge of a tree: all that a log needs to go on, 32 bytes for each bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The roots of the complete subtrees, the largest first.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// The edge of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, nodes: Vec::new() }
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each bit that the addition carries over closes a subtree.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return Sha256::digest([]).into() };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}

impl FromIterator<Hash> for Frontier {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut frontier = Self::new();
        leaves.into_iter().for_each(|leaf| frontier.push(leaf));
        frontier
    }
}

/// The root of the tree of these leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<Frontier>().root()
}

/// Where a tree of so many leaves, at least two, is divided: the largest power of two below the size.
const fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

/// The proof that the leaf at `index` is in the tree of these leaves.
///
/// # Errors
/// `InvalidInput` when there is no such leaf.
pub fn prove_inclusion(leaves: &[Hash], index: u64) -> Result<Vec<Hash>> {
    let mut at = usize::try_from(index).ok().filter(|at| *at < leaves.len()).ok_or_else(|| {
        let text = format!("the log has {} records, none at {index}", leaves.len());
        Error::new(ErrorKind::InvalidInput, text)
    })?;
    let mut proof = Vec::new();
    let mut tree = leaves;
    while tree.len() > 1 {
        let (left, right) = tree.split_at(split(tree.len()));
        if at < left.len() {
            proof.push(root(right));
            tree = left;
        } else {
            proof.push(root(left));
            at -= left.len();
            tree = right;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of these leaves continues the one of its first `size` leaves.
///
/// # Errors
/// `InvalidInput` when the first tree is empty or larger than the second.
pub fn prove_consistency(leaves: &[Hash], size: u64) -> Result<Vec<Hash>> {
    let mut size = usize::try_from(size).ok().filter(|size| (1..=leaves.len()).contains(size)).ok_or_else(|| {
        let text = format!("a log of {} records continues none of {size}", leaves.len());
        Error::new(ErrorKind::InvalidInput, text)
    })?;
    let mut proof = Vec::new();
    let mut tree = leaves;
    // Whether the part looked at is a tree that the verifier has the root of.
    let mut known = true;
    while size < tree.len() {
        let (left, right) = tree.split_at(split(tree.len()));
        if size <= left.len() {
            proof.push(root(right));
            tree = left;
        } else {
            proof.push(root(left));
            size -= left.len();
            tree = right;
            known = false;
        }
    }
    if !known {
        proof.push(root(tree));
    }
    proof.reverse();
    Ok(proof)
}

fn unproven(text: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, text)
}

fn matches(found: &Hash, expected: &Hash) -> Result<()> {
    if found == expected { Ok(()) } else { Err(unproven("the proof leads to another root")) }
}

/// Checks that a leaf is at `index` of a tree of `size` leaves with this root.
///
/// # Errors
/// `Corrupt` when the proof does not show it.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<()> {
    if index >= size {
        return Err(unproven("the leaf is beyond the tree"));
    }
    // RFC 9162, 2.1.3.2.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(unproven("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(unproven("the proof is too short"));
    }
    matches(&hash, root)
}

/// Checks that a tree of `second` leaves continues one of `first` leaves.
///
/// # Errors
/// `Corrupt` when the proof does not show it; nothing can be shown of an empty first tree.
pub fn verify_consistency(first: u64, second: u64, proof: &[Hash], first_root: &Hash, second_root: &Hash) -> Result<()> {
    if first == 0 || first > second {
        return Err(unproven("nothing can be shown of these sizes"));
    }
    if first == second {
        return if proof.is_empty() { matches(first_root, second_root) } else { Err(unproven("the proof is too long")) };
    }
    // RFC 9162, 2.1.4.2. A first tree that is complete is a node of the second, and the verifier has its hash.
    let (start, rest) = if first.is_power_of_two() {
        (first_root, proof)
    } else {
        proof.split_first().ok_or_else(|| unproven("the proof is too short"))?
    };
    if rest.is_empty() {
        return Err(unproven("the proof is too short"));
    }
    let (mut node, mut last) = (first - 1, second - 1);
    let complete = node.trailing_ones();
    node >>= complete;
    last >>= complete;
    let (mut before, mut after) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(unproven("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            before = node_hash(sibling, &before);
            after = node_hash(sibling, &after);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            after = node_hash(&after, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(unproven("the proof is too short"));
    }
    matches(&before, first_root)?;
    matches(&after, second_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|at| leaf_hash(&at.to_be_bytes())).collect()
    }

    /// RFC 6962, 2.1, as it is written there.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other_does() {
        let all = leaves(34);
        for size in 0..=33_u64 {
            let tree = &all[..size as usize];
            let top = root(tree);
            assert_eq!(top, by_definition(tree), "{size}");
            assert!(prove_inclusion(tree, size).is_err());
            for index in 0..size {
                let proof = prove_inclusion(tree, index).unwrap();
                assert!(verify_inclusion(index, size, &tree[index as usize], &proof, &top).is_ok(), "{index} of {size}");
                assert!(verify_inclusion(index, size, &all[33], &proof, &top).is_err(), "{index} of {size}");
                for other in (0..size).filter(|other| *other != index) {
                    assert!(verify_inclusion(other, size, &tree[index as usize], &proof, &top).is_err());
                }
            }
            for first in 1..=size {
                let proof = prove_consistency(tree, first).unwrap();
                let earlier = root(&tree[..first as usize]);
                assert!(verify_consistency(first, size, &proof, &earlier, &top).is_ok(), "{first} of {size}");
                assert!(verify_consistency(first, size, &proof, &all[33], &top).is_err());
                assert!(verify_consistency(first, size, &proof, &earlier, &all[33]).is_err());
                let longer = [proof.as_slice(), &[top]].concat();
                assert!(verify_consistency(first, size, &longer, &earlier, &top).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_consistency(first, size, shorter, &earlier, &top).is_err());
                }
            }
        }
        assert!(prove_consistency(&all, 0).is_err() && prove_consistency(&all, 35).is_err());
    }
}
