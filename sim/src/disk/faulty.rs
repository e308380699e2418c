//! Stores with faults: corrupted records and lost writes.
//!
//! A corrupted record is kept outside the store as checksummed bytes, in a map from locations to bytes. A
//! read of a location in the map decodes the bytes and verifies that the record belongs to this location. If
//! no record is corrupted and no fault is armed, these stores only forward calls to the inner store.

use crate::disk::checksummed::{self, Checksummed};
use crate::disk::fault::{Location, WriteFault};
use crate::disk::steps::{self, Steps};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use wavetank_raft::execute::HARD_STATE;
use wavetank_raft::store::inmem::InmemSource;
use wavetank_raft::store::{LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{Data, Entry, Index, LogId, SnapshotMeta, checksum};

/// A log and a vote record, with faults.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyStore<S> {
    store: S,
    corrupted: BTreeMap<Location, Checksummed>,
    /// True if the vote record is missing.
    has_no_record: bool,
    /// True if the log was removed. The disk stays damaged.
    has_no_log: bool,
    /// The fault that the next write will have; `None` if the next write will have no fault.
    pub(super) next_fault: Option<WriteFault>,
    /// Counts the steps of a write, to simulate a crash in the middle of the write.
    pub(super) steps: Steps,
}

impl<S: LogStore + StableStore> FaultyStore<S> {
    pub(super) fn is_corrupted(&self) -> bool {
        self.has_no_record || self.has_no_log || !self.corrupted.is_empty()
    }

    /// Removes the vote record. Returns false if there was no vote record.
    pub(super) fn remove_record(&mut self) -> bool {
        let is_there = !self.has_no_record && matches!(self.store.get(HARD_STATE), Ok(Some(_)));
        self.has_no_record |= is_there;
        is_there
    }

    /// True if the log was removed. Every later change of the log fails, because the server's storage notices
    /// the loss.
    pub(super) const fn is_missing(&self) -> bool {
        self.has_no_log
    }

    /// Removes all entries of the log. Returns false if the log had no entries.
    pub(super) fn remove_log(&mut self) -> bool {
        let Some(range) = self.range() else { return false };
        let (first, last) = (Index(*range.start()), Index(*range.end()));
        self.clear_corruption(first, last);
        self.has_no_log |= self.store.delete_range(first, last).is_ok();
        self.has_no_log
    }

    /// Returns the range of indexes in the log, or `None` if the log is empty.
    pub(super) fn range(&self) -> Option<RangeInclusive<u64>> {
        let (first, last) = (self.store.first_index().ok()?.0, self.store.last_index().ok()?.0);
        (first != 0).then_some(first..=last)
    }

    /// Flips bits of the record at this location. `word` selects the bits. Returns false if nothing is stored
    /// at the location, or if the record is already corrupted.
    pub(super) fn rot(&mut self, location: Location, word: u64) -> bool {
        let checksummed = match location {
            Location::Record => {
                self.store.get(HARD_STATE).ok().flatten().map(|record| Checksummed::of(&record))
            }
            Location::Entry(index) => {
                self.store.get_log(index).ok().flatten().map(|entry| Checksummed::of(&entry))
            }
            Location::Snapshot(_) => None,
        };
        let Some(checksummed) = checksummed.filter(|_| !self.corrupted.contains_key(&location)) else {
            return false;
        };
        self.corrupted.insert(location, checksummed.flipped(word));
        true
    }

    /// Moves the last written entry to an earlier index. Two entries are lost: the entry that was at the
    /// earlier index, and the written entry at its own index. If the log has no earlier entry, only the written
    /// entry is lost.
    fn misdirect(&mut self, written: &[Entry], word: u64) {
        let (Some(entry), Some(range)) = (written.last(), self.range()) else { return };
        let (first, last) = (*range.start(), *range.end());
        let onto = first + word % (last - first).max(1);
        let checksummed = Checksummed::of(entry);
        if onto != entry.id.index.0 {
            self.corrupted.insert(Location::Entry(Index(onto)), checksummed.clone());
        }
        // Nothing was written at the entry's own location, so the content of this location is undefined.
        self.corrupted.insert(Location::Entry(entry.id.index), checksummed.flipped(word));
    }

    fn clear_corruption(&mut self, from: Index, to: Index) {
        if !self.corrupted.is_empty() {
            self.corrupted.retain(|location, _| {
                let Location::Entry(index) = location else { return true };
                *index < from || to < *index
            });
        }
    }

