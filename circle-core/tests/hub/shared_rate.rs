//! One rate for several processes: each is a hub of its own here, over one key-value store.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circle_core::key_value_store::{KeyValueStoreCapabilities, MockKeyValueStoreProvider};
use circle_core::memory::{Memory, MemoryConfig};
use circle_core::resilience::{
    Idempotency, KeyValueRates, Policy, RateLimitSettings, RateLimitStore, RemoteOperation, Resilience, Retry, StoreFailure,
};
use circle_core::{
    BuildContext, CallContext, CallOptions, Environment, Error, ErrorKind, Hub, KeyValueStore, ProviderInfo, Reason,
};
use circle_core_testkit::ManualClock;

use super::registry;
use super::resilience::{Distant, PING};

static CALL: RemoteOperation = RemoteOperation::new("shared.Call", Idempotency::Safe, "/call");

const SECOND: Duration = Duration::from_secs(1);

fn rate(per_second: f64, burst: u32) -> Resilience {
    Resilience::new().rate_limit(RateLimitSettings::new().per_second(per_second).burst(burst)).retry(Retry::off())
}

fn environment(clock: &ManualClock) -> Environment {
    Environment::builder().clock(clock.clock()).build()
}

#[tokio::test]
async fn rates_in_memory_pass_the_suite() {
    let rates = KeyValueRates::new(KeyValueStore::new(Memory::new())).unwrap();
    circle_core_common::resilience::conformance::rate_limit_store(Arc::new(rates), "suite").await.unwrap();
}

