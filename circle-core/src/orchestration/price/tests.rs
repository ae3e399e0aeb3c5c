//! The arithmetic, and the table.

use circle_core_common::Timestamp;
use circle_core_common::interfaces::chat_model::{ModelId, Usage};
use proptest::prelude::*;

use super::{Billing, Cost, NanoUsd, Price, PriceTable};

fn day(text: &str) -> Timestamp {
    format!("{text}T12:00:00Z").parse().unwrap()
}

fn price(vendor: &str, model: &str, on: &str) -> std::sync::Arc<Price> {
    PriceTable::builtin().find(&ModelId::new(vendor, model), day(on)).unwrap()
}

#[test]
fn the_table_is_read_whole_and_dated() {
    let table = PriceTable::parse(include_str!("../prices.toml")).unwrap();
    assert!(table.len() > 200, "{table:?}");
    assert_eq!(table.len(), PriceTable::builtin().len());
    for line in include_str!("../prices.toml").lines().filter(|line| line.trim_start().starts_with('{')) {
        assert!(line.contains("checked = \"20"), "{line}");
    }
    assert!(price("openai", "gpt-5-mini", "2026-11-21").source.starts_with("https://"));
}

#[test]
fn a_name_is_found_whole_or_by_its_longest_beginning() {
    let found = |vendor, model| PriceTable::builtin().find(&ModelId::new(vendor, model), day("2026-11-21"));
    assert_eq!(found("openai", "gpt-5-mini").unwrap().rates.input, Some("0.25".parse().unwrap()));
    assert_eq!(found("openai", "gpt-5").unwrap().rates.input, Some("1.25".parse().unwrap()));
    assert_eq!(found("anthropic", "claude-haiku-4-5-20251001").unwrap().rates.output, Some(NanoUsd::dollars(5)));
    assert!(found("openai", "gpt-5-minimal").is_none() && found("nobody", "gpt-5").is_none());
}

#[test]
fn a_price_holds_from_its_day() {
    let input = |on| price("openai", "gpt-5.6-luna", on).rates.input;
    assert_eq!(input("2026-07-29"), Some(NanoUsd::dollars(1)));
    assert_eq!(input("2026-07-30"), Some("0.2".parse().unwrap()));
    assert_eq!(input("2026-11-21"), Some("0.2".parse().unwrap()));
}

#[test]
fn a_long_request_costs_more_as_a_whole() {
    let price = price("google", "gemini-2.5-pro", "2026-11-21");
    let cost = |input| price.cost(&Usage::inclusive(Some(input), Some(0), Some(0)).output(Some(0)), Billing::Standard);
    assert_eq!(cost(200_000), Cost::Exact("0.25".parse().unwrap()));
    assert_eq!(cost(200_001), Cost::Exact("0.5000025".parse().unwrap()));
}

#[test]
fn a_batch_costs_half_where_that_is_known() {
    let usage = Usage::inclusive(Some(1_000_000), Some(0), Some(0)).output(Some(1_000_000));
    let cost = |vendor, model| price(vendor, model, "2026-11-21").cost(&usage, Billing::Batch);
    assert_eq!(cost("openai", "gpt-5-mini"), Cost::Exact("1.125".parse().unwrap()));
    assert_eq!(cost("groq", "gemma2-9b-it"), Cost::Unknown);
}

#[test]
fn unknown_is_not_nothing() {
    let price = price("openai", "gpt-5-mini", "2026-11-21");
    let cost = |usage: Usage| price.cost(&usage, Billing::Standard);
    assert_eq!(cost(Usage::unknown()), Cost::Unknown);
    assert_eq!(cost(Usage::inclusive(Some(10), Some(0), Some(0))), Cost::Unknown, "the answer's tokens are not told");
    assert_eq!(cost(Usage::unknown().output(Some(10))), Cost::Unknown, "the request's tokens are not told");
    // A part that was not told may have been cheaper.
    assert_eq!(cost(Usage::inclusive(Some(1_000_000), None, Some(0)).output(Some(0))), Cost::AtMost("0.25".parse().unwrap()));
    let nothing = Usage::exclusive(Some(0), Some(0), Some(0)).output(Some(0));
    assert_eq!(cost(nothing), Cost::Exact(NanoUsd::ZERO));
    assert_eq!(Cost::Unknown.plus(Cost::Exact(NanoUsd::dollars(1))), Cost::Unknown);
}

#[test]
fn writing_into_the_cache_for_an_unknown_time_has_a_ceiling() {
    let price = price("anthropic", "claude-sonnet-4-5", "2026-11-21");
    let usage = Usage::exclusive(Some(0), Some(0), Some(1_000_000)).output(Some(0));
    // 1M tokens written are above 200k of input: the dearer tier, and its price for an hour.
    assert_eq!(price.cost(&usage, Billing::Standard), Cost::AtMost(NanoUsd::dollars(12)));
    let unsaid = Usage::inclusive(Some(100_000), None, None).output(Some(0));
    assert_eq!(price.cost(&unsaid, Billing::Standard), Cost::AtMost("0.6".parse().unwrap()));
}

