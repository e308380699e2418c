//! Stores on real disks: one file for the log and the vote record, and a directory for snapshots.
//!
//! [`InmemStore`] and [`InmemSnapshotStore`] keep all data in memory. The stores on disk use
//! [`StorageBackend`](::redb::StorageBackend) and [`Files`], so the simulator can run these stores on a
//! simulated disk.

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

pub use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
