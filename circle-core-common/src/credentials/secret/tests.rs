use std::sync::Mutex;

use secrecy::ExposeSecret;

use super::*;
use crate::clock::{Clock, ClockSource, Tick};
use crate::credentials::paused::environment;
use crate::credentials::{CredentialCache, LOAD};
use crate::units::Timestamp;

/// What a store has at each path, and how often it was asked.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<(BTreeMap<String, String>, u32)>>);

impl Store {
    fn set(&self, path: &str, value: &str) {
        self.0.lock().unwrap().0.insert(path.to_owned(), value.to_owned());
    }
}

#[async_trait]
impl SecretResolver for Store {
    async fn resolve(&self, cx: &CallContext, path: &str) -> Result<Lease<SecretString>> {
        assert!(cx.tenant().is_none(), "a reference of the config belongs to no tenant");
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        let found = state.0.get(path).ok_or_else(|| Error::new(ErrorKind::NotFound, "nothing there"))?;
        Ok(Lease::new(found.as_str().into()))
    }
}

async fn seen(cache: &CredentialCache<SecretString>, cx: &CallContext) -> Result<String> {
    let lease = cache.get(cx).await?;
    Ok(lease.expose_secret().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_rotates_in_its_store_reaches_who_reads_it() {
    let environment = environment();
    let cache = CredentialCache::new(SecretSource::new("vault:kv/db#password".parse().unwrap(), &environment));
    let cx = CallContext::new(&environment, &LOAD, Some(Arc::new(crate::CallOptions::new().tenant("acme"))));
    let error = seen(&cache, &cx).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.message().contains("`vault:`"), "{error}");
    // The store starts after its users.
    let store = Store::default();
    environment.secret_resolvers().insert("vault", Arc::new(store.clone()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = seen(&cache, &cx).await.unwrap_err();
    let text = "the secret `vault:kv/db#password`: the store that reads `vault:` has nothing at `kv/db#password`";
    assert_eq!((error.kind(), error.message()), (ErrorKind::ConfigInvalid, text));
    store.set("kv/db#password", "first");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(seen(&cache, &cx).await.unwrap(), "first");
    let asked = store.0.lock().unwrap().1;
    store.set("kv/db#password", "second");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(seen(&cache, &cx).await.unwrap(), "first");
    tokio::time::sleep(STORE_LOOK).await;
    let _ = seen(&cache, &cx).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen(&cache, &cx).await.unwrap(), "second");
    assert_eq!(store.0.lock().unwrap().1, asked + 1);
}

#[tokio::test]
async fn a_secret_that_rotates_in_its_file_reaches_who_reads_it() {
    // Real files and a clock that is set: a paused runtime would run ahead while a file is read.
    #[derive(Clone, Default)]
    struct Set(Arc<Mutex<Duration>>);
    impl ClockSource for Set {
        fn now(&self) -> Tick {
            Tick::from_start(*self.0.lock().unwrap())
        }

        fn timestamp(&self) -> Timestamp {
            Timestamp::from_unix(1_700_000_000, 0) + *self.0.lock().unwrap()
        }

        fn sleep_until(&self, _: Tick) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::pending())
        }
    }
    let clock = Set::default();
    let environment = Environment::builder().clock(Clock::from_source(clock.clone())).build();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first\n").unwrap();
    let cache = CredentialCache::new(SecretSource::new(SecretRef::file(path.to_str().unwrap()), &environment));
    let cx = CallContext::new(&environment, &LOAD, None);
    assert_eq!(seen(&cache, &cx).await.unwrap(), "first");
    std::fs::write(&path, "second\n").unwrap();
    assert_eq!(seen(&cache, &cx).await.unwrap(), "first");
    *clock.0.lock().unwrap() += FILE_LOOK;
    let version = cache.peek(&cx).unwrap().version();
    let _ = seen(&cache, &cx).await;
    // The refresh is a task of its own.
    while cache.peek(&cx).unwrap().version() == version {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen(&cache, &cx).await.unwrap(), "second");
    // A file that is away for a moment takes nothing away.
    std::fs::remove_file(&path).unwrap();
    *clock.0.lock().unwrap() += FILE_LOOK;
    assert_eq!(seen(&cache, &cx).await.unwrap(), "second");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_nobody_can_refuse_is_read_anew_from_here_and_seldom_from_a_store() {
    let environment = environment();
    let cx = CallContext::new(&environment, &LOAD, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let live = |reference: SecretRef| SecretReader::new(reference, &environment);
    let (here, there) = (live(SecretRef::file(path.to_str().unwrap())), live("vault:hook".parse().unwrap()));
    let store = Store::default();
    environment.secret_resolvers().insert("vault", Arc::new(store.clone()));
    for value in ["first", "second"] {
        std::fs::write(&path, value).unwrap();
        assert_eq!(here.read(&cx).await.unwrap().expose_secret(), value);
        store.set("hook", value);
        assert_eq!(there.read(&cx).await.unwrap().expose_secret(), "first");
    }
    assert_eq!(store.0.lock().unwrap().1, 1, "requests of strangers are none to the store");
    tokio::time::sleep(STORE_LOOK).await;
    let _ = there.read(&cx).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(there.read(&cx).await.unwrap().expose_secret(), "second");
}
