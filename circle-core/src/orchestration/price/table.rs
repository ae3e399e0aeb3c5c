//! The table of prices, and how a model is found in it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use circle_core_common::interfaces::chat_model::{ModelId, Usage};
use circle_core_common::{Error, ErrorKind, Result, Timestamp};
use serde::Deserialize;

use super::{Billing, Cost, NanoUsd, Rates, Sum};

/// Nano-dollars per million tokens become nano-dollars by this.
const PER_MILLION: i128 = 1_000_000;
/// Multipliers are written with as many places as dollars.
const WHOLE: i128 = 1_000_000_000;

/// The price of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// What the figures are taken from: the vendor's page.
    pub source: Arc<str>,
    /// The day on which they were compared with it, as `2026-07-29`.
    pub checked: Arc<str>,
    /// The day since when they hold, where that is known.
    pub from: Option<Arc<str>>,
    /// The prices.
    pub rates: Rates,
    /// The prices of a whole request with more input tokens than these; the fewest first.
    pub above: Vec<(u64, Rates)>,
    /// What a batch costs of it, in billionths, where that is known.
    pub batch: Option<NanoUsd>,
    /// Whether images and sounds have other prices, which are not in it.
    pub text_only: bool,
}

impl Price {
    /// What a call costs.
    #[must_use]
    pub fn cost(&self, usage: &Usage, billing: Billing) -> Cost {
        let tier = |tokens: u64| self.above.iter().rev().find(|(above, _)| tokens > *above).map(|(_, rates)| rates);
        let rates = usage.input_total().and_then(tier).unwrap_or(&self.rates);
        let multiplier = match billing {
            Billing::Standard => Some(WHOLE),
            Billing::Batch => self.batch.map(NanoUsd::nanos),
        };
        let cost = || {
            let Sum { total, ceiling } = rates.sum(usage)?;
            let multiplier = multiplier?;
            // Half a nano-dollar and more is one; a ceiling is never rounded down.
            let (divisor, scaled) = match billing {
                Billing::Standard => (PER_MILLION, total),
                Billing::Batch => (PER_MILLION * WHOLE, total.checked_mul(multiplier)?),
            };
            let up = if ceiling { divisor - 1 } else { divisor / 2 };
            let amount = NanoUsd::from_nanos(scaled.checked_add(up)? / divisor);
            Some(if ceiling { Cost::AtMost(amount) } else { Cost::Exact(amount) })
        };
        cost().unwrap_or(Cost::Unknown)
    }

    /// What so many tokens of input cost, where nothing is answered in tokens: embeddings.
    #[must_use]
    pub fn input_cost(&self, tokens: u64) -> Cost {
        self.cost(&Usage::exclusive(Some(tokens), Some(0), Some(0)).output(Some(0)), Billing::Standard)
    }
}

/// The prices of models, by vendor. A model that is not in it has no known price.
///
/// ```
/// use circle_core::chat_model::{ModelId, Usage};
/// use circle_core::orchestration::{Billing, Cost, NanoUsd, PriceTable};
/// use circle_core::Timestamp;
///
/// let table = PriceTable::builtin();
/// let now = Timestamp::from_unix(1_795_000_000, 0);
/// let price = table.find(&ModelId::new("openai", "gpt-5-mini"), now).expect("it is in the table");
/// let usage = Usage::inclusive(Some(1_200), Some(1_000), Some(0)).output(Some(80));
/// // 200 × $0.25 + 1000 × $0.025 + 80 × $2, per million.
/// assert_eq!(price.cost(&usage, Billing::Standard), Cost::Exact(NanoUsd::from_nanos(235_000)));
/// assert!(table.find(&ModelId::new("openai", "gpt-99"), now).is_none());
/// ```
#[derive(Clone, Default)]
pub struct PriceTable {
    vendors: Arc<BTreeMap<String, Vec<Row>>>,
    /// Where a model is looked up that is not in this one.
    below: Option<Box<PriceTable>>,
}

struct Row {
    models: Vec<String>,
    price: Arc<Price>,
}

impl PriceTable {
    /// No prices.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The prices that this crate knows: `prices.toml`, with the source and the date of each.
    #[must_use]
    pub fn builtin() -> Self {
        static TABLE: OnceLock<PriceTable> = OnceLock::new();
        // A test reads it, so that nothing is left out here.
        TABLE.get_or_init(|| Self::parse(include_str!("../prices.toml")).unwrap_or_default()).clone()
    }

