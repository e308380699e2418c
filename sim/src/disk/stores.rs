//! What a disk holds: a log, a vote record and snapshots, on whatever it is that outlives a server.
//!
//! The disk decides when something is done and when a crash comes; the stores decide what is left
//! of what was under way. Those in memory are in `memory.rs`. Others are built on a
//! [`Device`](super::Device), outside of this crate, from the stores of a real server.

use crate::disk::fault::{Damage, DiskFault};
use crate::plan::rng::Draw;
use std::fmt;
use std::sync::Arc;
use wavetank_raft::execute::Recovered;
use wavetank_raft::store::{FsmSnapshot, SnapshotSource, StoreError};
use wavetank_raft::{
    Configuration, Data, Entries, Entry, Index, LogId, Settings, SnapshotMeta, SnapshotPiece, StoreJob, Write,
};

/// A log, a vote record and snapshots.
pub trait Stores: fmt::Debug {
    /// What a server finds when it starts.
    ///
    /// # Errors
    /// When a store fails, or what it holds does not fit together.
    fn recover(&mut self, cache: u64) -> Result<Recovered, StoreError>;

    /// The log as it is on the disk.
    ///
    /// # Errors
    /// When a store fails.
    fn log(&self) -> Result<Vec<Entry>, StoreError>;

    /// Carries out writes that are synced together, in order.
    ///
    /// # Errors
    /// When a store fails; what it holds is then not known before [`Stores::crash`] says it.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// A write fails. `None` if it is durable all the same.
    fn fail(&mut self, write: &Write, draw: Draw) -> Option<(Option<PartialWrite>, StoreError)>;

    /// The server is gone in the middle of what it was doing: the disk's jobs, in their order, and
    /// perhaps a snapshot of its own that was being kept.
    fn crash(&mut self, jobs: Vec<StoreJob>, capture: Option<Capture<'_>>, draws: [Draw; 2]) -> Remains;

    /// Entries from `first` on, up to `last` and the limits.
    ///
    /// # Errors
    /// When a store fails.
    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError>;

    /// A piece of a snapshot, of the newest one if none is named; `None` if it is not there.
    ///
    /// # Errors
    /// When a store fails.
    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError>;

    /// Keeps a piece of a snapshot that comes in, and says whether it has.
    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool;

    /// Keeps a captured state as a snapshot.
    ///
    /// # Errors
    /// When the state cannot be written or a store fails.
    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError>;

    /// Hands a snapshot's bytes to whoever loads them, and says which it was.
    ///
    /// # Errors
    /// When the snapshot cannot be read, or `load` says so.
    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError>;

    /// Something befalls the stores: what does, if anything can.
    fn strike(&mut self, fault: DiskFault, draw: Draw) -> Option<Damage>;

    /// Whether anything is not any more what was written and synced, or the next thing will not be.
    fn is_damaged(&self) -> bool;

    /// The memberships it knows, and where they stand in the log, the latest first. What cannot be
    /// read is not known.
    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)>;

    /// There is room again.
    fn make_room(&mut self);

    /// Loses everything.
    fn wipe(&mut self);

    /// From here on nothing fails any more.
    fn calm(&mut self);

    /// How often which fault of its own has struck.
    fn faults(&self) -> Vec<(&'static str, u64)>;
}

/// Makes the stores of a server.
pub type StoreFactory<'a> = dyn FnMut(crate::plan::server_set::ServerIdx) -> Box<dyn Stores> + 'a;

/// Takes a snapshot's bytes.
pub type Load<'a> = dyn FnMut(&mut dyn SnapshotSource) -> Result<(), StoreError> + 'a;

/// A state machine as it was at one moment, to be kept as a snapshot.
pub struct Capture<'a> {
    /// The state.
    pub state: &'a mut dyn FsmSnapshot,
    /// What it is a snapshot of.
    pub meta: &'a SnapshotMeta,
}

/// What a crash leaves of what was under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// Writes that are whole after all, in their order.
    pub durable: Vec<Write>,
    /// The next one, in part.
    pub torn: Option<PartialWrite>,
    /// A snapshot that is whole, though the server never heard of it.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}

/// What is left of a write that did not end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartialWrite {
    /// The write, as far as anything of it is there.
    pub write: Write,
    /// How many of its entries are there.
    pub entries: usize,
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({})", self.meta.last)
    }
}
