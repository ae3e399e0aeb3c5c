use super::*;
use crate::config::{Common, KeyPath, Problems, Tree, schema_of};
use crate::resilience::backoff::Backoff;

/// What a service's table with these lines is read as, and what is wrong with it.
fn read(lines: &str) -> (Resilience, String) {
    let tree = Tree::from_toml(&format!("[services.a]\nprovider = \"s3\"\n[services.a.resilience]\n{lines}"), "f").unwrap();
    let mut node = tree.service("a").unwrap().clone();
    let (path, mut problems) = (KeyPath::service("a"), Problems::new());
    let common = Common::take(&mut node, &path, &mut problems).unwrap();
    let (resilience, references) = common.decode_resilience(&path, &mut problems);
    assert_eq!(references.len(), usize::from(resilience.rate_limit.store.is_some()));
    problems.sort();
    (resilience, problems.to_string())
}

#[test]
fn every_key_is_read() {
    let (resilience, problems) = read(
        r#"
        profile = "batch"
        total_timeout = "1m"
        attempt_timeout = "5s"
        retry.max_attempts = 4
        retry.writes = "keyed"
        retry.retry_after_max = "20s"
        retry.backoff = { initial_interval = "1s", max_interval = "2s", multiplier = 3, randomization_factor = 0.5 }
        retry.throttle_backoff.max_interval = "4s"
        retry.budget = { enabled = false, tokens = 1, retry_cost = 2, throttle_cost = 3, refill_per_second = 4 }
        breaker = { enabled = false, window = "10s", min_calls = 5, failure_ratio = 0.25, open = "1s", open_max = "2s", close_after = 1, slow_after = "3s", slow_ratio = 0.9 }
        rate_limit = { per_second = 0.5, burst = 3, by = "tenant", store = "kv", on_store_failure = "refuse", local_share = 0.5, pace = 0.2, slow_start = false }
        bulkhead = { max_in_flight = 10, max_queued = 20, adaptive = true }
        hedge = { enabled = true, delay = "80ms", max_ratio = 0.1 }
        stall = { grace = "1m", min_bytes_per_second = 100 }
        cache = { enabled = true, max_size = "1 MiB", coalesce = false }
        "#,
    );
    assert_eq!(problems, "");
    let second = Duration::from_secs;
    let throttle_backoff = Backoff::new().initial_interval(Duration::from_millis(500)).max_interval(second(4));
    let expected = Resolved {
        total_timeout: Some(second(60)),
        attempt_timeout: Some(second(5)),
        max_attempts: 4,
        writes: Writes::Keyed,
        retry_after_max: second(20),
        backoff: Backoff::new().initial_interval(second(1)).max_interval(second(2)).multiplier(3.0).randomization_factor(0.5),
        throttle_backoff,
        budget: false,
        budget_tokens: 1,
        retry_cost: 2,
        throttle_cost: 3,
        refill_per_second: 4,
        budget_ratio: None,
        budget_min_per_second: 10,
        breaker: false,
        window: second(10),
        min_calls: 5,
        failure_ratio: 0.25,
        open: second(1),
        open_max: second(2),
        close_after: 1,
        slow_after: Some(second(3)),
        slow_ratio: 0.9,
        per_second: Some(0.5),
        burst: Some(3),
        by: LimitBy::Tenant,
        on_store_failure: StoreFailure::Refuse,
        local_share: 0.5,
        pace: 0.2,
        slow_start: false,
        max_in_flight: 10,
        max_queued: 20,
        adaptive: true,
        hedge: true,
        hedge_delay: Some(Duration::from_millis(80)),
        hedge_max_ratio: 0.1,
        stall: Stall::new(second(60)).at_least(100),
        cache: Some(ByteSize::mib(1)),
        coalesce: false,
    };
    assert_eq!(resilience.resolved(), expected);
}

