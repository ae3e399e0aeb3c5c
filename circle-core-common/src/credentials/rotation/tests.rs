use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;
use crate::context::CallOptions;
use crate::credentials::paused::environment;
use crate::credentials::{CredentialCache, FileTokens, MemoryTokens};

/// An issuer whose refresh tokens are good for one use each: `r0`, `r1`, … and for a second one the grant ends.
#[derive(Clone, Default)]
struct Issuer(Arc<Books>);

#[derive(Default)]
struct Books {
    issued: AtomicU32,
    reused: AtomicU32,
    offline: AtomicBool,
    keeps: AtomicBool,
}

#[async_trait]
impl RefreshGrant for Issuer {
    async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed> {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if self.0.offline.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "told to"));
        }
        let number = self.0.issued.load(Ordering::SeqCst);
        let keeps = self.0.keeps.load(Ordering::SeqCst);
        if !keeps && refresh_token.expose_secret() != format!("r{number}") {
            self.0.reused.fetch_add(1, Ordering::SeqCst);
            return Err(Error::new(ErrorKind::Unauthenticated, "invalid_grant"));
        }
        self.0.issued.store(number + 1, Ordering::SeqCst);
        // The answer takes its time, too: whoever goes now would take the token along.
        tokio::time::sleep(Duration::from_millis(700)).await;
        Ok(Refreshed {
            access_token: format!("a{}", number + 1).into(),
            expires_at: cx.clock().timestamp() + Duration::from_secs(600),
            refresh_token: (!keeps).then(|| format!("r{}", number + 1).into()),
        })
    }
}

fn of(tenant: &str) -> CallContext {
    CallContext::new(&environment(), &LOAD, Some(Arc::new(CallOptions::new().tenant(tenant))))
}

async fn seen(cache: &CredentialCache<SecretString>, cx: &CallContext) -> Result<String> {
    Ok(cache.get(cx).await?.expose_secret().to_owned())
}

