//! The conversion of an I/O error into a store error.

use std::io;
use std::path::Path;
use wavetank_raft::store::StoreError;

/// Makes the store error for an I/O error. The text of the store error contains the path of the file.
pub(crate) fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(error.kind().into(), format!("{}: {error}", path.display()))
}

pub(super) const fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