/// Two processes that want all they can get: together never more than the rate and the burst in any window, and at least nine
/// tenths of that.
#[tokio::test(flavor = "current_thread")]
async fn two_policies_over_one_store_have_one_quota() {
    for (per_second, burst) in [(100.0, 50), (10.0, 1), (20.0, 20)] {
        let clock = ManualClock::new();
        let memory = Memory::with(MemoryConfig::new(), &environment(&clock));
        let starts = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let environment = environment(&clock);
            let store = KeyValueStore::new(memory.clone());
            let rates: Arc<dyn RateLimitStore> = Arc::new(KeyValueRates::new(store).unwrap());
            let policy = Policy::sharing(&environment, "crm", &rate(per_second, burst), rates);
            for _ in 0..10 {
                let (policy, environment, starts) = (policy.clone(), environment.clone(), Arc::clone(&starts));
                tasks.spawn(async move {
                    loop {
                        let cx = CallContext::new(&environment, &circle_core::key_value_store::GET, None);
                        let call = policy.run(&cx, &CALL, |_| {
                            starts.lock().unwrap().push(environment.clock().now().since_start());
                            std::future::ready(Ok(()))
                        });
                        // Who has waited in vain asks again.
                        let _ = call.await;
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
        let seconds = 20_u32;
        for _ in 0..seconds * 200 {
            for _ in 0..40 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(5));
        }
        tasks.shutdown().await;
        let mut starts = std::mem::take(&mut *starts.lock().unwrap());
        starts.sort();
        for (at, start) in starts.iter().enumerate() {
            for window in [SECOND / 10, SECOND, 5 * SECOND] {
                let within = starts[at..].iter().take_while(|later| **later < *start + window).count();
                let allowed = f64::from(burst) + per_second * window.as_secs_f64();
                assert!(within as f64 <= allowed, "{within} of {allowed} in {window:?} from {start:?}, {per_second}/s");
            }
        }
        let quota = per_second * f64::from(seconds);
        assert!(starts.len() as f64 >= 0.9 * quota, "{} of {quota} at {per_second}/s", starts.len());
    }
}

#[tokio::test]
async fn a_store_that_fails_leaves_each_process_its_share_or_nothing() {
    for (failure, expected) in [(StoreFailure::Share, 10), (StoreFailure::Refuse, 0)] {
        let clock = ManualClock::new();
        let environment = environment(&clock);
        let asked = Arc::new(AtomicU32::new(0));
        let mut mock = MockKeyValueStoreProvider::new();
        let counted = Arc::clone(&asked);
        let capabilities = KeyValueStoreCapabilities::none().with(KeyValueStoreCapabilities::CAS);
        mock.expect_info().return_const(ProviderInfo::new("broken", "1", "test"));
        mock.expect_environment().return_const(environment.clone());
        mock.expect_capabilities().return_const(capabilities);
        mock.expect_get().returning(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            Err(Error::new(ErrorKind::Unavailable, "the store is down"))
        });
        let rates = KeyValueRates::new(KeyValueStore::new(mock)).unwrap();
        let settings = RateLimitSettings::new().per_second(100.0).burst(100).on_store_failure(failure).local_share(0.1);
        let resilience = Resilience::new().rate_limit(settings).retry(Retry::off());
        let policy = Policy::sharing(&environment, "crm", &resilience, Arc::new(rates));
        let mut served = 0;
        for _ in 0..30 {
            let options = CallOptions::new().timeout(Duration::from_millis(1));
            let cx = CallContext::new(&environment, &circle_core::key_value_store::GET, Some(options.into()));
            match policy.run(&cx, &CALL, |_| std::future::ready(Ok(()))).await {
                Ok(()) => served += 1,
                Err(error) => {
                    assert_eq!((error.kind(), error.reason()), (ErrorKind::RateLimited, Some(Reason::LocalRateLimit)), "{error}");
                }
            }
        }
        assert_eq!(served, expected, "{failure:?}");
        // It is not asked for every call.
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_store_without_compare_and_swap_is_refused() {
    let mut mock = MockKeyValueStoreProvider::new();
    mock.expect_info().return_const(ProviderInfo::new("simple", "1", "test"));
    mock.expect_environment().return_const(Environment::default());
    mock.expect_capabilities().return_const(KeyValueStoreCapabilities::none());
    let error = KeyValueRates::new(KeyValueStore::new(mock)).unwrap_err();
    assert!(error.is(ErrorKind::Unsupported), "{error}");
}

#[tokio::test]
async fn a_config_names_the_service_that_keeps_the_rate() {
    let toml = |store: &str| {
        format!(
            "version = 1\n[services.a]\nprovider = \"distant\"\n\
             resilience.rate_limit = {{ per_second = 1000, burst = 1, store = \"{store}\" }}\n\
             [services.sessions]\nprovider = \"memory\"\n"
        )
    };
    let hub = || Hub::builder().registry(registry().with::<Distant>());
    let built = hub().toml(toml("sessions"), "circle.toml").build().await.unwrap();
    let policy = Policy::of(built.environment(), "a").unwrap();
    let cx = CallContext::new(built.environment(), &circle_core::key_value_store::GET, None);
    for _ in 0..3 {
        policy.run(&cx, &PING, |_| std::future::ready(Ok(()))).await.unwrap();
    }
    let sessions = built.get::<KeyValueStore>("sessions").unwrap();
    assert_eq!(sessions.list("circle/rate/").page().await.unwrap().items.len(), 1);
    // What refers to nothing, or to itself, is found before anything starts.
    for (store, expected) in [("sesions", "there is no service `sesions`"), ("a", "`a` offers ObjectStore, not KeyValueStore")] {
        let problems = hub().toml(toml(store), "circle.toml").check().unwrap_err().to_string();
        assert!(problems.contains("services.a.resilience.rate_limit.store (circle.toml:4)"), "{problems}");
        assert!(problems.contains(expected), "{problems}");
    }
    // Without a hub, the same in code.
    let rates = KeyValueRates::new(sessions).unwrap().prefix("rates/");
    let cx = BuildContext::new(Environment::default(), "a").resilience(rate(1000.0, 1)).rates(Arc::new(rates));
    let call = CallContext::new(cx.environment(), &circle_core::key_value_store::GET, None);
    cx.policy().run(&call, &CALL, |_| std::future::ready(Ok(()))).await.unwrap();
    assert_eq!(built.get::<KeyValueStore>("sessions").unwrap().list("rates/").page().await.unwrap().items.len(), 1);
}
