//! What is reserved, booked and refused.

use std::time::Duration;

use circle_core_common::interfaces::chat_model::{
    ChatEvent, ChatModel, ChatRequest, ChatResponse, FinishReason, Part, PartKind, Usage,
};
use circle_core_common::interfaces::embedding_model::EmbeddingModel;
use circle_core_common::{CallOptions, Environment, Error, ErrorKind, Reason, Sent, Timestamp};
use circle_core_embedded::{EmbeddedEmbeddings, ScriptedModel, ScriptedReply};
use circle_core_testkit::{ManualClock, drop_sweep};
use proptest::prelude::*;

use super::super::{Cached, Cost, Fallback, Leg, PriceTable};
use super::*;

/// 2000-01-01, where a manual clock begins.
const START: i64 = 946_684_800;

fn now() -> Timestamp {
    Timestamp::from_unix(START, 0)
}

fn scripted() -> (ScriptedModel, ManualClock) {
    let clock = ManualClock::new();
    (ScriptedModel::within(Environment::builder().clock(clock.clock()).build()), clock)
}

fn answer(input: u64, output: u64) -> ScriptedReply {
    ScriptedReply::from("Yes.").usage(Usage::inclusive(Some(input), Some(0), Some(0)).output(Some(output)))
}

/// 4 letters and a message: 5 tokens by estimate, and as many of an answer as are allowed.
fn request(output: u32) -> ChatRequest {
    ChatRequest::from("Why?").max_output_tokens(output)
}

fn priced() -> PriceTable {
    PriceTable::parse(
        "[acme]\nsource = \"here\"\nprices = [\n\
         { models = [\"small\"], checked = \"2000-01-01\", input = \"1000\", output = \"2000\" },\n\
         { models = [\"large\"], checked = \"2000-01-01\", input = \"5000\", output = \"9000\" },\n]",
    )
    .unwrap()
}

fn small() -> [ModelId; 1] {
    [ModelId::new("acme", "small")]
}

#[tokio::test]
async fn what_was_used_is_booked_and_what_was_reserved_given_back() {
    let (script, _) = scripted();
    let budget = Budget::new("day").tokens(1_000).money(NanoUsd::dollars(1));
    let model = ChatModel::new(
        Budgeted::new(ChatModel::new(script.clone().always(answer(7, 3))))
            .budget(budget.clone())
            .prices(priced())
            .priced_as(small()),
    );
    model.chat(request(100)).await.unwrap();
    model.stream(request(100)).await.unwrap().finish().await.unwrap();
    let account = budget.account("", now());
    assert_eq!((account.tokens_used, account.tokens_reserved, account.estimated_calls), (20, 0, 0));
    // (7 × $1000 + 3 × $2000) per million, twice.
    assert_eq!((account.money_used, account.money_reserved), ("0.026".parse().unwrap(), NanoUsd::ZERO));
}

#[tokio::test]
async fn an_exhausted_budget_says_which_and_when_it_refills() {
    let (script, clock) = scripted();
    let budget = Budget::new("team").per(Per::Tenant).every(Duration::from_secs(3600)).tokens(100);
    let model = ChatModel::new(Budgeted::new(ChatModel::new(script.clone().always(answer(50, 40)))).budget(budget.clone()));
    let acme = model.with(CallOptions::new().tenant("acme"));
    clock.advance(Duration::from_secs(600));
    acme.chat(request(10)).await.unwrap();
    let error = acme.chat(request(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::QuotaExceeded, Some(Reason::BudgetExhausted)));
    assert_eq!(
        error.message(),
        "the budget `team` of the tenant `acme` has 100 tokens, of which 90 are used or reserved, and this call may need 15; \
         it refills at 2000-01-01T01:00:00Z"
    );
    assert_eq!((error.retry_after(), error.is_retryable()), (Some(Duration::from_secs(3000)), false));
    assert_eq!(script.requests().len(), 1, "nothing is sent");
    model.with(CallOptions::new().tenant("other")).chat(request(10)).await.unwrap();
    clock.advance(Duration::from_secs(3000));
    acme.chat(request(10)).await.unwrap();
}

