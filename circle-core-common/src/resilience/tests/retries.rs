use super::*;

/// Hits at the service, and the kind of the error.
#[tokio::test(start_paused = true)]
async fn what_is_repeated_depends_on_the_operation_and_on_whether_it_was_sent() {
    use ErrorKind::{Connection, OutcomeUnknown, Unavailable};
    for (operation, error, replayable, hits, kind) in [
        (&SAFE, unavailable as fn() -> Error, true, 3, Unavailable),
        (&SAFE, cut, true, 3, Connection),
        (&SAFE, refused, true, 3, Connection),
        (&SAFE, unavailable, false, 1, Unavailable),
        (&IDEMPOTENT, unavailable, true, 3, Unavailable),
        (&IDEMPOTENT, cut, true, 3, Connection),
        (&IDEMPOTENT, cut, false, 1, Connection),
        (&KEYED, unavailable, true, 3, Unavailable),
        (&KEYED, cut, true, 3, Connection),
        (&KEYED, cut, false, 1, Connection),
        (&ONCE, unavailable, true, 1, Unavailable),
        (&ONCE, cut, true, 1, OutcomeUnknown),
        (&ONCE, refused, true, 3, Connection),
        (&ONCE, refused, false, 1, Connection),
        (&ONCE, cut, false, 1, OutcomeUnknown),
    ] {
        let bench = Bench::new(Resilience::new());
        let script = Script { replayable, ..Script::new((0..3).map(|_| Answer::Fail(error()))) };
        let came = bench.plain(operation, &script).await;
        let failed = came.result.unwrap_err();
        assert_eq!((came.hits, failed.kind()), (hits, kind), "{operation} {} {replayable}", error());
        assert_eq!(failed.attempts(), hits);
        let once_only = hits == 1 && !replayable && kind != OutcomeUnknown;
        assert_eq!(failed.reason(), once_only.then_some(Reason::BodyConsumed), "{failed}");
        bench.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_has_the_operation_id_and_the_cause() {
    let bench = Bench::new(Resilience::new());
    let came = bench.call(&ONCE, &Script::new([Answer::Fail(cut())]), CallOptions::new().idempotency_key("order-7")).await;
    let error = came.result.unwrap_err();
    assert!(error.is(ErrorKind::OutcomeUnknown) && error.sent() == Sent::Maybe && !error.is_retryable());
    assert_eq!(error.operation_id().map(ToString::to_string).as_deref(), Some("order-7"));
    assert!(error.provider_error::<Error>().is_some_and(|cause| cause.is(ErrorKind::Connection)));

    // A timeout is as ambiguous, and what only reads has no outcome.
    let came = bench.plain(&ONCE, &Script::new([Answer::Never])).await;
    assert_eq!((came.result.unwrap_err().kind(), came.took), (ErrorKind::OutcomeUnknown, 10 * SECOND));
    let cx = CallContext::new(&bench.environment, &READ, None);
    let read = bench.policy.execute(&cx, &ONCE, &bench.endpoint, &Script::new([Answer::Fail(cut())])).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Connection);
}

#[tokio::test(start_paused = true)]
async fn an_error_says_that_an_earlier_attempt_may_have_arrived() {
    let bench = Bench::new(Resilience::new());
    let script = Script::new([Answer::Fail(cut()), Answer::Fail(refused()), Answer::Fail(refused())]);
    let error = bench.plain(&IDEMPOTENT, &script).await.result.unwrap_err();
    assert_eq!((error.sent(), error.attempts()), (Sent::Maybe, 3));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_by_settings_and_options() {
    for (settings, options, hits) in [
        (Retry::new(), CallOptions::new(), 3),
        (Retry::new().max_attempts(5), CallOptions::new(), 5),
        (Retry::new().max_attempts(5), CallOptions::new().retry(Retry::off()), 1),
        (Retry::off(), CallOptions::new(), 1),
        (Retry::off(), CallOptions::new().retry(Retry::new().max_attempts(2)), 2),
    ] {
        let bench = Bench::new(Resilience::new().retry(settings));
        let came = bench.call(&SAFE, &Script::always(|| Answer::Fail(unavailable())), options).await;
        assert_eq!((came.hits, came.result.unwrap_err().attempts()), (hits, hits));
    }
    // Not what will not pass.
    let bench = Bench::new(Resilience::new());
    let missing = || Answer::Fail(Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes));
    assert_eq!(bench.plain(&SAFE, &Script::always(missing)).await.hits, 1);
    let passing = || Answer::Fail(Error::new(ErrorKind::Conflict, "409").with_sent(Sent::Yes).with_retryable(true));
    assert_eq!(bench.plain(&SAFE, &Script::always(passing)).await.hits, 3);
    // Writes that the service would not recognise, where only such are wanted.
    let bench = Bench::new(Resilience::new().profile(Profile::Payments));
    assert_eq!(bench.plain(&IDEMPOTENT, &Script::always(|| Answer::Fail(cut()))).await.hits, 1);
    assert_eq!(bench.plain(&KEYED, &Script::always(|| Answer::Fail(cut()))).await.hits, 3);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_of_a_keyed_call_has_one_key() {
    let bench = Bench::new(Resilience::new());
    let (cx, keys) = (bench.cx(CallOptions::new()), Mutex::new(Vec::new()));
    let failed = bench.policy.run(&cx, &KEYED, |_| async {
        keys.lock().unwrap().push(cx.operation_id()?.clone());
        Err::<(), _>(cut())
    });
    failed.await.unwrap_err();
    let keys = keys.into_inner().unwrap();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]));
}

