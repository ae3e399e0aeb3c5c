//! How many inputs go into one call.

use std::ops::Range;

use super::{Caps, EmbedInput};

/// Tokens that an image is counted for; services bill from some hundred to some thousand.
const IMAGE_TOKENS: u64 = 1_000;
/// Bytes that make a token at least, in nearly every text: English has four, Chinese two and more, code three.
const TOKEN_BYTES: u64 = 2;

/// An estimate of an input's tokens, rather too high: a batch that a service refuses costs more than one more call.
pub(super) fn tokens(input: &EmbedInput) -> u64 {
    match input {
        EmbedInput::Text(text) => (text.len() as u64).div_ceil(TOKEN_BYTES),
        EmbedInput::Image { .. } => IMAGE_TOKENS,
    }
}

/// Cuts the inputs into the parts that go into one call each, in order; an input alone may be above the estimate.
pub(super) fn batches(inputs: &[EmbedInput], capabilities: &Caps) -> Vec<Range<usize>> {
    let (count_max, tokens_max) = (capabilities.batch_max.max(1) as usize, u64::from(capabilities.batch_tokens_max));
    let mut batches = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (at, input) in inputs.iter().enumerate() {
        let tokens = tokens(input);
        if at > start && (at - start >= count_max || sum + tokens > tokens_max) {
            batches.push(start..at);
            (start, sum) = (at, 0);
        }
        sum += tokens;
    }
    if start < inputs.len() {
        batches.push(start..inputs.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batches_cover_everything_in_order_and_keep_both_limits(
            lengths in prop::collection::vec(1_usize..40, 0..60), count_max in 1_u32..8, tokens_max in 1_u32..40,
        ) {
            let inputs: Vec<EmbedInput> = lengths.iter().map(|length| "x".repeat(*length).into()).collect();
            let mut capabilities = Caps::none();
            (capabilities.batch_max, capabilities.batch_tokens_max) = (count_max, tokens_max);
            let batches = batches(&inputs, &capabilities);
            let covered: Vec<usize> = batches.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..inputs.len()).collect::<Vec<_>>());
            let sum = |batch: &Range<usize>| inputs[batch.clone()].iter().map(tokens).sum::<u64>();
            for (batch, next) in batches.iter().zip(batches.iter().skip(1).map(Some).chain([None])) {
                prop_assert!(batch.len() <= count_max as usize);
                prop_assert!(batch.len() == 1 || sum(batch) <= u64::from(tokens_max));
                if let Some(next) = next {
                    let one_more = sum(batch) + tokens(&inputs[next.start]);
                    prop_assert!(batch.len() == count_max as usize || one_more > u64::from(tokens_max), "no needless call");
                }
            }
        }
    }
}