/// Somebody who shares a store, as another process would.
fn sharing(issuer: &Issuer, store: &Arc<dyn TokenStore>) -> RefreshTokens {
    RefreshTokens::from_arcs("mail", Arc::new(issuer.clone()), Arc::clone(store))
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_one_redeems_and_the_other_waits_for_what_comes_of_it() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    let first = sharing(&issuer, &store);
    first.sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
    let caches = [CredentialCache::new(first), CredentialCache::new(sharing(&issuer, &store))];
    for round in 1..20 {
        let together: Vec<_> = caches
            .iter()
            .map(|cache| {
                let (cache, cx) = (cache.clone(), cx.clone());
                tokio::spawn(async move { seen(&cache, &cx).await })
            })
            .collect();
        for one in together {
            assert_eq!(one.await.unwrap().unwrap(), format!("a{round}"));
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    assert_eq!((issuer.0.issued.load(Ordering::SeqCst), issuer.0.reused.load(Ordering::SeqCst)), (19, 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_is_not_given_again() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    let source = sharing(&issuer, &store);
    source.sign_in(&cx, TokenRecord::new("r0").access("a0", cx.clock().timestamp() + Duration::from_secs(600))).await.unwrap();
    let cache = CredentialCache::new(source);
    assert_eq!(seen(&cache, &cx).await.unwrap(), "a0", "what the sign-in gave is good");
    let version = cache.peek(&cx).unwrap().version();
    assert!(cache.renew(&cx, version, |old, new| !equal(old, new)).await);
    assert_eq!(seen(&cache, &cx).await.unwrap(), "a1");
    // The other process has been given none: it takes what is there.
    let other = CredentialCache::new(sharing(&issuer, &store));
    assert_eq!((seen(&other, &cx).await.unwrap(), issuer.0.issued.load(Ordering::SeqCst)), ("a1".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_takes_no_refresh_token_along() {
    for gone_after in (0..1600).step_by(50) {
        let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
        let cx = of("acme");
        let source = sharing(&issuer, &store);
        source.sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
        let cache = CredentialCache::new(source);
        let _ = tokio::time::timeout(Duration::from_millis(gone_after), cache.get(&cx)).await;
        let token = seen(&cache, &cx).await.unwrap_or_else(|error| panic!("gone after {gone_after} ms: {error:?}"));
        assert_eq!((token.as_str(), issuer.0.reused.load(Ordering::SeqCst)), ("a1", 0), "gone after {gone_after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_somebody_who_died_ends() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    let source = sharing(&issuer, &store);
    let mut record = TokenRecord::new("r0");
    record.claimed_until = Some(cx.clock().timestamp() + CLAIM);
    source.sign_in(&cx, record).await.unwrap();
    let cache = CredentialCache::new(source);
    assert!(seen(&cache, &cx).await.unwrap_err().is(ErrorKind::Timeout), "as long as a load may take");
    assert_eq!(seen(&cache, &cx).await.unwrap(), "a1");
    // One that lasts longer than any does is of a clock that is wrong.
    let (cx, source) = (of("globex"), sharing(&Issuer::default(), &store));
    let mut record = TokenRecord::new("r0");
    record.claimed_until = Some(cx.clock().timestamp() + CLAIM * 100);
    source.sign_in(&cx, record).await.unwrap();
    assert_eq!(seen(&CredentialCache::new(source), &cx).await.unwrap(), "a1");
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_is_looked_up_once_more() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    let source = Arc::new(sharing(&issuer, &store));
    let cache = CredentialCache::from_arc(source.clone());
    let error = seen(&cache, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unauthenticated, "nobody has signed in to `mail`"));
    source.sign_in(&cx, TokenRecord::new("spent")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(seen(&cache, &cx).await.unwrap_err().message(), "invalid_grant");
    assert_eq!(issuer.0.reused.load(Ordering::SeqCst), 1, "asked once");
    // Somebody signs in while the token is being refused.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let waiting = {
        let (cache, cx) = (cache.clone(), cx.clone());
        tokio::spawn(async move { seen(&cache, &cx).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    source.sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "a1");
    assert_eq!(issuer.0.reused.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_or_keeps_its_refresh_token_is_fine() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    let source = sharing(&issuer, &store);
    source.sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
    let cache = CredentialCache::new(source);
    issuer.0.offline.store(true, Ordering::SeqCst);
    assert!(seen(&cache, &cx).await.unwrap_err().is(ErrorKind::Unavailable));
    issuer.0.offline.store(false, Ordering::SeqCst);
    assert_eq!(seen(&cache, &cx).await.unwrap(), "a1", "the claim did not outlive the failure");
    issuer.0.keeps.store(true, Ordering::SeqCst);
    for round in 2..5 {
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(seen(&cache, &cx).await.unwrap(), format!("a{round}"));
    }
}

/// A store that cannot write for a while, but only what was redeemed.
struct Full(MemoryTokens, Arc<AtomicBool>);

#[async_trait]
impl TokenStore for Full {
    async fn read(&self, cx: &CallContext, key: &str) -> Result<Option<(TokenRecord, Version)>> {
        self.0.read(cx, key).await
    }

    async fn compare_and_swap(
        &self,
        cx: &CallContext,
        key: &str,
        version: Option<&Version>,
        record: &TokenRecord,
    ) -> Result<Option<Version>> {
        if record.access.is_some() && self.1.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        self.0.compare_and_swap(cx, key, version, record).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_not_given_out_and_not_lost() {
    let (issuer, full) = (Issuer::default(), Arc::new(AtomicBool::new(true)));
    let cx = of("acme");
    let source = RefreshTokens::new("mail", issuer.clone(), Full(MemoryTokens::new(), full.clone()));
    source.sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
    let cache = CredentialCache::new(source);
    for _ in 0..3 {
        assert_eq!(seen(&cache, &cx).await.unwrap_err().message(), "the disk is full");
    }
    full.store(false, Ordering::SeqCst);
    assert_eq!(seen(&cache, &cx).await.unwrap(), "a1");
    assert_eq!((issuer.0.issued.load(Ordering::SeqCst), issuer.0.reused.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn tenants_have_grants_of_their_own() {
    let store: Arc<dyn TokenStore> = Arc::new(MemoryTokens::new());
    let source = sharing(&Issuer::default(), &store);
    source.sign_in(&of("acme"), TokenRecord::new("r0")).await.unwrap();
    let keys: std::collections::BTreeSet<_> = [("a", "b:c"), ("a:b", "c"), ("a", ""), ("a:", "")]
        .map(|(name, tenant)| {
            RefreshTokens::from_arcs(name, Arc::new(Issuer::default()), Arc::clone(&store)).inner.key(&of(tenant))
        })
        .into();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let cache = CredentialCache::new(source);
    assert_eq!(seen(&cache, &of("acme")).await.unwrap(), "a1");
    assert!(seen(&cache, &of("globex")).await.unwrap_err().is(ErrorKind::Unauthenticated));
}

/// They share nothing but a folder, as processes do, whose files are written by threads at once, and an issuer that ends the grant when a token comes twice.
#[tokio::test]
async fn processes_that_share_files_redeem_no_token_twice() {
    #[derive(Clone, Default)]
    struct Quick(Arc<Mutex<u32>>);
    #[async_trait]
    impl RefreshGrant for Quick {
        async fn refresh(&self, cx: &CallContext, refresh_token: &SecretString) -> Result<Refreshed> {
            let mut number = self.0.lock().unwrap();
            assert_eq!(refresh_token.expose_secret(), format!("r{number}"), "a token came twice");
            *number += 1;
            // Lives no longer than to be taken over by nobody: everybody has to redeem.
            let expires_at = cx.clock().timestamp() + LIFE_MIN / 2;
            let (access_token, refresh_token) = (format!("a{number}").into(), Some(format!("r{number}").into()));
            Ok(Refreshed { access_token, expires_at, refresh_token })
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let issuer = Quick::default();
    let process = || RefreshTokens::new("mail", issuer.clone(), FileTokens::new(folder.path()));
    let cx = CallContext::new(&crate::Environment::default(), &LOAD, None);
    process().sign_in(&cx, TokenRecord::new("r0")).await.unwrap();
    let processes: Vec<_> = (0..3)
        .map(|_| {
            let (source, cx) = (process(), cx.clone());
            tokio::spawn(async move {
                for _ in 0..3 {
                    source.load(&cx).await.unwrap();
                }
            })
        })
        .collect();
    for process in processes {
        process.await.unwrap();
    }
    assert_eq!(*issuer.0.lock().unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_grant_of_all_tenants_is_redeemed_once_for_them_all() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let tokens = RefreshTokens::of_all_tenants("mail", Arc::new(issuer.clone()), Arc::clone(&store));
    tokens.begin(&of("acme"), TokenRecord::new("r0")).await.unwrap();
    let cache = CredentialCache::new(tokens);
    assert_eq!(seen(&cache, &of("acme")).await.unwrap(), "a1");
    assert_eq!(seen(&cache, &of("other")).await.unwrap(), "a1");
    assert_eq!((issuer.0.issued.load(Ordering::SeqCst), issuer.0.reused.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_already_is_not_begun_anew() {
    let (issuer, store): (_, Arc<dyn TokenStore>) = (Issuer::default(), Arc::new(MemoryTokens::new()));
    let cx = of("acme");
    for _ in 0..2 {
        let tokens = sharing(&issuer, &store);
        tokens.begin(&cx, TokenRecord::new("r0")).await.unwrap();
        tokens.load(&cx).await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    assert_eq!((issuer.0.issued.load(Ordering::SeqCst), issuer.0.reused.load(Ordering::SeqCst)), (2, 0));
}
