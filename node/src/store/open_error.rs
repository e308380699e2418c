//! The reasons why a store cannot be opened. The text of each reason is one line.

use super::io_error::is_full;
use std::path::{Path, PathBuf};
use std::{fmt, io};
use wavetank_raft::store::{StoreError, StoreErrorKind};

/// The error for a store that cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpenError {
    /// The file or directory of the store.
    pub path: PathBuf,
    /// The reason why the store cannot be opened.
    pub failure: OpenFailure,
}

/// The reason why a store cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OpenFailure {
    /// Another process, or another part of this process, has opened the store.
    Locked,
    /// This process has no permission for the file or directory, or the file system is read-only.
    ReadOnly,
    /// The device has no space left, or a quota or a limit on the file size is reached.
    Full,
    /// A newer release wrote the store.
    Newer {
        /// The format number of the store.
        found: u64,
        /// The newest format number that this release can read.
        known: u64,
    },
    /// An older release wrote the store, in a format that this release does not read.
    Older {
        /// The format number of the store.
        found: u64,
        /// The only format number that this release can read.
        known: u64,
    },
    /// The file is not a store, or the store is damaged. The value is the cause.
    Damaged(String),
    /// The device failed, or the path is wrong. The value is the text of the I/O error.
    Io(String),
}

impl OpenError {
    pub(super) fn new(path: &Path, failure: OpenFailure) -> Self {
        Self { path: path.to_owned(), failure }
    }

    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, OpenFailure::of(error))
    }
}

impl OpenFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::ReadOnly
        } else if is_full(kind) {
            Self::Full
        } else if matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
            Self::Damaged(error.to_string())
        } else {
            Self::Io(error.to_string())
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.failure {
            OpenFailure::Locked => {
                write!(f, "another process uses the store: stop that process, or use another directory")
            }
            OpenFailure::ReadOnly => {
                write!(
                    f,
                    "the store cannot be read or written: check the owner, the permissions and the mount options"
                )
            }
            OpenFailure::Full => {
                write!(f, "the device, the quota or the limit on the size of a file leaves no space")
            }
            OpenFailure::Newer { found, known } => {
                write!(
                    f,
                    "the store has format {found}, but this release reads at most format {known}: use a newer release"
                )
            }
            OpenFailure::Older { found, known } => {
                write!(
                    f,
                    "the store has format {found}, but this release reads only format {known}: let this server rejoin with a blank store"
                )
            }
            OpenFailure::Damaged(what) => write!(f, "the file is damaged, or is not a store ({what})"),
            OpenFailure::Io(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        let kind = match &error.failure {
            OpenFailure::Full => StoreErrorKind::Full,
            OpenFailure::Newer { .. } | OpenFailure::Older { .. } | OpenFailure::Damaged(_) => {
                StoreErrorKind::Corrupt
            }
            OpenFailure::Locked | OpenFailure::ReadOnly | OpenFailure::Io(_) => StoreErrorKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_failure() {
        let error = |kind: io::ErrorKind| OpenError::io(Path::new("d/raft.redb"), &kind.into()).failure;
        assert_eq!(error(io::ErrorKind::PermissionDenied), OpenFailure::ReadOnly);
        assert_eq!(error(io::ErrorKind::ReadOnlyFilesystem), OpenFailure::ReadOnly);
        assert_eq!(error(io::ErrorKind::StorageFull), OpenFailure::Full);
        assert!(matches!(error(io::ErrorKind::InvalidData), OpenFailure::Damaged(_)));
        assert!(matches!(error(io::ErrorKind::NotADirectory), OpenFailure::Io(_)));
    }
}
