//! Downloads that go on after a cut.

use bytes::Bytes;

use super::{ByteRange, GET, GetOptions, GetRequest, Object, ObjectKey, ObjectStore};
use crate::body::ByteStream;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::identifier::Version;
use crate::scope::Resources;

/// How many times in a row a download is resumed without a byte in between.
const RESUMES_WITHOUT_PROGRESS: u32 = 3;

/// The same object with content that resumes at the same version, where the provider can, and that never ends short.
/// Content in memory stays as it is.
pub(super) fn resuming(store: &ObjectStore, object: Object, options: GetOptions) -> Object {
    if object.is_whole() {
        return object;
    }
    let capabilities = store.capabilities();
    let resumes = capabilities.get_range && capabilities.get_if_match;
    let version = object.meta.version.clone().filter(|_| resumes);
    let (key, position, end) = (object.meta.key.clone(), object.range.start, object.range.end);
    let store = store.clone();
    object.map_body(move |body| {
        let download = Download { store, key, version, options, position, end, failures: 0, body };
        ByteStream::unfold(download, |mut download| async move { Ok(download.next().await?.map(|chunk| (chunk, download))) })
    })
}

struct Download {
    store: ObjectStore,
    key: ObjectKey,
    /// What to resume; `None` where that cannot be.
    version: Option<Version>,
    options: GetOptions,
    position: u64,
    end: u64,
    failures: u32,
    body: ByteStream,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let cut = match self.body.try_next().await {
                Ok(Some(chunk)) => {
                    self.failures = 0;
                    self.position += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(None) if self.position >= self.end => return Ok(None),
                Ok(None) => {
                    let text = format!("`{}` ended at byte {} of {}", self.key, self.position, self.end);
                    Error::new(ErrorKind::Connection, text).with_reason(Reason::Truncated)
                }
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => error,
            };
            let Some(version) = self.version.clone() else { return Err(cut) };
            self.failures += 1;
            if self.failures > RESUMES_WITHOUT_PROGRESS {
                return Err(cut.with_attempts(self.failures));
            }
            self.body = self.reopen(version).await?;
        }
    }

    async fn reopen(&mut self, version: Version) -> Result<ByteStream> {
        let options = GetOptions {
            range: Some(ByteRange::Bounded(self.position, self.end)),
            if_match: Some(version),
            if_none_match: None,
            ..self.options.clone()
        };
        let (call, provider) = self.store.start(&GET, Resources::One(self.key.shared())).await?;
        let result = call.guard(provider.get(call.cx(), GetRequest::new(self.key.clone(), options))).await;
        Ok(call.finish(result).await?.into_stream())
    }
}
