//! What a call has reserved, until it is known what it used.

use circle_core_common::interfaces::chat_model::Usage;
use circle_core_common::{Error, ErrorKind, Sent};

use super::Pricing;
use super::ledger::{Amount, Hold};
use crate::orchestration::price::Cost;

/// The reservations of one call. Dropped, the call was: what it has sent is booked as used.
#[derive(Debug)]
pub(super) struct Reservation {
    /// Empty once it is settled.
    pub(super) holds: Vec<Hold>,
    /// Where a budget counts money.
    pub(super) pricing: Option<Pricing>,
    pub(super) input: u64,
    pub(super) output: u64,
    /// What the whole call may cost.
    pub(super) whole: Amount,
}

/// What is known of a call that is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// The model that answered.
    pub(super) model: Option<&'a str>,
    pub(super) usage: Usage,
    /// The tokens of the answer by estimate, where it broke off; `None` of a whole one.
    pub(super) received: Option<u64>,
}

impl Reservation {
    /// Books what an answer has used.
    pub(super) fn settle(mut self, known: Known<'_>) {
        self.book(known);
    }

    /// Books what a call has used that ended in this error without an answer.
    pub(super) fn failed(mut self, error: &Error) {
        let answered =
            !matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Decode | ErrorKind::Corrupt);
        match error.sent() {
            // Never sent, or refused: no service bills that.
            Sent::No => self.holds.clear(),
            Sent::Yes if answered => self.holds.clear(),
            Sent::Yes | Sent::Maybe => self.book(Known { received: Some(0), ..Known::default() }),
        }
    }

    fn book(&mut self, known: Known<'_>) {
        let holds = std::mem::take(&mut self.holds);
        if holds.is_empty() {
            return;
        }
        let Known { model, usage, received } = known;
        // What a service tells of a broken answer is what it had told by then.
        let output = match received {
            Some(received) => usage.output_total().unwrap_or(0).max(received),
            None => usage.output_total().unwrap_or(self.output),
        };
        let input = usage.input_total().unwrap_or(self.input);
        let mut estimated = usage.input_total().is_none() || usage.output_total().is_none() || received.is_some();
        // What was read from a cache and written into one is told with the input, and has prices of its own.
        let told = if usage.input_total().is_some() { usage } else { Usage::exclusive(Some(input), Some(0), Some(0)) };
        let counted = told.output(Some(output));
        let money = match &self.pricing {
            None => Default::default(),
            Some(pricing) => match pricing.cost(&counted, model) {
                Cost::Exact(amount) | Cost::AtMost(amount) => amount,
                Cost::Unknown => {
                    estimated = true;
                    self.whole.money
                }
            },
        };
        let used = Amount { tokens: input.saturating_add(output), money };
        holds.into_iter().for_each(|hold| hold.settle(used, estimated));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.book(Known { received: Some(0), ..Known::default() });
    }
}