    /// A table of one's own, in the form of the one that this crate has.
    ///
    /// # Errors
    /// `ConfigInvalid`, with the line.
    pub fn parse(text: &str) -> Result<Self> {
        let vendors: BTreeMap<String, VendorRows> = toml::from_str(text).map_err(|error| {
            Error::new(ErrorKind::ConfigInvalid, format!("the price table cannot be read: {}", error.message()))
        })?;
        let vendors = vendors.into_iter().map(|(vendor, rows)| (vendor, rows.rows())).collect();
        Ok(Self { vendors: Arc::new(vendors), below: None })
    }

    /// These prices, and those of another table for what is not here.
    #[must_use]
    pub fn over(mut self, below: Self) -> Self {
        self.below = Some(Box::new(match self.below.take() {
            Some(first) => first.over(below),
            None => below,
        }));
        self
    }

    /// The price of a model on this day: by its name, or by the longest beginning of a name that has one.
    #[must_use]
    pub fn find(&self, id: &ModelId, on: Timestamp) -> Option<Arc<Price>> {
        let day = on.to_string();
        let fits = |row: &Row| row.models.iter().filter_map(|name| precision(name, &id.model)).max();
        let holds = |price: &Price| price.from.as_deref().is_none_or(|from| from <= day.as_str());
        let rows = self.vendors.get(&*id.vendor).into_iter().flatten().filter(|row| holds(&row.price));
        let found = rows.filter_map(|row| Some((fits(row)?, row.price.from.clone(), &row.price)));
        let found = found.max_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        match found {
            Some((_, _, price)) => Some(Arc::clone(price)),
            None => self.below.as_ref()?.find(id, on),
        }
    }

    /// How many models it has prices of, each counted once per beginning of its name.
    #[must_use]
    pub fn len(&self) -> usize {
        let own: usize = self.vendors.values().flatten().map(|row| row.models.len()).sum();
        own + self.below.as_ref().map_or(0, |below| below.len())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How exactly a name of the table names this model; a whole name is the most exact.
fn precision(name: &str, model: &str) -> Option<usize> {
    match name.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning).then_some(beginning.len()),
        None => (name == model).then_some(usize::MAX),
    }
}

impl fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PriceTable({} models)", self.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorRows {
    source: Arc<str>,
    batch: Option<NanoUsd>,
    prices: Vec<PriceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceRow {
    models: Vec<String>,
    checked: Arc<str>,
    from: Option<Arc<str>>,
    input: Option<NanoUsd>,
    cache_read: Option<NanoUsd>,
    cache_write: Option<NanoUsd>,
    cache_write_1h: Option<NanoUsd>,
    output: Option<NanoUsd>,
    #[serde(default)]
    text_only: bool,
    #[serde(default)]
    above: Vec<Tier>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    input_tokens: u64,
    input: Option<NanoUsd>,
    cache_read: Option<NanoUsd>,
    cache_write: Option<NanoUsd>,
    cache_write_1h: Option<NanoUsd>,
    output: Option<NanoUsd>,
}

impl VendorRows {
    fn rows(self) -> Vec<Row> {
        let Self { source, batch, prices } = self;
        let row = |row: PriceRow| {
            let PriceRow { input, cache_read, cache_write, cache_write_1h, output, .. } = row;
            let rates = Rates { input, cache_read, cache_write, cache_write_1h, output };
            let tier = |tier: Tier| {
                let Tier { input_tokens, input, cache_read, cache_write, cache_write_1h, output } = tier;
                // What a tier does not name has no price of its own there.
                let or_base = |own: Option<NanoUsd>, base| own.or(base);
                let rates = Rates {
                    input: or_base(input, rates.input),
                    cache_read: or_base(cache_read, rates.cache_read),
                    cache_write: or_base(cache_write, rates.cache_write),
                    cache_write_1h: or_base(cache_write_1h, rates.cache_write_1h),
                    output: or_base(output, rates.output),
                };
                (input_tokens, rates)
            };
            let mut above: Vec<_> = row.above.into_iter().map(tier).collect();
            above.sort_by_key(|(tokens, _)| *tokens);
            let price = Price {
                source: Arc::clone(&source),
                checked: row.checked,
                from: row.from,
                rates,
                above,
                batch,
                text_only: row.text_only,
            };
            Row { models: row.models, price: Arc::new(price) }
        };
        prices.into_iter().map(row).collect()
    }
}