    /// Returns an error if the armed fault makes this write fail.
    fn fail_write(&mut self) -> Result<(), StoreError> {
        match self.next_fault {
            None | Some(WriteFault::Misdirected(_)) => Ok(()),
            Some(WriteFault::Dropped) => {
                // A failed sync marks the pages as clean, so the next sync reports success.
                self.next_fault = None;
                Err(StoreError::new(StoreErrorKind::Io, "the disk"))
            }
            Some(WriteFault::Full) => Err(StoreError::new(StoreErrorKind::Full, "the disk")),
        }
    }
}

fn damaged(location: Location, why: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("{location}: {why}"))
}

impl<S: LogStore + StableStore> LogStore for FaultyStore<S> {
    fn first_index(&self) -> Result<Index, StoreError> {
        self.store.first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        self.store.last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        if self.corrupted.is_empty() {
            return self.store.get_log(index);
        }
        let location = Location::Entry(index);
        let Some(record) = self.corrupted.get(&location) else { return self.store.get_log(index) };
        let entry: Entry = record.open().map_err(|broken| damaged(location, broken))?;
        if entry.id.index == index {
            Ok(Some(entry))
        } else {
            Err(damaged(location, format_args!("entry {} is stored at this location", entry.id)))
        }
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.fail_write()?;
        let stored = self.steps.store(entries.len());
        let (entries, lost) = entries.split_at(stored);
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            self.clear_corruption(first.id.index, last.id.index);
        }
        self.store.store_logs(entries)?;
        if !lost.is_empty() {
            return Err(steps::power_cut());
        }
        if let Some(WriteFault::Misdirected(word)) = self.next_fault.take() {
            self.misdirect(entries, word);
        }
        Ok(())
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.fail_write()?;
        self.steps.delete()?;
        self.store.delete_range(min, max)?;
        self.clear_corruption(min, max);
        Ok(())
    }
}

impl<S: LogStore + StableStore> StableStore for FaultyStore<S> {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.fail_write()?;
        self.steps.set(key)?;
        self.store.set(key, value)?;
        if key == HARD_STATE {
            self.has_no_record = false;
            self.corrupted.remove(&Location::Record);
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if key != HARD_STATE {
            return self.store.get(key);
        }
        match self.corrupted.get(&Location::Record) {
            _ if self.has_no_record => Ok(None),
            Some(record) => record.open().map(Some).map_err(|broken| damaged(Location::Record, broken)),
            None => self.store.get(key),
        }
    }
}

/// A store of snapshots, with faults.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultySnapshots<N> {
    store: N,
    corrupted: BTreeMap<LogId, Data>,
    /// True if there is no space for another snapshot.
    pub(super) is_full: bool,
}

impl<N: SnapshotStore<Source = InmemSource> + Default> FaultySnapshots<N> {
    pub(super) fn is_corrupted(&self) -> bool {
        !self.corrupted.is_empty()
    }

    /// Removes all snapshots.
    pub(super) fn remove_all(&mut self) {
        self.store = N::default();
        self.corrupted.clear();
    }

    /// Flips bits of the snapshot that ends at `last`. `word` selects the bits. Returns false if this
    /// snapshot does not exist, is empty or is already corrupted.
    pub(super) fn rot(&mut self, last: LogId, word: u64) -> bool {
        let Ok((meta, mut source)) = self.store.open(last) else { return false };
        let Ok(content) = wavetank_raft::store::SnapshotSource::read_at(&mut source, 0, meta.size) else {
            return false;
        };
        let mut bytes = content.to_vec();
        checksummed::flip(&mut bytes, word);
        !bytes.is_empty() && self.corrupted.insert(last, bytes.into()).is_none()
    }
}

impl<N: SnapshotStore<Source = InmemSource>> SnapshotStore for FaultySnapshots<N> {
    type Sink = N::Sink;
    type Source = N::Source;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<N::Sink, StoreError> {
        if self.is_full {
            return Err(StoreError::new(StoreErrorKind::Full, format!("snapshot {}", meta.last)));
        }
        self.store.create(meta)
    }

    fn close(&mut self, sink: N::Sink) -> Result<Arc<SnapshotMeta>, StoreError> {
        let meta = self.store.close(sink)?;
        if !self.corrupted.is_empty() {
            self.corrupted.remove(&meta.last);
            let kept = self.store.list()?;
            self.corrupted.retain(|last, _| kept.iter().any(|meta| meta.last == *last));
        }
        Ok(meta)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        self.store.list()
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, InmemSource), StoreError> {
        let (meta, source) = self.store.open(last)?;
        let Some(record) = self.corrupted.get(&last) else { return Ok((meta, source)) };
        if checksum::of(record) != meta.checksum {
            return Err(damaged(Location::Snapshot(last), "checksum mismatch"));
        }
        Ok((meta, InmemSource::new(record.clone())))
    }
}