/// A call that read the clock at the end of a window and came after one of the next would begin the book anew.
#[test]
fn a_call_that_is_slow_over_the_edge_of_a_window_forgets_nothing() {
    let (budget, account): (_, Arc<str>) = (Budget::new("x").every(Duration::from_secs(10)).tokens(100), "a".into());
    let need = |tokens| ledger::Amount { tokens, money: NanoUsd::ZERO };
    let (before, after) = (Timestamp::from_unix(START + 9, 0), Timestamp::from_unix(START + 10, 0));
    budget.reserve(&account, need(60), before).unwrap().settle(need(60), false);
    let next = budget.reserve(&account, need(90), after).unwrap();
    let error = budget.reserve(&account, need(20), before).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::BudgetExhausted), "the account of the next window is nearly empty");
    next.settle(need(90), false);
    for at in [before, after] {
        let now = budget.account("a", at);
        assert_eq!((now.tokens_used, now.refills_at), (90, Timestamp::from_unix(START + 20, 0)));
    }
    assert!(budget.reserve(&account, need(20), after).is_err());
    // A clock that was years ahead does not close the account for years.
    budget.reserve(&account, need(100), Timestamp::from_unix(2 * START, 0)).unwrap().settle(need(100), false);
    budget.reserve(&account, need(100), after).unwrap();
}

