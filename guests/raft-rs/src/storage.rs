//! The log of a server as raft-rs reads it. The tank's disk has a copy: every change here is also a write.

use crate::translate::{self, Leave};
use raft::eraftpb::{Entry as RaftEntry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wavetank_raft::{Boot, Configuration, Entries, Entry, Index, LogId, Payload, SnapshotMeta, Term};

/// The log, the newest snapshot, and the state with which raft-rs starts.
///
/// 1. The entries follow `base` without a gap. raft-rs can ask for the term of `base`, but not for its
///    entry.
/// 2. `configurations` has all configurations of the entries, and the latest one up to `base`.
#[derive(Debug)]
pub(crate) struct Log {
    base: LogId,
    entries: VecDeque<RaftEntry>,
    configurations: BTreeMap<Index, Arc<Configuration>>,
    /// The newest snapshot in force; raft-rs may send it.
    pub(crate) snapshot: Option<Arc<SnapshotMeta>>,
    start: HardState,
    leave: Leave,
    /// True if raft-rs has asked for a snapshot that does not exist.
    wants_snapshot: Cell<bool>,
}

impl Log {
    /// Reads the content of a disk. The first configuration of a cluster is the entry at index 1.
    pub(crate) fn of(boot: &Boot, disk: &[Entry], leave: Leave) -> Self {
        let end = boot.snapshot.as_ref().map(|meta| meta.last);
        // The entries before the end of the snapshot are left out: the configuration before them may be unknown.
        let base = end.unwrap_or(LogId::ZERO);
        let mut log = Self {
            base,
            entries: VecDeque::new(),
            configurations: BTreeMap::new(),
            snapshot: boot.snapshot.clone(),
            start: HardState::default(),
            leave,
            wants_snapshot: Cell::new(false),
        };
        if let Some(meta) = &boot.snapshot {
            let configuration = Arc::new(meta.configuration.clone());
            log.configurations.insert(meta.configuration_index, configuration);
        }
        let is_kept = |entry: &Entry| base.index < entry.id.index || end.is_none();
        for entry in disk {
            if base.index < entry.id.index {
                let made = translate::to_raft(entry, log.before(entry.id.index), leave);
                log.entries.push_back(made);
            }
            if let (true, Payload::Configuration(configuration)) = (is_kept(entry), &entry.payload) {
                log.configurations.insert(entry.id.index, Arc::clone(configuration));
            }
        }
        log.start.term = boot.hard_state.term.0;
        log.start.vote = boot.hard_state.vote.map_or(0, |vote| vote.0);
        log.start.commit = log.recovered_commit(boot.catch_up);
        log
    }

    /// Returns the commit index of the disk: at least the end of the snapshot, and the recorded one if the log
    /// still has that entry.
    fn recovered_commit(&self, recorded: LogId) -> u64 {
        let known = self.base.index;
        let is_there = known < recorded.index && self.term_at(recorded.index) == Some(recorded.term);
        if is_there { recorded.index.0 } else { known.0 }
    }

    /// The configuration with which raft-rs starts, with its index: the one of the snapshot. The first
    /// configuration of a cluster is in force before it is committed.
    pub(crate) fn first_configuration(&self) -> Option<(Index, Arc<Configuration>)> {
        let (index, configuration) = self.configuration_at(self.base.index.max(Index(1)))?;
        Some((index, Arc::clone(configuration)))
    }

    pub(crate) const fn base(&self) -> LogId {
        self.base
    }

    pub(crate) fn last(&self) -> LogId {
        self.entries.back().map_or(self.base, |entry| LogId::new(Term(entry.term), Index(entry.index)))
    }

    /// Returns the term of an entry; `None` if the log does not have it.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        let at = index.0.checked_sub(self.base.index.0 + 1)?;
        self.entries.get(usize::try_from(at).ok()?).map(|entry| Term(entry.term))
    }

    /// Returns the configuration before this index.
    fn before(&self, index: Index) -> Option<&Arc<Configuration>> {
        self.configurations.range(..index).next_back().map(|(_, configuration)| configuration)
    }

    /// Returns the latest configuration up to this index, with its index.
    pub(crate) fn configuration_at(&self, index: Index) -> Option<(Index, &Arc<Configuration>)> {
        self.configurations.range(..=index).next_back().map(|(at, configuration)| (*at, configuration))
    }

    /// Returns the configuration of the entry at this index; `None` if the entry has none.
    pub(crate) fn configuration_of(&self, index: Index) -> Option<&Arc<Configuration>> {
        self.configurations.get(&index)
    }

    /// Appends entries, and deletes the entries from their first index on before. Returns the entries for the
    /// disk, and true if entries were deleted.
    pub(crate) fn append(&mut self, new: &[RaftEntry]) -> (Entries, bool) {
        let first = new.first().map_or(Index::ZERO, |entry| Index(entry.index));
        let kept = usize::try_from(first.0 - self.base.index.0 - 1).expect("a log fits into memory");
        assert!(kept <= self.entries.len(), "raft-rs leaves a gap before {first}");
        let is_cut = kept < self.entries.len();
        self.entries.truncate(kept);
        self.configurations.split_off(&first);
        let mut written = Vec::with_capacity(new.len());
        for entry in new {
            let made = translate::from_raft(entry, self.before(Index(entry.index)));
            if let Payload::Configuration(configuration) = &made.payload {
                self.configurations.insert(made.id.index, Arc::clone(configuration));
            }
            self.entries.push_back(entry.clone());
            written.push(made);
        }
        (written.into(), is_cut)
    }

    /// Returns an entry as the tank knows it.
    pub(crate) fn translated(&self, entry: &RaftEntry) -> Entry {
        translate::from_raft(entry, self.before(Index(entry.index)))
    }

    /// Replaces the log by a snapshot.
    pub(crate) fn install(&mut self, meta: Arc<SnapshotMeta>) {
        self.base = meta.last;
        self.entries.clear();
        let configuration = Arc::new(meta.configuration.clone());
        self.configurations = BTreeMap::from([(meta.configuration_index, configuration)]);
        self.snapshot = Some(meta);
    }

    /// Deletes the entries up to this index. The entry at the index becomes the base.
    pub(crate) fn compact(&mut self, upto: Index) {
        let term = self.term_at(upto).expect("the log has the entry that becomes its base");
        let count = usize::try_from(upto.0 - self.base.index.0).expect("a log fits into memory");
        self.entries.drain(..count);
        self.base = LogId::new(term, upto);
        let latest = self.configurations.range(..=upto).next_back().map(|(at, _)| *at);
        self.configurations = self.configurations.split_off(&latest.unwrap_or(Index::ZERO));
    }

    /// Returns true once if raft-rs has asked for a snapshot that does not exist.
    pub(crate) fn takes_wish(&self) -> bool {
        self.wants_snapshot.take()
    }
}