/// What a service asks to wait, and what is made of it: with the dice at 0 the jitter adds nothing.
#[tokio::test(start_paused = true)]
async fn retry_after_table() {
    for (asked, dice, timeout, hits, took) in [
        (Some(Duration::ZERO), 0, 30, 2, Duration::ZERO),
        (Some(Duration::ZERO), 128, 30, 2, SECOND / 2 + SECOND / 40), // jittered all the same
        (Some(SECOND), 0, 30, 2, SECOND),
        (Some(SECOND), 128, 30, 2, SECOND + SECOND / 20),
        (Some(29 * SECOND), 0, 30, 2, 29 * SECOND),
        (Some(30 * SECOND), 0, 30, 1, Duration::ZERO), // as long as the deadline
        (Some(120 * SECOND), 0, 300, 2, 120 * SECOND),
        (Some(121 * SECOND), 0, 300, 1, Duration::ZERO), // longer than anybody waits
        (Some(Duration::MAX), 0, 300, 1, Duration::ZERO),
        (None, 0, 30, 2, Duration::ZERO),
        (None, 128, 30, 2, SECOND / 2),
    ] {
        let bench = Bench::with_dice(Resilience::new(), dice);
        let script = Script::new([Answer::Fail(throttled(asked))]);
        let came = bench.call(&SAFE, &script, CallOptions::new().timeout(timeout * SECOND)).await;
        assert_eq!(came.hits, hits, "{asked:?} {dice}");
        assert!(came.took.abs_diff(took) <= 3 * MILLI, "{asked:?} {dice}: {:?}", came.took);
        assert_eq!(came.result.err().and_then(|error| error.retry_after()), asked.filter(|_| hits == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_passes_the_deadline_is_not_begun() {
    let bench = Bench::with_dice(Resilience::new(), 128);
    // The throttle schedule waits half a second.
    let script = Script::always(|| Answer::Fail(throttled(None)));
    let came = bench.call(&SAFE, &script, CallOptions::new().timeout(SECOND / 2)).await;
    assert_eq!((came.hits, came.took), (1, Duration::ZERO));
    assert!(came.result.unwrap_err().is(ErrorKind::RateLimited));
}

#[tokio::test(start_paused = true)]
async fn a_report_has_attempts_and_waits() {
    let bench = Bench::with_dice(Resilience::new(), 128);
    let (report, script) = (crate::CallReport::new(), Script::new([Answer::Fail(unavailable()), Answer::Fail(unavailable())]));
    let cx = bench.cx(CallOptions::new().report(&report));
    bench.policy.execute(&cx, &SAFE, &bench.endpoint, &script).await.unwrap();
    assert_eq!(report.get().waits, [25 * MILLI, 50 * MILLI]);
    assert_eq!(cx.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_repaired_error_is_repeated_once_and_for_free() {
    let unauthenticated = || Answer::Fail(Error::new(ErrorKind::Unauthenticated, "401").with_sent(Sent::Yes));
    for (operation, retry) in [(&SAFE, Retry::new()), (&ONCE, Retry::off())] {
        let bench = Bench::new(Resilience::new().retry(retry.clone()));
        let script = Script::new([unauthenticated()]);
        let came = bench.plain(operation, &script).await;
        assert_eq!((came.result.unwrap(), came.hits, came.took), (2, 2, Duration::ZERO));
        assert_eq!(bench.endpoint.state().retry_tokens, 500);

        let script = Script::always(unauthenticated);
        let came = bench.plain(operation, &script).await;
        assert_eq!((came.hits, came.result.unwrap_err().kind()), (2, ErrorKind::Unauthenticated));
        assert_eq!(script.repairs.load(Ordering::Relaxed), 1);

        // It does not count against the attempts.
        let bench = Bench::new(Resilience::new().retry(retry));
        let script = Script::new([unauthenticated(), Answer::Fail(refused()), Answer::Fail(refused()), Answer::Ok]);
        let more = if operation.idempotency() == Idempotency::Safe { 4 } else { 2 };
        assert_eq!(bench.plain(operation, &script).await.hits, more);

        let script = Script { replayable: false, ..Script::new([unauthenticated()]) };
        assert_eq!(bench.plain(operation, &script).await.hits, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_runs_out_says_so_and_comes_back() {
    // The breaker would open first.
    let bench = Bench::new(Resilience::new().breaker(BreakerSettings::new().enabled(false)));
    let script = Script::always(|| Answer::Fail(unavailable()));
    let mut hits = Vec::new();
    for _ in 0..20 {
        hits.push(bench.plain(&SAFE, &script).await.hits);
    }
    // 500 tokens are 35 retries.
    assert_eq!(hits.iter().sum::<u32>(), 20 + 35);
    assert_eq!((hits[0], hits[19]), (3, 1));
    let error = bench.plain(&SAFE, &script).await.result.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unavailable, Some(Reason::RetryBudget)));
    assert!(bench.notes.take().contains(&"rejected by retry_budget".to_owned()));

    // With time alone.
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(bench.plain(&SAFE, &script).await.hits, 2);
    // And a success gives the price of its retry back, or one token without any.
    tokio::time::sleep(20 * SECOND).await;
    let tokens = bench.endpoint.state().retry_tokens;
    bench.plain(&SAFE, &Script::new([Answer::Fail(unavailable())])).await.result.unwrap();
    assert_eq!(bench.endpoint.state().retry_tokens, tokens);
    bench.plain(&SAFE, &Script::new([])).await.result.unwrap();
    assert_eq!(bench.endpoint.state().retry_tokens, tokens + 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_above_the_policies_draws_from_the_same_budget() {
    let bench = Bench::new(Resilience::new());
    let cx = bench.cx(CallOptions::new());
    assert!(cx.draw_retry() && cx.retry_budget().is_none(), "no policy has run");
    bench.policy.execute(&cx, &SAFE, &bench.endpoint, &Script::new([])).await.unwrap();
    assert!(cx.draw_retry() && cx.retry_budget().unwrap().draw());
    assert_eq!(bench.endpoint.state().retry_tokens, 500 - 28);
    let draws = (0..100).take_while(|_| cx.draw_retry()).count();
    assert_eq!(draws, 33);
    // Which the policies feel.
    assert_eq!(bench.plain(&SAFE, &Script::always(|| Answer::Fail(unavailable()))).await.hits, 1);
}

/// A whole minute in which every request fails: what is sent is little more than what was asked for.
#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply_an_outage() {
    let bench = Bench::new(Resilience::new().breaker(BreakerSettings::new().enabled(false)));
    let (script, began) = (Script::always(|| Answer::Fail(unavailable())), bench.now());
    let mut offered = 0_u32;
    while bench.now().since(began) < 60 * SECOND {
        bench.plain(&SAFE, &script).await.result.unwrap_err();
        offered += 1;
        tokio::time::sleep(10 * MILLI).await;
    }
    let ratio = f64::from(script.hits()) / f64::from(offered);
    assert!(offered > 4000 && ratio < 1.1, "{offered} {ratio}");

    // With the breaker, less than that.
    let (bench, script) = (Bench::new(Resilience::new()), Script::always(|| Answer::Fail(unavailable())));
    for _ in 0..1000 {
        bench.plain(&SAFE, &script).await.result.unwrap_err();
        tokio::time::sleep(10 * MILLI).await;
    }
    assert!(script.hits() < 30, "{}", script.hits());
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_what_every_attempt_came_to() {
    let bench = Bench::with_dice(Resilience::new(), 128);
    let script = Script::new([
        Answer::after(SECOND, Answer::Fail(cut())),
        Answer::Fail(unavailable()),
        Answer::after(2 * SECOND, Answer::Fail(refused())),
    ]);
    let error = bench.plain(&SAFE, &script).await.result.unwrap_err();
    let told: Vec<_> = error.failed_attempts().iter().map(|failed| (failed.number, failed.cause.message().to_owned())).collect();
    assert_eq!(told, [(1, "cut".to_owned()), (2, "503".to_owned()), (3, "refused".to_owned())]);
    let times: Vec<_> = error.failed_attempts().iter().map(|failed| (failed.after, failed.took)).collect();
    let near = |(after, took): (Duration, Duration), expected: (Duration, Duration)| {
        after.abs_diff(expected.0) <= 3 * MILLI && took.abs_diff(expected.1) <= 3 * MILLI
    };
    let expected = [(Duration::ZERO, SECOND), (1025 * MILLI, Duration::ZERO), (1075 * MILLI, 2 * SECOND)];
    assert!(times.iter().zip(expected).all(|(time, expected)| near(*time, expected)), "{times:?}");

    // One attempt is the error itself.
    let missing = Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes);
    let error = bench.plain(&SAFE, &Script::new([Answer::Fail(missing)])).await.result.unwrap_err();
    assert!(error.failed_attempts().is_empty());
    // What ends the call between two attempts, and an outcome that is open, tell of those before.
    let script = Script::new([Answer::Fail(unavailable()), Answer::Never]);
    let error = bench.call(&SAFE, &script, CallOptions::new().timeout(SECOND)).await.result.unwrap_err();
    assert_eq!((error.kind(), error.failed_attempts().len()), (ErrorKind::Timeout, 2));
    let script = Script::new([Answer::Fail(refused()), Answer::Fail(cut())]);
    let error = bench.plain(&ONCE, &script).await.result.unwrap_err();
    assert_eq!((error.kind(), error.failed_attempts().len()), (ErrorKind::OutcomeUnknown, 2));
    // Two at the same time.
    let bench = Bench::new(Resilience::new().hedge(HedgeSettings::on().delay(SECOND)).retry(Retry::off()));
    let script = Script::always(|| Answer::after(1500 * MILLI, Answer::Fail(unavailable())));
    let error = bench.plain(&SAFE, &script).await.result.unwrap_err();
    let hedged: Vec<_> = error.failed_attempts().iter().map(|failed| (failed.hedged, failed.after.as_secs())).collect();
    assert_eq!(hedged, [(false, 0), (true, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_judges_what_may_pass() {
    use crate::RetryOn;
    let missing = || Answer::Fail(Error::new(ErrorKind::NotFound, "404").with_sent(Sent::Yes));
    let always = |passes: Option<bool>| CallOptions::new().retry_on(RetryOn::new(move |_| passes));
    let bench = || Bench::new(Resilience::new());
    for (operation, answer, passes, hits) in [
        (&SAFE, missing as fn() -> Answer, Some(true), 3),
        (&SAFE, missing, None, 1),
        (&SAFE, || Answer::Fail(unavailable()), Some(false), 1),
        (&SAFE, || Answer::Fail(unavailable()), None, 3),
        // What would have its effect twice is not repeated, whatever the caller thinks of the failure.
        (&ONCE, || Answer::Fail(cut()), Some(true), 1),
        (&ONCE, || Answer::Fail(refused()), Some(true), 3),
    ] {
        let came = bench().call(operation, &Script::always(answer), always(passes)).await;
        assert_eq!(came.hits, hits, "{operation} {passes:?}");
    }
    // Of two hedged attempts, one that the caller gives up ends the round.
    let bench = Bench::new(Resilience::new().hedge(HedgeSettings::on().delay(SECOND)));
    let script = Script::new([Answer::after(1500 * MILLI, Answer::Fail(unavailable())), Answer::Never]);
    let came = bench.call(&SAFE, &script, always(Some(false))).await;
    assert_eq!((came.hits, came.took.as_millis()), (2, 1500));
    bench.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_panics_is_an_error_and_nothing_stays_held() {
    let judge = crate::RetryOn::new(|_| panic!("a bug of the application"));
    for hedge in [HedgeSettings::off(), HedgeSettings::on().delay(SECOND)] {
        let bench = Bench::new(Resilience::new().hedge(hedge));
        let script = Script::always(|| Answer::after(1500 * MILLI, Answer::Fail(unavailable())));
        let came = bench.call(&SAFE, &script, CallOptions::new().retry_on(judge.clone())).await;
        let error = came.result.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Internal, came.hits));
        assert!(error.provider_error::<Error>().is_some_and(|last| last.message() == "503"), "{error:?}");
        bench.assert_at_rest();
        assert!(bench.endpoint.state().retry_tokens >= 500 - 14 * (came.hits - 1));
        // The next call is as if nothing had happened.
        assert!(bench.plain(&SAFE, &Script::new([])).await.result.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_repeated_without_the_budget() {
    let bench = Bench::new(Resilience::new().breaker(BreakerSettings::off()));
    let down = Script::always(|| Answer::Fail(unavailable()));
    for _ in 0..18 {
        bench.plain(&SAFE, &down).await.result.unwrap_err();
    }
    assert_eq!(bench.plain(&SAFE, &down).await.hits, 1);
    let tokens = bench.endpoint.state().retry_tokens;
    let free = CallOptions::new().retry(Retry::new().budget(BudgetSettings::off()));
    assert_eq!(bench.call(&SAFE, &down, free).await.hits, 3);
    assert_eq!(bench.endpoint.state().retry_tokens, tokens);
}

#[tokio::test(start_paused = true)]
async fn retries_can_be_a_share_of_the_requests() {
    let budget = BudgetSettings::new().ratio(0.2).min_per_second(1);
    let bench = Bench::new(Resilience::new().breaker(BreakerSettings::off()).retry(Retry::new().budget(budget)));
    let down = Script::always(|| Answer::Fail(unavailable()));
    for _ in 0..100 {
        bench.plain(&SAFE, &down).await.result.unwrap_err();
    }
    // A fifth of a hundred, and ten seconds' worth of the one that there may always be.
    assert_eq!(down.hits(), 100 + 20 + 10);
    let error = bench.plain(&SAFE, &down).await.result.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::RetryBudget));
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!((bench.endpoint.state().retry_tokens, bench.plain(&SAFE, &down).await.hits), (10, 3));
}
