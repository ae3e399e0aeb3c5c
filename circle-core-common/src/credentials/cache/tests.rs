//! Every test runs on tokio's paused clock.

mod order;
mod tenants;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::slot::{LOAD_TIMEOUT, REFUSAL_MAX, plan};
use super::*;
use crate::context::CallOptions;
use crate::credentials::LOAD;
use crate::credentials::paused::environment;
use crate::error::{Error, ErrorKind, Sent};
use crate::random::{Random, RandomSource};
use crate::units::Timestamp;

fn context(options: CallOptions) -> CallContext {
    CallContext::new(&environment(), &LOAD, Some(Arc::new(options)))
}

/// Gives 1, 2, 3 … after a while, or fails when told to.
#[derive(Clone, Default)]
struct Counting(Arc<Parts>);

#[derive(Default)]
struct Parts {
    loads: AtomicU32,
    running: AtomicU32,
    most: AtomicU32,
    fails: Mutex<Option<crate::ErrorKind>>,
    hangs: AtomicBool,
    panics: AtomicBool,
    life: Mutex<Option<Duration>>,
}

impl Counting {
    fn living(life: Duration) -> Self {
        let source = Self::default();
        *source.0.life.lock().unwrap() = Some(life);
        source
    }

    fn fail(&self, kind: Option<ErrorKind>) {
        *self.0.fails.lock().unwrap() = kind;
    }

    fn loads(&self) -> u32 {
        self.0.loads.load(Ordering::SeqCst)
    }
}

struct Running<'a>(&'a AtomicU32);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl CredentialSource for Counting {
    type Credential = u32;

    async fn load(&self, cx: &CallContext) -> Result<Lease<u32>> {
        let parts = &*self.0;
        let number = parts.loads.fetch_add(1, Ordering::SeqCst) + 1;
        parts.most.fetch_max(parts.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _running = Running(&parts.running);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!parts.panics.load(Ordering::SeqCst), "told to");
        if parts.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if let Some(kind) = *parts.fails.lock().unwrap() {
            return Err(Error::new(kind, "told to"));
        }
        let lease = Lease::new(number);
        Ok(match *parts.life.lock().unwrap() {
            Some(life) => lease.until(cx.clock().timestamp() + life),
            None => lease,
        })
    }
}

