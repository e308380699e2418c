//! The stores of a disk: a log, a vote record and snapshots. The stores survive a crash of the server.
//!
//! The disk draws the duration of each job. After a crash, the stores decide the result of the unfinished
//! jobs. The stores in memory are in `memory.rs`. Other stores use a [`Device`](super::Device). The tests
//! build these other stores from the stores of a real server.

use crate::disk::fault::{Damage, DiskFault};
use crate::plan::rng::Draw;
use std::fmt;
use std::sync::Arc;
use wavetank_raft::execute::Recovered;
use wavetank_raft::store::{FsmSnapshot, SnapshotReader, StoreError};
use wavetank_raft::{
    CacheLimits, Configuration, Data, Entries, Entry, Index, LogId, Settings, SnapshotMeta, SnapshotPiece,
    StoreJob, Write,
};

/// A log, a vote record and snapshots of one server.
pub trait Stores: fmt::Debug {
    /// Recovers the state that a server starts with. `cache` limits the entries that the server keeps in
    /// memory.
    ///
    /// # Errors
    /// Returns an error if a store fails, or if the content of the stores is inconsistent.
    fn recover(&mut self, cache: CacheLimits) -> Result<Recovered, StoreError>;

    /// Returns all entries of the durable log.
    ///
    /// # Errors
    /// Returns an error if the log cannot be read.
    fn log(&self) -> Result<Vec<Entry>, StoreError>;

    /// Executes these writes in their order, and syncs all of them together.
    ///
    /// # Errors
    /// Returns an error if a store fails. After an error, the durable content is unknown until
    /// [`Stores::crash`] returns the remains.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// Executes a write and tries to make the write fail. `draw` is a random draw for the part of the write
    /// that becomes durable. Returns the durable part of the write, if a part is durable, and the error.
    /// Returns `None` if the whole write has succeeded.
    fn fail(&mut self, write: &Write, draw: Draw) -> Option<(Option<PartialWrite>, StoreError)>;

    /// Simulates a crash of the server during these unfinished jobs. The jobs are in the order in which the
    /// server requested them. `capture` is `Some` if the server was writing a snapshot of its own state.
    /// `draws` select the jobs that the stores execute before the crash.
    fn crash(&mut self, jobs: Vec<StoreJob>, capture: Option<Capture<'_>>, draws: [Draw; 2]) -> Remains;

    /// Reads the entries from the index `first` up to and including the index `last`. Reads fewer entries if all
    /// of these entries together exceed the limits in `settings`.
    ///
    /// # Errors
    /// Returns an error if a store fails.
    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError>;

    /// Reads a piece of the snapshot that ends at `last`, or of the newest snapshot if `last` is
    /// `None`. `offset` and `limit` are in bytes. Returns `None` if there is no such snapshot.
    ///
    /// # Errors
    /// Returns an error if a store fails.
    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError>;

    /// Writes a piece of an incoming snapshot at `offset` bytes. `meta` is the metadata of the whole
    /// snapshot. `done` is true for the last piece. Returns true if the write succeeded.
    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool;

    /// Writes a captured state as a snapshot.
    ///
    /// # Errors
    /// Returns an error if the state cannot be written, or if a store fails.
    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError>;

    /// Passes the bytes of the snapshot that ends at `last` to `load`. Returns the id of the snapshot's
    /// last entry.
    ///
    /// # Errors
    /// Returns an error if the snapshot cannot be read, or if `load` fails.
    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError>;

    /// Injects a fault. `draw` selects the damaged location. Returns the damage, or `None` if the fault
    /// changes nothing.
    fn inject_fault(&mut self, fault: DiskFault, draw: Draw) -> Option<Damage>;

    /// True if any synced data differs from the data that was written, or if the next write will cause
    /// such damage.
    fn is_damaged(&self) -> bool;

    /// Returns the configurations in the stores with their log indexes, the latest first. The result does not
    /// contain unreadable configurations.
    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)>;

    /// Makes space on a full disk.
    fn free_space(&mut self);

    /// Erases all content.
    fn wipe(&mut self);

    /// Removes all armed faults, and causes no more faults.
    fn calm(&mut self);

    /// Returns the name of each kind of fault, and the number of faults of this kind that these stores have
    /// had.
    fn faults(&self) -> Vec<(&'static str, u64)>;
}

/// A function that creates the stores of a server.
pub type StoreFactory<'a> = dyn FnMut(crate::plan::server_set::ServerIdx) -> Box<dyn Stores> + 'a;

/// A function that reads a snapshot's bytes.
pub type Load<'a> = dyn FnMut(&mut SnapshotReader<'_>) -> Result<(), StoreError> + 'a;

/// The state of a state machine at one moment, for a snapshot.
pub struct Capture<'a> {
    /// The captured state.
    pub state: &'a mut dyn FsmSnapshot,
    /// The snapshot's metadata.
    pub meta: &'a SnapshotMeta,
}

/// The results of unfinished jobs that survived a crash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Remains {
    /// The writes that are completely on the disk, in the order of the jobs.
    pub durable: Vec<Write>,
    /// The durable part of the write that follows the complete writes. `None` if no part of this write is
    /// durable.
    pub torn: Option<PartialWrite>,
    /// The metadata of the server's own snapshot, if the stores completed this snapshot during the crash;
    /// `None` otherwise. The server does not know of the snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}

/// The durable part of an unfinished write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartialWrite {
    /// The write, without the vote record if the record is not durable, and without the log operation if the
    /// operation changed nothing.
    pub write: Write,
    /// The number of durable entries, counted from the first entry of the write.
    pub entries: usize,
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({})", self.meta.last)
    }
}
