//! The executors: plain code that carries out a server's actions on the four traits.
//!
//! One works the log and the vote record, one works the state machine, and both reach the
//! snapshots. In the tank they run inline at virtual times; on a real machine each has a thread.
//! They decide nothing.

use crate::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use store::{Fsm, LogStore, SnapshotStore, StableStore, StoreError};

/// The key under which the vote record is kept: term and vote in one record, never two.
pub const HARD_STATE: &[u8] = b"HardState";

/// Works the log store and the stable store.
#[derive(Clone, Debug)]
pub struct Storage<L, S> {
    /// The log.
    pub log: L,
    /// The vote record.
    pub stable: S,
}

/// What a server finds on its disk when it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The vote record.
    pub hard_state: HardState,
    /// The log.
    pub log: LogImage,
    /// The newest snapshot that can be read.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}

impl<L: LogStore, S: StableStore> Storage<L, S> {
    /// Reads the vote record and the whole log once. A log that `snapshot` contradicts is left
    /// out: what followed was never committed.
    ///
    /// # Errors
    /// When a store fails, or the log has a hole or is damaged.
    pub fn recover(&self, snapshot: Option<Arc<SnapshotMeta>>, cache: u64) -> Result<Recovered, StoreError> {
        let _ = (snapshot, cache);
        unreachable!("skeleton")
    }

    /// Carries out one write: first the vote record, then the log. Durable on return.
    ///
    /// # Errors
    /// When a store fails; what it holds is then not known.
    pub fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        let _ = write;
        Ok(())
    }

    /// Entries from `first` on, up to `last` and the limits; empty if `first` is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        let _ = (first, last, settings);
        unreachable!("skeleton")
    }
}

/// Works the snapshot store on the log's side: pieces out to followers, pieces in from the leader.
#[derive(Debug)]
pub struct Snapshots<N: SnapshotStore> {
    /// The store.
    pub store: N,
    incoming: Option<(LogId, u64, N::Sink)>,
}

impl<N: SnapshotStore> Snapshots<N> {
    /// With nothing coming in.
    pub fn new(store: N) -> Self {
        Self { store, incoming: None }
    }

    /// The newest snapshot that can be read.
    ///
    /// # Errors
    /// When the store fails, or holds snapshots and none can be read.
    pub fn newest(&self) -> Result<Option<Arc<SnapshotMeta>>, StoreError> {
        Ok(None)
    }

    /// Answers [`Action::ReadSnapshot`].
    pub fn read(&mut self, last: Option<LogId>, offset: u64, limit: u64) -> Option<SnapshotPiece> {
        let _ = (last, offset, limit, &self.incoming);
        None
    }

    /// Answers [`Action::WriteSnapshot`]: whether the piece is kept.
    pub fn write(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &[u8], done: bool) -> bool {
        let _ = (meta, offset, data, done);
        false
    }
}

/// Works the state machine.
#[derive(Clone, Debug)]
pub struct Machine<F> {
    /// The state machine.
    pub fsm: F,
}

impl<F: Fsm> Machine<F> {
    /// With nothing applied yet.
    pub fn new(fsm: F) -> Self {
        Self { fsm }
    }

    /// Answers [`Action::Apply`]: the responses for [`Event::Applied`].
    pub fn apply(&mut self, batch: &Batch) -> Vec<Bytes> {
        let _ = batch;
        Vec::new()
    }

    /// Answers [`Action::TakeSnapshot`].
    ///
    /// # Errors
    /// When the state cannot be captured or the store fails; there is no new snapshot then.
    pub fn take_snapshot<N: SnapshotStore>(
        &mut self,
        meta: &SnapshotMeta,
        snapshots: &mut N,
    ) -> Result<Arc<SnapshotMeta>, StoreError> {
        let _ = (meta, snapshots);
        unreachable!("skeleton")
    }

    /// Answers [`Action::Restore`], and loads the newest snapshot at start.
    ///
    /// # Errors
    /// When the snapshot cannot be read or the state machine refuses it.
    pub fn restore<N: SnapshotStore>(&mut self, last: LogId, snapshots: &N) -> Result<LogId, StoreError> {
        let _ = (last, snapshots);
        unreachable!("skeleton")
    }
}
