//! The parts of one upload on their way.

use std::time::Duration;

use circle_core_common::{Body, CallContext, Error, ErrorKind, Reason, Result};
use tokio::task::JoinSet;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

use super::Upload;
use crate::client::{NATIVE, OpenAiClient};

/// How long the cancellation of an upload that nobody waits for may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);

/// A bounded number of parts at once. Dropped before the completion was sent, it stops them and cancels the upload.
pub(super) struct Parts {
    client: OpenAiClient,
    cx: CallContext,
    id: String,
    concurrency: usize,
    running: JoinSet<Result<(usize, String)>>,
    ids: Vec<Option<String>>,
    /// Whether the upload is left as it is.
    left: bool,
}

impl Parts {
    pub(super) fn new(client: OpenAiClient, cx: CallContext, id: String, concurrency: usize) -> Self {
        Self { client, cx, id, concurrency, running: JoinSet::new(), ids: Vec::new(), left: false }
    }

    pub(super) async fn send_all(&mut self, body: &Body, length: u64, size: u64) -> Result<()> {
        if body.slice(0, 0).is_some() {
            for from in (0..length).step_by(usize::try_from(size).unwrap_or(usize::MAX)) {
                self.send(body.slice(from, size.min(length - from)).unwrap_or_default()).await?;
            }
            return Ok(());
        }
        let mut pieces = body.open().await?.pieces(usize::try_from(size).unwrap_or(usize::MAX));
        let mut sent = 0;
        while let Some(piece) = pieces.try_next().await? {
            sent += piece.len() as u64;
            if sent > length {
                break;
            }
            self.send(piece.into()).await?;
        }
        if sent == length {
            return Ok(());
        }
        let relation = if sent > length { "more" } else { "less" };
        let text = format!("the content was announced with {length} bytes and has {relation}");
        Err(Error::new(ErrorKind::Corrupt, text).with_reason(Reason::ChecksumMismatch))
    }

    async fn send(&mut self, data: Body) -> Result<()> {
        while self.running.len() >= self.concurrency {
            self.wait_one().await?;
        }
        let index = self.ids.len();
        self.ids.push(None);
        let (client, cx, id) = (self.client.clone(), self.cx.clone(), self.id.clone());
        let sent = async move { Ok((index, client.add_upload_part(&cx, &id, data).await?.id)) };
        self.running.spawn(sent.in_current_span().with_current_subscriber());
        Ok(())
    }

    async fn wait_one(&mut self) -> Result<()> {
        let failed = |error| Error::new(ErrorKind::Internal, "the task that sent a part has failed").with_source(error);
        if let Some(sent) = self.running.join_next().await {
            let (index, part) = sent.map_err(failed)??;
            if let Some(place) = self.ids.get_mut(index) {
                *place = Some(part);
            }
        }
        Ok(())
    }

    pub(super) async fn complete(mut self) -> Result<Upload> {
        while !self.running.is_empty() {
            self.wait_one().await?;
        }
        let ids: Vec<String> = std::mem::take(&mut self.ids).into_iter().flatten().collect();
        // A completion whose answer is lost may have made the file. One that was not ends by itself, after an hour.
        self.left = true;
        let completed = self.client.complete_upload(&self.cx, &self.id, &ids, None).await;
        let refused =
            |error: &Error| error.detail().and_then(|detail| detail.status).is_some_and(|status| (400..500).contains(&status));
        self.left = !completed.as_ref().is_err_and(refused);
        completed
    }
}

/// A future that is dropped cannot wait for a cancellation, so that a task of its own does.
impl Drop for Parts {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (mut running, client, id) = (std::mem::take(&mut self.running), self.client.clone(), self.id.clone());
        let cx = self.cx.detached(&NATIVE, CANCEL_TIMEOUT);
        let end = async move {
            running.shutdown().await;
            if let Err(error) = client.cancel_upload(&cx, &id).await {
                tracing::warn!(target: "circle", %error, "an unfinished upload could not be cancelled");
            }
        };
        runtime.spawn(end.in_current_span().with_current_subscriber());
    }
}
