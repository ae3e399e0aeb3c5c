//! What a store of tokens is held to.

use std::collections::BTreeSet;
use std::sync::Arc;

use circle_core_common::CallContext;
use circle_core_common::credentials::{TokenRecord, TokenStore};
use circle_core_common::suite::{Failed, Outcome};
use secrecy::ExposeSecret;

/// How many write at once, and how often each.
const WRITERS: usize = 8;
const WRITES: usize = 5;

/// Holds an empty store to what [`RefreshTokens`](circle_core_common::credentials::RefreshTokens) relies on: what was written is
/// read, a version is written by one only and never comes again, and keys have nothing to do with each other.
///
/// # Errors
/// What does not hold; what the store says.
pub async fn check_token_store(store: Arc<dyn TokenStore>, cx: &CallContext) -> Outcome {
    let wrong = |text: &str| Err(Failed::Wrong(text.to_owned()));
    let (one, other) = ("4:mail:acme", "4:mail:acme/../globex");
    if store.read(cx, one).await?.is_some() {
        return wrong("a store that was said to be empty has a record");
    }
    let end = cx.clock().timestamp();
    let Some(first) = store.compare_and_swap(cx, one, None, &TokenRecord::new("r0 \"ü\n").access("a0", end)).await? else {
        return wrong("the first record of a key was not written");
    };
    if store.compare_and_swap(cx, one, None, &TokenRecord::new("again")).await?.is_some() {
        return wrong("a record was written as the first although there was one");
    }
    let Some((read, version)) = store.read(cx, one).await? else { return wrong("what was written is not there") };
    let access = read.access.as_ref().map(|access| (access.token.expose_secret(), access.expires_at));
    if read.refresh_token.expose_secret() != "r0 \"ü\n" || access != Some(("a0", end)) || version != first {
        return wrong("what is read is not what was written");
    }
    if store.read(cx, other).await?.is_some() {
        return wrong("a key has the record of another");
    }
    let Some(foreign) = store.compare_and_swap(cx, other, None, &TokenRecord::new("other")).await? else {
        return wrong("a key is taken because another is");
    };
    let Some(second) = store.compare_and_swap(cx, one, Some(&first), &TokenRecord::new("r1")).await? else {
        return wrong("a record of the right version was not replaced");
    };
    if store.compare_and_swap(cx, one, Some(&first), &TokenRecord::new("late")).await?.is_some() {
        return wrong("a record was replaced by somebody who knew an older one");
    }
    let mut versions = BTreeSet::from([format!("{first:?}"), format!("{second:?}")]);
    if versions.len() != 2 {
        return wrong("two records have the same version");
    }
    race(&store, cx, one, &mut versions).await?;
    match store.read(cx, other).await? {
        Some((record, version)) if record.refresh_token.expose_secret() == "other" && version == foreign => Ok(()),
        _ => wrong("a key was changed by writes to another"),
    }
}

/// Many count up from what they read: a write that two believe to have made loses a count.
async fn race(store: &Arc<dyn TokenStore>, cx: &CallContext, key: &str, versions: &mut BTreeSet<String>) -> Outcome {
    let (_, start) =
        store.read(cx, key).await?.ok_or_else(|| Failed::Wrong("what was written is not there any more".to_owned()))?;
    let zero = TokenRecord::new("0");
    if store.compare_and_swap(cx, key, Some(&start), &zero).await?.is_none() {
        return Err(Failed::Wrong("a record of the right version was not replaced".to_owned()));
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, cx, key) = (Arc::clone(store), cx.clone(), key.to_owned());
            tokio::spawn(async move {
                let mut written = Vec::new();
                while written.len() < WRITES {
                    let Some((record, version)) = store.read(&cx, &key).await? else { break };
                    let count: usize = record.refresh_token.expose_secret().parse().unwrap_or(usize::MAX / 2);
                    let next = TokenRecord::new((count + 1).to_string());
                    if let Some(version) = store.compare_and_swap(&cx, &key, Some(&version), &next).await? {
                        written.push(format!("{version:?}"));
                    }
                    tokio::task::yield_now().await;
                }
                Ok::<_, circle_core_common::Error>(written)
            })
        })
        .collect();
    let before = versions.len();
    for writer in writers {
        let written = writer.await.map_err(|error| Failed::Wrong(format!("a writer panicked: {error}")))??;
        versions.extend(written);
    }
    let count = store.read(cx, key).await?.map(|(record, _)| record.refresh_token.expose_secret().to_owned());
    if count.as_deref() != Some(&(WRITERS * WRITES).to_string()) || versions.len() - before != WRITERS * WRITES {
        return Err(Failed::Wrong(format!("of {} writes, {count:?} are left", WRITERS * WRITES)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use circle_core_common::credentials::{FileTokens, LOAD, MemoryTokens};
    use circle_core_common::{Environment, Result, Version};

    use super::*;

    fn context() -> CallContext {
        CallContext::new(&Environment::default(), &LOAD, None)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_stores_of_the_sdk_hold() {
        check_token_store(Arc::new(MemoryTokens::new()), &context()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        check_token_store(Arc::new(FileTokens::new(folder.path().join("tokens"))), &context()).await.unwrap();
    }

    /// Looks and then writes, with a pause in between.
    struct Careless(MemoryTokens);

    #[async_trait::async_trait]
    impl TokenStore for Careless {
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
            let there = self.0.read(cx, key).await?.map(|(_, version)| version);
            if there.as_ref() != version {
                return Ok(None);
            }
            tokio::task::yield_now().await;
            let there = self.0.read(cx, key).await?.map(|(_, version)| version);
            self.0.compare_and_swap(cx, key, there.as_ref(), record).await
        }
    }

    #[tokio::test]
    async fn a_store_that_looks_before_it_writes_is_found() {
        let found = check_token_store(Arc::new(Careless(MemoryTokens::new())), &context()).await;
        assert!(matches!(&found, Err(Failed::Wrong(text)) if text.contains("are left")), "{found:?}");
    }
}
