//! Downloads: within the deadline and cancellation of their call, and going on after a cut.

use std::time::Duration;

use bytes::Bytes;

use super::{ByteRange, Checksum, Checksummer, GET, GetOptions, GetRequest, Object, ObjectKey, ObjectStore};
use crate::body::ByteStream;
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::identifier::Version;
use crate::resilience::backoff::{Backoff, Waits};
use crate::scope::Resources;

/// How many times in a row a download is resumed without a byte in between.
const RESUMES_WITHOUT_PROGRESS: u32 = 3;

/// The longest wait that a service may ask for where the caller has not said otherwise, as the policies have it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// The same object with content that ends at the call's deadline and cancellation, that resumes at the same version where
/// the provider can, that never ends short, and that matches the checksum which the service has sent of the whole. For
/// content in memory none of it is needed.
pub(super) fn streaming(store: &ObjectStore, cx: CallContext, object: Object, options: GetOptions) -> Object {
    let capabilities = store.capabilities();
    let resumes = capabilities.get_range && capabilities.get_if_match;
    let version = object.meta.version.clone().filter(|_| resumes);
    let is_whole = object.range == (0..object.meta.size);
    let check = object.meta.checksum.filter(|_| is_whole).map(|sum| (sum, Checksummer::new(sum.algorithm())));
    let (key, position, end) = (object.meta.key.clone(), object.range.start, object.range.end);
    let waits = Backoff::new().initial_interval(Duration::from_millis(20)).waits(cx.random());
    let store = store.clone();
    object.map_body(move |body| {
        let download = Download { store, cx, key, version, options, position, end, check, failures: 0, waits, body };
        ByteStream::unfold(download, |mut download| async move {
            let cx = download.cx.clone();
            let next = cx.guard(download.next()).await;
            let next = download.store.at(&GET, &download.key, next)?;
            Ok(next.map(|chunk| (chunk, download)))
        })
    })
}

struct Download {
    store: ObjectStore,
    cx: CallContext,
    key: ObjectKey,
    /// What to resume; `None` where that cannot be.
    version: Option<Version>,
    options: GetOptions,
    position: u64,
    end: u64,
    /// The checksum of the whole, and that of what has come.
    check: Option<(Checksum, Checksummer)>,
    failures: u32,
    waits: Waits,
    body: ByteStream,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let cut = match self.body.try_next().await {
                Ok(Some(chunk)) => {
                    if !chunk.is_empty() {
                        self.failures = 0;
                    }
                    self.position += chunk.len() as u64;
                    if let Some((_, sum)) = &mut self.check {
                        sum.update(&chunk);
                    }
                    return Ok(Some(chunk));
                }
                Err(error) if !error.is_retryable() => return Err(error),
                // Also when the connection broke behind the last byte: nothing is missing.
                _ if self.position >= self.end => return self.verify().map(|()| None),
                Ok(None) => {
                    let text = format!("`{}` ended at byte {} of {}", self.key, self.position, self.end);
                    Error::new(ErrorKind::Connection, text).with_reason(Reason::Truncated)
                }
                Err(error) => error,
            };
            self.resume(cut).await?;
        }
    }

    /// Whether what has come is what the service keeps; resumed content counts as one.
    fn verify(&mut self) -> Result<()> {
        let Some((expected, sum)) = self.check.take() else { return Ok(()) };
        if sum.finish() == expected {
            return Ok(());
        }
        let text = format!("the content of `{}` does not match the checksum that the service sent with it", self.key);
        Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
    }

    /// Opens the rest; an opening that fails counts as a cut.
    async fn resume(&mut self, mut cut: Error) -> Result<()> {
        let Some(version) = self.version.clone() else { return Err(cut) };
        loop {
            self.failures += 1;
            if self.failures > RESUMES_WITHOUT_PROGRESS || cut.retry_after() > Some(self.longest_wait()) {
                return Err(cut.with_attempts(self.failures));
            }
            // From the budget that the policies draw from: resumes of many downloads must not multiply an outage either.
            if !self.cx.draw_retry() {
                let told = cut.context("not resumed, because the retry budget is used up");
                return Err(told.with_reason(Reason::RetryBudget).with_attempts(self.failures));
            }
            if self.failures > 1 {
                let wait = self.waits.next_wait()?.unwrap_or_default().max(cut.retry_after().unwrap_or_default());
                self.cx.clock().sleep(wait).await;
            }
            match self.reopen(version.clone()).await {
                Ok(body) => {
                    self.body = body;
                    return Ok(());
                }
                Err(error) if error.is_retryable() => cut = error,
                Err(error) => return Err(error),
            }
        }
    }

    fn longest_wait(&self) -> Duration {
        let chosen = self.cx.options().and_then(|options| options.retry.as_ref()?.retry_after_max);
        chosen.unwrap_or(RETRY_AFTER_MAX)
    }

    async fn reopen(&mut self, version: Version) -> Result<ByteStream> {
        let options = GetOptions {
            range: Some(ByteRange::Bounded(self.position, self.end)),
            if_match: Some(version),
            if_none_match: None,
            ..self.options.clone()
        };
        let mut call = self.store.open(&GET);
        let provider = self.store.start(&mut call, Resources::One(self.key.shared())).await?;
        let result = call.guard(provider.get(call.cx(), GetRequest::new(self.key.clone(), options))).await;
        let object = call.finish(result).await?;
        if object.range.start != self.position {
            let text = format!("`{}` goes on at byte {} where {} was asked for", self.key, object.range.start, self.position);
            return Err(Error::new(ErrorKind::Corrupt, text));
        }
        Ok(object.into_stream())
    }
}
