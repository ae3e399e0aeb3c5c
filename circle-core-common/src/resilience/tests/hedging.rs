use super::*;

/// Hedging after a second, of as many calls as there are.
fn always() -> HedgeSettings {
    HedgeSettings::on().delay(SECOND).max_ratio(1.0)
}

fn bench() -> Bench {
    Bench::new(Resilience::new().hedge(always()))
}

#[tokio::test(start_paused = true)]
async fn a_slow_attempt_is_overtaken_and_there_is_one_result() {
    for operation in [&SAFE, &KEYED] {
        let bench = bench();
        let script = Script::new([Answer::Never, Answer::after(SECOND, Answer::Ok)]);
        let came = bench.plain(operation, &script).await;
        assert_eq!((came.result.unwrap(), came.hits, came.took.as_secs()), (2, 2, 2));
        // The price of a retry is gone, but for what a success and a second bring.
        let tokens = bench.endpoint.state().retry_tokens;
        assert!((487..=488).contains(&tokens), "{tokens}");
        bench.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_can_still_win() {
    let bench = bench();
    let script = Script::new([Answer::after(1500 * MILLI, Answer::Ok), Answer::Never]);
    let came = bench.plain(&SAFE, &script).await;
    assert_eq!((came.result.unwrap(), came.hits), (1, 2));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn what_is_fast_or_not_harmless_is_not_hedged() {
    let bench = bench();
    let quick = || Script::new([Answer::after(SECOND / 2, Answer::Ok)]);
    assert_eq!(bench.plain(&SAFE, &quick()).await.hits, 1);
    let slow = || Script::new([Answer::after(3 * SECOND, Answer::Ok)]);
    for (operation, hits) in [(&SAFE, 2), (&KEYED, 2), (&IDEMPOTENT, 1), (&ONCE, 1)] {
        assert_eq!(bench.plain(operation, &slow()).await.hits, hits, "{operation}");
    }
    let off = CallOptions::new().hedge(HedgeSettings::off());
    assert_eq!(bench.call(&SAFE, &slow(), off).await.hits, 1);
    let once = Script { replayable: false, ..slow() };
    assert_eq!(bench.plain(&SAFE, &once).await.hits, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_counts_for_the_breaker_whoever_wins_and_a_loser_does_not() {
    let bench = Bench::new(Resilience::new().hedge(always()).breaker(BreakerSettings::new().min_calls(4).failure_ratio(0.5)));
    let lost = || Script::new([Answer::Never, Answer::Ok]);
    for _ in 0..10 {
        assert!(bench.plain(&SAFE, &lost()).await.result.is_ok());
    }
    assert_eq!(bench.endpoint.state().breaker, Some(BreakerState::Closed));

    let bench = Bench::new(Resilience::new().hedge(always()).breaker(BreakerSettings::new().min_calls(4).failure_ratio(0.5)));
    let failing = || Script::new([Answer::after(1500 * MILLI, Answer::Fail(unavailable())), Answer::after(SECOND, Answer::Ok)]);
    for _ in 0..3 {
        let came = bench.plain(&SAFE, &failing()).await;
        assert_eq!((came.result.ok(), came.hits), (Some(2), 2));
    }
    assert!(matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. })), "{:?}", bench.endpoint);
}

#[tokio::test(start_paused = true)]
async fn a_definite_answer_ends_the_round_and_two_failures_are_one_error() {
    let bench = bench();
    let missing = Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes);
    let script = Script::new([Answer::after(1500 * MILLI, Answer::Fail(missing)), Answer::Never]);
    let came = bench.plain(&SAFE, &script).await;
    assert_eq!((came.result.unwrap_err().kind(), came.took.as_millis()), (ErrorKind::NotFound, 1500));

    let script = Script::always(|| Answer::after(1500 * MILLI, Answer::Fail(unavailable())));
    let came = bench.plain(&SAFE, &script).await;
    let error = came.result.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), came.hits), (ErrorKind::Unavailable, 6, 6));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_and_a_full_bulkhead_only_keep_the_hedge_back() {
    let bench = bench();
    let slow = || Script::new([Answer::after(3 * SECOND, Answer::Ok)]);
    let cx = bench.cx(CallOptions::new());
    bench.policy.execute(&cx, &SAFE, &bench.endpoint, &Script::new([])).await.unwrap();
    while cx.draw_retry() {}
    let came = bench.plain(&SAFE, &slow()).await;
    assert_eq!((came.result.ok(), came.hits), (Some(1), 1));

    let bench = Bench::new(Resilience::new().hedge(always()).bulkhead(BulkheadSettings::new().max_in_flight(1).max_queued(5)));
    let came = bench.plain(&SAFE, &slow()).await;
    assert_eq!((came.result.ok(), came.hits, came.took.as_secs()), (Some(1), 1, 3));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_it_is_what_most_attempts_take() {
    let bench = Bench::new(Resilience::new().hedge(HedgeSettings::on()));
    let slow = || Script::new([Answer::after(3 * SECOND, Answer::Ok), Answer::Ok]);
    assert_eq!(bench.plain(&SAFE, &slow()).await.hits, 1, "nothing is known yet");
    for _ in 0..100 {
        let quick = Script::new([Answer::after(100 * MILLI, Answer::Ok)]);
        assert_eq!(bench.plain(&SAFE, &quick).await.hits, 1);
    }
    let came = bench.plain(&SAFE, &slow()).await;
    assert_eq!(came.hits, 2);
    assert!((100..=130).contains(&came.took.as_millis()), "{:?}", came.took);
}

#[tokio::test(start_paused = true)]
async fn a_twentieth_of_the_calls_is_hedged_and_the_rest_go_on_without() {
    let bench = Bench::new(Resilience::new().hedge(HedgeSettings::on().delay(SECOND)));
    let slow = Script::always(|| Answer::after(1500 * MILLI, Answer::Ok));
    for _ in 0..200 {
        assert_eq!(bench.plain(&SAFE, &slow).await.result.ok(), Some(1));
    }
    assert_eq!(slow.hits() - 200, 200 / 20 + 1);
    let kept_back = bench.notes.take().into_iter().filter(|note| note == "rejected by hedge_ratio").count();
    assert_eq!(kept_back, 189);
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_loser_that_fails_in_the_moment_of_the_answer_counts_for_the_breaker() {
    let breaker = BreakerSettings::new().min_calls(4).failure_ratio(0.5);
    let bench = Bench::new(Resilience::new().hedge(always()).breaker(breaker));
    // The first is polled first: the failure of the second, which is due as well, would go unseen.
    let both = || Script::new([Answer::after(1500 * MILLI, Answer::Ok), Answer::after(500 * MILLI, Answer::Fail(cut()))]);
    for _ in 0..2 {
        assert_eq!(bench.plain(&SAFE, &both()).await.result.ok(), Some(1));
    }
    assert!(matches!(bench.endpoint.state().breaker, Some(BreakerState::Open { .. })), "{:?}", bench.endpoint);
    bench.assert_at_rest();
}
