//! Embeddings: rows of one contiguous block of numbers.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::similarity;
use crate::error::{Error, ErrorKind, Result};

/// What a text means to a model, as a vector: a view of one row of a block, cheap to clone.
#[derive(Clone)]
pub struct Embedding {
    block: Arc<[f32]>,
    row: Range<usize>,
}

impl Embedding {
    /// The cosine of the angle to another, from -1 to 1: how alike two texts are. NaN when the widths differ.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        similarity::cosine(self, other)
    }

    /// The dot product with another. NaN when the widths differ.
    #[must_use]
    pub fn dot(&self, other: &Self) -> f32 {
        similarity::dot(self, other)
    }

    /// The direction between this and another, of length 1; `weight` is how much the other counts where this counts 1.
    /// So a passage is embedded together with where it stands, or several texts as one.
    ///
    /// # Errors
    /// `InvalidInput` when the widths differ.
    pub fn blend(&self, other: &Self, weight: f32) -> Result<Self> {
        if self.len() != other.len() {
            let text = format!("embeddings of {} and {} numbers have no direction in common", self.len(), other.len());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let share = |length: f32, share: f32| if length > 0.0 { share / length } else { 0.0 };
        let (one, two) = (share(similarity::norm(self), 1.0), share(similarity::norm(other), weight));
        let mut sum: Vec<f32> = self.iter().zip(other.iter()).map(|(a, b)| a * one + b * two).collect();
        let length = similarity::norm(&sum);
        if length > 0.0 {
            sum.iter_mut().for_each(|number| *number /= length);
        }
        Ok(sum.into())
    }

    /// How many numbers it has.
    #[must_use]
    pub fn dimensions(&self) -> u32 {
        u32::try_from(self.row.len()).unwrap_or(u32::MAX)
    }

    /// Whether all its numbers are finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.iter().all(|number| number.is_finite())
    }

    /// The block that it is a row of.
    #[must_use]
    pub fn block(&self) -> &Arc<[f32]> {
        &self.block
    }

    /// A view of a part of a block; empty where the block does not reach.
    #[must_use]
    pub fn view(block: &Arc<[f32]>, row: Range<usize>) -> Self {
        let row = if row.start <= row.end && row.end <= block.len() { row } else { 0..0 };
        Self { block: Arc::clone(block), row }
    }
}

impl Deref for Embedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.block.get(self.row.clone()).unwrap_or_default()
    }
}

impl AsRef<[f32]> for Embedding {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

impl From<Vec<f32>> for Embedding {
    fn from(numbers: Vec<f32>) -> Self {
        Self { row: 0..numbers.len(), block: numbers.into() }
    }
}

impl From<&[f32]> for Embedding {
    fn from(numbers: &[f32]) -> Self {
        Self { row: 0..numbers.len(), block: numbers.into() }
    }
}

impl<const N: usize> From<[f32; N]> for Embedding {
    fn from(numbers: [f32; N]) -> Self {
        Self { row: 0..N, block: numbers.into() }
    }
}

impl From<&Self> for Embedding {
    fn from(embedding: &Self) -> Self {
        embedding.clone()
    }
}

impl PartialEq for Embedding {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// `Embedding(512 dimensions)`: the numbers say nothing to a reader.
impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} dimensions)", self.row.len())
    }
}

/// A list of numbers.
impl Serialize for Embedding {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Embedding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Vec::<f32>::deserialize(deserializer).map(Self::from)
    }
}

/// Embeddings of one width, in one contiguous block.
#[derive(Clone)]
pub struct Embeddings {
    block: Arc<[f32]>,
    dimensions: usize,
}

impl Embeddings {
    /// From a block of whole rows of this width.
    ///
    /// # Errors
    /// `Decode` when the block is no whole number of rows, or a number in it is not finite: both mean that an answer
    /// was not what it was announced to be.
    pub fn new(block: impl Into<Arc<[f32]>>, dimensions: u32) -> Result<Self> {
        let (block, dimensions) = (block.into(), dimensions as usize);
        let whole = if dimensions == 0 { block.is_empty() } else { block.len().is_multiple_of(dimensions) };
        if !whole {
            let text = format!("{} numbers are no whole rows of {dimensions}", block.len());
            return Err(Error::new(ErrorKind::Decode, text));
        }
        match block.iter().position(|number| !number.is_finite()) {
            None => Ok(Self { block, dimensions }),
            Some(at) => {
                let text = format!("number {} of embedding {} is not finite", at % dimensions, at / dimensions);
                Err(Error::new(ErrorKind::Decode, text))
            }
        }
    }