#[test]
fn what_is_not_chosen_is_the_profiles() {
    for (lines, profile) in
        [("", Profile::Interactive), ("profile = \"llm\"", Profile::Llm), ("profile = \"payments\"", Profile::Payments)]
    {
        assert_eq!(
            read(lines),
            (Resilience { profile: (!lines.is_empty()).then_some(profile), ..Resilience::new() }, String::new())
        );
        assert_eq!(read(lines).0.resolved(), profile.values());
    }
    let batch = read("profile = \"batch\"\nattempt_timeout = \"0s\"").0.resolved();
    assert_eq!((batch.max_attempts, batch.attempt_timeout, batch.total_timeout), (8, None, Some(Duration::from_secs(300))));
    assert_eq!(Profile::Llm.values().total_timeout, None);
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (lines, expected) in [
        ("totl_timeout = \"1s\"", "services.a.resilience.totl_timeout (f:4): unknown key, did you mean `total_timeout`?"),
        ("retry.max_atempts = 3", "services.a.resilience.retry.max_atempts (f:4): unknown key, did you mean `max_attempts`?"),
        ("attempt_timeout = 3", "services.a.resilience.attempt_timeout (f:4): expected a duration with a unit"),
        ("attempt_timeout = \"1.5s\"", "services.a.resilience.attempt_timeout (f:4): a duration takes whole numbers"),
        ("profile = \"bach\"", "services.a.resilience.profile (f:4): "),
        ("retry.max_attempts = 0", "services.a.resilience.retry.max_attempts (f:4): expected at least 1, which is no retry"),
        (
            "\nbreaker.failure_ratio = 1.5",
            "services.a.resilience.breaker.failure_ratio (f:5): expected a number above 0 and at most 1",
        ),
        ("breaker = { window = \"10ms\" }", "services.a.resilience.breaker.window (f:4): expected at least `30ms`"),
        ("breaker.close_after = 16", "services.a.resilience.breaker.close_after (f:4): expected a whole number from 1 to 15"),
        (
            "[services.a.resilience.operations.\"s3.GetObject\"]\nattempt_timout = \"1s\"",
            "services.a.resilience.operations.\"s3.GetObject\".attempt_timout (f:5): unknown key, did you mean `attempt_timeout`?",
        ),
        (
            "[services.a.resilience.operations.\"s3.GetObject\".retry]\nmax_attempts = 0\nbudget.tokens = 3",
            "services.a.resilience.operations.\"s3.GetObject\".retry.max_attempts (f:5): expected at least 1, which is no retry\n\
             services.a.resilience.operations.\"s3.GetObject\".retry.budget.tokens (f:6): the budget is that of an endpoint",
        ),
        (
            "[services.a.resilience.operations.\"s3.GetObject\"]\ncache.max_size = \"1 MiB\"\nhedge.max_ratio = 0.1",
            "services.a.resilience.operations.\"s3.GetObject\".cache.max_size (f:5): the size is that of the whole cache, for all operations\n\
             services.a.resilience.operations.\"s3.GetObject\".hedge.max_ratio (f:6): the share is that of an endpoint",
        ),
        ("breaker.slow_ratio = 0.5", "services.a.resilience.breaker.slow_ratio (f:4): without `slow_after` no answer is slow"),
        (
            "bulkhead = { adaptive = true, max_in_flight = 0 }",
            "services.a.resilience.bulkhead.max_in_flight (f:4): a limit that adapts needs a most, above 0",
        ),
        (
            "retry.budget = { ratio = 0.2, tokens = 9 }",
            "services.a.resilience.retry.budget.tokens (f:4): with `ratio` there are no tokens",
        ),
        (
            "retry.budget.min_per_second = 9",
            "services.a.resilience.retry.budget.min_per_second (f:4): without `ratio` retries are paid with tokens",
        ),
        ("hedge.max_ratio = 0", "services.a.resilience.hedge.max_ratio (f:4): expected a number above 0 and at most 1"),
        ("rate_limit.per_second = -1", "services.a.resilience.rate_limit.per_second (f:4): expected a number above 0"),
        ("rate_limit.burst = 3", "services.a.resilience.rate_limit.burst (f:4): without `per_second` there is no local limit"),
        (
            "rate_limit.store = \"kv\"",
            "services.a.resilience.rate_limit.store (f:4): without `per_second` there is no rate that could be shared",
        ),
        (
            "rate_limit = { per_second = 1, store = \"kv\", local_share = 0 }",
            "services.a.resilience.rate_limit.local_share (f:4): expected a number above 0 and at most 1",
        ),
        (
            "rate_limit = { per_second = 1, local_share = 1 }",
            "services.a.resilience.rate_limit (f:4): `on_store_failure` and `local_share` are for a rate that is kept in a `store`",
        ),
        ("rate_limit.pace = 1.5", "services.a.resilience.rate_limit.pace (f:4): expected a number from 0 to 1"),
        (
            "retry.backoff.multiplier = 0.5\nretry.throttle_backoff.randomization_factor = 2",
            "services.a.resilience.retry.backoff.multiplier (f:4): expected a number from 1\n\
             services.a.resilience.retry.throttle_backoff.randomization_factor (f:5): expected a number from 0 to 1",
        ),
    ] {
        let (_, problems) = read(lines);
        assert!(problems.starts_with(expected), "{lines}\n{problems}");
        assert_eq!(problems.lines().count(), expected.lines().count(), "{problems}");
    }
}

