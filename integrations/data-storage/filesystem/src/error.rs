//! What the system says, and what that means: one table.

use std::io;
use std::path::PathBuf;

use circle_core_common::{Error, ErrorKind, Reason, Result};
use rustix::io::Errno;

use crate::disk::Dir;

/// What the system answered to one step on the disk; [`Error::provider_error`] finds it.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {source}", path = path.display())]
#[non_exhaustive]
pub struct FilesystemError {
    /// What was tried: `writing`, `opening`.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// The answer.
    pub source: io::Error,
}

/// Kind, reason, and whether the same call may succeed later, where the kind does not say it rightly.
type Meaning = (ErrorKind, Option<Reason>, Option<bool>);

/// The answers that have a meaning of their own; every other is `Unavailable` and not worth a repetition.
const TABLE: &[(Errno, Meaning)] = &[
    (Errno::ACCESS, (ErrorKind::PermissionDenied, None, None)),
    (Errno::PERM, (ErrorKind::PermissionDenied, None, None)),
    (Errno::ROFS, (ErrorKind::PermissionDenied, None, None)),
    (Errno::NOSPC, (ErrorKind::QuotaExceeded, Some(Reason::DiskFull), None)),
    (Errno::DQUOT, (ErrorKind::QuotaExceeded, Some(Reason::DiskFull), None)),
    (Errno::FBIG, (ErrorKind::QuotaExceeded, None, None)),
    (Errno::MLINK, (ErrorKind::QuotaExceeded, None, None)),
    (Errno::NAMETOOLONG, (ErrorKind::InvalidInput, Some(Reason::NameInvalid), None)),
    (Errno::ILSEQ, (ErrorKind::InvalidInput, Some(Reason::NameInvalid), None)),
    (Errno::INVAL, (ErrorKind::InvalidInput, Some(Reason::NameInvalid), None)),
    (Errno::XDEV, (ErrorKind::Unsupported, None, None)),
    (Errno::NOSYS, (ErrorKind::Unsupported, None, None)),
    (Errno::OPNOTSUPP, (ErrorKind::Unsupported, None, None)),
    (Errno::NOLCK, (ErrorKind::Unsupported, None, None)),
    (Errno::MFILE, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::NFILE, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::NOMEM, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::BUSY, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::AGAIN, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::INTR, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::STALE, (ErrorKind::Unavailable, None, Some(true))),
    (Errno::TIMEDOUT, (ErrorKind::Timeout, None, None)),
];

fn meaning(error: &io::Error) -> Meaning {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let found = errno.and_then(|errno| TABLE.iter().find(|(known, _)| *known == errno));
    found.map_or((ErrorKind::Unavailable, None, Some(false)), |(_, meaning)| *meaning)
}

/// The error of a failed step.
pub(crate) fn failed(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Error {
    let (kind, reason, retryable) = meaning(&source);
    let hint = match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::XDEV) => "; another file system is mounted inside the root, which must be one",
        Some(Errno::NOLCK) => "; the file system of the root must support locks",
        _ => "",
    };
    let cause = FilesystemError { action, path: path.into(), source };
    let mut error = Error::new(kind, format!("{cause}{hint}"));
    if let Some(reason) = reason {
        error = error.with_reason(reason);
    }
    if let Some(retryable) = retryable {
        error = error.with_retryable(retryable);
    }
    error.with_source(cause)
}

/// Says where a step failed.
pub(crate) trait At<T> {
    /// On an entry of a directory.
    fn at(self, action: &'static str, dir: &Dir, name: &str) -> Result<T>;
    /// On a directory.
    fn on(self, action: &'static str, dir: &Dir) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, dir: &Dir, name: &str) -> Result<T> {
        self.map_err(|error| failed(action, dir.path().join(name), error))
    }

    fn on(self, action: &'static str, dir: &Dir) -> Result<T> {
        self.map_err(|error| failed(action, dir.path(), error))
    }
}

/// Whether a step failed because something was removed around it. It is not `NotFound`: that is an object's absence, and
/// is said where it is known.
pub(crate) fn is_gone(error: &Error) -> bool {
    error.provider_error::<FilesystemError>().is_some_and(|error| is_absent(&error.source))
}

/// Whether an entry is not there.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Whether a name is in use by something of another kind: a file where a directory is wanted, or the other way round,
/// or a symbolic link.
pub(crate) fn is_taken(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    // BSD answers MLINK or FTYPE to opening a symbolic link with O_NOFOLLOW, Linux and Apple LOOP or NOTDIR.
    matches!(
        errno,
        Some(Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::MLINK | Errno::EXIST | Errno::NXIO | Errno::NOTEMPTY)
    )
}

/// `Ok(None)` for what is absent or of another kind.
pub(crate) fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_absent(&error) || is_taken(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> Error {
        failed("writing", "/data/a", errno.into())
    }

    #[test]
    fn a_full_disk_is_one_clear_line() {
        let full = error(Errno::NOSPC);
        assert_eq!((full.kind(), full.reason(), full.is_retryable()), (ErrorKind::QuotaExceeded, Some(Reason::DiskFull), false));
        assert_eq!(full.message(), "writing /data/a: No space left on device (os error 28)");
        let cause = full.provider_error::<FilesystemError>().unwrap();
        assert_eq!((cause.action, cause.source.kind()), ("writing", io::ErrorKind::StorageFull));
    }

    #[test]
    fn every_answer_has_its_kind() {
        for (errno, kind) in [
            (Errno::ACCESS, ErrorKind::PermissionDenied),
            (Errno::ROFS, ErrorKind::PermissionDenied),
            (Errno::DQUOT, ErrorKind::QuotaExceeded),
            (Errno::NAMETOOLONG, ErrorKind::InvalidInput),
            (Errno::XDEV, ErrorKind::Unsupported),
            (Errno::MFILE, ErrorKind::Unavailable),
            (Errno::IO, ErrorKind::Unavailable),
            (Errno::NOENT, ErrorKind::Unavailable),
        ] {
            assert_eq!(error(errno).kind(), kind, "{errno:?}");
        }
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        assert!(error(Errno::MFILE).is_retryable() && error(Errno::BUSY).is_retryable());
        assert!(!error(Errno::IO).is_retryable() && !error(Errno::NOSPC).is_retryable() && !error(Errno::ROFS).is_retryable());
    }

    #[test]
    fn what_is_gone_is_told_from_the_rest() {
        assert!(is_gone(&error(Errno::NOENT)) && !is_gone(&error(Errno::IO)));
    }

    #[test]
    fn no_answer_stands_twice() {
        let mut codes: Vec<i32> = TABLE.iter().map(|(errno, _)| errno.raw_os_error()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
    }
}