    /// From rows that come one by one, in their order.
    ///
    /// # Errors
    /// `Decode` when the widths differ or a number is not finite.
    pub fn of_rows<R: AsRef<[f32]>>(rows: impl IntoIterator<Item = R>) -> Result<Self> {
        let (mut block, mut dimensions) = (Vec::new(), None);
        for row in rows {
            let (row, expected) = (row.as_ref(), *dimensions.get_or_insert(row.as_ref().len()));
            if row.len() != expected || row.is_empty() {
                let text = format!("an embedding has {} numbers where another has {expected}", row.len());
                return Err(Error::new(ErrorKind::Decode, text));
            }
            block.extend_from_slice(row);
        }
        Self::new(block, u32::try_from(dimensions.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// How many numbers each has.
    #[must_use]
    pub fn dimensions(&self) -> u32 {
        u32::try_from(self.dimensions).unwrap_or(u32::MAX)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.block.len().checked_div(self.dimensions).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// One of them, as a view.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Embedding> {
        let start = index.checked_mul(self.dimensions)?;
        (index < self.len()).then(|| Embedding::view(&self.block, start..start + self.dimensions))
    }

    /// Each of them, in order, as a view.
    pub fn iter(&self) -> impl Iterator<Item = Embedding> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The block.
    #[must_use]
    pub fn block(&self) -> &Arc<[f32]> {
        &self.block
    }

    /// Several one after the other, in one block.
    ///
    /// # Errors
    /// `Decode` when the widths differ.
    pub fn concat(parts: Vec<Self>) -> Result<Self> {
        match <[Self; 1]>::try_from(parts) {
            Ok([one]) => Ok(one),
            Err(parts) => Self::of_rows(parts.iter().flat_map(Self::iter)),
        }
    }
}

impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embeddings({} of {} dimensions)", self.len(), self.dimensions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_views_of_one_block() {
        let all = Embeddings::new(vec![1.0, 2.0, 3.0, 4.0], 2).unwrap();
        let rows: Vec<Embedding> = all.iter().collect();
        assert_eq!((rows.len(), &*rows[1]), (2, &[3.0, 4.0][..]));
        assert!(rows.iter().all(|row| Arc::ptr_eq(row.block(), all.block())));
        assert_eq!((all.get(2), format!("{:?}", rows[0])), (None, "Embedding(2 dimensions)".to_owned()));
        let both = Embeddings::concat(vec![all.clone(), all.clone()]).unwrap();
        assert_eq!((both.len(), both.get(3)), (4, Some(rows[1].clone())));
        assert!(Arc::ptr_eq(Embeddings::concat(vec![all.clone()]).unwrap().block(), all.block()), "one is not copied");
        assert!(Embedding::view(all.block(), 3..9).is_empty());
    }

    #[test]
    fn torn_ragged_and_infinite_blocks_are_refused() {
        let kind = |result: Result<Embeddings>| result.map(drop).map_err(|error| error.kind());
        assert_eq!(kind(Embeddings::new(vec![1.0; 3], 2)), Err(ErrorKind::Decode));
        assert_eq!(kind(Embeddings::new(vec![1.0; 3], 0)), Err(ErrorKind::Decode));
        assert_eq!(kind(Embeddings::of_rows([vec![1.0], vec![1.0, 2.0]])), Err(ErrorKind::Decode));
        assert_eq!(kind(Embeddings::of_rows([vec![]])), Err(ErrorKind::Decode));
        for number in [f32::NAN, f32::INFINITY] {
            let error = Embeddings::new(vec![1.0, 1.0, 1.0, number], 2).unwrap_err();
            assert_eq!(error.message(), "number 1 of embedding 1 is not finite");
        }
        assert_eq!(Embeddings::of_rows([[0.0; 0]; 0]).map(|none| none.len()).unwrap(), 0);
    }

    #[test]
    fn a_blend_lies_between_both_and_nearer_to_the_heavier() {
        let (one, other) = (Embedding::from([2.0, 0.0]), Embedding::from([0.0, 5.0]));
        let middle = one.blend(&other, 1.0).unwrap();
        assert!((middle.cosine(&one) - middle.cosine(&other)).abs() < 1e-6 && (similarity::norm(&middle) - 1.0).abs() < 1e-6);
        assert!(one.blend(&other, 2.0).unwrap().cosine(&other) > 0.8);
        assert_eq!(one.blend(&[0.0, 0.0].into(), 1.0).unwrap(), [1.0, 0.0].into());
        assert_eq!(one.blend(&[-1.0, 0.0].into(), 1.0).unwrap(), [0.0, 0.0].into());
        assert!(one.blend(&[1.0].into(), 1.0).unwrap_err().is(ErrorKind::InvalidInput));
    }

    #[test]
    fn serialised_it_is_a_list() {
        let text = serde_json::to_string(&Embedding::from([0.5, 1.0])).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str::<Embedding>(&text).unwrap()), ("[0.5,1.0]", [0.5, 1.0].into()));
    }
}