#[test]
fn variables_set_single_values() {
    let mut tree = Tree::from_toml("services.a.provider = \"s3\"", "f").unwrap();
    let variables = [("TOTAL_TIMEOUT", "7s"), ("RETRY__MAX_ATTEMPTS", "2"), ("BREAKER__FAILURE_RATIO", "0.9")];
    let variables = variables.map(|(name, text)| (format!("CIRCLE__SERVICES__A__RESILIENCE__{name}"), text.to_owned()));
    tree.apply_environment("CIRCLE", variables).unwrap();
    let (mut node, path, mut problems) = (tree.service("a").unwrap().clone(), KeyPath::service("a"), Problems::new());
    let common = Common::take(&mut node, &path, &mut problems).unwrap();
    let resolved = common.decode_resilience(&path, &mut problems).0.resolved();
    assert_eq!(problems.to_string(), "");
    assert_eq!((resolved.total_timeout, resolved.max_attempts), (Some(Duration::from_secs(7)), 2));
    assert!((resolved.failure_ratio - 0.9).abs() < f64::EPSILON);
}

#[test]
fn an_operations_table_lies_over_the_services_and_that_over_the_profile() {
    let (resilience, problems) = read(
        r#"
        profile = "batch"
        retry.max_attempts = 5
        retry.backoff.max_interval = "3s"
        [services.a.resilience.operations."s3.GetObject"]
        total_timeout = "9s"
        hedge.enabled = true
        retry.backoff.initial_interval = "1s"
        [services.a.resilience.operations."s3.PutObject".retry]
        max_attempts = 1
        "#,
    );
    assert_eq!(problems, "");
    let second = Duration::from_secs;
    let get = resilience.resolved_for("s3.GetObject");
    assert_eq!((get.total_timeout, get.attempt_timeout, get.max_attempts), (Some(second(9)), Some(second(30)), 5));
    assert_eq!((get.backoff.initial_interval, get.backoff.max_interval, get.hedge), (second(1), second(3), true));
    assert_eq!(resilience.resolved_for("s3.PutObject").max_attempts, 1);
    assert_eq!(resilience.resolved_for("s3.ListObjectsV2"), resilience.resolved());
    let over = Resilience::new().operation("s3.GetObject", OperationSettings::new().total_timeout(second(1))).over(&resilience);
    assert_eq!(
        (over.resolved_for("s3.GetObject").total_timeout, over.resolved_for("s3.GetObject").hedge),
        (Some(second(1)), true)
    );
}

#[test]
fn options_of_a_call_lie_over_those_of_the_handle() {
    use crate::CallOptions;
    let base = CallOptions::new().retry(Retry::new().max_attempts(5).writes(Writes::Keyed)).hedge(HedgeSettings::on());
    let merged = CallOptions::new().retry(Retry::off()).attempt_timeout(Duration::from_secs(1)).over(&base);
    assert_eq!(merged.retry, Some(Retry::off().writes(Writes::Keyed)));
    assert_eq!((merged.hedge, merged.attempt_timeout), (Some(HedgeSettings::on()), Some(Duration::from_secs(1))));
}

#[test]
fn the_schema_has_every_table_and_no_other_key() {
    let schema = schema_of::<Resilience>();
    assert_eq!(schema["additionalProperties"], false);
    for table in ["retry", "breaker", "rate_limit", "bulkhead", "hedge", "operations"] {
        assert!(schema["properties"].get(table).is_some(), "{table}");
    }
    let common = Common::remote_schema();
    assert!(common["$defs"].get("Retry").is_some() && common["properties"]["resilience"]["properties"].get("retry").is_some());
}
