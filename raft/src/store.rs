//! The four traits that a user implements: a state machine, a log, a stable store, and snapshots.
//!
//! Stores block and are durable on return; the executors ([`execute`](crate::execute)) call them,
//! never the protocol.

pub mod inmem;
mod state_io;

pub use state_io::{SnapshotReader, SnapshotWriter};

use crate::configuration::Configuration;
use crate::entry::{Data, Entry};
use crate::message::SnapshotMeta;
use crate::types::{ClusterId, Index, LogId, Term};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// A replicated state machine. The same entries in the same order must lead to the same state and
/// the same responses on every server.
pub trait Fsm {
    /// The state as it was at one moment, read while later commands are applied.
    type Snapshot: FsmSnapshot;

    /// Applies a committed command and responds to it.
    fn apply(&mut self, command: &Command<'_>) -> Data;

    /// Applies commands in order and responds to each: exactly one response per command. The executor
    /// calls this method; override it to do work once per batch, such as taking a lock. HashiCorp:
    /// `BatchingFSM`.
    fn apply_batch(&mut self, commands: &[Command<'_>]) -> Vec<Data> {
        commands.iter().map(|command| self.apply(command)).collect()
    }

    /// Called when a configuration was committed. HashiCorp: `ConfigurationStore`.
    fn configured(&mut self, index: Index, configuration: &Configuration) {
        let _ = (index, configuration);
    }

    /// Captures the state. Must be cheap: nothing is applied meanwhile.
    ///
    /// # Errors
    /// When the state cannot be captured; the snapshot is then not taken.
    fn snapshot(&mut self) -> Result<Self::Snapshot, StoreError>;

    /// Replaces the state by a captured one.
    ///
    /// # Errors
    /// When the snapshot is invalid. The state must then be unchanged: a user's restore
    /// that is refused is refused on every server alike, and the cluster continues.
    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError>;
}

/// A committed command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Command<'a> {
    /// Its index in the log.
    pub index: Index,
    /// The term it was created in.
    pub term: Term,
    /// The command.
    pub data: &'a Data,
    /// The opaque part that middleware keeps beside it.
    pub extensions: &'a [u8],
}

/// A captured state.
pub trait FsmSnapshot {
    /// Writes the state.
    ///
    /// # Errors
    /// When the store fails.
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError>;
}

/// The store of the log.
pub trait LogStore {
    /// The first index in the store, zero if it is empty.
    ///
    /// # Errors
    /// When the store fails.
    fn first_index(&self) -> Result<Index, StoreError>;

    /// The last index in the store, zero if it is empty.
    ///
    /// # Errors
    /// When the store fails.
    fn last_index(&self) -> Result<Index, StoreError>;

    /// One entry; `None` is HashiCorp's `ErrLogNotFound`.
    ///
    /// # Errors
    /// When the store fails or what it holds is damaged.
    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError>;

    /// Persists consecutive entries. They are durable on return.
    ///
    /// # Errors
    /// When the store fails; it is then not known what it holds.
    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Drops the entries from `min` to `max`, both included. Durable on return.
    ///
    /// # Errors
    /// When the store fails; it is then not known what it holds.
    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError>;

    /// Whether it takes less time to use it than to wake a thread that does: nothing is waited for.
    fn is_in_memory(&self) -> bool {
        false
    }
}

/// The store of a few small records.
pub trait StableStore {
    /// Persists a record. It is durable on return, and atomic: a crash leaves the old or the new
    /// one.
    ///
    /// # Errors
    /// When the store fails; it is then not known which of the two it holds.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// A record, if it is there.
    ///
    /// # Errors
    /// When the store fails or what it holds is damaged.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether it takes less time to use it than to wake a thread that does: nothing is waited for.
    fn is_in_memory(&self) -> bool {
        false
    }
}

/// The store of snapshots.
pub trait SnapshotStore {
    /// The writer of a snapshot.
    type Sink: SnapshotSink;
    /// The reader of a snapshot.
    type Source: SnapshotSource;

    /// Begins a snapshot. Size and checksum of `meta` are what is expected, or zero if unknown.
    ///
    /// # Errors
    /// When the store fails.
    fn create(&mut self, meta: &SnapshotMeta) -> Result<Self::Sink, StoreError>;