async fn after(duration: Duration) {
    tokio::time::sleep(duration).await;
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_cause_one_load() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get(&context(CallOptions::new())).await.map(|lease| **lease) })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 1);
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_leader_leaves_its_load_to_the_others() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let call = |cache: &CredentialCache<u32>| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(&context(CallOptions::new())).await.map(|lease| **lease) })
    };
    let leader = call(&cache);
    after(Duration::from_millis(10)).await;
    let followers: Vec<_> = (0..999).map(|_| call(&cache)).collect();
    after(Duration::from_millis(10)).await;
    leader.abort();
    for follower in followers {
        assert_eq!(follower.await.unwrap().unwrap(), 1);
    }
    assert!(leader.await.unwrap_err().is_cancelled());
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_nobody_waits_for_ends_and_the_next_caller_starts_another() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    assert!(tokio::time::timeout(Duration::from_millis(10), cache.get(&cx)).await.is_err());
    assert_eq!(source.0.running.load(Ordering::SeqCst), 0);
    assert_eq!(**cache.get(&cx).await.unwrap(), 2);
    assert_eq!(source.0.most.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_old_value_serves_while_one_refresh_runs() {
    let source = Counting::living(10 * MINUTE);
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    cache.get(&cx).await.unwrap();
    // A fifth of ten minutes before the end, and a fifth earlier than that at the most.
    after(6 * MINUTE).await;
    assert_eq!((**cache.get(&cx).await.unwrap(), source.loads()), (1, 1));
    after(MINUTE).await;
    for _ in 0..10 {
        assert_eq!(**cache.get(&cx).await.unwrap(), 1, "at once, without waiting for the refresh");
    }
    after(Duration::from_secs(1)).await;
    assert_eq!((**cache.get(&cx).await.unwrap(), source.loads()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn failing_refreshes_are_seen_by_nobody_until_the_value_has_expired() {
    let source = Counting::living(10 * MINUTE);
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    cache.get(&cx).await.unwrap();
    for kind in [ErrorKind::Unavailable, ErrorKind::ConfigInvalid] {
        source.fail(Some(kind));
        for _ in 0..4 * 60 {
            assert_eq!(**cache.get(&cx).await.unwrap(), 1);
            after(Duration::from_secs(1)).await;
        }
    }
    // 8 min gone; till 30 s before the end it serves on.
    after(80 * Duration::from_secs(1)).await;
    assert_eq!(**cache.get(&cx).await.unwrap(), 1);
    let tries = source.loads();
    assert!((4..=9).contains(&tries), "1, 2, 4 … 60 s between them: {tries}");
    after(Duration::from_secs(11)).await;
    let error = cache.get(&cx).await.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::ConfigInvalid, Sent::No));
    source.fail(None);
    after(REFUSAL_MAX).await;
    assert!(**cache.get(&cx).await.unwrap() > 1, "no failure is for ever");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_will_not_pass_is_remembered_for_half_a_minute_at_most() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    source.fail(Some(ErrorKind::ConfigInvalid));
    let mut last = (0, Duration::ZERO);
    let mut longest = Duration::ZERO;
    for second in 0..300 {
        cache.get(&cx).await.unwrap_err();
        if source.loads() != last.0 {
            longest = longest.max(Duration::from_secs(second) - last.1);
            last = (source.loads(), Duration::from_secs(second));
        }
        after(Duration::from_secs(1)).await;
    }
    assert!((13..=16).contains(&source.loads()), "{}", source.loads());
    assert!(longest <= Duration::from_secs(31), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_by_the_next_caller() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    source.fail(Some(ErrorKind::Unavailable));
    for tries in 1..5 {
        assert!(cache.get(&cx).await.unwrap_err().is_retryable());
        assert_eq!(source.loads(), tries);
    }
    source.fail(None);
    assert_eq!(**cache.get(&cx).await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn only_the_version_that_was_refused_is_dropped() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    let first = cache.get(&cx).await.unwrap();
    cache.invalidate(first.version());
    assert!(cache.peek(&cx).is_none());
    let second = cache.get(&cx).await.unwrap();
    assert_ne!(first.version(), second.version());
    cache.invalidate(first.version());
    assert_eq!((**cache.get(&cx).await.unwrap(), source.loads()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_version_is_renewed_once_and_the_same_credential_is_no_reason_to_repeat() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    let cx = context(CallOptions::new());
    let first = cache.get(&cx).await.unwrap().version();
    let differs = |old: &u32, new: &u32| old != new;
    let renewals = (0..100).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.renew(&context(CallOptions::new()), first, differs).await })
    });
    for renewal in renewals.collect::<Vec<_>>() {
        assert!(renewal.await.unwrap());
    }
    assert_eq!(source.loads(), 2, "a hundred refusals of one version are one load");
    let second = cache.get(&cx).await.unwrap().version();
    assert!(!cache.renew(&cx, second, |_, _| false).await);
    source.fail(Some(ErrorKind::Unavailable));
    let third = cache.get(&cx).await.unwrap().version();
    assert!(!cache.renew(&cx, third, differs).await);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_holds_nobody_beyond_his_deadline_nor_the_cache_beyond_its_own() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    source.0.hangs.store(true, Ordering::SeqCst);
    let patient = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(&context(CallOptions::new())).await.map(|_| ()) })
    };
    let hasty = cache.get(&context(CallOptions::new().timeout(Duration::from_secs(1)))).await.unwrap_err();
    assert_eq!((hasty.kind(), hasty.sent()), (ErrorKind::Timeout, Sent::No));
    let started = tokio::time::Instant::now();
    assert!(patient.await.unwrap().unwrap_err().is(ErrorKind::Timeout));
    assert!(started.elapsed() <= LOAD_TIMEOUT);
    source.0.hangs.store(false, Ordering::SeqCst);
    assert_eq!(**cache.get(&context(CallOptions::new())).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_an_error_and_no_end() {
    let source = Counting::default();
    let cache = CredentialCache::new(source.clone());
    source.0.panics.store(true, Ordering::SeqCst);
    let cx = context(CallOptions::new());
    assert_eq!(cache.get(&cx).await.unwrap_err().message(), "the credential source panicked");
    source.0.panics.store(false, Ordering::SeqCst);
    assert_eq!(**cache.get(&cx).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_had_ended_before_it_came_is_no_credential() {
    let cache = CredentialCache::new(Counting::living(Duration::ZERO));
    let error = cache.get(&context(CallOptions::new())).await.unwrap_err();
    assert!(error.is(ErrorKind::Unauthenticated) && error.message().contains("2023-11-14T22:13:20.1Z"), "{error}");
}

/// A wrong key is wrong for all who sent it, whoever asks for it anew first.
#[tokio::test(start_paused = true)]
async fn a_refused_credential_that_comes_again_is_no_reason_to_repeat_for_anybody() {
    for same in [true, false] {
        let source = Counting::default();
        let (cache, cx) = (CredentialCache::new(source.clone()), context(CallOptions::new()));
        let refused = cache.get(&cx).await.unwrap().version();
        let (cache, cx) = (&cache, &cx);
        let renewals: Vec<_> =
            (0..20).map(|_| Box::pin(async move { cache.renew(cx, refused, |old, new| !same && old != new).await })).collect();
        for renewal in renewals {
            assert_eq!(renewal.await, !same);
        }
        let together = (0..20).map(|_| {
            let (cache, cx) = (cache.clone(), cx.clone());
            let version = cache.peek(&cx).unwrap().version();
            tokio::spawn(async move { cache.renew(&cx, version, |old, new| !same && old != new).await })
        });
        for renewal in together.collect::<Vec<_>>() {
            assert_eq!(renewal.await.unwrap(), !same);
        }
        assert_eq!(source.loads(), 3);
    }
}

/// A source that wants to be asked again at once, as one does that hands on what has little life left.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_is_overdue_when_it_comes_is_not_made_by_every_call() {
    struct Overdue(Arc<AtomicU32>);
    #[async_trait]
    impl CredentialSource for Overdue {
        type Credential = u32;

        async fn load(&self, cx: &CallContext) -> Result<Lease<u32>> {
            let now = cx.clock().timestamp();
            let lease = Lease::new(self.0.fetch_add(1, Ordering::SeqCst));
            Ok(lease.until(now + Duration::from_secs(600)).refresh_from(now - Duration::from_secs(300)))
        }
    }
    let loads = Arc::new(AtomicU32::new(0));
    let cache = CredentialCache::new(Overdue(Arc::clone(&loads)));
    let cx = context(CallOptions::new());
    for _ in 0..100 {
        cache.get(&cx).await.unwrap();
        after(Duration::from_millis(100)).await;
    }
    // Ten seconds have passed.
    assert!((5..=11).contains(&loads.load(Ordering::SeqCst)), "{}", loads.load(Ordering::SeqCst));
}

#[test]
fn the_plan_of_a_lease() {
    let now = Timestamp::from_unix(1_700_000_000, 0);
    let seconds = |from: Timestamp, to: Timestamp| to.since(from).as_secs();
    // (life, jitter) → (refresh, end), in seconds from now.
    for (life, jitter, stale, expired) in
        [(3600, 0.0, 2880, 3570), (3600, 1.0, 2304, 3570), (120, 0.0, 60, 108), (60, 0.0, 30, 54), (10, 0.0, 5, 9)]
    {
        let lease = Lease::new(()).until(now + Duration::from_secs(life));
        let found = plan(&lease, now, jitter);
        assert_eq!((seconds(now, found.0), seconds(now, found.1)), (stale, expired), "{life} s");
    }
    let hinted = Lease::new(()).refresh_from(now + Duration::from_secs(50));
    assert_eq!(plan(&hinted, now, 0.0), (now + Duration::from_secs(50), Timestamp::MAX));
    assert_eq!(plan(&Lease::new(()), now, 1.0), (Timestamp::MAX, Timestamp::MAX));
}

/// Ten thousand clients that got the same token at the same time, with the dice of a fixed seed.
#[test]
fn refreshes_of_many_clients_spread_evenly() {
    /// Steele, Lea and Flood, "Fast splittable pseudorandom number generators": enough for a throw of the dice.
    struct SplitMix(Mutex<u64>);

    impl RandomSource for SplitMix {
        fn fill(&self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(8) {
                let mut state = self.0.lock().unwrap();
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
            }
        }
    }

    const CLIENTS: usize = 10_000;
    let random = Random::from_source(SplitMix(Mutex::new(7)));
    let now = Timestamp::from_unix(1_700_000_000, 0);
    let lease = Lease::new(()).until(now + Duration::from_secs(3600));
    let mut starts: Vec<f64> = (0..CLIENTS)
        .map(|_| {
            let (stale, _) = plan(&lease, now, random.unit().unwrap());
            // From 2304 s, a fifth early, to 2880 s; never later.
            (stale.since(now).as_secs_f64() - 2304.0) / 576.0
        })
        .collect();
    starts.sort_by(f64::total_cmp);
    assert!(starts[0] >= 0.0 && starts[CLIENTS - 1] <= 1.0);
    // Kolmogorov and Smirnov: 1.63 / √n is exceeded by one fair throw in a hundred, and this one is always the same.
    let distance = starts.iter().enumerate().map(|(at, start)| (start - at as f64 / CLIENTS as f64).abs()).fold(0.0, f64::max);
    assert!(distance < 1.63 / (CLIENTS as f64).sqrt(), "{distance}");
    for bucket in 0..100 {
        let count = starts.iter().filter(|start| (**start * 100.0) as usize == bucket).count();
        assert!(count < 2 * CLIENTS / 100, "{count} of {CLIENTS} in one hundredth of the window");
    }
}
