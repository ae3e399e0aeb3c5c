//! 21 to 30: what is repeated, when, and how often. Answers from memory, under a paused clock.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use circle_core_common::http::{Answer, Request};
use circle_core_common::resilience::backoff::Backoff;
use circle_core_common::resilience::{BreakerSettings, BudgetSettings, BulkheadSettings, Resilience, Retry};
use circle_core_common::{Body, ByteStream, CallOptions, Clock, Error, ErrorKind, Random, Reason, Sent};
use circle_core_testkit::{Reply, soak};

use crate::trial::*;

const HOUR: i64 = 3600;

/// What a service says about when to come again, and after how long that is done; `None` is never.
#[tokio::test(start_paused = true)]
async fn t21_retry_after_in_every_form() {
    // The service's own date, so that no clock matters.
    let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:57 GMT");
    for (said, waits) in [
        (&[("retry-after", "0")][..], Some(Duration::ZERO)),
        (&[("retry-after", "1")], Some(SECOND)),
        // What cannot be read is no wait.
        (&[("retry-after", "-1")], Some(Duration::ZERO)),
        (&[("retry-after", "1e20")], Some(Duration::ZERO)),
        (&[("retry-after", "abc")], Some(Duration::ZERO)),
        // Longer than anybody waits.
        (&[("retry-after", "100000000000000000000")], None),
        (&[("date", date), ("retry-after", later)], Some(20 * SECOND)),
        (&[("date", later), ("retry-after", date)], Some(Duration::ZERO)),
        (&[("retry-after-ms", "1500")], Some(1500 * MILLI)),
        (&[("x-ms-retry-after-ms", "20"), ("retry-after", "9")], Some(20 * MILLI)),
        (&[("retry-after", "2"), ("retry-after", "7")], Some(7 * SECOND)),
    ] {
        for (status, wrong_by) in [(429, 0), (503, 0), (429, HOUR), (429, -HOUR)] {
            let clock = Clock::from_source(Wrong::by(wrong_by));
            // With dice that fall on 0 nothing is added.
            let trial = plain().dice(0).environment(|environment| environment.clock(clock)).canned();
            let refused = said.iter().fold(Reply::status(status), |reply, (name, value)| reply.header(*name, *value));
            trial.script([refused, Reply::ok("")]);
            match waits {
                Some(wait) => {
                    trial.get().await.succeeded().cost(2, 0).took(wait);
                }
                None => {
                    let kind = if status == 429 { ErrorKind::RateLimited } else { ErrorKind::Unavailable };
                    trial.get().await.failed(kind, None).cost(1, 0).took(Duration::ZERO);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t22_a_wait_beyond_the_cap_is_an_error_at_once() {
    let patient = CallOptions::new().timeout(Duration::from_secs(600));
    for (asked, hits) in [(120, 2), (121, 1)] {
        let trial = plain().dice(0).canned();
        trial.script([Reply::status(429).header("retry-after", asked.to_string()), Reply::ok("")]);
        let came = trial.call(&GET, patient.clone(), trial.to("/a")).await;
        if hits == 2 {
            came.succeeded().cost(2, 0).took(Duration::from_secs(120));
        } else {
            let error = came.failed(ErrorKind::RateLimited, None).cost(1, 0).took(Duration::ZERO).error();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(121)));
        }
    }
    // What the deadline does not leave is beyond it too.
    let trial = plain().dice(0).canned();
    trial.always(Reply::status(429).header("retry-after", "5"));
    let hurried = CallOptions::new().timeout(4 * SECOND);
    trial.call(&GET, hurried, trial.to("/a")).await.failed(ErrorKind::RateLimited, None).cost(1, 0).took(Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn t23_a_storm_at_a_service_that_throttles_wastes_little() {
    soak::throttle_storm(2_000).await.assert_kept();
}

/// Kolmogorov and Smirnov: 5,000 throws stray from the even distribution by more than 0.05 once in 10¹⁰ times.
#[test]
fn t24_waits_are_spread_evenly_and_bounded() {
    let backoff = Backoff::new();
    for retry in [0, 3, 20] {
        let most = backoff.wait(retry, 1.0).as_secs_f64();
        let throw = |_| backoff.wait(retry, Random::System.unit().expect("a throw")).as_secs_f64() / most;
        let mut throws: Vec<f64> = (0..5_000).map(throw).collect();
        throws.sort_by(f64::total_cmp);
        let count = throws.len() as f64;
        let strays = throws.iter().enumerate().map(|(at, throw)| (throw - at as f64 / count).abs()).fold(0.0, f64::max);
        assert!(strays < 0.05, "{strays} at {retry}");
    }
    for retry in [0, 1, 8, 9, 31, 32, 63, 64, 1_000, i32::MAX as u32, u32::MAX] {
        let doubled = 0.05 * 2_f64.powi(i32::try_from(retry).unwrap_or(i32::MAX));
        assert_eq!(backoff.wait(retry, 1.0), Duration::from_secs_f64(doubled.min(20.0)), "{retry}");
        assert_eq!(backoff.wait(retry, 0.0), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn t24_calls_draw_their_waits() {
    let trial = with(Resilience::new().breaker(BreakerSettings::new().enabled(false))).canned();
    trial.always_with_turns();
    let mut waits = Vec::new();
    for _ in 0..200 {
        waits.extend(trial.get().await.succeeded().cost(2, 0).waits);
    }
    let (most, distinct) = (waits.iter().max().copied(), waits.iter().collect::<BTreeSet<_>>().len());
    assert!(most <= Some(50 * MILLI) && most > Some(25 * MILLI) && distinct > 150, "{distinct} up to {most:?}");
}

#[tokio::test(start_paused = true)]
async fn t25_a_write_goes_once_and_a_keyed_one_under_one_key() {
    let trial = plain().canned();
    trial.always(Reply::status(503));
    trial.post().await.failed(ErrorKind::Unavailable, None).cost(1, 0);
    let mut keys = BTreeSet::new();
    for chosen in [None, Some("order-7")] {
        trial.reset();
        trial.script([Reply::status(503), Reply::reset(), Reply::ok("")]);
        let options = chosen.map_or(CallOptions::new(), |key| CallOptions::new().idempotency_key(key));
        let cx = trial.cx(&PAY, options);
        let key = cx.operation_id().expect("a key").to_string();
        let request = trial.write().header("idempotency-key", &key).expect("a header");
        // Of two retries, the one that led to the answer is given back.
        trial.watch(trial.http.send(&cx, &PAY, request)).await.succeeded().cost(3, RETRY);
        let sent: Vec<_> = trial.received().iter().map(|hit| hit.header("idempotency-key").map(str::to_owned)).collect();
        assert_eq!(sent, vec![Some(key.clone()); 3]);
        assert!(chosen.is_none_or(|chosen| chosen == key) && keys.insert(key));
    }
}

#[tokio::test(start_paused = true)]
async fn t26_a_body_that_can_be_read_once_is_sent_and_one_from_a_file_is_read_again() {
    let once = || Body::from_stream(ByteStream::from(Bytes::from_static(b"content")), Some(7));
    let trial = plain().canned();
    trial.script([Reply::ok(""), Reply::status(503)]);
    let request = |body: Body| Request::put(trial.http.target("/a")).body(body);
    trial.send(&PUT, request(once())).await.succeeded().cost(1, 0);
    assert_eq!(trial.received()[0].body, "content");
    let error = trial.send(&PUT, request(once())).await.failed(ErrorKind::Unavailable, Reason::BodyConsumed).cost(1, 0).error();
    assert!(error.message().contains("only once"), "{error}");

    let file = tempfile::NamedTempFile::new().expect("a file");
    let content: Vec<u8> = (0..600_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    std::fs::write(file.path(), &content).expect("written");
    for body in [Body::from_path(file.path()), Body::from(content.clone())] {
        trial.reset();
        trial.script([Reply::status(503), Reply::reset(), Reply::ok("")]);
        trial.send(&PUT, request(body)).await.succeeded().cost(3, RETRY);
        assert!(trial.received().iter().all(|hit| hit.body == content));
    }
}

#[tokio::test(start_paused = true)]
async fn t27_the_budget_drains_says_so_and_comes_back() {
    // The breaker would open first; and here time does fill the budget.
    let settings = Resilience::new().breaker(BreakerSettings::new().enabled(false));
    let refilled = BudgetSettings::new().refill_per_second(1);
    let trial = with(settings.retry(Retry::new().budget(refilled))).dice(0).canned();
    assert!(trial.build.policy().resolved().budget, "it is there by default");
    trial.always(Reply::status(503));
    let mut hits = 0;
    for _ in 0..20 {
        hits += trial.get().await.failed(ErrorKind::Unavailable, trial.is_drained()).hits;
    }
    // 500 tokens are 35 retries.
    assert_eq!(hits, 20 + 35);
    let error = trial.get().await.failed(ErrorKind::Unavailable, Reason::RetryBudget).cost(1, 0).error();
    assert!(error.message().contains("budget"), "{error}");
    // A retry at a service that is only busy costs less, and can still be paid.
    trial.always(Reply::status(429));
    trial.get().await.failed(ErrorKind::RateLimited, None).cost(3, 2 * THROTTLED);
    trial.always(Reply::status(503));
    // With time alone.
    tokio::time::sleep(14 * SECOND).await;
    trial.get().await.failed(ErrorKind::Unavailable, Reason::RetryBudget).cost(2, RETRY);
    // And with successes: one token each, and the price of a retry that led to one.
    trial.always(Reply::ok(""));
    let before = trial.state().retry_tokens;
    for _ in 0..RETRY {
        trial.get().await.succeeded().cost(1, -1);
    }
    trial.script([Reply::status(503)]);
    trial.get().await.succeeded().cost(2, 0);
    assert_eq!(i64::from(trial.state().retry_tokens), i64::from(before) + RETRY);
}

#[tokio::test(start_paused = true)]
async fn t28_the_deadline_holds_wherever_the_call_is() {
    let total = 2 * SECOND;
    let bounded = || CallOptions::new().timeout(total);
    // In an attempt.
    let trial = plain().canned();
    trial.always(Reply::silent());
    trial.call(&GET, bounded(), trial.to("/a")).await.failed(ErrorKind::Timeout, None).cost(1, 0).took(total);
    // In one attempt after the other.
    let trial = impatient(700 * MILLI).dice(0).canned();
    trial.always(Reply::silent());
    trial.call(&GET, bounded(), trial.to("/a")).await.failed(ErrorKind::Timeout, None).cost(3, 2 * RETRY).took(total);
    // In the queue.
    let queue = BulkheadSettings::new().max_in_flight(1).max_queued(1);
    let trial = with(Resilience::new().bulkhead(queue)).canned();
    trial.always(Reply::ok("").after(5 * SECOND));
    let (cx, holding) = (trial.cx(&GET, CallOptions::new()), trial.to("/a"));
    let began = Clock::System.now();
    let queued = async {
        let cx = trial.cx(&GET, bounded());
        let error = trial.http.send(&cx, &GET, trial.to("/b")).await.expect_err("no place");
        let took = Clock::System.now().since(began);
        assert!(took >= total && took <= total + 5 * MILLI, "{took:?}");
        let (kind, reason) = (ErrorKind::RateLimited, Some(Reason::BulkheadFull));
        assert_eq!((error.kind(), error.reason(), error.sent()), (kind, reason, Sent::No));
    };
    let both = async { assert!(tokio::join!(trial.http.send(&cx, &GET, holding), queued).0.is_ok()) };
    trial.together(both).await.cost(1, 0).took(5 * SECOND);
    // A wait that would end later is not begun.
    let trial = plain().dice(255).canned();
    trial.always(Reply::status(429).header("retry-after", "1.9"));
    trial.call(&GET, bounded(), trial.to("/a")).await.failed(ErrorKind::RateLimited, None).cost(1, 0).took(Duration::ZERO);
    // A deadline that is over sends nothing.
    let cx = trial.cx(&GET, bounded());
    tokio::time::sleep(total).await;
    let late = trial.watch(trial.http.send(&cx, &GET, trial.to("/a"))).await;
    assert_eq!(late.failed(ErrorKind::Timeout, None).cost(0, 0).took(Duration::ZERO).error().sent(), Sent::No);
}

#[tokio::test(start_paused = true)]
async fn t29_one_attempt_is_no_retry() {
    for (setting, options) in
        [(with(Resilience::new().retry(Retry::off())), CallOptions::new()), (plain(), CallOptions::new().retry(Retry::off()))]
    {
        let trial = setting.canned();
        trial.script([Reply::status(503), Reply::reset(), Reply::status(429)]);
        for kind in [ErrorKind::Unavailable, ErrorKind::Connection, ErrorKind::RateLimited] {
            let came = trial.call(&GET, options.clone(), trial.to("/a")).await.failed(kind, None).cost(1, 0);
            assert_eq!((came.took, came.error().attempts()), (Duration::ZERO, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t30_a_provider_decides_what_may_pass() {
    let judge = |answer: &Answer<'_>| {
        let may_pass = match answer.status.as_u16() {
            404 => true,
            503 => false,
            _ => return None,
        };
        Some(Error::new(ErrorKind::NotFound, "by the provider").with_sent(Sent::Yes).with_retryable(may_pass))
    };
    for (status, hits) in [(404, 3), (503, 1), (200, 1)] {
        let trial = plain().client(move |client| client.classify(judge)).canned();
        trial.always(Reply::status(status));
        let came = trial.get().await;
        let came = if status == 200 { came.succeeded() } else { came.failed(ErrorKind::NotFound, None) };
        came.cost(hits, (hits as i64 - 1) * RETRY);
    }
}

impl Trial {
    /// Fails and succeeds in turn.
    fn always_with_turns(&self) {
        let mut turn = false;
        self.at("/a").always_with(move |_| {
            turn = !turn;
            Reply::status(if turn { 503 } else { 200 })
        });
    }

    /// The reason of an error once no retry can be paid.
    fn is_drained(&self) -> Option<Reason> {
        (i64::from(self.state().retry_tokens) < RETRY).then_some(Reason::RetryBudget)
    }
}
