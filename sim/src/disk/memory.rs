//! Stores that hold in memory what is durable. A crash leaves a first part of what was under way,
//! and perhaps a part of the next write.

use super::Job;
use super::stores::{Capture, Load, Part, Remains, Stores, UnderWay};
use crate::rng::{Draw, Ratio};
use std::sync::Arc;
use wavetank_raft::execute::{Recovered, Snapshots, Storage, keep_snapshot, load_snapshot};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{LogStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    Bytes, Entries, Entry, Index, LogId, LogOp, Settings, SnapshotMeta, SnapshotPiece, Write,
};

/// Stores in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    storage: Storage<InmemStore, InmemStore>,
    snapshots: Snapshots<InmemSnapshotStore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { storage: Storage::default(), snapshots: Snapshots::new(InmemSnapshotStore::default()) }
    }
}

impl Stores for Memory {
    fn recover(&mut self, cache: u64) -> Result<Recovered, StoreError> {
        let snapshot = self.snapshots.newest()?;
        self.storage.recover(snapshot, cache)
    }

    fn log(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.storage.log.entries().cloned().collect())
    }

    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        writes.iter().try_for_each(|write| self.storage.write(write))
    }

    fn fail(&mut self, write: &Write, draw: Draw) -> Option<(Option<Part>, StoreError)> {
        Some((self.tear(write, draw.below(PARTS)), StoreError::new(StoreErrorKind::Io, "the disk")))
    }

    fn crash(&mut self, under_way: UnderWay<'_>, [many, tear]: [Draw; 2]) -> Remains {
        let mut jobs = under_way.jobs.into_iter();
        // Half of the crashes leave nothing of the queue.
        let survive = if many.hits(Ratio::new(1, 2)) { 0 } else { many.below(jobs.len() as u64 + 1) };
        let mut durable = Vec::new();
        for job in jobs.by_ref().take(usize::try_from(survive).expect("no longer than the queue")) {
            match job {
                Job::Write(write) => {
                    self.storage.write(&write).expect(SOUND);
                    durable.push(write);
                }
                Job::WriteSnapshot { meta, offset, data, done, .. } => {
                    self.write_snapshot(&meta, offset, &data, done);
                }
                Job::Fetch { .. } | Job::ReadSnapshot { .. } => {}
            }
        }
        let torn = match jobs.next() {
            Some(Job::Write(write)) => self.tear(&write, tear.below(PARTS)),
            Some(Job::Fetch { .. } | Job::ReadSnapshot { .. } | Job::WriteSnapshot { .. }) | None => None,
        };
        let store = std::mem::take(&mut self.snapshots.store);
        self.snapshots = Snapshots::new(store);
        Remains { durable, torn, snapshot: None }
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        self.storage.fetch(first, last, settings)
    }

    fn read_snapshot(&mut self, last: Option<LogId>, offset: u64, limit: u64) -> Option<SnapshotPiece> {
        self.snapshots.read(last, offset, limit)
    }

    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Bytes, done: bool) -> bool {
        self.snapshots.write(meta, offset, data, done)
    }

    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError> {
        keep_snapshot(capture.state, capture.meta, &mut self.snapshots.store)
    }

    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError> {
        load_snapshot(&self.snapshots.store, last, load)
    }

    fn wipe(&mut self) {
        *self = Self::default();
    }

    fn calm(&mut self) {}

    fn faults(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

impl Memory {
    /// Keeps the first few parts of a write: the vote record, then what it takes away from the
    /// log, then its entries, one by one; never all of them.
    fn tear(&mut self, write: &Write, drawn: u64) -> Option<Part> {
        let (record, cut) = (write.hard_state.is_some(), matches!(write.log, LogOp::Replace(_)));
        let parts = usize::from(record) + parts_of(&write.log);
        let keep = usize::try_from(drawn * parts as u64 / PARTS).expect("fewer parts than entries");
        if keep == 0 {
            return None;
        }
        let kept = keep.saturating_sub(usize::from(record) + usize::from(cut));
        let log = if keep == usize::from(record) { LogOp::Keep } else { write.log.clone() };
        let write = Write { log, ..write.clone() };
        self.keep_part(&write, kept);
        Some(Part { write, entries: kept })
    }

    fn keep_part(&mut self, write: &Write, kept: usize) {
        let first_few: Entries = entries_of(&write.log)[..kept].into();
        let log = match &write.log {
            LogOp::Replace(entries) if kept == 0 => {
                self.cut_back(entries[0].id.index);
                LogOp::Keep
            }
            LogOp::Replace(_) => LogOp::Replace(first_few),
            LogOp::Append(_) if kept == 0 => LogOp::Keep,
            LogOp::Append(_) => LogOp::Append(first_few),
            LogOp::Keep | LogOp::Compact(_) | LogOp::Discard => LogOp::Keep,
        };
        let write = Write { log, ..write.clone() };
        self.storage.write(&write).expect(SOUND);
    }

    fn cut_back(&mut self, from: Index) {
        let last = self.storage.log.last_index().expect(SOUND);
        if from <= last {
            self.storage.log.delete_range(from, last).expect(SOUND);
        }
    }
}

const SOUND: &str = "stores in memory do not fail";

/// A tear is drawn as a number below this, and scaled to the parts of the write.
const PARTS: u64 = 1 << 20;

/// In how many steps a log operation can be interrupted.
fn parts_of(op: &LogOp) -> usize {
    match op {
        LogOp::Keep => 0,
        LogOp::Append(entries) => entries.len(),
        LogOp::Replace(entries) => 1 + entries.len(),
        LogOp::Compact(_) | LogOp::Discard => 1,
    }
}

fn entries_of(op: &LogOp) -> &[Entry] {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries,
        LogOp::Keep | LogOp::Compact(_) | LogOp::Discard => &[],
    }
}
