//! The rules of the cache, in every order of what can happen.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Get,
    /// Many at once, of which the first is cancelled.
    Crowd,
    Fail(bool),
    Heal,
    Refuse,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        3 => (1_u64..900).prop_map(Step::Wait),
        4 => Just(Step::Get),
        1 => Just(Step::Crowd),
        1 => any::<bool>().prop_map(Step::Fail),
        1 => Just(Step::Heal),
        1 => Just(Step::Refuse),
    ];
    prop::collection::vec(step, 1..60)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever happens in whatever order: nothing expired is given out, nothing that was refused comes again, no two loads
    /// run at once, and a source that works again is found within half a minute.
    #[test]
    fn the_rules_hold_in_every_order(steps in steps(), life in 20_u64..1800) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let life = Duration::from_secs(life);
            let source = Counting::living(life);
            let cache = CredentialCache::new(source.clone());
            let cx = context(CallOptions::new());
            let (mut refused, mut newest) = (0, 0);
            for step in steps {
                match step {
                    Step::Wait(seconds) => after(Duration::from_secs(seconds)).await,
                    Step::Fail(passes) => {
                        source.fail(Some(if passes { ErrorKind::Unavailable } else { ErrorKind::ConfigInvalid }));
                    }
                    Step::Heal => source.fail(None),
                    Step::Refuse => {
                        if let Some(lease) = cache.peek(&cx) {
                            refused = lease.version();
                            cache.invalidate(refused);
                        }
                    }
                    Step::Crowd => {
                        let crowd: Vec<_> = (0..5)
                            .map(|_| {
                                let (cache, cx) = (cache.clone(), cx.clone());
                                tokio::spawn(async move { cache.get(&cx).await })
                            })
                            .collect();
                        after(Duration::from_millis(1)).await;
                        crowd[0].abort();
                        for caller in crowd {
                            if let Ok(Ok(lease)) = caller.await {
                                assert!(lease.expires_at().unwrap() > cx.clock().timestamp());
                            }
                        }
                    }
                    Step::Get => {
                        if let Ok(lease) = cache.get(&cx).await {
                            assert!(lease.expires_at().unwrap() > cx.clock().timestamp());
                            assert!(lease.version() > refused && lease.version() >= newest, "no way back");
                            newest = lease.version();
                        }
                    }
                }
            }
            assert!(source.0.most.load(Ordering::SeqCst) <= 1);
            source.fail(None);
            after(REFUSAL_MAX).await;
            assert!(cache.get(&cx).await.is_ok());
        });
    }
}
