//! Compare-and-swap against other writers.

use std::time::Duration;

use bytes::Bytes;

use super::{Caps, GetOptions, ObjectKey, ObjectMeta, ObjectStore, PUT, Precondition, PutOptions};
use crate::body::Body;
use crate::error::{ErrorKind, Result, ResultExt};
use crate::resilience::backoff::Backoff;

/// How often it is tried against other writers.
const ATTEMPTS: u32 = 100;

impl ObjectStore {
    /// Changes an object by a function of its content; `None` where it is absent. Other writers make it run again.
    ///
    /// Each read and each write is a call of its own; a timeout bounds them and the waits in between together.
    ///
    /// ```
    /// # use circle_core_common::{Result, interfaces::object_store::ObjectStore};
    /// # async fn example(files: ObjectStore) -> Result<()> {
    /// files.update("tally", |old| Ok([old.unwrap_or_default().as_ref(), b"|"].concat())).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The function's; `Unsupported` without `put_if_absent` and `put_if_match`; `Conflict` or `AlreadyExists` after 100 lost
    /// races; as [`get`](Self::get) and [`put_with`](Self::put_with).
    pub async fn update<B: Into<Body>>(
        &self,
        key: impl Into<ObjectKey>,
        change: impl Fn(Option<Bytes>) -> Result<B> + Send + Sync,
    ) -> Result<ObjectMeta> {
        let (store, key) = (self.bounded(), key.into());
        let able = Caps::PUT_IF_ABSENT.check(store.capabilities()).and_then(|()| Caps::PUT_IF_MATCH.check(store.capabilities()));
        store.at(&PUT, &key, able)?;
        let backoff = Backoff::new().initial_interval(Duration::from_millis(2)).max_interval(Duration::from_millis(250));
        let mut waits = backoff.waits(store.core.environment().random());
        let mut attempt = 1;
        loop {
            let lost = match store.read_to_update(&key).await? {
                Ok((content, precondition)) => {
                    let options = PutOptions { precondition, ..PutOptions::new() };
                    match store.put_inner(key.clone(), change(content)?.into(), options).await {
                        Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => error,
                        result => return result,
                    }
                }
                Err(lost) => lost,
            };
            if attempt == ATTEMPTS {
                return Err(lost);
            }
            attempt += 1;
            let wait = waits.next_wait()?.unwrap_or_default();
            store.core.pause(&PUT, wait).await.map_err(|error| error.with_resource(key.shared()))?;
        }
    }

    /// The content, and what must hold so that it is still the same; the inner error is a race lost while reading.
    async fn read_to_update(&self, key: &ObjectKey) -> Result<Result<(Option<Bytes>, Precondition)>> {
        let Some(object) = self.get_inner(key.clone(), GetOptions::new()).await.optional()? else {
            return Ok(Ok((None, Precondition::IfAbsent)));
        };
        let version = object.meta.version()?.clone();
        match object.bytes().await {
            Ok(content) => Ok(Ok((Some(content), Precondition::IfMatch(version)))),
            // A read that was cut found another object, or none, when it went on.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }
}
