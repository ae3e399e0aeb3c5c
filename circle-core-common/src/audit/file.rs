//! An append-only audit file.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{ErrorKind as IoKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{AuditRecord, AuditSink, Losses, Recording};
use crate::error::{Error, ErrorKind, Reason, Result};

/// Appends one JSON record per line and syncs; records that arrive during a sync share the next one.
///
/// A torn last line, left by a crash, is cut off when the file is opened: such a record was never acknowledged. A record
/// is refused, `QuotaExceeded`, while 65,536 others wait for the disk; one that was taken and then could not be written
/// is counted by [`FileAudit::dropped`] and logged, whether or not somebody waits for it.
#[derive(Debug)]
pub struct FileAudit {
    path: PathBuf,
    entries: mpsc::Sender<Entry>,
    lost: Arc<Losses>,
}

struct Entry {
    line: Option<Vec<u8>>,
    done: oneshot::Sender<Result<()>>,
}

/// Records waiting for the disk. Calls with required audit wait for their own, so that only as many at the same time
/// can fill it.
const WAITING_MAX: usize = 65_536;

/// Records that share one sync.
const BATCH_MAX: usize = 1024;

/// The longest last line without its end that is taken for a record; a file with a longer one is somebody else's.
const LINE_MAX: u64 = 1024 * 1024;

impl FileAudit {
    /// Opens or creates the file and starts its writer thread, which ends with the value.
    ///
    /// # Errors
    /// `Unavailable` when the file or its folder cannot be made, opened or read, or the file does not hold lines.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let failed = |error: std::io::Error| io_error(&path, error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            sync_folder(&path).map_err(failed)?;
        }
        mend_last_line(&mut file).map_err(failed)?;
        let (entries, waiting) = mpsc::channel(WAITING_MAX);
        let lost = Arc::new(Losses::new());
        let (place, losses) = (path.clone(), Arc::clone(&lost));
        std::thread::Builder::new()
            .name("circle-audit".to_owned())
            .spawn(move || write_all(&place, &mut file, waiting, &losses))
            .map_err(failed)?;
        Ok(Self { path, entries, lost })
    }

    /// How many records were lost: refused because too many waited, or not written because the disk failed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lost.count()
    }

    fn send(&self, line: Option<Vec<u8>>) -> Recording<'_> {
        let (done, waiting) = oneshot::channel();
        let refused = match self.entries.try_send(Entry { line, done }) {
            Ok(()) => {
                let written = async move { waiting.await.unwrap_or_else(|_| Err(writer_gone())) };
                return Recording::Pending(Box::pin(written));
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                let text = format!("{WAITING_MAX} audit records wait for the disk");
                Error::new(ErrorKind::QuotaExceeded, text)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => writer_gone(),
        };
        self.lost.note(1, &refused);
        Recording::Done(Err(refused))
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

/// Ends the last line where it is a whole record, and cuts it off where it is torn.
fn mend_last_line(file: &mut File) -> std::io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = last_line_start(file, length)?;
    if start == length {
        return Ok(());
    }
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.read_to_end(&mut line)?;
    // A record is an object, and no beginning of an object is one.
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&line).is_ok() {
        file.write_all(b"\n")?;
    } else {
        file.set_len(start)?;
    }
    file.sync_data()
}

fn last_line_start(file: &mut File, length: u64) -> std::io::Result<u64> {
    let mut end = length;
    let mut block = [0; 4096];
    while end > 0 {
        let from = end.saturating_sub(block.len() as u64);
        let size = (end - from) as usize;
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut block[..size])?;
        if let Some(at) = block[..size].iter().rposition(|&byte| byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        if length - from > LINE_MAX {
            let text = "its last line is too long for an audit record; name a file of its own";
            return Err(std::io::Error::new(IoKind::InvalidData, text));
        }
        end = from;
    }
    Ok(0)
}

/// A new file is there after a crash only once its folder is synced.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn write_all(path: &Path, file: &mut File, mut waiting: mpsc::Receiver<Entry>, lost: &Losses) {
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
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
        let records = batch.iter().filter(|entry| entry.line.is_some()).count() as u64;
        if let (Err(error), 1..) = (&result, records) {
            lost.note(records, error);
        }
        for entry in batch.drain(..) {
            // Nobody has to wait: the loss is counted already.
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
