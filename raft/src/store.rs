//! The four traits that a user implements: a state machine, a log, a stable store, and snapshots.
//!
//! A method of a store blocks until the result of the method is durable. The executors
//! ([`execute`](crate::execute)) call the stores; the protocol never does.

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
    /// A captured state. The executor may read the captured state while the state machine applies later
    /// commands.
    type Snapshot: FsmSnapshot;

    /// Applies a committed command and returns the response.
    fn apply(&mut self, command: &Command<'_>) -> Data;

    /// Applies commands in order. Returns exactly one response for each command, in the order of the commands.
    /// The executor calls only this method; the default implementation calls [`Fsm::apply`] for each command.
    /// Override this method to do work once per batch, for example to lock a mutex. In HashiCorp Raft, this
    /// method is `ApplyBatch` of `BatchingFSM`.
    fn apply_batch(&mut self, commands: &[Command<'_>]) -> Vec<Data> {
        commands.iter().map(|command| self.apply(command)).collect()
    }

    /// Handles a committed configuration. `index` is the index of the configuration in the log. The executor
    /// may have applied later commands of the same batch before this call. The default implementation does
    /// nothing. In HashiCorp Raft, this method is `StoreConfiguration` of `ConfigurationStore`.
    fn configured(&mut self, index: Index, configuration: &Configuration) {
        let _ = (index, configuration);
    }

    /// Captures the state. The capture must take little time, because no command is applied during the
    /// capture.
    ///
    /// # Errors
    /// Returns an error if the state cannot be captured. In that case no snapshot is taken.
    fn snapshot(&mut self) -> Result<Self::Snapshot, StoreError>;

    /// Replaces the state with the captured state that `reader` reads.
    ///
    /// # Errors
    /// Returns an error if the snapshot is invalid. In that case the state must not change. If one state
    /// machine refuses the state of [`Call::Restore`](crate::Call::Restore), the state machines of all servers
    /// must refuse this state. Then the cluster continues.
    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError>;
}

/// A committed command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Command<'a> {
    /// The index of the command in the log.
    pub index: Index,
    /// The term in which a leader created the entry with the command.
    pub term: Term,
    /// The bytes of the command.
    pub data: &'a Data,
    /// Bytes that are stored beside the command, for example by middleware.
    pub extensions: &'a [u8],
}

/// A captured state.
pub trait FsmSnapshot {
    /// Writes the captured state into a snapshot.
    ///
    /// # Errors
    /// Returns an error if the state cannot be read or the store fails.
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError>;
}

/// The store of the log.
pub trait LogStore {
    /// Returns the first index in the store; zero if the store is empty.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn first_index(&self) -> Result<Index, StoreError>;

    /// Returns the last index in the store; zero if the store is empty.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn last_index(&self) -> Result<Index, StoreError>;

    /// Returns the entry at `index`. Returns `None` if the store does not have the entry. In HashiCorp Raft,
    /// this case is the error `ErrLogNotFound`.
    ///
    /// # Errors
    /// Returns an error if the store fails or the entry is damaged.
    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError>;

    /// Stores consecutive entries. When the method returns `Ok`, the entries are durable.
    ///
    /// # Errors
    /// Returns an error if the store fails. In that case the content of the store is unknown.
    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Deletes the entries from `min` to `max`, both included. When the method returns `Ok`, the deletion is
    /// durable.
    ///
    /// # Errors
    /// Returns an error if the store fails. In that case the content of the store is unknown.
    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError>;

    /// True if calls of this store never block, because the store is in memory. The driver then calls the
    /// store directly, and not on a worker thread.
    fn is_in_memory(&self) -> bool {
        false
    }
}

/// The store of a few small records.
pub trait StableStore {
    /// Stores a record. When the method returns `Ok`, the record is durable. The write is atomic: a crash
    /// leaves either the old or the new record.
    ///
    /// # Errors
    /// Returns an error if the store fails. In that case it is unknown whether the store has the old or the
    /// new record.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Returns a record. Returns `None` if there is no record with this key.
    ///
    /// # Errors
    /// Returns an error if the store fails or the record is damaged.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// True if calls of this store never block, because the store is in memory. The driver then calls the
    /// store directly, and not on a worker thread.
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

    /// Begins a snapshot, and returns the writer of the snapshot. The size and the checksum in `meta` are the
    /// expected values. A value of zero means that the expected value is unknown.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn create(&mut self, meta: &SnapshotMeta) -> Result<Self::Sink, StoreError>;

    /// Makes the snapshot of this writer durable and visible. Then deletes the oldest snapshots if the store
    /// has more snapshots than it must retain. Never deletes this snapshot or a newer snapshot, for two
    /// reasons. The server may load this snapshot next, although the store has a newer snapshot from an
    /// earlier leader. If this snapshot is the server's own, the server may load a newer snapshot from the
    /// leader next. Returns the description with the size and the checksum.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the size or the checksum is not the expected value. In that
    /// case no snapshot becomes visible.
    fn close(&mut self, sink: Self::Sink) -> Result<Arc<SnapshotMeta>, StoreError>;

    /// Returns the descriptions of the snapshots, the newest first. Damaged snapshots are not in the list.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError>;

    /// Returns the position of the last entry in the newest snapshot, even if this snapshot can no longer be
    /// read or listed; zero if the store has no snapshots. The server has acknowledged all entries up to this
    /// position, and must not start without these entries.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn newest_end(&self) -> Result<LogId, StoreError> {
        Ok(self.list()?.first().map_or(LogId::ZERO, |meta| meta.last))
    }

    /// Returns the cluster to which the snapshots belong. Returns `None` if the store does not know the
    /// cluster.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn cluster(&self) -> Result<Option<ClusterId>, StoreError> {
        Ok(None)
    }

    /// Sets the cluster to which the snapshots belong. The store uses this cluster for each snapshot that
    /// begins after this call.
    fn set_cluster(&mut self, _cluster: ClusterId) {}

    /// Opens the snapshot that ends at `last`, and checks the bytes of the snapshot against the checksum.
    /// Returns the description and the reader of the snapshot.
    ///
    /// # Errors
    /// Returns an error if the snapshot does not exist or is damaged.
    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, Self::Source), StoreError>;
}

/// The writer of a snapshot. The writer accepts the bytes in order. If the writer is dropped before
/// [`SnapshotStore::close`], the store has no new snapshot.
pub trait SnapshotSink {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
}

/// A stored snapshot whose bytes can be read.
pub trait SnapshotSource {
    /// Returns the size of the snapshot in bytes.
    fn size(&self) -> u64;

    /// Returns at most `limit` bytes from `offset` on. The method returns fewer bytes only at the end of the
    /// snapshot.
    ///
    /// # Errors
    /// Returns an error if the store fails.
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

/// The failure of a store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StoreError {
    /// The kind of the failure.
    pub kind: StoreErrorKind,
    /// A description of the failure, for people.
    pub what: String,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The device failed. It is unknown whether the last writes are stored.
    Io,
    /// The device is full. No part of this write was stored.
    Full,
    /// The stored data is damaged.
    Corrupt,
    /// The record or snapshot does not exist.
    NotFound,
    /// The state machine refused the state of a restore. Nothing that is stored is damaged.
    Refused,
}

impl StoreError {
    /// Makes a failure of this kind, with a description.
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
            StoreErrorKind::Refused => "refused by the state machine",
        };
        write!(f, "{}: {kind}", self.what)
    }
}

impl core::error::Error for StoreError {}