    /// Makes a snapshot durable and visible, and drops snapshots beyond the number to retain: never
    /// this one or a newer one, even if this one is the oldest. A complete snapshot of an earlier
    /// leader may be newer, and the server loads the one that was closed. A state that was captured
    /// before a snapshot of a leader was installed may be closed before that snapshot is loaded.
    ///
    /// # Errors
    /// When the store fails, or size or checksum are not what was expected; nothing is visible
    /// then.
    fn close(&mut self, sink: Self::Sink) -> Result<Arc<SnapshotMeta>, StoreError>;

    /// The snapshots, newest first; damaged ones are left out.
    ///
    /// # Errors
    /// When the store fails.
    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError>;

    /// The end of the newest snapshot in the store, even if it can no longer be read or listed: the
    /// server has acknowledged that much, and must not start with less.
    ///
    /// # Errors
    /// When the store fails.
    fn newest_end(&self) -> Result<LogId, StoreError> {
        Ok(self.list()?.first().map_or(LogId::ZERO, |meta| meta.last))
    }

    /// The cluster to which the snapshots belong, as far as the store knows.
    ///
    /// # Errors
    /// When the store fails.
    fn cluster(&self) -> Result<Option<ClusterId>, StoreError> {
        Ok(None)
    }

    /// Sets the cluster to which snapshots belong that are begun from now on.
    fn set_cluster(&mut self, _cluster: ClusterId) {}

    /// Opens a snapshot after checking it against its checksum.
    ///
    /// # Errors
    /// When it is not there or is damaged.
    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, Self::Source), StoreError>;
}

/// The writer of a snapshot: takes its bytes in order. If it is dropped without being closed,
/// nothing is stored.
pub trait SnapshotSink {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the store fails.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
}

/// The reader of a snapshot.
pub trait SnapshotSource {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// At most `limit` bytes from `offset` on; fewer only at the end.
    ///
    /// # Errors
    /// When the store fails.
    fn read_at(&mut self, offset: u64, limit: u64) -> Result<Data, StoreError>;
}

impl<T: LogStore + ?Sized> LogStore for &mut T {
    fn first_index(&self) -> Result<Index, StoreError> {
        (**self).first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        (**self).last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        (**self).get_log(index)
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        (**self).store_logs(entries)
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        (**self).delete_range(min, max)
    }

    fn is_in_memory(&self) -> bool {
        (**self).is_in_memory()
    }
}

impl<T: StableStore + ?Sized> StableStore for &mut T {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        (**self).set(key, value)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key)
    }

    fn is_in_memory(&self) -> bool {
        (**self).is_in_memory()
    }
}

impl<T: SnapshotStore> SnapshotStore for &mut T {
    type Sink = T::Sink;
    type Source = T::Source;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<Self::Sink, StoreError> {
        (**self).create(meta)
    }

    fn close(&mut self, sink: Self::Sink) -> Result<Arc<SnapshotMeta>, StoreError> {
        (**self).close(sink)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        (**self).list()
    }

    fn newest_end(&self) -> Result<LogId, StoreError> {
        (**self).newest_end()
    }

    fn cluster(&self) -> Result<Option<ClusterId>, StoreError> {
        (**self).cluster()
    }

    fn set_cluster(&mut self, cluster: ClusterId) {
        (**self).set_cluster(cluster);
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, Self::Source), StoreError> {
        (**self).open(last)
    }
}

/// A store's failure.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StoreError {
    /// The kind of failure.
    pub kind: StoreErrorKind,
    /// A description for people.
    pub what: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The device failed. The state of the last writes is not known.
    Io,
    /// The device is full. Nothing of this write was stored.
    Full,
    /// The stored data is damaged.
    Corrupt,
    /// The record or snapshot does not exist.
    NotFound,
}

impl StoreError {
    /// A failure of a kind.
    pub fn new(kind: StoreErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StoreErrorKind::Io => "i/o error",
            StoreErrorKind::Full => "no space left",
            StoreErrorKind::Corrupt => "damaged",
            StoreErrorKind::NotFound => "not found",
        };
        write!(f, "{}: {kind}", self.what)
    }
}

impl core::error::Error for StoreError {}
