//! What stands in for the service: texts as vectors of their words, so that texts are near when they share words.

use std::sync::Arc;

use super::WORDS_MAX;
use crate::{config::{{Provider}}Config, error::{{Provider}}Error};

/// How many numbers an embedding has.
pub(crate) const DIMENSIONS: usize = 256;

#[derive(Debug)]
pub(crate) struct Lexicon {
    pub(crate) model: Arc<str>,
}

impl Lexicon {
    pub(crate) fn new(config: &{{Provider}}Config) -> Self {
        Self { model: config.model.as_str().into() }
    }

    /// A vector of length 1, and how many words it is made of.
    pub(crate) fn embed(&self, text: &str) -> Result<(Vec<f32>, u64), {{Provider}}Error> {
        let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if words.len() > WORDS_MAX as usize {
            return Err({{Provider}}Error::TooLong { words: words.len() });
        }
        let mut numbers = vec![0.0_f32; DIMENSIONS];
        for word in &words {
            numbers[place(&word.to_lowercase())] += 1.0;
        }
        // Signs and smileys only.
        if words.is_empty() {
            numbers[place(text)] += 1.0;
        }
        let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        numbers.iter_mut().for_each(|number| *number /= length);
        Ok((numbers, words.len() as u64))
    }
}

/// The place of a word: its hash (FNV-1a), which is the same on every machine.
fn place(word: &str) -> usize {
    let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash % DIMENSIONS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_same_words_are_the_same_and_texts_that_are_too_long_are_refused() {
        let lexicon = Lexicon::new(&{{Provider}}Config::new());
        let embed = |text: &str| lexicon.embed(text);
        assert_eq!(embed("Green tea."), embed("tea, GREEN"));
        assert_ne!(embed("Green tea."), embed("Black coffee."));
        let length = WORDS_MAX as usize;
        assert!(embed(&"a ".repeat(length)).is_ok_and(|(_, words)| words == u64::from(WORDS_MAX)));
        assert_eq!(embed(&"a ".repeat(length + 1)), Err({{Provider}}Error::TooLong { words: length + 1 }));
    }
}
