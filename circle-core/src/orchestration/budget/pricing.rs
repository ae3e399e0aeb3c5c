//! What one call costs, of the models that may answer it.

use std::sync::Arc;

use circle_core_common::interfaces::chat_model::{ModelId, Usage};
use circle_core_common::{Error, ErrorKind, Result, Timestamp};

use super::UnknownPrice;
use crate::orchestration::price::{Billing, Cost, NanoUsd, Price, PriceTable};

/// The prices that apply to one call, as they were when it began.
#[derive(Clone, Debug)]
pub(super) struct Pricing {
    /// The models that may answer, and their prices.
    candidates: Vec<(ModelId, Option<Arc<Price>>)>,
    prices: PriceTable,
    on: Timestamp,
    /// Whether the request holds more than text.
    media: bool,
    unknown: UnknownPrice,
}

impl Pricing {
    pub(super) fn new(prices: &PriceTable, models: Vec<ModelId>, media: bool, unknown: UnknownPrice, on: Timestamp) -> Self {
        let candidates = models.into_iter().map(|id| (prices.find(&id, on), id)).map(|(price, id)| (id, price)).collect();
        Self { candidates, prices: prices.clone(), on, media, unknown }
    }

    /// The most that so many tokens may cost.
    ///
    /// # Errors
    /// `ConfigInvalid` where a price is not known and must be.
    pub(super) fn estimate(&self, input: u64, output: u64) -> Result<NanoUsd> {
        let usage = Usage::exclusive(Some(input), Some(0), Some(0)).output(Some(output));
        let of = |(_, price): &(ModelId, Option<Arc<Price>>)| self.of(price.as_deref()?, &usage).ceiling();
        let costs: Option<Vec<NanoUsd>> = self.candidates.iter().map(of).collect();
        match (costs.and_then(|costs| costs.into_iter().max()), self.unknown) {
            (Some(most), _) => Ok(most),
            (None, UnknownPrice::Assume(amount)) => Ok(amount),
            (None, UnknownPrice::Refuse) => Err(self.nobody_knows()),
        }
    }

    /// What these tokens cost; `answered` is the model that answered, as its service says.
    pub(super) fn cost(&self, usage: &Usage, answered: Option<&str>) -> Cost {
        // An answer from a cache is free, whatever it would cost.
        if (usage.input_total(), usage.output_total()) == (Some(0), Some(0)) {
            return Cost::Exact(NanoUsd::ZERO);
        }
        let cost = match (self.candidates.as_slice(), answered) {
            ([(_, price)], _) => self.of_any(price.as_deref(), usage),
            (many, Some(answered)) => {
                let own = |(id, price): &&(ModelId, Option<Arc<Price>>)| {
                    let found = self.prices.find(&ModelId::new(Arc::clone(&id.vendor), answered), self.on);
                    *id.model == *answered || found.is_some() && found == *price
                };
                // Several vendors have a model of one name, and which of them it was nobody tells.
                let fitting: Vec<_> = many.iter().filter(own).collect();
                match fitting.split_first() {
                    Some(((_, price), rest)) if rest.iter().all(|(_, other)| other == price) => {
                        self.of_any(price.as_deref(), usage)
                    }
                    Some(_) => self.most(fitting, usage),
                    None => self.most(many, usage),
                }
            }
            (many, None) => self.most(many, usage),
        };
        match (cost, self.unknown) {
            // Tokens that nobody tells are no price that nobody knows.
            (Cost::Unknown, UnknownPrice::Assume(amount)) if !usage.is_unknown() => Cost::AtMost(amount),
            (cost, _) => cost,
        }
    }

    fn of(&self, price: &Price, usage: &Usage) -> Cost {
        if self.media && price.text_only { Cost::Unknown } else { price.cost(usage, Billing::Standard) }
    }

    fn of_any(&self, price: Option<&Price>, usage: &Usage) -> Cost {
        price.map_or(Cost::Unknown, |price| self.of(price, usage))
    }

    /// What the dearest of these costs.
    fn most<'a>(&self, of: impl IntoIterator<Item = &'a (ModelId, Option<Arc<Price>>)>, usage: &Usage) -> Cost {
        let costs = of.into_iter().map(|(_, price)| self.of_any(price.as_deref(), usage).ceiling());
        costs.collect::<Option<Vec<_>>>().and_then(|costs| costs.into_iter().max()).map_or(Cost::Unknown, Cost::AtMost)
    }

    fn nobody_knows(&self) -> Error {
        let unpriced = self.candidates.iter().find(|(_, price)| price.as_ref().is_none_or(|price| self.media && price.text_only));
        let what = match unpriced {
            Some((id, None)) => format!("the price table does not have `{id}`"),
            Some((id, Some(_))) => format!("the price of images and sounds for `{id}` is not in the price table"),
            None => "the service does not say which model it is".to_owned(),
        };
        let remedy = "give its price, say with `priced_as` which model it is, or set what an unknown price counts as";
        Error::new(ErrorKind::ConfigInvalid, format!("a budget counts money, and {what}: {remedy}"))
    }
}
