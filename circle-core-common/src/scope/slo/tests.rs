use super::*;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn slo() -> Slo {
    Slo::new().success(0.99).p99(MILLI * 300)
}

/// So many calls at once: good and quick, good and slow, failed.
fn calls(meter: &Meter, now: Duration, quick: u32, slow: u32, failed: u32) {
    (0..quick).for_each(|_| meter.record(now, MILLI * 20, false));
    (0..slow).for_each(|_| meter.record(now, SECOND, false));
    (0..failed).for_each(|_| meter.record(now, MILLI, true));
}

#[test]
fn promises_are_met_at_risk_and_broken() {
    for (quick, slow, failed, success, p99, left) in [
        (19, 0, 0, SloState::Unmeasured, SloState::Unmeasured, 1.0),
        (1000, 0, 0, SloState::Met, SloState::Met, 1.0),
        (995, 0, 5, SloState::Met, SloState::Met, 0.5),
        (992, 0, 8, SloState::AtRisk, SloState::Met, 0.2),
        (990, 0, 10, SloState::AtRisk, SloState::Met, 0.0),
        (989, 0, 11, SloState::Broken, SloState::Met, -0.1),
        (980, 20, 0, SloState::Met, SloState::Broken, 1.0),
    ] {
        let meter = Meter::new("a", &slo());
        calls(&meter, SECOND, quick, slow, failed);
        let report = meter.report(SECOND);
        let states: Vec<_> = report.objectives.iter().map(|one| one.state).collect();
        assert_eq!(states, [success, p99], "{quick} {slow} {failed}: {report:?}");
        assert_eq!(report.state, success.max(p99));
        assert!((report.objectives[0].budget_left - left).abs() < 1e-9, "{report:?}");
    }
}

#[test]
fn a_failure_that_is_quick_makes_no_call_quicker_and_values_are_measured() {
    let meter = Meter::new("a", &slo());
    calls(&meter, SECOND, 0, 100, 100);
    let report = meter.report(SECOND);
    let [success, p99] = &report.objectives[..] else { panic!("{report:?}") };
    assert_eq!((success.calls, success.bad, p99.calls, p99.bad), (200, 100, 100, 100));
    assert_eq!(success.measured, Some(Measured::Share(0.5)));
    let Some(Measured::Within(within)) = p99.measured else { panic!("{report:?}") };
    assert!((SECOND..SECOND * 9 / 8).contains(&within), "{within:?}");
    let text = report.to_string();
    assert!(text.starts_with("slo broken, success 50.000 % of 99 %, budget -4900 %, burning at 50.0, p99 1"), "{text}");
}

#[test]
fn what_is_older_than_the_window_is_forgotten_and_what_is_recent_burns() {
    let meter = Meter::new("a", &Slo::new().success(0.9).window(SECOND * 30));
    let at = |second: u64| SECOND * u32::try_from(second).unwrap();
    calls(&meter, at(0), 900, 0, 0);
    calls(&meter, at(28), 75, 0, 25);
    let one = |now: u64| meter.report(at(now)).objectives[0].clone();
    let recent = one(29);
    assert_eq!((recent.calls, recent.bad, recent.state), (1000, 25, SloState::AtRisk));
    assert!((recent.budget_left - 0.75).abs() < 1e-9 && (recent.burn_rate - 2.5).abs() < 1e-9, "{recent:?}");
    let later = one(40);
    // The good ones have left the window, the bad ones are no longer the last tenth of it.
    assert_eq!((later.calls, later.bad, later.state), (100, 25, SloState::Broken));
    assert!(later.burn_rate.abs() < 1e-9);
    assert_eq!((one(100).calls, one(1_000_000).state), (0, SloState::Unmeasured));
    calls(&meter, at(1_000_000), 20, 0, 0);
    assert_eq!(one(1_000_000).calls, 20);
}

#[test]
fn threads_lose_no_call_while_slots_turn() {
    let meter = Meter::new("a", &Slo::new().success(0.9).window(SECOND * 60));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20_000_u32).for_each(|call| meter.record(SECOND * (call / 500), MILLI, call % 10 == 0)));
        }
    });
    let report = meter.report(SECOND * 40);
    assert_eq!((report.objectives[0].calls, report.objectives[0].bad), (80_000, 8_000));
}

#[test]
fn the_gauges_say_the_same() {
    let kept = crate::telemetry::kept::Kept::default();
    metrics::with_local_recorder(&kept, || {
        let meter = Meter::new("documents", &slo());
        calls(&meter, SECOND, 990, 0, 0);
        calls(&meter, SECOND, 0, 0, 20);
        meter.report(SECOND);
    });
    let labels = "circle.service=documents circle.objective=success";
    let all = kept.all();
    assert_eq!(all[&format!("circle.slo.state {labels}")].last(), Some(&2.0));
    let left = all[&format!("circle.slo.budget_left {labels}")].last().copied().unwrap();
    assert!((left - (1.0 - 20.0 / 1010.0 / 0.01)).abs() < 1e-9, "{left}");
    assert_eq!(kept.series("circle.slo.burn_rate").len(), 2);
}

#[test]
fn mistakes_are_named() {
    let keys = |slo: Slo| slo.mistakes().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(slo()), [""; 0]);
    assert_eq!(keys(Slo::new()), [""]);
    assert_eq!(keys(Slo::new().success(1.0)), ["success"]);
    assert_eq!(keys(Slo::new().success(f64::NAN)), ["success"]);
    assert_eq!(keys(slo().window(SECOND)), ["window"]);
    assert_eq!(keys(Slo { p50: Some(SECOND), p95: Some(Duration::ZERO), p99: Some(MILLI), ..Slo::new() }), ["p95"]);
    assert_eq!(keys(Slo { p50: Some(SECOND), p99: Some(MILLI), ..Slo::new() }), ["p99"]);
}

#[test]
fn the_document_has_units_in_its_names() {
    let meter = Meter::new("a", &Slo { p50: Some(MILLI), ..slo() });
    calls(&meter, SECOND, 100, 0, 0);
    let json = serde_json::to_value(meter.report(SECOND)).unwrap();
    assert_eq!((json["state"].as_str(), json["window_seconds"].as_f64()), (Some("broken"), Some(3600.0)));
    let [success, p50, _] = &json["objectives"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!((success["objective"].as_str(), success["measured_share"].as_f64()), (Some("success"), Some(1.0)));
    assert!(success.get("target_ms").is_none() && p50["target_ms"] == 1.0 && p50["measured_ms"].as_f64() > Some(20.0));
}

#[test]
fn every_duration_has_a_bucket_that_holds_it() {
    for micros in [0, 1, 8, 9, 100, 12_345, 99_999, 1_000_000, 3_599_000_000, u64::MAX] {
        let (took, meter) = (Duration::from_micros(micros), Meter::new("a", &slo()));
        meter.record(SECOND, took, false);
        let Some(Measured::Within(within)) = meter.report(SECOND).objectives[1].measured else { panic!("nothing") };
        let most = took.min(Duration::from_secs(3600)).max(Duration::from_micros(8)) * 9 / 8 + Duration::from_micros(1);
        assert!(micros == u64::MAX || (took..=most).contains(&within), "{took:?} {within:?}");
    }
}
