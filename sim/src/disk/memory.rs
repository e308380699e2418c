//! Stores that hold the durable state in memory. After a crash, a prefix of the queued jobs is durable,
//! and in some cases a part of the next write.

use super::stores::{Capture, Load, PartialWrite, Remains, Stores};
use crate::disk::fault::{Damage, DiskFault, Location, WriteFault};
use crate::disk::faulty::{FaultySnapshots, FaultyStore};
use crate::disk::steps::Taken;
use crate::plan::rng::{Draw, Ratio};
use std::cell::Cell;
use std::sync::Arc;
use wavetank_raft::execute::{
    COMPACTED, LogRecord, Recovered, Snapshots, Storage, keep_snapshot, load_snapshot, recover,
};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    CacheLimits, Configuration, Data, Entries, Entry, Index, LogId, LogOp, Payload, Settings, SnapshotMeta,
    SnapshotPiece, StoreJob, Write,
};

/// Stores in memory, with faults.
#[derive(Debug)]
pub(crate) struct Memory {
    storage: Storage<FaultyStore<InmemStore>, FaultyStore<InmemStore>>,
    snapshots: Snapshots<FaultySnapshots<InmemSnapshotStore>>,
    /// The fault that the next write will have; `None` if the next write will have no fault.
    next_fault: Option<WriteFault>,
    /// The id of the last entry of the newest snapshot that a fault removed. `None` if no fault has removed
    /// the snapshots.
    vanished: Option<LogId>,
    /// True if the next read fails.
    is_unreadable: Cell<bool>,
    /// True if a write has failed since the last crash. The executor stops at a failed write, so the jobs
    /// behind this write are never executed.
    has_failed: bool,
}

impl Default for Memory {
    fn default() -> Self {
        let mut storage: Storage<FaultyStore<InmemStore>, FaultyStore<InmemStore>> = Storage::default();
        storage.stable.steps = storage.log.steps.clone();
        Self {
            storage,
            snapshots: Snapshots::new(FaultySnapshots::default()),
            next_fault: None,
            vanished: None,
            is_unreadable: Cell::new(false),
            has_failed: false,
        }
    }
}

impl Stores for Memory {
    fn recover(&mut self, cache: CacheLimits) -> Result<Recovered, StoreError> {
        self.read()?;
        recover(&mut self.storage, &self.snapshots, cache)
    }