impl Storage for Log {
    fn initial_state(&self) -> Result<RaftState> {
        let configuration = self.first_configuration();
        let configuration = configuration.as_ref().map(|(_, configuration)| &**configuration);
        let state = translate::conf_state(configuration, self.leave);
        Ok(RaftState::new(self.start.clone(), state))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> Result<Vec<RaftEntry>> {
        if low <= self.base.index.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        assert!(high <= self.last().index.0 + 1, "raft-rs reads beyond the end of the log");
        let at = |index: u64| usize::try_from(index - self.base.index.0 - 1).expect("it fits into memory");
        let mut entries: Vec<RaftEntry> = self.entries.range(at(low)..at(high)).cloned().collect();
        raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index < self.base.index.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        self.term_at(Index(index)).map(|term| term.0).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.base.index.0 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last().index.0)
    }

    /// Returns the description of the newest snapshot. The adapter adds the content when it sends the message.
    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        let newest = self.snapshot.as_ref().filter(|meta| {
            // raft-rs ignores a snapshot in whose configuration the receiver is missing.
            let state = translate::conf_state(Some(&meta.configuration), self.leave);
            let has = |ids: &[u64]| ids.contains(&to);
            let is_member = has(&state.voters) || has(&state.learners) || has(&state.voters_outgoing);
            request_index <= meta.last.index.0 && is_member
        });
        let Some(meta) = newest else {
            self.wants_snapshot.set(true);
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        };
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        (metadata.index, metadata.term) = (meta.last.index.0, meta.last.term.0);
        metadata.set_conf_state(translate::conf_state(Some(&meta.configuration), self.leave));
        Ok(snapshot)
    }
}
