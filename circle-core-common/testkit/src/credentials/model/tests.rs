use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use circle_core_common::Error;
use circle_core_common::credentials::{CredentialSource, Lease};

use super::*;

#[test]
fn the_cache_of_the_sdk_holds_and_two_tenants_never_mix_over_100_000_interleavings() {
    CredentialModel::new().interleavings(100_000).check::<CredentialCache<Issued>>().unwrap();
}

#[test]
fn it_holds_for_many_tenants_and_for_one() {
    CredentialModel::new().interleavings(500).tenants(5).steps(80).seed(1 << 40).check::<CredentialCache<Issued>>().unwrap();
    CredentialModel::new().interleavings(2000).tenants(1).steps(48).seed(2 << 40).check::<CredentialCache<Issued>>().unwrap();
}

/// What is wrong with a cache.
trait Flaw: Send + Sync + 'static {
    /// What the tenants are told apart by.
    fn key(tenant: &str) -> String {
        tenant.to_owned()
    }
    /// Whether a lease that is held is still given out.
    fn serves(_lease: &Lease<Issued>, _cx: &CallContext) -> bool {
        true
    }
    /// Whether refusals are heard.
    fn forgets() -> bool {
        true
    }
    /// Whether those who find nothing wait for one of them.
    fn waits() -> bool {
        true
    }
    /// Whether a failure is for ever.
    fn gives_up() -> bool {
        false
    }
}

/// A lease, and its version.
type Kept = (Arc<Lease<Issued>>, u64);

/// A simple cache: what is held is given, what is not is loaded by whoever asks.
struct Simple<F> {
    source: ModelSource,
    held: Mutex<HashMap<String, Kept>>,
    failed: Mutex<HashMap<String, Error>>,
    versions: Mutex<u64>,
    loading: tokio::sync::Mutex<()>,
    flaw: std::marker::PhantomData<F>,
}

#[async_trait]
impl<F: Flaw> CacheUnderTest for Simple<F> {
    fn over(source: ModelSource) -> Self {
        let (held, failed, versions, loading) = (Mutex::default(), Mutex::default(), Mutex::default(), Default::default());
        Self { source, held, failed, versions, loading, flaw: std::marker::PhantomData }
    }

    async fn get(&self, cx: &CallContext) -> Result<(Issued, u64)> {
        let key = F::key(cx.tenant().unwrap());
        let look = || {
            let held = self.held.lock().unwrap();
            held.get(&key).filter(|(lease, _)| F::serves(lease, cx)).map(|(lease, version)| (lease.value().clone(), *version))
        };
        if let Some(found) = look() {
            return Ok(found);
        }
        let _loading = if F::waits() { Some(self.loading.lock().await) } else { None };
        if let Some(found) = look() {
            return Ok(found);
        }
        if let Some(error) = self.failed.lock().unwrap().get(&key) {
            return Err(error.clone());
        }
        let lease = self.source.load(cx).await.inspect_err(|error| {
            if F::gives_up() {
                self.failed.lock().unwrap().insert(key.clone(), error.clone());
            }
        })?;
        let mut versions = self.versions.lock().unwrap();
        *versions += 1;
        let given = lease.value().clone();
        self.held.lock().unwrap().insert(key, (Arc::new(lease), *versions));
        Ok((given, *versions))
    }

    fn invalidate(&self, version: u64) {
        if F::forgets() {
            self.held.lock().unwrap().retain(|_, (_, held)| *held != version);
        }
    }
}

struct OneForAll;
impl Flaw for OneForAll {
    fn key(_: &str) -> String {
        String::new()
    }
}

struct ForEver;
impl Flaw for ForEver {}

fn ends(lease: &Lease<Issued>, cx: &CallContext) -> bool {
    cx.clock().timestamp() < lease.value().expires_at
}

struct Deaf;
impl Flaw for Deaf {
    fn serves(lease: &Lease<Issued>, cx: &CallContext) -> bool {
        ends(lease, cx)
    }
    fn forgets() -> bool {
        false
    }
}

struct EachLoads;
impl Flaw for EachLoads {
    fn waits() -> bool {
        false
    }
    fn serves(lease: &Lease<Issued>, cx: &CallContext) -> bool {
        ends(lease, cx)
    }
}

struct NoPatience;
impl Flaw for NoPatience {
    fn serves(lease: &Lease<Issued>, cx: &CallContext) -> bool {
        // Azure's: in the last five minutes the refresh is waited for.
        lease.value().expires_at.since(cx.clock().timestamp()).as_secs() > 300
    }
}

struct GivesUp;
impl Flaw for GivesUp {
    fn serves(lease: &Lease<Issued>, cx: &CallContext) -> bool {
        ends(lease, cx)
    }
    fn gives_up() -> bool {
        true
    }
}

#[test]
fn every_flaw_is_found() {
    let model = CredentialModel::new();
    for (found, says) in [
        (model.check::<Simple<OneForAll>>(), "got what is tenant"),
        (model.tenants(1).check::<Simple<ForEver>>(), "got what had ended"),
        (model.tenants(1).check::<Simple<Deaf>>(), "had been refused"),
        (model.tenants(1).check::<Simple<EachLoads>>(), "two loads of one tenant ran at once"),
        (model.tenants(1).check::<Simple<NoPatience>>(), "had to wait although something good was held"),
        (model.tenants(1).check::<Simple<GivesUp>>(), "gets nothing although the source has worked"),
    ] {
        let Err(Failed::Wrong(text)) = found else { panic!("nothing was found instead of: {says}") };
        assert!(text.contains(says), "{text} instead of: {says}");
    }
}
