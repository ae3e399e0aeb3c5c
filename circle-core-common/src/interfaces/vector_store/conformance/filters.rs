//! Filters: what they mean, how they travel, and what happens where a store does not know them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Store, at, ids, record};
use crate::context::{CallOptions, CallReport, OnUnsupported};
use crate::error::{ErrorKind, Sent};
use crate::filter::{Filter, FilterOperator, FilterOperators};
use crate::interfaces::vector_store::{Collection, ListOptions, VectorQuery};
use crate::suite::{Failed, Outcome, equal, expect_kind, expect_unsupported, holds};

fn rows() -> Vec<Value> {
    vec![
        json!({ "n": 1, "f": 0.5, "s": "alpha", "b": true, "l": ["x", "y"], "o": { "p": "q", "n": 1 }, "g": { "lat": 56.95, "lon": 24.1 } }),
        json!({ "n": 2, "f": 1.5, "s": "alphabet", "b": false, "l": ["y"], "o": { "p": "r", "n": 2 }, "g": { "lat": 54.69, "lon": 25.28 } }),
        json!({ "n": 3, "f": 2.5, "s": "Beta", "l": ["z"], "o": { "p": "q" }, "g": { "lat": -33.9, "lon": 151.2 } }),
        json!({ "n": 10, "s": "beta", "b": true }),
        json!({ "n": -5, "f": 2.0, "s": "", "l": [] }),
        json!({ "n": 9_007_199_254_740_992_i64, "s": "' OR 1=1 --", "t": "100%_\\ \"x\" }]" }),
        json!({ "s": "only text" }),
        json!({}),
    ]
}

fn filters() -> Vec<Filter> {
    use Filter as F;
    vec![
        F::eq("n", 2),
        F::eq("n", 2.0),
        F::eq("s", "alpha"),
        F::eq("s", ""),
        F::eq("b", true),
        F::eq("b", false),
        F::eq("o.p", "q"),
        F::eq("n", "2"),
        F::eq("missing", 1),
        F::ne("n", 2),
        F::ne("s", "alpha"),
        F::ne("b", true),
        F::ne("o.p", "q"),
        F::ne("missing", 1),
        F::is_in("n", [1, 3, 77]),
        F::is_in("s", ["beta", "Beta"]),
        F::is_in("n", [0; 0]),
        F::not_in("n", [1, 3]),
        F::not_in("s", ["alpha", ""]),
        F::gt("n", 2),
        F::gte("n", 2),
        F::lt("n", 2),
        F::lte("n", 2),
        F::gt("f", 1.5),
        F::lte("f", 2),
        F::gt("n", 1.5),
        F::gt("missing", 0),
        F::gte("n", 9_007_199_254_740_992_i64),
        F::exists("b"),
        F::exists("o.n"),
        F::exists("missing"),
        F::contains("l", "y"),
        F::contains("l", "w"),
        F::contains("s", "lph"),
        F::prefix("s", "alpha"),
        F::prefix("s", "b"),
        F::prefix("s", ""),
        F::prefix("s", "%"),
        F::geo("g", 56.9, 24.0, 50_000.0),
        F::geo("g", 55.5, 24.5, 500_000.0),
        F::geo("g", 0.0, 0.0, 1.0),
        !F::eq("n", 2),
        !F::exists("f"),
        !F::gt("n", 2),
        F::eq("b", true) & F::lt("n", 5),
        F::eq("n", 1) | F::eq("s", "beta"),
        (F::gte("n", 1) & F::lte("n", 3)) | F::eq("s", ""),
        !(F::eq("n", 1) | F::eq("n", 2)),
        F::eq("b", true) & !F::eq("s", "alpha"),
        F::exists("s") & F::ne("s", "") & !F::prefix("s", "a"),
        F::Or(vec![]),
        F::And(vec![F::Or(vec![F::exists("f"), F::exists("b")]), F::Not(Box::new(F::And(vec![F::exists("f"), F::exists("b")])))]),
    ]
}

async fn filled(subject: &Store) -> Result<Collection, Failed> {
    let notes = subject.notes().await?;
    let records = rows().into_iter().enumerate().map(|(number, fields)| {
        let mut put = record(number.to_string(), number as f32);
        put.fields = fields.as_object().cloned().unwrap_or_default();
        put
    });
    notes.put_many(records).await?.all()?;
    subject.settled(&notes, rows().len() as u64).await?;
    Ok(notes)
}

fn expected(filter: &Filter) -> Result<BTreeSet<String>, Failed> {
    let mut expected = BTreeSet::new();
    for (number, fields) in rows().into_iter().enumerate() {
        if filter.matches(&fields.as_object().cloned().unwrap_or_default())? {
            expected.insert(number.to_string());
        }
    }
    Ok(expected)
}

