//! Stores on real disks: one file for log and vote record, a directory of snapshots.
//!
//! The traits that they implement are in [`wavetank_raft::store`], and so are the stores in
//! memory. Both reach their disk through a seam ([`StorageBackend`](::redb::StorageBackend), [`Files`]), so that the
//! tank can put a simulated one under them.

pub mod codec;
mod discard;
mod file_snapshots;
mod files;
mod meta;
mod open_error;
mod redb;

pub use self::discard::{DiscardSink, DiscardSnapshotStore, DiscardSource};
pub use self::file_snapshots::{FileSink, FileSnapshotStore, FileSource};
pub use self::files::{Disk, Files};
pub use self::open_error::{OpenError, OpenFailure};
pub use self::redb::RedbStore;

use std::io;
use std::path::Path;
use wavetank_raft::store::{StoreError, StoreErrorKind};

/// What went wrong with a file, under the name of the file.
pub(crate) fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(kind_of(error.kind()), format!("{}: {error}", path.display()))
}

const fn kind_of(kind: io::ErrorKind) -> StoreErrorKind {
    if matches!(kind, io::ErrorKind::NotFound) {
        StoreErrorKind::NotFound
    } else if matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) {
        StoreErrorKind::Corrupt
    } else if is_full(kind) {
        StoreErrorKind::Full
    } else {
        StoreErrorKind::Io
    }
}

const fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
