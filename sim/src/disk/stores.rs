//! The stores of a disk: a log, a vote record and snapshots, which survive a server's crash.
//!
//! The disk decides when a job is done and when a crash occurs; the stores decide what is left of
//! unfinished jobs. Stores in memory are in `memory.rs`. Others are built on a
//! [`Device`](super::Device), outside of this crate, from the stores of a real server.

use crate::disk::fault::{Damage, DiskFault};
use crate::plan::rng::Draw;
use std::fmt;
use std::sync::Arc;
use wavetank_raft::execute::Recovered;
use wavetank_raft::store::{FsmSnapshot, SnapshotReader, StoreError};
use wavetank_raft::{
    Configuration, Data, Entries, Entry, Index, LogId, Settings, SnapshotMeta, SnapshotPiece, StoreJob, Write,
};

/// A log, a vote record and snapshots.
pub trait Stores: fmt::Debug {
    /// Recovers the state that a server starts with.
    ///
    /// # Errors
    /// When a store fails, or its content is inconsistent.
    fn recover(&mut self, cache: u64) -> Result<Recovered, StoreError>;

    /// The durable log.
    ///
    /// # Errors
    /// When a store fails.
    fn log(&self) -> Result<Vec<Entry>, StoreError>;

    /// Carries out writes that are synced together, in order.
    ///
    /// # Errors
    /// When a store fails. Its content is then unknown until [`Stores::crash`] returns it.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// A write fails. `None` if it is durable all the same.
    fn fail(&mut self, write: &Write, draw: Draw) -> Option<(Option<PartialWrite>, StoreError)>;

    /// The server crashes with these unfinished jobs, in their order, and perhaps while it was writing
    /// a snapshot of its own.
    fn crash(&mut self, jobs: Vec<StoreJob>, capture: Option<Capture<'_>>, draws: [Draw; 2]) -> Remains;

    /// Entries from `first` on, up to `last` and the limits.
    ///
    /// # Errors
    /// When a store fails.
    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError>;

    /// A piece of a snapshot, or of the newest snapshot if `last` is `None`; `None` if there is none.
    ///
    /// # Errors
    /// When a store fails.
    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError>;

    /// Writes a piece of an incoming snapshot. Returns whether it succeeded.
    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool;

    /// Keeps a captured state as a snapshot.
    ///
    /// # Errors
    /// When the state cannot be written or a store fails.
    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError>;

    /// Passes a snapshot's bytes to `load`. Returns the snapshot's last entry.
    ///
    /// # Errors
    /// When the snapshot cannot be read, or `load` fails.
    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError>;

    /// Injects a fault. Returns the damage, or `None` if the fault is not applicable.
    fn inject_fault(&mut self, fault: DiskFault, draw: Draw) -> Option<Damage>;

    /// Whether any synced data differs from what was written, or the next write will.
    fn is_damaged(&self) -> bool;

    /// The configurations in the stores with their log indexes, the latest first. Unreadable ones are
    /// left out.
    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)>;

    /// Ends a disk-full fault.
    fn free_space(&mut self);

    /// Erases all content.
    fn wipe(&mut self);

    /// Disables all faults from here on.
    fn calm(&mut self);

    /// How often each fault of these stores has happened.
    fn faults(&self) -> Vec<(&'static str, u64)>;
}

/// Makes the stores of a server.
pub type StoreFactory<'a> = dyn FnMut(crate::plan::server_set::ServerIdx) -> Box<dyn Stores> + 'a;

/// Consumes a snapshot's bytes.
pub type Load<'a> = dyn FnMut(&mut SnapshotReader<'_>) -> Result<(), StoreError> + 'a;

/// A state machine as it was at one moment, to be kept as a snapshot.
pub struct Capture<'a> {
    /// The state.
    pub state: &'a mut dyn FsmSnapshot,
    /// The snapshot's metadata.
    pub meta: &'a SnapshotMeta,
}

/// What a crash leaves of unfinished jobs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// Writes that are complete, in their order.
    pub durable: Vec<Write>,
    /// The next write, if a part of it is there.
    pub torn: Option<PartialWrite>,
    /// A snapshot that is complete, though the server was never told.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}

/// The durable part of an unfinished write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartialWrite {
    /// The write, reduced to the parts that are durable.
    pub write: Write,
    /// How many of its entries are durable.
    pub entries: usize,
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({})", self.meta.last)
    }
}
