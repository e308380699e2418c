//! Stores that age: records that are not what was written, and writes that do not arrive.
//!
//! A wound is what a place holds instead of its record, as sealed bytes. Whoever reads the place
//! breaks the seal, and sees that the record is the one that belongs there. As long as there are no
//! wounds these stores are the ones inside, at the price of a glance.

use crate::disk::checksummed::{self, Checksummed};
use crate::disk::fault::{Location, WriteFault};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use wavetank_raft::execute::HARD_STATE;
use wavetank_raft::store::inmem::InmemSource;
use wavetank_raft::store::{LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{Data, Entry, Index, LogId, SnapshotMeta, checksum};

/// A log and a vote record on an ageing medium.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyStore<S> {
    store: S,
    wounds: BTreeMap<Location, Checksummed>,
    /// What befalls the next write.
    pub(super) ailing: Option<WriteFault>,
}

impl<S: LogStore + StableStore> FaultyStore<S> {
    pub(super) fn is_wounded(&self) -> bool {
        !self.wounds.is_empty()
    }

    /// Where entries are stored.
    pub(super) fn range(&self) -> Option<RangeInclusive<u64>> {
        let (first, last) = (self.store.first_index().ok()?.0, self.store.last_index().ok()?.0);
        (first != 0).then_some(first..=last)
    }

    /// Bits flip in a place. `false` if nothing is there, or it is wounded already.
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
        let Some(checksummed) = checksummed.filter(|_| !self.wounds.contains_key(&location)) else {
            return false;
        };
        self.wounds.insert(location, checksummed.flipped(word));
        true
    }

    /// The last of the entries just written went to another place, if there is one; what was there
    /// before is lost, and so is the entry.
    fn misdirect(&mut self, written: &[Entry], word: u64) {
        let (Some(entry), Some(range)) = (written.last(), self.range()) else { return };
        let (first, last) = (*range.start(), *range.end());
        let onto = first + word % (last - first).max(1);
        let checksummed = Checksummed::of(entry);
        if onto != entry.id.index.0 {
            self.wounds.insert(Location::Entry(Index(onto)), checksummed.clone());
        }
        // Nobody knows what lies where nothing was written.
        self.wounds.insert(Location::Entry(entry.id.index), checksummed.flipped(word));
    }

    fn heal(&mut self, from: Index, to: Index) {
        if !self.wounds.is_empty() {
            self.wounds.retain(|location, _| {
                let Location::Entry(index) = location else { return true };
                *index < from || to < *index
            });
        }
    }

    /// Nothing of this write comes to be there.
    fn refuse(&mut self) -> Result<(), StoreError> {
        match self.ailing {
            None | Some(WriteFault::Misdirected(_)) => Ok(()),
            Some(WriteFault::Dropped) => {
                // The pages are clean again: whoever syncs once more is told that all is well.
                self.ailing = None;
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
        if self.wounds.is_empty() {
            return self.store.get_log(index);
        }
        let location = Location::Entry(index);
        let Some(wound) = self.wounds.get(&location) else { return self.store.get_log(index) };
        let entry: Entry = wound.open().map_err(|broken| damaged(location, broken))?;
        if entry.id.index == index {
            Ok(Some(entry))
        } else {
            Err(damaged(location, format_args!("{} is there", entry.id)))
        }
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.refuse()?;
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            self.heal(first.id.index, last.id.index);
        }
        self.store.store_logs(entries)?;
        if let Some(WriteFault::Misdirected(word)) = self.ailing.take() {
            self.misdirect(entries, word);
        }
        Ok(())
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.refuse()?;
        self.store.delete_range(min, max)?;
        self.heal(min, max);
        Ok(())
    }
}

impl<S: LogStore + StableStore> StableStore for FaultyStore<S> {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.refuse()?;
        self.store.set(key, value)?;
        if !self.wounds.is_empty() {
            self.wounds.remove(&Location::Record);
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.wounds.get(&Location::Record) {
            Some(wound) => wound.open().map(Some).map_err(|broken| damaged(Location::Record, broken)),
            None => self.store.get(key),
        }
    }
}

/// Snapshots on an ageing medium.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultySnapshots<N> {
    store: N,
    wounds: BTreeMap<LogId, Data>,
    /// There is no room for another one.
    pub(super) is_full: bool,
}

impl<N: SnapshotStore<Source = InmemSource>> FaultySnapshots<N> {
    pub(super) fn is_wounded(&self) -> bool {
        !self.wounds.is_empty()
    }

    /// Bits flip in the newest snapshot. `false` if there is none, or it is wounded already.
    pub(super) fn rot(&mut self, last: LogId, word: u64) -> bool {
        let Ok((meta, mut source)) = self.store.open(last) else { return false };
        let Ok(content) = wavetank_raft::store::SnapshotSource::read_at(&mut source, 0, meta.size) else {
            return false;
        };
        let mut bytes = content.to_vec();
        checksummed::flip(&mut bytes, word);
        !bytes.is_empty() && self.wounds.insert(last, bytes.into()).is_none()
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
        if !self.wounds.is_empty() {
            self.wounds.remove(&meta.last);
            let kept = self.store.list()?;
            self.wounds.retain(|last, _| kept.iter().any(|meta| meta.last == *last));
        }
        Ok(meta)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        self.store.list()
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, InmemSource), StoreError> {
        let (meta, source) = self.store.open(last)?;
        let Some(wound) = self.wounds.get(&last) else { return Ok((meta, source)) };
        if checksum::of(wound) != meta.checksum {
            return Err(damaged(Location::Snapshot(last), "checksum mismatch"));
        }
        Ok((meta, InmemSource::new(wound.clone())))
    }
}