fn set(ids: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

/// Every operator that the store knows means what [`Filter::matches`] says, in queries, lists and counts alike.
pub async fn filter_means_the_same_everywhere(subject: Store) -> Outcome {
    let notes = filled(&subject).await?;
    let capabilities = subject.handle.capabilities();
    for filter in filters().into_iter().filter(|filter| filter.operators().beyond(capabilities.filter_operators).is_none()) {
        let (what, expected) = (format!("{filter:?}"), expected(&filter)?);
        let found = notes.query(VectorQuery::near(at(0.0)).filter(filter.clone()).top_k(50)).await?;
        equal(format!("a query by {what}"), &set(ids(&found)), &expected)?;
        equal(format!("matches of {what}"), &found.len(), &expected.len())?;
        if capabilities.list_filter {
            let listed = notes.list_with(ListOptions::new().filter(filter.clone())).all().await?;
            equal(format!("a list by {what}"), &set(listed.iter().map(|listed| &listed.id)), &expected)?;
        }
        if capabilities.count_filter {
            equal(format!("a count by {what}"), &notes.count_where(filter).await?, &(expected.len() as u64))?;
        }
    }
    Ok(())
}

/// Values and names that mean something in a query language mean themselves.
pub async fn filter_values_are_bound_not_pasted(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let nasty = [
        "' OR 1=1 --",
        "\" or \"\"=\"",
        "a' && '1'=='1",
        "}]}",
        "{\"$ne\": null}",
        "$where",
        "%",
        "_",
        "*",
        "\\",
        "a\\'b",
        "`",
        "\u{0}",
        "\n",
        "ключ",
        "x) or (1 == 1",
        "null",
        "true",
    ];
    let put = nasty.iter().enumerate().map(|(number, value)| record(number.to_string(), 0.0).field("value", *value));
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, nasty.len() as u64).await?;
    for (number, value) in nasty.iter().enumerate() {
        let found = notes.query(VectorQuery::near(at(0.0)).filter(Filter::eq("value", *value)).top_k(50)).await?;
        equal(format!("what has the value {value:?}"), &set(ids(&found)), &set([number]))?;
    }
    let names = ["a b", "a'b", "a\"b", "a]b", "$a", "a-b", "ключ"];
    for (number, name) in names.iter().enumerate() {
        notes.put(record(format!("name-{number}"), 0.0).field(*name, number)).await?;
    }
    subject.settled(&notes, (nasty.len() + names.len()) as u64).await?;
    for (number, name) in names.iter().enumerate() {
        let found = notes.query(VectorQuery::near(at(0.0)).filter(Filter::eq(*name, number)).top_k(50)).await?;
        equal(format!("what has the field {name:?}"), &ids(&found), &[format!("name-{number}")])?;
    }
    Ok(())
}

/// A filter chooses among all records, not among the best: matches that are far away are found.
pub async fn filter_is_applied_before_top_k(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let put = (0..60).map(|number| record(format!("{number:02}"), number as f32).field("last", number >= 57));
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, 60).await?;
    let found = notes.query(VectorQuery::near(at(0.0)).filter(Filter::eq("last", true)).top_k(3)).await?;
    equal("the ids", &ids(&found), &["57", "58", "59"])
}

