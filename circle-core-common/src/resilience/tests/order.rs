use super::*;

#[tokio::test(start_paused = true)]
async fn the_policies_are_passed_in_the_contracted_order() {
    let bench = Bench::new(Resilience::new().hedge(HedgeSettings::on().delay(SECOND)));
    let script = Script::new([Answer::Fail(unavailable())]);
    bench.plain(&SAFE, &script).await.result.unwrap();
    let round = ["Hedge", "Breaker", "RateLimit", "Bulkhead", "AttemptTimeout", "Attempt"];
    let first = ["TotalDeadline", "Retry"].into_iter().chain(round).chain(["started 1", "ended 1 unavailable"]);
    let second = ["retry 2", "waits at Retry"].into_iter().chain(round).chain(["started 2", "ended 2 ok"]);
    assert_eq!(bench.notes.take(), first.chain(second).collect::<Vec<_>>());
}

#[test]
fn the_stages_are_sorted_as_they_are_passed() {
    use Stage::*;
    assert!([TotalDeadline, Retry, Hedge, Breaker, RateLimit, Bulkhead, AttemptTimeout, Attempt].is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_closure_borrows_what_it_needs_and_the_policys_own_endpoint_serves_it() {
    let bench = Bench::new(Resilience::new());
    let key = String::from("a");
    let cx = bench.cx(CallOptions::new());
    let answer = bench.policy.run(&cx, &SAFE, |attempt| {
        let key = &key;
        async move { Ok(format!("{key}{}", attempt.number)) }
    });
    assert_eq!(answer.await.unwrap(), "a1");
    assert_eq!(bench.policy.endpoints().len(), 2);
}

/// What async_trait demands of every provider's method.
#[test]
fn the_future_can_be_sent_and_is_small() {
    fn sent<F: Future + Send>(future: F) -> usize {
        size_of_val(&future)
    }
    let bench = Bench::new(Resilience::new());
    let cx = bench.cx(CallOptions::new());
    let run = sent(bench.policy.run(&cx, &SAFE, |_| std::future::ready(Ok(1_u64))));
    let script = Script::new([]);
    let execute = sent(bench.policy.execute(&cx, &SAFE, &bench.endpoint, &script));
    let began = Tick::from_start(Duration::ZERO);
    let attempt = sent(script.attempt(Attempt { number: 1, began, deadline: None, hedged: false, counted: 0 }));
    assert!(run <= 544, "{run}");
    assert!(execute - attempt <= 544, "{execute} around {attempt}");
}
