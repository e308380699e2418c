//! The stores of a server: stores for the log and the vote record, and stores for snapshots.
//!
//! [`WalStore`] keeps the log and the vote record in a directory of segments. [`RedbStore`] keeps the log and
//! the vote record in one database file. [`FileSnapshotStore`] keeps snapshots in a directory. [`InmemStore`]
//! and [`InmemSnapshotStore`] keep all data in memory.
//!
//! [`WalStore`] and [`FileSnapshotStore`] access the disk through [`Files`], and [`RedbStore`] accesses the
//! disk through [`StorageBackend`](::redb::StorageBackend). Therefore the simulator can run these stores on a
//! simulated disk.

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