/// A filter that is too deep or too large, or that compares what has no order, is `InvalidInput`, and nothing is sent.
pub async fn filter_beyond_the_bounds_is_invalid_input(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let deep = (0..Filter::DEPTH_MAX).fold(Filter::eq("a", 1), |filter, _| Filter::And(vec![filter]));
    let wide = Filter::is_in("a", 0..Filter::SIZE_MAX);
    let calls = async {
        for filter in [deep, wide, Filter::gt("a", true), Filter::eq("a..b", 1), Filter::geo("a", 100.0, 0.0, 1.0)] {
            expect_kind("query", notes.query(VectorQuery::near(at(0.0)).filter(filter)).await, ErrorKind::InvalidInput)?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// The store, said to know fewer operators.
fn knowing(subject: &Store, notes: &Collection, operators: FilterOperators, top_k_max: u32) -> Result<Collection, Failed> {
    let store = subject.with_capabilities(|capabilities| {
        capabilities.filter_operators = operators;
        capabilities.top_k_max = capabilities.top_k_max.min(top_k_max);
    })?;
    Ok(store.collection(&notes.location().collection))
}

/// An operator that the store does not know is `Unsupported` by its name, and nothing is sent, in every call.
pub async fn filter_with_an_unknown_operator_is_unsupported(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let few = knowing(&subject, &notes, FilterOperators::none().with(FilterOperator::Eq), u32::MAX)?;
    let filter = || Filter::prefix("s", "a");
    let calls = async {
        let query = few.query(VectorQuery::near(at(0.0)).filter(filter())).await;
        holds("the error names the operator", query.as_ref().is_err_and(|error| error.message().contains("prefix")))?;
        expect_unsupported(query, "filter_operators")?;
        let capabilities = few.store().capabilities();
        if capabilities.list_filter {
            expect_unsupported(few.list_with(ListOptions::new().filter(filter())).page().await, "filter_operators")?;
        }
        if capabilities.count_filter {
            expect_unsupported(few.count_where(filter()).await, "filter_operators")?;
        }
        if capabilities.delete_where {
            // What deletes is not emulated either.
            let emulating = few.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate));
            expect_unsupported(emulating.delete_where(filter()).await, "filter_operators")?;
        }
        Ok(())
    };
    subject.sends_nothing(calls).await
}

/// Where the caller allows it, a query by an unknown operator gives what the store would give if it knew it, and the
/// report says so.
pub async fn filter_is_emulated_where_allowed(subject: Store) -> Outcome {
    let notes = filled(&subject).await?;
    let eq_only = FilterOperators::none().with(FilterOperator::Eq).with(FilterOperator::And);
    for operators in [FilterOperators::none(), eq_only] {
        let operators = operators.iter().filter(|operator| subject.handle.capabilities().filter_operators.has(*operator));
        let few = knowing(&subject, &notes, operators.collect(), u32::MAX)?;
        for filter in filters() {
            let report = CallReport::new();
            let emulating = few.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate).report(&report));
            let found = emulating.query(VectorQuery::near(at(0.0)).filter(filter.clone()).top_k(50)).await?;
            equal(format!("emulated {filter:?}"), &set(ids(&found)), &expected(&filter)?)?;
            let whole = filter.operators().beyond(few.store().capabilities().filter_operators).is_none();
            equal("what the report says", &report.get().emulated.contains(&"filter_operators"), &!whole)?;
            equal("calls in the report", &report.get().calls, &1)?;
        }
    }
    let groups = few_groups(&subject, &notes)?;
    subject.sends_nothing(async { expect_unsupported_groups(&groups).await }).await
}

fn few_groups(subject: &Store, notes: &Collection) -> Result<Collection, Failed> {
    let few = knowing(subject, notes, FilterOperators::none(), u32::MAX)?;
    Ok(few.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate)))
}

/// Groups would be made of too few.
async fn expect_unsupported_groups(few: &Collection) -> Outcome {
    if !few.store().capabilities().group_by {
        return Ok(());
    }
    let query = VectorQuery::near(at(0.0)).filter(Filter::eq("n", 1)).group_by("s", 1);
    expect_unsupported(few.query(query).await, "filter_operators")
}

/// An emulation fetches a bounded number of times; when that is not enough it is an error, never fewer matches than
/// there are.
pub async fn filter_that_is_too_selective_to_emulate_is_an_error(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let put = (0..400).map(|number| record(format!("{number:03}"), 0.2 * number as f32).field("last", number == 399));
    notes.put_many(put).await?.all()?;
    subject.settled(&notes, 400).await?;
    let emulate = |top_k_max| {
        let few = knowing(&subject, &notes, FilterOperators::none(), top_k_max)?;
        Ok::<_, Failed>(few.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate)))
    };
    let query = || VectorQuery::near(at(0.0)).filter(Filter::eq("last", true)).top_k(1);
    for (top_k_max, calls) in [(u32::MAX, 4), (20, 3)] {
        let few = emulate(top_k_max)?;
        let before = subject.traffic.calls();
        let error = expect_kind("the query", few.query(query()).await, ErrorKind::Unsupported)?;
        equal("calls", &(subject.traffic.calls() - before), &calls)?;
        equal("whether it was sent", &error.sent(), &Sent::Yes)?;
    }
    // With a larger answer the rounds reach the last record.
    let found = emulate(u32::MAX)?.query(query().top_k(10)).await?;
    equal("the ids", &ids(&found), &["399"])
}

/// A native filter is for its own provider: where it means nothing it is `Unsupported`, emulation or not.
pub async fn filter_of_another_provider_is_unsupported(subject: Store) -> Outcome {
    let notes = subject.notes().await?;
    let operators = subject.handle.capabilities().filter_operators.without(FilterOperator::Native);
    let few = knowing(&subject, &notes, operators, u32::MAX)?;
    let native = || VectorQuery::near(at(0.0)).filter(Filter::eq("a", 1) & Filter::native(json!({ "must": [] })));
    let calls = async {
        expect_unsupported(few.query(native()).await, "filter_operators")?;
        let emulating = few.with(CallOptions::new().on_unsupported(OnUnsupported::Emulate));
        expect_unsupported(emulating.query(native()).await, "filter_operators")
    };
    subject.sends_nothing(calls).await?;
    Ok(())
}
