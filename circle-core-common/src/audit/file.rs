//! An append-only audit file.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{AuditRecord, AuditSink, Recording};
use crate::error::{Error, ErrorKind, Reason, Result};

/// Appends one JSON record per line and syncs; records that arrive during a sync share the next one.
///
/// A torn last line, left by a crash, is cut off when the file is opened: such a record was never acknowledged.
#[derive(Debug)]
pub struct FileAudit {
    path: PathBuf,
    entries: mpsc::Sender<Entry>,
}

struct Entry {
    line: Option<Vec<u8>>,
    done: oneshot::Sender<Result<()>>,
}

/// Records waiting for one sync.
const WAITING_MAX: usize = 1024;

impl FileAudit {
    /// Opens or creates the file and starts its writer thread, which ends with the value.
    ///
    /// # Errors
    /// `Unavailable` when the file or its folder cannot be made, opened or read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let failed = |error: std::io::Error| io_error(&path, error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        cut_torn_line(&mut file).map_err(failed)?;
        let (entries, waiting) = mpsc::channel(WAITING_MAX);
        let place = path.clone();
        std::thread::Builder::new()
            .name("circle-audit".to_owned())
            .spawn(move || write_all(&place, &mut file, waiting))
            .map_err(failed)?;
        Ok(Self { path, entries })
    }

    fn send(&self, line: Option<Vec<u8>>) -> Recording<'_> {
        let (done, waiting) = oneshot::channel();
        match self.entries.try_send(Entry { line, done }) {
            Ok(()) => Recording::Pending(Box::pin(async move { waiting.await.unwrap_or_else(|_| Err(writer_gone())) })),
            Err(mpsc::error::TrySendError::Full(entry)) => Recording::Pending(Box::pin(async move {
                self.entries.send(entry).await.map_err(|_| writer_gone())?;
                waiting.await.unwrap_or_else(|_| Err(writer_gone()))
            })),
            Err(mpsc::error::TrySendError::Closed(_)) => Recording::Done(Err(writer_gone())),
        }
    }
}

fn writer_gone() -> Error {
    Error::new(ErrorKind::Internal, "the audit writer has ended")
}

fn io_error(path: &Path, error: std::io::Error) -> Error {
    let full = error.kind() == IoKind::StorageFull;
    let kind = if full { ErrorKind::QuotaExceeded } else { ErrorKind::Unavailable };
    let said = Error::new(kind, format!("audit file {}: {error}", path.display())).with_source(error);
    if full { said.with_reason(Reason::DiskFull) } else { said }
}

fn cut_torn_line(file: &mut File) -> std::io::Result<()> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0; 4096];
    let length = end;
    while end > 0 {
        let from = end.saturating_sub(block.len() as u64);
        let size = (end - from) as usize;
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut block[..size])?;
        if let Some(at) = block[..size].iter().rposition(|&byte| byte == b'\n') {
            end = from + at as u64 + 1;
            break;
        }
        end = from;
    }
    if end < length {
        file.set_len(end)?;
        file.sync_data()?;
    }
    Ok(())
}

fn write_all(path: &Path, file: &mut File, mut waiting: mpsc::Receiver<Entry>) {
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, WAITING_MAX) > 0 {
        let lines: Vec<u8> = batch.iter().filter_map(|entry| entry.line.as_deref()).flatten().copied().collect();
        let before = file.metadata().map(|meta| meta.len());
        let result = file.write_all(&lines).and_then(|()| file.sync_data());
        if let (Err(_), Ok(length)) = (&result, before) {
            // Half a batch on disk would make the next record's line unreadable; nobody was told it is there.
            if let Err(error) = file.set_len(length) {
                tracing::error!(target: "circle::audit", %error, "a torn audit record could not be cut off");
            }
        }
        let result = result.map_err(|error| io_error(path, error));
        for entry in batch.drain(..) {
            // A caller that no longer waits has lost nothing.
            let _ = entry.done.send(result.clone());
        }
    }
}

impl AuditSink for FileAudit {
    fn record(&self, record: AuditRecord) -> Recording<'_> {
        match serde_json::to_vec(&record) {
            Ok(mut line) => {
                line.push(b'\n');
                self.send(Some(line))
            }
            Err(error) => Recording::Done(Err(
                Error::new(ErrorKind::Internal, "an audit record cannot be written as JSON").with_source(error)
            )),
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        match self.send(None) {
            Recording::Done(result) => Box::pin(std::future::ready(result)),
            Recording::Pending(wait) => wait,
        }
    }
}

impl std::fmt::Display for FileAudit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl From<FileAudit> for Arc<dyn AuditSink> {
    fn from(sink: FileAudit) -> Self {
        Arc::new(sink)
    }
}