#[test]
fn an_application_s_prices_go_first() {
    let own = "[acme]\nsource = \"our contract\"\nprices = [{ models = [\"big*\"], checked = \"2026-01-01\", input = \"1\", output = \"2\" }]\n\
               [openai]\nsource = \"our contract\"\nprices = [{ models = [\"gpt-5-mini\"], checked = \"2026-01-01\", input = \"0.1\" }]";
    let table = PriceTable::parse(own).unwrap().over(PriceTable::builtin());
    let input = |vendor, model| table.find(&ModelId::new(vendor, model), day("2026-11-21")).and_then(|price| price.rates.input);
    assert_eq!(input("acme", "big-one"), Some(NanoUsd::dollars(1)));
    assert_eq!(input("openai", "gpt-5-mini"), Some("0.1".parse().unwrap()));
    assert_eq!(input("openai", "gpt-5"), Some("1.25".parse().unwrap()));
    let error = PriceTable::parse("[acme]\nsource = \"x\"\nprices = [{ models = [], checked = \"\", input = 0.1 }]").unwrap_err();
    assert!(error.is(circle_core_common::ErrorKind::ConfigInvalid), "{error}");
}

#[test]
fn amounts_are_written_and_read_exactly() {
    for (text, shown) in [("25", "$25.00"), ("0.0375", "$0.0375"), ("0.000000001", "$0.000000001"), ("1.5", "$1.50")] {
        assert_eq!(text.parse::<NanoUsd>().unwrap().to_string(), shown);
    }
    for text in ["", ".5", "5.", "-1", "1e3", "0.0000000001", "1,5", "99999999999999999999999999999999"] {
        assert!(text.parse::<NanoUsd>().is_err(), "{text}");
    }
    assert_eq!(NanoUsd::from_nanos(-1_500_000_000).to_string(), "-$1.50");
}

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..2_000, 0_u64..3_000_000, Just(u64::MAX / 8)]
}

fn any_price() -> impl Strategy<Value = std::sync::Arc<Price>> {
    let models = [
        ("openai", "gpt-5-mini"),
        ("openai", "gpt-5.4"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-haiku-4-5"),
        ("google", "gemini-2.5-pro"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-latest"),
    ];
    let found = models.map(|(vendor, model)| PriceTable::builtin().find(&ModelId::new(vendor, model), day("2026-11-21")));
    prop::sample::select(found.into_iter().flatten().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn both_ways_of_counting_cost_the_same(price in any_price(), uncached in tokens(), read in tokens(), write in tokens(), output in tokens()) {
        let exclusive = Usage::exclusive(Some(uncached), Some(read), Some(write)).output(Some(output));
        let inclusive = Usage::inclusive(Some(uncached + read + write), Some(read), Some(write)).output(Some(output));
        prop_assert_eq!(price.cost(&exclusive, Billing::Standard), price.cost(&inclusive, Billing::Standard));
    }

    #[test]
    fn it_is_the_sum_of_its_parts(price in any_price(), uncached in 0_u64..100_000, read in 0_u64..50_000, output in tokens()) {
        // Below every tier, and nothing written: exact, in thousands of nano-dollars times tokens.
        let usage = Usage::exclusive(Some(uncached), Some(read), Some(0)).output(Some(output));
        let rate = |rate: Option<NanoUsd>| rate.map_or(0, NanoUsd::nanos);
        let read_rate = if price.rates.cache_read.is_some() { rate(price.rates.cache_read) } else { rate(price.rates.input) };
        let total = i128::from(uncached) * rate(price.rates.input) + i128::from(read) * read_rate + i128::from(output) * rate(price.rates.output);
        let cost = price.cost(&usage, Billing::Standard);
        let amount = cost.ceiling().unwrap().nanos();
        prop_assert!((amount * 1_000_000 - total).abs() <= 1_000_000, "{cost} of {total}");
        if read == 0 || price.rates.cache_read.is_some() {
            prop_assert_eq!(cost, Cost::Exact(NanoUsd::from_nanos((total + 500_000) / 1_000_000)));
        }
    }

    #[test]
    fn more_never_costs_less_and_what_is_not_told_never_less_than_what_is(
        price in any_price(), uncached in tokens(), read in tokens(), write in tokens(), output in tokens(), more in 0_u64..1_000_000,
    ) {
        let told = Usage::exclusive(Some(uncached), Some(read), Some(write)).output(Some(output));
        let cost = |usage: &Usage| price.cost(usage, Billing::Standard).ceiling();
        let exact = cost(&told);
        let larger = Usage::exclusive(Some(uncached + more), Some(read), Some(write)).output(Some(output));
        prop_assert!(cost(&larger) >= exact);
        prop_assert!(cost(&told.output(Some(output + more))) >= exact);
        let total = uncached + read + write;
        for unsaid in [
            Usage::inclusive(Some(total), None, None),
            Usage::inclusive(Some(total), Some(read), None),
            Usage::inclusive(Some(total), None, Some(write)),
        ] {
            let ceiling = cost(&unsaid.output(Some(output)));
            prop_assert!(ceiling >= exact, "{unsaid:?}: {ceiling:?} under {exact:?}");
        }
    }
}
