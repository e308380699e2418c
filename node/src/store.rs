//! Stores on real disks: two stores for the log and the vote record, and a directory for snapshots.
//!
//! [`WalStore`] appends to segments, and [`RedbStore`] is a database in one file. [`InmemStore`] and
//! [`InmemSnapshotStore`] keep all data in memory. The stores on disk use [`Files`] and
//! [`StorageBackend`](::redb::StorageBackend), so the simulator can run these stores on a simulated disk.

pub mod codec;
mod discard;
mod file_snapshots;
mod files;
mod io_error;
mod meta;
mod open_error;
mod records;
mod redb;
mod wal;

pub use self::discard::{DiscardSink, DiscardSnapshotStore, DiscardSource};
pub use self::file_snapshots::{FileSink, FileSnapshotStore, FileSource};
pub use self::files::{Disk, Files};
pub use self::open_error::{OpenError, OpenFailure};
pub use self::redb::RedbStore;
pub use self::wal::{WalOptions, WalStore};

pub use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