    fn log(&self) -> Result<Vec<Entry>, StoreError> {
        let Some(range) = self.storage.log.range() else { return Ok(Vec::new()) };
        let entry = |index| Ok(self.storage.log.get_log(Index(index))?.expect("a log has no gaps"));
        range.map(entry).collect()
    }

    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.arm_fault(writes);
        let written = writes.iter().try_for_each(|write| self.storage.persist(write));
        self.has_failed |= written.is_err();
        written
    }

    fn fail(&mut self, write: &Write, draw: Draw) -> Option<(Option<PartialWrite>, StoreError)> {
        self.has_failed = true;
        Some((self.tear(write, draw.below(PARTS)), StoreError::new(StoreErrorKind::Io, "the disk")))
    }

    fn crash(&mut self, jobs: Vec<StoreJob>, _: Option<Capture<'_>>, [many, tear]: [Draw; 2]) -> Remains {
        self.disarm_faults();
        let mut jobs = jobs.into_iter();
        // In half of the crashes no queued job survives. A uniform draw would make this case rare when
        // the queue is long.
        let stopped = std::mem::take(&mut self.has_failed) || self.storage.log.is_missing();
        let is_none = many.hits(Ratio::new(1, 2)) || stopped;
        let survive = if is_none { 0 } else { many.below(jobs.len() as u64 + 1) };
        let mut durable = Vec::new();
        for job in jobs.by_ref().take(
            usize::try_from(survive)
                .expect("the number of surviving jobs is at most the length of the queue"),
        ) {
            match job {
                StoreJob::Persist(write) => {
                    self.storage.persist(&write).expect(CANNOT_FAIL);
                    durable.push(write);
                }
                StoreJob::WriteSnapshot { meta, offset, data, done, .. } => {
                    self.write_snapshot(&meta, offset, &data, done);
                }
                StoreJob::Fetch { .. } | StoreJob::ReadSnapshot { .. } => {}
            }
        }
        let torn = match jobs.next().filter(|_| !stopped) {
            Some(StoreJob::Persist(write)) => self.tear(&write, tear.below(PARTS)),
            _ => None,
        };
        let store = std::mem::take(&mut self.snapshots.store);
        self.snapshots = Snapshots::new(store);
        Remains { durable, torn, snapshot: None }
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        self.read()?;
        self.storage.fetch(first, last, settings)
    }

    fn read_snapshot(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError> {
        self.read()?;
        self.snapshots.read(last, offset, limit)
    }

    fn write_snapshot(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &Data, done: bool) -> bool {
        self.snapshots.write(meta, offset, data, done)
    }

    fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError> {
        keep_snapshot(capture.state, capture.meta, &mut self.snapshots.store)
    }

    fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError> {
        load_snapshot(&self.snapshots.store, last, load)
    }

    fn inject_fault(&mut self, fault: DiskFault, draw: Draw) -> Option<Damage> {
        let word = draw.below(1 << 32);
        match fault {
            DiskFault::Rot => self.rot_in(self.location(draw.below(4), word)?, word),
            DiskFault::RotIn(location) => self.rot_in(location, word),
            DiskFault::Vanish => self.remove_one(draw.below(3)),
            DiskFault::Misdirect => {
                self.next_fault = Some(WriteFault::Misdirected(word));
                Some(Damage::Misdirected)
            }
            DiskFault::DropPages => {
                self.next_fault = Some(WriteFault::Dropped);
                Some(Damage::Dropped)
            }
            DiskFault::FailRead => {
                self.is_unreadable.set(true);
                Some(Damage::Unreadable)
            }
            DiskFault::Fill => {
                self.next_fault = Some(WriteFault::Full);
                self.snapshots.store.is_full = true;
                Some(Damage::Full)
            }
        }
    }

    fn is_damaged(&self) -> bool {
        let Storage { log, stable } = &self.storage;
        matches!(self.next_fault, Some(WriteFault::Misdirected(_)))
            || log.is_corrupted()
            || stable.is_corrupted()
            || self.snapshots.store.is_corrupted()
            || self.newest() < self.vanished
    }

    fn memberships(&self) -> Vec<(Index, Arc<Configuration>)> {
        let log = &self.storage.log;
        let entries = log.range().into_iter().flatten().rev();
        let mut known: Vec<_> =
            entries.filter_map(|index| membership(log.get_log(Index(index)).ok()??)).collect();
        let newest = self.snapshots.store.list().ok().and_then(|list| list.first().cloned());
        known.extend(newest.map(|meta| (meta.configuration_index, Arc::new(meta.configuration.clone()))));
        known
    }

    fn free_space(&mut self) {
        self.next_fault = self.next_fault.filter(|write_fault| *write_fault != WriteFault::Full);
        self.snapshots.store.is_full = false;
        self.disarm_faults();
    }

    fn wipe(&mut self) {
        *self = Self::default();
    }

    fn calm(&mut self) {
        self.free_space();
        self.next_fault = None;
        self.is_unreadable.set(false);
    }

    fn faults(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

impl Memory {
    fn read(&self) -> Result<(), StoreError> {
        if self.is_unreadable.take() {
            return Err(StoreError::new(StoreErrorKind::Io, "the disk"));
        }
        Ok(())
    }

    /// Arms the fault for the first write of a group. If this write fails, no write of the group is durable.
    fn arm_fault(&mut self, writes: &[Write]) {
        let (Some(write_fault), Some(first)) = (self.next_fault, writes.first()) else { return };
        match write_fault {
            WriteFault::Misdirected(_) if entries_of(&first.log).is_empty() => return,
            WriteFault::Misdirected(_) => self.storage.log.next_fault = Some(write_fault),
            WriteFault::Dropped | WriteFault::Full => {
                (self.storage.log.next_fault, self.storage.stable.next_fault) =
                    (Some(write_fault), Some(write_fault));
            }
        }
        if write_fault != WriteFault::Full {
            self.next_fault = None;
        }
    }

    fn disarm_faults(&mut self) {
        (self.storage.log.next_fault, self.storage.stable.next_fault) = (None, None);
    }

    fn newest(&self) -> Option<LogId> {
        Some(self.snapshots.store.list().ok()?.first()?.last)
    }

    /// Removes the vote record, the log or all snapshots; `choice` selects one of the three. Keeps the vote
    /// record of a blank server, because this server cannot notice the loss. Keeps the snapshots if the log
    /// begins at index 1, because this log still has all entries. Returns `None` if nothing was removed.
    fn remove_one(&mut self, choice: u64) -> Option<Damage> {
        match choice {
            0 => {
                let is_blank = self.newest().is_none() && self.storage.log.range().is_none();
                let is_removed = !is_blank && self.storage.stable.remove_record();
                is_removed.then_some(Damage::Vanished(Location::Record))
            }
            1 => self.remove_log(),
            _ => self.remove_snapshots(),
        }
    }

    /// Removes the log if the server can notice the loss. The server notices the loss if a separate record
    /// says that the log has entries. A crash can occur after the first entry is stored and before this
    /// record is written. Then the server could not notice the loss, and no entry was reported as durable.
    /// Returns `None` if the log stays.
    fn remove_log(&mut self) -> Option<Damage> {
        let record = self.storage.stable.get(COMPACTED).ok()??;
        let is_noticed = LogRecord::decode(&record).is_ok_and(|record| record.has_entries);
        (is_noticed && self.storage.log.remove_log()).then_some(Damage::LogVanished)
    }

    fn remove_snapshots(&mut self) -> Option<Damage> {
        let is_whole = self.storage.log.range().is_some_and(|range| *range.start() == 1);
        let last = self.newest().filter(|_| !is_whole)?;
        self.snapshots.store.remove_all();
        self.vanished = Some(last);
        Some(Damage::Vanished(Location::Snapshot(last)))
    }

    /// Selects the location where bits flip: the vote record, the newest snapshot or an entry. `choice`
    /// selects one of the three, and `word` selects the entry. If `choice` selects a snapshot and there is none,
    /// the location is an entry. If `choice` selects an entry and there is none, the location is the newest
    /// snapshot. Returns `None` if neither exists and `choice` does not select the vote record.
    fn location(&self, choice: u64, word: u64) -> Option<Location> {
        let newest = self.snapshots.store.list().ok()?.first().map(|meta| meta.last);
        match (choice, newest, self.storage.log.range()) {
            (0, _, _) => Some(Location::Record),
            (1, Some(last), _) | (_, Some(last), None) => Some(Location::Snapshot(last)),
            (_, _, Some(range)) => {
                let many = 1 + range.end() - range.start();
                Some(Location::Entry(Index(range.start() + (word >> 3) % many)))
            }
            (_, None, None) => None,
        }
    }

    fn rot_in(&mut self, location: Location, word: u64) -> Option<Damage> {
        let is_flipped = match location {
            Location::Record => self.storage.stable.rot(location, word),
            Location::Entry(_) => self.storage.log.rot(location, word),
            Location::Snapshot(last) => self.snapshots.store.rot(last, word),
        };
        is_flipped.then_some(Damage::Rot(location))
    }

    /// Cuts the power during a write. `Storage::persist` of the Raft library determines the order of the
    /// steps. `drawn` is less than [`PARTS`] and determines the number of executed steps; at least one step
    /// is left out. Returns the durable part of the write, or `None` if no part is durable.
    fn tear(&mut self, write: &Write, drawn: u64) -> Option<PartialWrite> {
        if self.storage.log.is_missing() {
            return None;
        }
        let whole = self.steps_of(write);
        let steps = self.storage.log.steps.clone();
        steps.begin(drawn * whole.all() / PARTS);
        // The write fails when the power is cut, and no server learns of the failure.
        let _ = self.storage.persist(write);
        let taken = steps.end();
        if taken.all() == 0 {
            return None;
        }
        let hard_state = write.hard_state.filter(|_| taken.votes == whole.votes);
        let is_untouched = match &write.log {
            LogOp::Keep => true,
            LogOp::Append(_) | LogOp::Replace(_) => taken.deletions + taken.entries == 0,
            LogOp::Compact(_) | LogOp::Discard(_) => taken.deletions < whole.deletions,
            LogOp::CatchUp(_) => taken.records < whole.records,
        };
        let log = if is_untouched { LogOp::Keep } else { write.log.clone() };
        let entries = usize::try_from(taken.entries).expect("a write stores only its own entries");
        Some(PartialWrite { write: Write { hard_state, log, ..write.clone() }, entries })
    }

    /// Counts the steps of a write. Executes the write on a copy of the stores.
    fn steps_of(&self, write: &Write) -> Taken {
        let mut copy = self.storage.clone();
        let steps = copy.log.steps.clone();
        steps.begin(u64::MAX);
        copy.persist(write).expect(CANNOT_FAIL);
        steps.end()
    }
}

const CANNOT_FAIL: &str = "stores in memory do not fail";

/// A bound for random numbers. The length of a torn write is drawn below this bound and then scaled to the
/// number of steps.
const PARTS: u64 = 1 << 20;

fn membership(entry: Entry) -> Option<(Index, Arc<Configuration>)> {
    let Payload::Configuration(members) = entry.payload else { return None };
    Some((entry.id.index, members))
}

/// Returns the entries that an operation adds to the log.
pub(super) fn entries_of(op: &LogOp) -> &[Entry] {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::{HardState, Member, Term, Token};

    /// A write with a vote record and two entries.
    fn write() -> Write {
        let hard_state = Some(HardState { term: Term(1), vote: None });
        let entries = [1, 2].map(|index| Entry::new(Term(1), Index(index), Payload::Noop));
        Write { token: Token(1), hard_state, log: LogOp::Append(entries.into()) }
    }

    #[test]
    fn a_crash_keeps_the_first_steps_of_a_write() {
        let torn = |steps: u64| Memory::default().tear(&write(), (steps * PARTS).div_ceil(3));
        assert_eq!(torn(0), None);
        let record = PartialWrite { write: Write { log: LogOp::Keep, ..write() }, entries: 0 };
        assert_eq!(torn(1), Some(record));
        assert_eq!(torn(2), Some(PartialWrite { write: write(), entries: 1 }));
    }

    /// The write that waits has the entries after those of the failed write.
    #[test]
    fn no_write_behind_a_failed_write_survives_a_crash() {
        let draws = || [Draw::of_word(u64::MAX), Draw::of_word(u64::MAX)];
        let behind = || {
            let entry = Entry::new(Term(1), Index(3), Payload::Noop);
            StoreJob::Persist(Write { token: Token(2), hard_state: None, log: LogOp::Append([entry].into()) })
        };
        let mut sound = Memory::default();
        sound.write(&[write()]).expect("there is no fault");
        assert_eq!(sound.crash(vec![behind()], None, draws()).durable.len(), 1);

        let mut memory = Memory::default();
        assert!(memory.fail(&write(), Draw::ZERO).is_some());
        let remains = memory.crash(vec![behind()], None, draws());
        assert!(remains.durable.is_empty() && remains.torn.is_none(), "{remains:?}");
    }

    #[test]
    fn a_disk_is_damaged_until_it_has_a_snapshot_as_new_as_the_one_that_vanished() {
        let mut memory = Memory::default();
        let snapshot_at = |memory: &mut Memory, index| {
            let last = LogId::new(Term(1), Index(index));
            let configuration = Configuration::new(vec![Member::voter("n1", "tank:1")]).expect("one voter");
            let meta =
                SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
            assert!(memory.write_snapshot(&Arc::new(meta), 0, &Data::default(), true));
        };
        snapshot_at(&mut memory, 5);
        assert!(!memory.is_damaged());
        assert_eq!(
            memory.remove_one(2),
            Some(Damage::Vanished(Location::Snapshot(LogId::new(Term(1), Index(5)))))
        );
        for (index, is_damaged) in [(4, true), (5, false)] {
            assert!(memory.is_damaged());
            snapshot_at(&mut memory, index);
            assert_eq!(memory.is_damaged(), is_damaged, "with a snapshot at {index}");
        }
    }

    #[test]
    fn the_order_of_the_steps_is_that_of_the_stores_calls() {
        let mut memory = Memory::default();
        memory.storage.log.steps.begin(1);
        let stored = memory.storage.log.store_logs(&[Entry::new(Term(1), Index(1), Payload::Noop)]);
        let set = memory.storage.stable.set(b"a", b"b");
        assert!(stored.is_ok() && set.is_err(), "{stored:?} {set:?}");
        assert_eq!(memory.storage.log.steps.end(), Taken { entries: 1, ..Taken::default() });
        assert!(memory.storage.stable.set(b"a", b"b").is_ok(), "the power is back");
    }
}
