//! Stores on real disks: one file for log and vote record, a directory of snapshots.
//!
//! Their traits, and the stores in memory, are in [`wavetank_raft::store`]. Both reach their disk through a seam ([`StorageBackend`](::redb::StorageBackend), [`Files`]), so that the
//! tank can put a simulated one under them.

pub mod codec;
mod discard;
mod file_snapshots;
mod files;
mod io_error;
mod meta;
mod open_error;
mod redb;

pub use self::discard::{DiscardSink, DiscardSnapshotStore, DiscardSource};
pub use self::file_snapshots::{FileSink, FileSnapshotStore, FileSource};
pub use self::files::{Disk, Files};
pub use self::open_error::{OpenError, OpenFailure};
pub use self::redb::RedbStore;