#[tokio::test]
async fn an_answer_that_cost_nothing_is_booked_as_nothing_whatever_the_price() {
    let (script, _) = scripted();
    let budget = Budget::new("day").money(NanoUsd::dollars(10));
    let cached = ChatModel::new(Cached::new(ChatModel::new(script.always(answer(7, 3)))));
    let assumed = UnknownPrice::Assume(NanoUsd::dollars(1));
    let model = ChatModel::new(Budgeted::new(cached).budget(budget.clone()).prices(PriceTable::empty()).unknown_price(assumed));
    for _ in 0..3 {
        model.chat(request(100)).await.unwrap();
        assert_eq!(budget.account("", now()).money_used, NanoUsd::dollars(1));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_booked_by_what_its_service_told_of_the_cache() {
    let prices = PriceTable::parse(
        "[acme]\nsource = \"here\"\nprices = [{ models = [\"small\"], checked = \"2000-01-01\", input = \"1000\", \
         cache_read = \"100\", cache_write = \"1250\", output = \"2000\" }]",
    )
    .unwrap();
    let pricing = pricing::Pricing::new(&prices, small().to_vec(), false, UnknownPrice::Refuse, now());
    let usage = Usage::exclusive(Some(10), Some(0), Some(1_000));
    let budget = Budget::new("day").money(NanoUsd::dollars(10));
    let whole = ledger::Amount { tokens: 1_100, money: NanoUsd::dollars(2) };
    let holds = vec![budget.reserve(&"".into(), whole, now()).unwrap()];
    let reserved = reservation::Reservation { holds, pricing: Some(pricing), input: 1_000, output: 100, whole };
    reserved.settle(reservation::Known { model: None, usage, received: Some(5) });
    // 10 × $1000 + 1000 × $1250 + 5 × $2000 per million.
    let account = budget.account("", now());
    assert_eq!((account.money_used, account.tokens_used), ("1.27".parse().unwrap(), 1_015));
}

#[test]
fn a_model_that_several_vendors_have_costs_what_the_dearest_takes() {
    let of = |vendor: &str, input: &str| {
        format!(
            "[{vendor}]\nsource = \"here\"\nprices = [{{ models = [\"m\"], checked = \"2000-01-01\", input = \"{input}\", output = \"1\" }}]\n"
        )
    };
    let prices = PriceTable::parse(&(of("cheap", "1") + &of("dear", "9"))).unwrap();
    let models = |vendors: &[&str]| vendors.iter().map(|vendor| ModelId::new(*vendor, "m")).collect();
    let usage = Usage::exclusive(Some(1_000), Some(0), Some(0)).output(Some(0));
    let cost = |vendors: &[&str], answered| {
        pricing::Pricing::new(&prices, models(vendors), false, UnknownPrice::Refuse, now()).cost(&usage, answered)
    };
    let nanos = |dollars: i128| NanoUsd::from_nanos(dollars * 1_000_000);
    assert_eq!(cost(&["cheap", "dear"], Some("m")), Cost::AtMost(nanos(9)));
    assert_eq!(cost(&["cheap", "cheap"], Some("m")), Cost::Exact(nanos(1)));
    assert_eq!(cost(&["cheap", "nobody"], Some("m")), Cost::Unknown, "unknown is not cheap");
}

#[tokio::test]
async fn a_budget_that_refuses_gives_back_what_the_others_gave() {
    let (script, _) = scripted();
    let (wide, narrow) = (Budget::new("wide").tokens(1_000), Budget::new("narrow").tokens(10));
    let model = ChatModel::new(Budgeted::new(ChatModel::new(script)).budget(wide.clone()).budget(narrow));
    assert!(model.chat(request(100)).await.unwrap_err().message().contains("`narrow`"));
    let account = wide.account("", now());
    assert_eq!((account.tokens_used, account.tokens_reserved), (0, 0));
}

#[tokio::test]
async fn tokens_that_are_not_told_are_booked_as_estimated() {
    let (script, _) = scripted();
    let budget = Budget::new("day").tokens(1_000).money(NanoUsd::dollars(1));
    let model = ChatModel::new(
        Budgeted::new(ChatModel::new(script.always("Yes."))).budget(budget.clone()).prices(priced()).priced_as(small()),
    );
    model.chat(request(100)).await.unwrap();
    let account = budget.account("", now());
    assert_eq!((account.tokens_used, account.estimated_calls), (105, 1));
    assert_eq!(account.money_used, "0.205".parse().unwrap());
}

#[tokio::test]
async fn what_was_refused_or_never_sent_costs_nothing_and_what_may_have_arrived_its_input() {
    for (kind, sent, booked) in [
        (ErrorKind::RateLimited, Sent::Yes, 0),
        (ErrorKind::Connection, Sent::No, 0),
        (ErrorKind::Timeout, Sent::Maybe, 5),
        (ErrorKind::Decode, Sent::Yes, 5),
    ] {
        let (script, _) = scripted();
        let budget = Budget::new("day").tokens(1_000);
        let error = Error::new(kind, "as the script says").with_sent(sent);
        let script = script.then_error(error.clone()).reply(ScriptedReply::events([]).fails_after(0, error));
        let model = ChatModel::new(Budgeted::new(ChatModel::new(script)).budget(budget.clone()));
        assert!(model.chat(request(100)).await.is_err());
        let account = budget.account("", now());
        assert_eq!((account.tokens_used, account.tokens_reserved, account.estimated_calls), (booked, 0, booked / 5), "{kind}");
    }
}

fn long_answer() -> Vec<ChatEvent> {
    let mut events = vec![ChatEvent::start(None, None), ChatEvent::part_start(0, PartKind::Text)];
    events.extend((0..10).map(|_| ChatEvent::text(0, "12345678")));
    events.push(ChatEvent::end(FinishReason::Stop));
    events
}

#[tokio::test]
async fn a_stream_that_breaks_or_is_dropped_is_booked_by_what_came() {
    let (script, _) = scripted();
    let budget = Budget::new("day").tokens(10_000);
    let cut = Error::new(ErrorKind::Connection, "cut").with_sent(Sent::Maybe);
    let script =
        script.reply(ScriptedReply::events(long_answer()).fails_after(5, cut)).reply(ScriptedReply::events(long_answer()));
    let model = ChatModel::new(Budgeted::new(ChatModel::new(script)).budget(budget.clone()));
    assert!(model.stream(request(100)).await.unwrap().finish().await.is_err());
    // 5 of the request, and three pieces of 8 letters.
    assert_eq!(budget.account("", now()).tokens_used, 5 + 6);
    let mut stream = model.stream(request(100)).await.unwrap();
    for _ in 0..4 {
        stream.try_next().await.unwrap();
    }
    assert_eq!(budget.account("", now()).tokens_reserved, 105);
    drop(stream);
    let account = budget.account("", now());
    assert_eq!((account.tokens_used, account.tokens_reserved, account.estimated_calls), (11 + 5 + 4, 0, 2));
}

#[tokio::test]
async fn dropping_at_every_await_gives_back_what_was_reserved() {
    let (script, _) = scripted();
    let budget = Budget::new("day").tokens(u64::MAX);
    let first = ChatModel::new(script.clone());
    let model = ChatModel::new(Budgeted::new(ChatModel::new(Fallback::new([first]))).budget(budget.clone()));
    let released = async || match budget.account("", now()).tokens_reserved {
        0 => Ok(()),
        reserved => Err(format!("{reserved} tokens are reserved")),
    };
    drop_sweep(
        || {
            let _ = script.clone().reply(answer(1, 1));
            model.chat(request(10))
        },
        released,
    )
    .await
    .unwrap();
    drop_sweep(
        || {
            let _ = script.clone().reply(ScriptedReply::events(long_answer()));
            async { model.stream(request(10)).await.unwrap().finish().await }
        },
        released,
    )
    .await
    .unwrap();
    let call = tokio::spawn({
        let (model, script) = (model.clone(), script.clone());
        async move {
            let _ = script.reply(ScriptedReply::events([]).stalls_after(0));
            model.chat(request(10)).await
        }
    });
    while budget.account("", now()).tokens_reserved == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(released().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_at_a_time_never_overspend() {
    let (script, _) = scripted();
    // Each call is estimated at 15 tokens and uses 15.
    let limit = 30_000;
    let budget = Budget::new("day").tokens(limit).money(NanoUsd::dollars(25));
    let model = ChatModel::new(
        Budgeted::new(ChatModel::new(script.clone().always(answer(5, 10))))
            .budget(budget.clone())
            .prices(priced())
            .priced_as(small()),
    );
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let model = model.clone();
            tokio::spawn(async move { model.chat(request(10)).await.map_err(|error| error.reason()) })
        })
        .collect();
    let (mut made, mut refused) = (0_u64, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => made += 1,
            Err(reason) => {
                assert_eq!(reason, Some(Reason::BudgetExhausted));
                refused += 1;
            }
        }
        let account = budget.account("", now());
        assert!(account.tokens_used + account.tokens_reserved <= limit, "{account:?}");
        assert!(account.money_used.saturating_add(account.money_reserved) <= NanoUsd::dollars(25), "{account:?}");
    }
    let account = budget.account("", now());
    // $25 are 1000 calls of $0.025: money is what runs out first.
    assert_eq!((made, refused, account.tokens_used, account.money_used), (1_000, 9_000, 15_000, NanoUsd::dollars(25)));
    assert_eq!((account.tokens_reserved, account.money_reserved, script.requests().len()), (0, NanoUsd::ZERO, 1_000));
}

#[tokio::test]
async fn an_unknown_price_is_refused_or_counted_by_rule() {
    let (script, _) = scripted();
    let script = script.always(answer(5, 5));
    let budget = Budget::new("bill").money(NanoUsd::dollars(3));
    let budgeted = || Budgeted::new(ChatModel::new(script.clone())).budget(budget.clone());
    let error = ChatModel::new(budgeted()).chat(request(10)).await.unwrap_err();
    assert!(error.is(ErrorKind::ConfigInvalid) && error.message().contains("which model it is"), "{error}");
    let unpriced = budgeted().priced_as([ModelId::new("acme", "nameless")]);
    let error = ChatModel::new(unpriced).chat(request(10)).await.unwrap_err();
    assert!(error.message().contains("`acme/nameless`") && script.requests().is_empty(), "{error}");
    let assumed = ChatModel::new(budgeted().unknown_price(UnknownPrice::Assume(NanoUsd::dollars(1))));
    for _ in 0..3 {
        assumed.chat(request(10)).await.unwrap();
    }
    assert_eq!(assumed.chat(request(10)).await.unwrap_err().reason(), Some(Reason::BudgetExhausted));
    // A budget of tokens asks for no price.
    let tokens = Budgeted::new(ChatModel::new(script.clone())).budget(Budget::new("tokens").tokens(100));
    ChatModel::new(tokens).chat(request(10)).await.unwrap();
}

#[tokio::test]
async fn of_several_models_the_dearest_is_reserved_and_the_one_that_answered_booked() {
    let (script, _) = scripted();
    let reply = |model: &str| {
        let mut response = ChatResponse::new(vec![Part::text("Yes.")]);
        (response.model, response.usage) =
            (Some(model.to_owned()), Usage::inclusive(Some(10), Some(0), Some(0)).output(Some(10)));
        response
    };
    let script = script.reply(reply("small")).reply(reply("large")).reply(reply("nobody knows"));
    let budget = Budget::new("bill").money(NanoUsd::dollars(10));
    let both = ["small", "large"].map(|model| ModelId::new("acme", model));
    let model = ChatModel::new(Budgeted::new(ChatModel::new(script)).budget(budget.clone()).prices(priced()).priced_as(both));
    let mut spent = NanoUsd::ZERO;
    // (10 × 1000 + 10 × 2000), (10 × 5000 + 10 × 9000), and the dearer where nobody knows.
    for expected in ["0.03", "0.14", "0.14"] {
        model.chat(request(10)).await.unwrap();
        spent = spent.checked_add(expected.parse().unwrap()).unwrap();
        assert_eq!(budget.account("", now()).money_used, spent);
    }
}

#[tokio::test]
async fn an_answer_from_the_cache_costs_nothing() {
    let (script, _) = scripted();
    let budget = Budget::new("day").tokens(1_000);
    let cached = ChatModel::new(Cached::new(ChatModel::new(script.clone().always(answer(7, 3)))));
    let model = ChatModel::new(Budgeted::new(cached).budget(budget.clone()));
    for _ in 0..3 {
        model.chat(request(100)).await.unwrap();
        model.stream(request(100)).await.unwrap().finish().await.unwrap();
    }
    assert_eq!((script.requests().len(), budget.account("", now()).tokens_used), (1, 10));
}

#[tokio::test]
async fn a_leg_whose_budget_is_used_up_gives_way_to_the_next() {
    let (script, _) = scripted();
    let dear = ChatModel::new(Budgeted::new(ChatModel::new(script.always("dear"))).budget(Budget::new("dear").tokens(1)));
    let cheap = ChatModel::new(ScriptedModel::new().always("cheap"));
    let model = ChatModel::new(Fallback::new([Leg::new(dear), Leg::new(cheap)]));
    assert_eq!(model.chat(request(10)).await.unwrap().text(), "cheap");
}

#[tokio::test]
async fn embeddings_draw_on_budgets_too() {
    let budget = Budget::new("day").tokens(40);
    let model = EmbeddingModel::new(Budgeted::new(EmbeddingModel::new(EmbeddedEmbeddings::new())).budget(budget.clone()));
    model.embed("twelve bytes").await.unwrap();
    let today = circle_core_common::Clock::System.timestamp();
    let account = budget.account("", today);
    assert!(account.tokens_used > 0 && account.tokens_reserved == 0, "{account:?}");
    let error = model.embed("x".repeat(100)).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::BudgetExhausted));
}

