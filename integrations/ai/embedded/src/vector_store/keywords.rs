//! Which texts have which words, and how much that says: BM25.

use std::collections::{HashMap, HashSet};

use super::segment::Entry;
use super::snapshot::Snapshot;
use crate::text::{hash, is_function_word, words};

/// The usual parameters of BM25.
const SATURATION: f32 = 1.2;
const LENGTH_SHARE: f32 = 0.75;

/// The words of a segment's texts.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    /// Entries and how often each has the word.
    postings: HashMap<u64, Vec<(u32, u32)>>,
    /// How many words every entry has; 0 without a text.
    lengths: Vec<u32>,
}

impl Keywords {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut keywords = Self { postings: HashMap::new(), lengths: vec![0; entries.len()] };
        for (at, entry) in (0_u32..).zip(entries) {
            let Some(text) = entry.content.as_ref().and_then(|content| content.text.as_deref()) else { continue };
            let mut counts: HashMap<u64, u32> = HashMap::new();
            for word in words(text) {
                *counts.entry(hash(word.as_bytes())).or_default() += 1;
                keywords.lengths[at as usize] += 1;
            }
            for (word, count) in counts {
                keywords.postings.entry(word).or_default().push((at, count));
            }
        }
        keywords
    }
}

/// The records of a namespace that have some of the words: segment, entry, score.
pub(super) fn search(snapshot: &Snapshot, namespace: Option<&str>, text: &str) -> Vec<(usize, usize, f32)> {
    let mut asked = words(text);
    if !asked.iter().all(|word| is_function_word(word)) {
        // In few texts a function word can look rare, and so important.
        asked.retain(|word| !is_function_word(word));
    }
    let asked: HashSet<u64> = asked.iter().map(|word| hash(word.as_bytes())).collect();
    let (mut documents, mut length_sum) = (0_u64, 0_u64);
    for (at, live) in snapshot.segments.iter().enumerate() {
        let lengths = &live.segment.keywords().lengths;
        for entry in snapshot.live(at, namespace).filter(|entry| lengths[*entry] > 0) {
            documents += 1;
            length_sum += u64::from(lengths[entry]);
        }
    }
    if documents == 0 {
        return Vec::new();
    }
    let usual_length = length_sum as f32 / documents as f32;
    let mut scores: HashMap<(usize, usize), f32> = HashMap::new();
    // Sorted, so that sums are the same in every run.
    let mut asked: Vec<u64> = asked.into_iter().collect();
    asked.sort_unstable();
    for word in asked {
        let mut having: Vec<(usize, usize, u32)> = Vec::new();
        for (at, live) in snapshot.segments.iter().enumerate() {
            let postings = live.segment.keywords().postings.get(&word).map_or(&[][..], Vec::as_slice);
            let its = postings.iter().map(|(entry, count)| (at, *entry as usize, *count));
            having.extend(its.filter(|(at, entry, _)| snapshot.is_live(*at, *entry, namespace)));
        }
        let rarity = ((documents as f32 - having.len() as f32 + 0.5) / (having.len() as f32 + 0.5)).ln_1p();
        for (at, entry, count) in having {
            let length = snapshot.segments[at].segment.keywords().lengths[entry] as f32;
            let damped = 1.0 - LENGTH_SHARE + LENGTH_SHARE * length / usual_length;
            let count = count as f32;
            *scores.entry((at, entry)).or_default() += rarity * count * (SATURATION + 1.0) / (count + SATURATION * damped);
        }
    }
    scores.into_iter().map(|((at, entry), score)| (at, entry, score)).collect()
}
