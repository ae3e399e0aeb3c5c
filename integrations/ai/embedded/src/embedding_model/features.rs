//! What a text is made of, and how much each part weighs.
//!
//! Every feature has a place in the vector, by its hash, and a sign, so that two features which share a place do not add
//! up on average (Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, 2009). Words that come often
//! count less and less, and less in a long text, as in BM25 (Robertson and Zaragoza, *The Probabilistic Relevance
//! Framework*, 2009). There is no collection to count documents in, so that a list of function words stands for the
//! inverse document frequency.

use std::collections::BTreeMap;

use circle_core_common::interfaces::embedding_model::{EmbedKind, similarity};

use crate::text::{hash, is_function_word, words};

/// How soon a repeated word stops to count, and how much a long text takes from each of its words; both as usual.
const SATURATION: f32 = 1.2;
const LENGTH_SHARE: f32 = 0.75;
/// The length of a usual passage, in words.
const USUAL_LENGTH: f32 = 100.0;
/// What all parts of a word weigh together, beside the word.
const PARTS_SHARE: f32 = 0.5;
/// What two words beside each other weigh, beside the words.
const PAIR_SHARE: f32 = 0.3;
/// What a function word weighs.
const FUNCTION_WORD: f32 = 0.08;

/// Writes the embedding of a text into a row; gives how many words the text has.
pub(super) fn write(text: &str, kind: Option<EmbedKind>, row: &mut [f32]) -> usize {
    let words = words(text);
    // In the order of the words, so that sums are the same in every run.
    let mut counts: BTreeMap<&str, f32> = BTreeMap::new();
    let mut pairs: BTreeMap<(&str, &str), f32> = BTreeMap::new();
    for word in &words {
        *counts.entry(word).or_default() += 1.0;
    }
    for pair in words.windows(2) {
        *pairs.entry((&pair[0], &pair[1])).or_default() += 1.0;
    }
    let length = words.len() as f32;
    let weigh = |count: f32| match kind {
        Some(EmbedKind::Query) => 1.0,
        _ => {
            let damped = 1.0 - LENGTH_SHARE + LENGTH_SHARE * length / USUAL_LENGTH;
            count * (SATURATION + 1.0) / (count + SATURATION * damped)
        }
    };
    for (word, count) in &counts {
        let weight = weigh(*count) * importance(word);
        add(row, &["w", word], weight);
        add_parts(row, word, weight);
    }
    for ((first, second), count) in &pairs {
        let importance = importance(first).min(importance(second));
        add(row, &["p", first, " ", second], weigh(*count) * importance * PAIR_SHARE.sqrt());
    }
    if counts.is_empty() {
        // No words: its characters are all that there is.
        for character in text.chars().filter(|character| !character.is_whitespace()) {
            add(row, &["c", character.encode_utf8(&mut [0; 4])], 1.0);
        }
    }
    normalise(row, text);
    words.len()
}

/// How much a word tells of what a text is about.
fn importance(word: &str) -> f32 {
    if is_function_word(word) { FUNCTION_WORD } else { 1.0 }
}

/// Parts of three to five characters, with marks at the ends of the word.
fn add_parts(row: &mut [f32], word: &str, weight: f32) {
    let marked: Vec<char> = ['<'].into_iter().chain(word.chars()).chain(['>']).collect();
    let lengths = 3..=5.min(marked.len() - 1);
    let count: usize = lengths.clone().map(|length| marked.len() - length + 1).sum();
    if count == 0 {
        return;
    }
    let weight = weight * (PARTS_SHARE / count as f32).sqrt();
    let mut part = String::new();
    for length in lengths {
        for characters in marked.windows(length) {
            part.clear();
            part.extend(characters);
            add(row, &["g", &part], weight);
        }
    }
}

fn add(row: &mut [f32], feature: &[&str], weight: f32) {
    let hash = hash(feature.concat().as_bytes());
    // The upper half chooses the place without a bias to low ones, the lowest bit the sign.
    let place = ((hash >> 32) * row.len() as u64) >> 32;
    if let Some(number) = row.get_mut(place as usize) {
        *number += if hash & 1 == 0 { weight } else { -weight };
    }
}

fn normalise(row: &mut [f32], text: &str) {
    let mut norm = similarity::norm(row);
    if norm == 0.0 {
        // Everything has cancelled out, which a very narrow row can do.
        add(row, &["t", text], 1.0);
        norm = 1.0;
    }
    for number in row {
        *number /= norm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn embed(text: &str, kind: Option<EmbedKind>) -> Vec<f32> {
        let mut row = vec![0.0; 1024];
        write(text, kind, &mut row);
        row
    }

    #[test]
    fn words_count_more_than_their_parts_and_function_words_hardly() {
        let near = |one: &str, other: &str| similarity::cosine(&embed(one, None), &embed(other, None));
        assert!(near("configure the store", "the store is configured") > 0.5);
        assert!(near("configure", "configuration") > 0.2);
        assert!(near("configure", "configuration") < 0.7);
        assert!(near("the cat of the house", "the price of the bread") < 0.15);
        assert!(near("volcano", "piano") < near("volcano", "volcanoes"));
    }

    #[test]
    fn a_repeated_word_counts_less_each_time_and_once_in_a_question() {
        let nearness = |count: usize| {
            let text = format!("{}orchard wind lamp stone", "apple ".repeat(count));
            similarity::cosine(&embed("apple", Some(EmbedKind::Query)), &embed(&text, Some(EmbedKind::Document)))
        };
        let (one, two, four) = (nearness(1), nearness(2), nearness(4));
        assert!(one < two && two < four && four - two < 2.0 * (two - one));
        let query = |text| embed(text, Some(EmbedKind::Query));
        assert!(similarity::cosine(&query("apple pear"), &query("apple pear pear")) > 0.9);
    }

    proptest! {
        #[test]
        fn any_text_in_any_width_has_length_one(text in "\\PC*", width in 1_usize..80) {
            prop_assume!(!text.trim().is_empty());
            let mut row = vec![0.0; width];
            write(&text, None, &mut row);
            prop_assert!((similarity::norm(&row) - 1.0).abs() < 1e-3, "{}", similarity::norm(&row));
        }
    }
}
