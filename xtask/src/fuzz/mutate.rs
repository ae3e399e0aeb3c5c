//! Deterministic mutation of inputs.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): small, and the same everywhere.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        match end {
            0 => 0,
            _ => (self.next() % end as u64) as usize,
        }
    }
}

/// Inputs stay below this, so that a run stays short.
const LONGEST: usize = 4096;

/// An input made of one of the corpus by one to eight changes.
pub(super) fn mutated(numbers: &mut Numbers, corpus: &[Vec<u8>], dictionary: &[&[u8]]) -> Vec<u8> {
    let mut input = pick(numbers, corpus).to_vec();
    for _ in 0..=numbers.below(8) {
        change(numbers, &mut input, corpus, dictionary);
        input.truncate(LONGEST);
    }
    input
}

fn pick<'c>(numbers: &mut Numbers, corpus: &'c [Vec<u8>]) -> &'c [u8] {
    corpus.get(numbers.below(corpus.len())).map_or(&[], Vec::as_slice)
}

fn change(numbers: &mut Numbers, input: &mut Vec<u8>, corpus: &[Vec<u8>], dictionary: &[&[u8]]) {
    let at = numbers.below(input.len() + 1);
    match numbers.below(8) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = numbers.below(256) as u8;
            }
        }
        // A short cut: cutting anywhere would leave most inputs nearly empty after a few changes.
        2 => input.truncate(input.len() - numbers.below(input.len().min(8) + 1)),
        3 => {
            let end = at + numbers.below(input.len() - at + 1).min(16);
            input.drain(at..end);
        }
        // A piece of the input again, some times over.
        4 => {
            let end = at + numbers.below(input.len() - at + 1).min(64);
            let piece = input[at..end].repeat(1 + numbers.below(8));
            insert(input, end, &piece);
        }
        // The end of another input behind the start of this one.
        5 => {
            let other = pick(numbers, corpus);
            let from = numbers.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        // A number where a number stands is what parsers of dates, sizes and lengths trip over.
        6 => {
            let digits = [0, 1, 9, 59, 255, 65_536, u64::MAX - 1, u64::MAX][numbers.below(8)].to_string();
            insert(input, at, digits.as_bytes());
        }
        _ => {
            let word = dictionary.get(numbers.below(dictionary.len())).copied().unwrap_or(b"\0");
            insert(input, at, word);
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64, count: usize) -> Vec<Vec<u8>> {
        let corpus = [b"2026-11-21T09:30:00Z".to_vec(), b"5 MiB".to_vec()];
        let mut numbers = Numbers::new(seed);
        (0..count).map(|_| mutated(&mut numbers, &corpus, &[b"Z", b"KiB"])).collect()
    }

    #[test]
    fn a_seed_decides_every_input() {
        assert_eq!(inputs(7, 100), inputs(7, 100));
        assert_ne!(inputs(7, 100), inputs(8, 100));
    }

    #[test]
    fn inputs_differ_grow_shrink_and_stay_short() {
        let mut inputs = inputs(0, 5_000);
        assert!(inputs.iter().any(|input| input.len() > 50));
        assert!(inputs.iter().any(|input| input.len() < 3));
        assert!(inputs.iter().all(|input| input.len() <= LONGEST));
        assert!(inputs.iter().any(|input| input.windows(3).any(|window| window == b"KiB") && input.starts_with(b"2026")));
        inputs.sort();
        inputs.dedup();
        assert!(inputs.len() > 4_000, "{} different inputs", inputs.len());
    }

    #[test]
    fn an_empty_corpus_gives_inputs_too() {
        let mut numbers = Numbers::new(1);
        assert!((0..100).any(|_| !mutated(&mut numbers, &[], &[]).is_empty()));
    }
}
