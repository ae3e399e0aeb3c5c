//! One cache, many keys.

use std::collections::HashMap;

use super::*;

/// Gives each tenant its own name with what was asked for and a number; tenants can be held up and be refused.
#[derive(Clone, Default)]
struct Tenants(Arc<Desk>);

#[derive(Default)]
struct Desk {
    loads: Mutex<HashMap<String, u32>>,
    held_up: Mutex<Option<String>>,
    refused: Mutex<Option<String>>,
}

impl Tenants {
    fn loads(&self, name: &str) -> u32 {
        self.0.loads.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

#[async_trait]
impl CredentialSource for Tenants {
    type Credential = String;

    async fn load(&self, cx: &CallContext) -> Result<Lease<String>> {
        self.load_for(cx, &CredentialRequest::new()).await
    }

    async fn load_for(&self, cx: &CallContext, request: &CredentialRequest) -> Result<Lease<String>> {
        assert!(cx.principal().is_none(), "what one caller caused is given to others");
        let scopes = request.named_scopes().collect::<Vec<_>>().join(" ");
        let name = format!("{}/{scopes}", cx.tenant().map_or("-", |tenant| tenant));
        let number = {
            let mut loads = self.0.loads.lock().unwrap();
            let count = loads.entry(name.clone()).or_default();
            *count += 1;
            *count
        };
        if self.0.held_up.lock().unwrap().as_ref() == Some(&name) {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        if self.0.refused.lock().unwrap().as_ref() == Some(&name) {
            return Err(Error::new(ErrorKind::Unauthenticated, "told to"));
        }
        Ok(Lease::new(format!("{name}#{number}")))
    }
}

fn of(tenant: &str) -> CallContext {
    context(CallOptions::new().tenant(tenant).principal("ann"))
}

async fn seen(cache: &CredentialCache<String>, cx: &CallContext) -> String {
    cache.get(cx).await.map_or_else(|error| error.kind().code().to_owned(), |lease| lease.value().clone())
}

#[tokio::test(start_paused = true)]
async fn each_tenant_and_each_request_has_its_own() {
    let source = Tenants::default();
    let cache = CredentialCache::new(source.clone());
    let reading = cache.requesting(CredentialRequest::new().scopes(["b", "a"]));
    let same = cache.requesting(CredentialRequest::new().scopes(["a", "b", "a"]));
    for _ in 0..3 {
        assert_eq!(seen(&cache, &context(CallOptions::new())).await, "-/#1");
        assert_eq!(seen(&cache, &of("acme")).await, "acme/#1");
        assert_eq!(seen(&cache, &of("globex")).await, "globex/#1");
        assert_eq!(seen(&reading, &of("acme")).await, "acme/a b#1");
        assert_eq!(seen(&same, &of("acme")).await, "acme/a b#1");
        assert_eq!(seen(&reading, &context(CallOptions::new())).await, "-/a b#1");
    }
    // Refused is one version of one tenant.
    let version = cache.get(&of("acme")).await.unwrap().version();
    cache.invalidate(version);
    assert_eq!(seen(&cache, &of("acme")).await, "acme/#2");
    assert_eq!(seen(&reading, &of("acme")).await, "acme/a b#1");
    let version = cache.get(&of("globex")).await.unwrap().version();
    assert!(cache.renew(&of("globex"), version, |old, new| old != new).await);
    assert!(cache.renew(&of("globex"), version, |old, new| old != new).await, "asked twice, replaced once");
    assert_eq!((seen(&cache, &of("globex")).await, source.loads("globex/")), ("globex/#2".to_owned(), 2));
    assert!(!format!("{cache:?}").contains("globex"), "{cache:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_held_up_or_refused_is_so_alone() {
    let source = Tenants::default();
    let cache = CredentialCache::new(source.clone());
    *source.0.held_up.lock().unwrap() = Some("slow/".to_owned());
    *source.0.refused.lock().unwrap() = Some("wrong/".to_owned());
    let slow = {
        let cache = cache.clone();
        tokio::spawn(async move { seen(&cache, &of("slow")).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(source.loads("slow/"), 1);
    let began = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(seen(&cache, &of("wrong")).await, "unauthenticated");
        assert_eq!(seen(&cache, &of("quick")).await, "quick/#1");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!((source.loads("wrong/"), source.loads("quick/")), (1, 1));
    assert_eq!(slow.await.unwrap(), "slow/#1");
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_one_goes_that_was_asked_for_the_longest_time_ago() {
    let source = Tenants::default();
    let cache = CredentialCache::new(source.clone()).with_keys(3);
    for tenant in ["a", "b", "c", "a", "d", "a", "c", "d", "b"] {
        seen(&cache, &of(tenant)).await;
    }
    // b went for d, and a, the oldest by then, for b.
    let loads = ["a", "b", "c", "d"].map(|tenant| source.loads(&format!("{tenant}/")));
    assert_eq!((loads, cache.shared.slots.len()), ([1, 2, 1, 1], 3));
    seen(&cache, &of("a")).await;
    assert_eq!(source.loads("a/"), 2);
    // Without a tenant one has a place of one's own.
    for _ in 0..2 {
        assert_eq!(seen(&cache, &context(CallOptions::new())).await, "-/#1");
    }
    // A load that somebody waits for is not forgotten: a second one would be started for the same.
    *source.0.held_up.lock().unwrap() = Some("slow/".to_owned());
    let waiting = {
        let cache = cache.clone();
        tokio::spawn(async move { seen(&cache, &of("slow")).await })
    };
    tokio::task::yield_now().await;
    for tenant in ["e", "f", "g", "h"] {
        seen(&cache, &of(tenant)).await;
    }
    assert_eq!(seen(&cache, &of("slow")).await, "slow/#1");
    assert_eq!((waiting.await.unwrap(), source.loads("slow/")), ("slow/#1".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn what_all_tenants_share_is_loaded_once() {
    let source = Counting::default();
    struct Everybodys(Counting);
    #[async_trait]
    impl CredentialSource for Everybodys {
        type Credential = u32;

        async fn load(&self, cx: &CallContext) -> Result<Lease<u32>> {
            assert!(cx.tenant().is_none());
            self.0.load(cx).await
        }

        fn by_tenant(&self) -> bool {
            false
        }
    }
    let cache = CredentialCache::new(Everybodys(source.clone()));
    for tenant in ["a", "b", "a"] {
        assert_eq!(**cache.get(&of(tenant)).await.unwrap(), 1);
    }
    let chosen = cache.requesting(CredentialRequest::new().audience("x"));
    assert!(chosen.get(&of("a")).await.unwrap_err().is(ErrorKind::Unsupported));
    assert_eq!(source.loads(), 1);
}
