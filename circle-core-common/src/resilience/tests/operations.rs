use super::*;

fn of_safe(settings: OperationSettings) -> Bench {
    Bench::new(Resilience::new().attempt_timeout(3 * SECOND).operation(SAFE.name(), settings))
}

#[tokio::test(start_paused = true)]
async fn an_operation_has_its_own_values_and_the_others_the_services() {
    let own = OperationSettings::new().attempt_timeout(SECOND).retry(Retry::new().max_attempts(2));
    let bench = of_safe(own);
    for (operation, options, hits, took) in [
        (&SAFE, CallOptions::new(), 2, 2),
        (&IDEMPOTENT, CallOptions::new(), 3, 9),
        // A call's own lie over both.
        (&SAFE, CallOptions::new().attempt_timeout(4 * SECOND), 2, 8),
        (&SAFE, CallOptions::new().retry(Retry::off()), 1, 1),
    ] {
        let came = bench.call(operation, &Script::always(|| Answer::Never), options).await;
        assert_eq!((came.hits, came.took.as_secs()), (hits, took), "{operation}");
    }
    let total = of_safe(OperationSettings::new().total_timeout(2 * SECOND));
    assert_eq!(total.plain(&SAFE, &Script::always(|| Answer::Never)).await.took, 2 * SECOND);
    let hedged = of_safe(OperationSettings::new().hedge(HedgeSettings::on().delay(SECOND)));
    let slow = || Script::always(|| Answer::after(2 * SECOND, Answer::Ok));
    assert_eq!(hedged.plain(&SAFE, &slow()).await.hits, 2);
    assert_eq!(hedged.plain(&KEYED, &slow()).await.hits, 1);
    let free = of_safe(OperationSettings::new().retry(Retry::new().budget(BudgetSettings::off())));
    free.plain(&SAFE, &Script::always(|| Answer::Fail(unavailable()))).await.result.unwrap_err();
    assert_eq!(free.endpoint.state().retry_tokens, 500);
}

#[tokio::test(start_paused = true)]
async fn an_operation_or_a_call_may_pay_where_the_service_does_not() {
    let paid = || Retry::new().budget(BudgetSettings::new().enabled(true));
    let free = || Retry::new().budget(BudgetSettings::off());
    let bench = Bench::new(Resilience::new().retry(free()).operation(SAFE.name(), OperationSettings::new().retry(paid())));
    assert!(bench.policy.resolved_for(SAFE.name()).budget && !bench.policy.resolved().budget);
    let mut tokens = 500;
    for (operation, options, price) in [
        (&SAFE, CallOptions::new(), 28),
        (&IDEMPOTENT, CallOptions::new(), 0),
        (&IDEMPOTENT, CallOptions::new().retry(paid()), 28),
        (&SAFE, CallOptions::new().retry(free()), 0),
    ] {
        assert_eq!(bench.policy.resolved_for(operation.name()).clone().with(&options).budget, price > 0);
        let cx = bench.cx(options);
        let script = Script::always(|| Answer::Fail(unavailable()));
        bench.policy.execute(&cx, operation, &bench.endpoint, &script).await.unwrap_err();
        tokens -= price;
        assert_eq!((script.hits(), bench.endpoint.state().retry_tokens), (3, tokens), "{operation}");
        // So do repetitions above the policies.
        assert_eq!(cx.retry_budget().is_some(), price > 0);
        tokens -= if price > 0 && cx.draw_retry() { 14 } else { 0 };
        assert_eq!(bench.endpoint.state().retry_tokens, tokens);
    }
}

#[test]
fn what_holds_can_be_read() {
    let own = OperationSettings::new()
        .attempt_timeout(SECOND)
        .retry(Retry::new().writes(Writes::Keyed).budget(BudgetSettings::off().tokens(7)))
        .hedge(HedgeSettings::on().max_ratio(0.9));
    let bench = of_safe(own);
    let service = bench.policy.resolved();
    assert_eq!((service.attempt_timeout, service.max_attempts, service.budget), (Some(3 * SECOND), 3, true));
    assert_eq!(bench.policy.resolved_for("test.Other"), service);
    let expected = Resolved {
        attempt_timeout: Some(SECOND),
        writes: Writes::Keyed,
        budget: false,
        hedge: true,
        // Of the endpoint: the same for all.
        budget_tokens: 500,
        hedge_max_ratio: 0.05,
        ..service.clone()
    };
    assert_eq!(*bench.policy.resolved_for(SAFE.name()), expected);
    let options =
        CallOptions::new().timeout(9 * SECOND).attempt_timeout(Duration::ZERO).retry(Retry::off()).hedge(HedgeSettings::off());
    let call = Resolved { total_timeout: Some(9 * SECOND), attempt_timeout: None, max_attempts: 1, hedge: false, ..expected };
    assert_eq!(bench.policy.resolved_for(SAFE.name()).clone().with(&options), call);
}

/// A request that lasts by its nature.
struct Long(Script);

impl Attempts for Long {
    type Output = u32;

    fn attempt(&self, attempt: Attempt) -> impl Future<Output = Result<u32>> + Send {
        self.0.attempt(attempt)
    }

    fn lasting(&self) -> Lasting {
        Lasting { attempt_timeout: Some(60 * SECOND), total_timeout: Some(70 * SECOND) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_is_chosen_for_an_operation_holds_for_one_that_lasts() {
    for (own, took) in [
        (OperationSettings::new(), 70),
        (OperationSettings::new().total_timeout(65 * SECOND), 65),
        (OperationSettings::new().attempt_timeout(20 * SECOND), 60),
        (OperationSettings::new().attempt_timeout(Duration::ZERO).total_timeout(80 * SECOND), 80),
    ] {
        let bench = of_safe(own);
        let (cx, began) = (bench.cx(CallOptions::new()), bench.now());
        let long = Long(Script::always(|| Answer::Never));
        bench.policy.execute(&cx, &SAFE, &bench.endpoint, &long).await.unwrap_err();
        assert_eq!(bench.now().since(began).as_secs(), took);
    }
}
