//! A snapshot store that discards all snapshots, for servers that need no snapshots.

use std::sync::Arc;
use wavetank_raft::store::{SnapshotSink, SnapshotSource, SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{Data, LogId, SnapshotMeta};

/// A snapshot store that keeps no snapshot. In HashiCorp Raft, this store is `DiscardSnapshotStore`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DiscardSnapshotStore;

/// The sink of a [`DiscardSnapshotStore`]. The sink counts the bytes of the snapshot, and discards these
/// bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiscardSink {
    meta: SnapshotMeta,
}

/// The source of a discarded snapshot. No value of this type exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscardSource {}

impl SnapshotStore for DiscardSnapshotStore {
    type Sink = DiscardSink;
    type Source = DiscardSource;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<DiscardSink, StoreError> {
        Ok(DiscardSink { meta: SnapshotMeta { size: 0, checksum: 0, ..meta.clone() } })
    }

    fn close(&mut self, sink: DiscardSink) -> Result<Arc<SnapshotMeta>, StoreError> {
        Ok(Arc::new(sink.meta))
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        Ok(Vec::new())
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, DiscardSource), StoreError> {
        Err(StoreError::new(
            StoreErrorKind::NotFound,
            format!("snapshot {last} does not exist: this store discards all snapshots"),
        ))
    }
}

impl SnapshotSink for DiscardSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.meta.size += bytes.len() as u64;
        Ok(())
    }
}

impl SnapshotSource for DiscardSource {
    fn size(&self) -> u64 {
        match *self {}
    }

    fn read_at(&mut self, _offset: u64, _limit: u64) -> Result<Data, StoreError> {
        match *self {}
    }
}
