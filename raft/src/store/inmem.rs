//! In-memory stores, for tests and for the simulator.

use super::{LogStore, SnapshotSink, SnapshotSource, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use crate::checksum;
use crate::entry::{Data, Entry};
use crate::message::SnapshotMeta;
use crate::types::{Index, LogId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A log store and a stable store in memory. In HashiCorp Raft, this store is `InmemStore`.
///
/// The entries have consecutive indexes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct InmemStore {
    entries: VecDeque<Entry>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl InmemStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the entries, in the order of their indexes.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    fn at(&self, index: Index) -> Option<usize> {
        let first = self.entries.front()?.id.index;
        let at = usize::try_from(index.0.checked_sub(first.0)?).ok()?;
        (at < self.entries.len()).then_some(at)
    }
}

impl LogStore for InmemStore {
    fn first_index(&self) -> Result<Index, StoreError> {
        Ok(self.entries.front().map_or(Index::ZERO, |entry| entry.id.index))
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        Ok(self.entries.back().map_or(Index::ZERO, |entry| entry.id.index))
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        Ok(self.at(index).map(|at| self.entries[at].clone()))
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        for entry in entries {
            if let Some(last) = self.entries.back()
                && entry.id.index != last.id.index.next()
            {
                let what = format!("entry {} cannot follow entry {}", entry.id, last.id);
                return Err(StoreError::new(StoreErrorKind::Corrupt, what));
            }
            self.entries.push_back(entry.clone());
        }
        Ok(())
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        let Some(first) = self.entries.front().map(|entry| entry.id.index) else { return Ok(()) };
        if max < min {
            return Ok(());
        }
        if min <= first {
            while self.entries.front().is_some_and(|entry| entry.id.index <= max) {
                self.entries.pop_front();
            }
        } else {
            let last = self.last_index()?;
            if max < last {
                let what =
                    format!("the deletion from {min} to {max} leaves a gap in a log that ends at {last}");
                return Err(StoreError::new(StoreErrorKind::Corrupt, what));
            }
            while self.entries.back().is_some_and(|entry| min <= entry.id.index) {
                self.entries.pop_back();
            }
        }
        Ok(())
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

impl StableStore for InmemStore {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        match self.records.get_mut(key) {
            Some(record) => {
                record.clear();
                record.extend_from_slice(value);
            }
            None => {
                self.records.insert(key.to_vec(), value.to_vec());
            }
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

/// A snapshot store in memory. The store keeps the newest snapshots and the snapshot that was closed last.
/// [`SnapshotStore::list`] returns only closed snapshots. HashiCorp's `InmemSnapshotStore` keeps one snapshot,
/// and lists this snapshot before the snapshot is complete.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InmemSnapshotStore {
    retain: usize,
    snapshots: Vec<(Arc<SnapshotMeta>, Data)>,
}

impl InmemSnapshotStore {
    /// Makes a store that keeps `retain` snapshots. If `retain` is 0, the store keeps one snapshot.
    #[must_use]
    pub fn new(retain: usize) -> Self {
        Self { retain: retain.max(1), snapshots: Vec::new() }
    }
}

impl Default for InmemSnapshotStore {
    fn default() -> Self {
        Self::new(1)
    }
}

/// A snapshot in memory that is not closed yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InmemSink {
    meta: SnapshotMeta,
    bytes: Vec<u8>,
}

/// A reader of the bytes of a snapshot in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InmemSource(Data);

impl InmemSource {
    /// Makes a source that reads these bytes.
    #[must_use]
    pub const fn new(bytes: Data) -> Self {
        Self(bytes)
    }
}

impl SnapshotStore for InmemSnapshotStore {
    type Sink = InmemSink;
    type Source = InmemSource;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<InmemSink, StoreError> {
        Ok(InmemSink { meta: meta.clone(), bytes: Vec::new() })
    }

    fn close(&mut self, sink: InmemSink) -> Result<Arc<SnapshotMeta>, StoreError> {
        let meta = checksum::verify(sink.meta, sink.bytes.len() as u64, checksum::of(&sink.bytes))?;
        let meta = Arc::new(meta);
        self.snapshots.retain(|(kept, _)| kept.last != meta.last);
        self.snapshots.push((meta.clone(), sink.bytes.into()));
        self.snapshots.sort_by_key(|(kept, _)| core::cmp::Reverse(kept.last));
        let mut newer = 0;
        self.snapshots.retain(|(kept, _)| {
            newer += 1;
            newer <= self.retain || meta.last <= kept.last
        });
        Ok(meta)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        Ok(self.snapshots.iter().map(|(meta, _)| meta.clone()).collect())
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, InmemSource), StoreError> {
        let found = self.snapshots.iter().find(|(meta, _)| meta.last == last);
        let (meta, bytes) =
            found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, format!("snapshot {last}")))?;
        Ok((meta.clone(), InmemSource(bytes.clone())))
    }
}

impl SnapshotSink for InmemSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl SnapshotSource for InmemSource {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, limit: u64) -> Result<Data, StoreError> {
        let size = self.0.len() as u64;
        let start = offset.min(size);
        let end = offset.saturating_add(limit).min(size);
        let range = usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        Ok(self.0[range].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Configuration, Member};
    use crate::types::Term;
    use alloc::vec;

    #[test]
    fn the_snapshot_closed_last_can_be_opened_beside_a_newer_one() {
        let mut store = InmemSnapshotStore::new(1);
        let members = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one name");
        let mut close = |index| {
            let last = LogId::new(Term(1), Index(index));
            let configuration = members.clone();
            let meta =
                SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
            let sink = store.create(&meta).expect("memory does not fail");
            store.close(sink).expect("memory does not fail");
            let kept = store.list().expect("memory does not fail");
            (kept.iter().map(|meta| meta.last.index.0).collect::<Vec<_>>(), store.open(last).is_ok())
        };
        assert_eq!(close(10), (vec![10], true));
        assert_eq!(close(8), (vec![10, 8], true), "an older one of the next leader's");
        assert_eq!(close(9), (vec![10, 9], true));
        assert_eq!(close(7), (vec![10, 9, 7], true), "a state that was captured before i9 was installed");
        assert_eq!(close(11), (vec![11], true));
    }
}