#[tokio::test]
async fn nothing_of_a_request_is_shown() {
    let (script, _) = scripted();
    let model = Budgeted::new(ChatModel::new(script)).budget(Budget::new("day").tokens(1)).priced_as(small());
    assert_eq!(format!("{model:?}"), "Budgeted(scripted)");
    let error = ChatModel::new(model).chat("hunter2").await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

proptest! {
    /// Whatever runs beside whatever: what is booked and reserved keeps to the limit as long as calls keep to their estimates.
    #[test]
    fn a_ledger_never_goes_over(steps in prop::collection::vec((0_u8..3, 1_u64..60, 0_u64..60, 0_i64..3), 1..120)) {
        let budget = Budget::new("x").every(Duration::from_secs(10)).tokens(100);
        let account: Arc<str> = "a".into();
        let (mut seconds, mut holds) = (0, Vec::new());
        for (step, need, used, pass) in steps {
            seconds += pass;
            let at = Timestamp::from_unix(seconds, 0);
            match step {
                0 => {
                    let need = ledger::Amount { tokens: need, money: NanoUsd::ZERO };
                    holds.extend(budget.reserve(&account, need, at).ok().map(|hold| (hold, need.tokens)));
                }
                1 if !holds.is_empty() => {
                    let (hold, need) = holds.remove(0);
                    hold.settle(ledger::Amount { tokens: used.min(need), money: NanoUsd::ZERO }, false);
                }
                _ => drop(holds.pop()),
            }
            let now = budget.account("a", at);
            prop_assert!(now.tokens_used + now.tokens_reserved <= 100, "{now:?}");
        }
        drop(holds);
        prop_assert_eq!(budget.account("a", Timestamp::from_unix(seconds, 0)).tokens_reserved, 0);
    }
}
