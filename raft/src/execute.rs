//! The executors carry out the actions of a server on the stores and on the state machine. The executors call
//! the traits in [`store`](crate::store).
//!
//! One executor reads and writes the log and the vote record. Another executor runs the state machine. Both
//! executors use the snapshots. In the simulator the executors run at virtual times; in a real node each
//! executor has its own thread. The executors make no decisions of the protocol.

mod log_record;
mod machine;

pub use log_record::LogRecord;
pub use machine::{Machine, keep_snapshot, load_snapshot};

use crate::config::{CacheLimits, Settings};
use crate::entry::{Entries, Entry};
use crate::log::LogImage;
use crate::message::SnapshotMeta;
use crate::node::io::{HardState, LogOp, SnapshotPiece, Write};
use crate::store::{
    LogStore, SnapshotSink, SnapshotSource, SnapshotStore, StableStore, StoreError, StoreErrorKind,
};
use crate::types::{Index, LogId, NodeId, Term};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The key of the vote record in the stable store. The term and the vote are in one record. HashiCorp Raft
/// writes three records. A crash between the writes of these records can lose a vote (HashiCorp Raft issue
/// #661).
pub const HARD_STATE: &[u8] = b"HardState";

/// The key of the [`LogRecord`] in the stable store.
pub const COMPACTED: &[u8] = b"Compacted";

/// The key of the position of [`LogOp::CatchUp`] in the stable store.
pub const CATCH_UP: &[u8] = b"CatchUp";

/// The executor of the log store and the stable store.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Storage<L, S> {
    /// The store of the log.
    pub log: L,
    /// The store of the vote record and of other small records.
    pub stable: S,
}

/// The state that a server reads from its stores when it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The vote record; term 0 without a vote if no record is stored.
    pub hard_state: HardState,
    /// The log in the store.
    pub log: LogImage,
    /// The description of the newest readable snapshot; `None` if there is no snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
    /// The position of the last [`LogOp::CatchUp`]; zero if no such position was stored.
    pub catch_up: LogId,
}

impl Recovered {
    /// Checks that the log reaches `newest`, the position of the last entry in the newest snapshot. If the
    /// newest snapshot is damaged, the server starts from an older snapshot and the log. If the log ends
    /// before `newest`, the server has forgotten acknowledged entries, and could vote to replace these
    /// entries.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Corrupt`] if the log ends before the end of the newest snapshot.
    pub fn check_covers(&self, newest: LogId) -> Result<(), StoreError> {
        if newest.index <= self.log.last().index {
            return Ok(());
        }
        let last = self.log.last();
        let what = format!("snapshot {newest} cannot be read, and the log ends before {newest}, at {last}");
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }
}

/// Reads the state with which a server starts. Damaged data is an error, because a server that does not know
/// its whole state could grant a vote that the lost data forbids. There is one exception: a damaged snapshot is
/// skipped if an older snapshot and the log together have all its entries. Only writes that were never reported
/// as durable may be missing. The stores themselves remove the remains of such writes.
///
/// # Errors
/// Returns an error if a store fails, if the content of a store is damaged or missing, or if there is a gap
/// between the snapshot and the log.
pub fn recover<L: LogStore, S: StableStore, N: SnapshotStore>(
    storage: &mut Storage<L, S>,
    snapshots: &Snapshots<N>,
    cache: CacheLimits,
) -> Result<Recovered, StoreError> {
    let found = storage.recover(snapshots.newest()?, cache)?;
    found.check_covers(snapshots.store.newest_end()?)?;
    Ok(found)
}

impl<L: LogStore, S: StableStore> Storage<L, S> {
    /// Reads the vote record and the whole log. If the log ends before `snapshot` or conflicts with
    /// `snapshot`, the log is deleted: the snapshot includes all entries of this log that were committed.
    ///
    /// # Errors
    /// Returns the error of a store that fails. Returns [`StoreErrorKind::Corrupt`] in each of these cases:
    ///
    /// - A record in the stable store is damaged.
    /// - The vote record or the log is missing although the server had entries.
    /// - The log was compacted beyond the end of `snapshot`.
    /// - There is a gap in the log, or between `snapshot` and the log.
    /// - An entry has a lower term than the entry before it.
    pub fn recover(
        &mut self,
        snapshot: Option<Arc<SnapshotMeta>>,
        cache: CacheLimits,
    ) -> Result<Recovered, StoreError> {
        let end = snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let hard_state = match self.stable.get(HARD_STATE)? {
            Some(record) => decode_hard_state(&record)?,
            None => self.expect_blank(end)?,
        };
        self.expect_snapshot(end)?;
        let log = self.recover_log(end, cache)?;
        self.note_entries()?;
        let catch_up = match self.stable.get(CATCH_UP)? {
            Some(record) => decode_catch_up(&record)?,
            None => LogId::ZERO,
        };
        Ok(Recovered { hard_state, log, snapshot, catch_up })
    }

    /// Returns the vote record of a blank server. A server stores the vote record before its first entry and
    /// its first snapshot. If only the vote record is missing, the record was lost, and the server could vote
    /// a second time in a term.
    fn expect_blank(&self, snapshot: LogId) -> Result<HardState, StoreError> {
        let last = self.log.last_index()?.max(snapshot.index);
        if last == Index::ZERO {
            return Ok(HardState::default());
        }
        let what = format!("the vote record is missing, but the stores have entries up to {last}");
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }

    /// Checks that the snapshot reaches the end of the last compaction. Without this check, an empty log
    /// without snapshots would look like the log of a blank server.
    fn expect_snapshot(&self, snapshot: LogId) -> Result<(), StoreError> {
        let upto = self.log_record()?.compacted;
        if upto <= snapshot.index {
            return Ok(());
        }
        let what = format!(
            "the log was compacted up to {upto}, but the newest readable snapshot ends at {snapshot}"
        );
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }

    fn recover_log(&mut self, snapshot: LogId, cache: CacheLimits) -> Result<LogImage, StoreError> {
        let (first, last) = (self.log.first_index()?, self.log.last_index()?);
        if first == Index::ZERO {
            self.log_record()?.expect_empty()?;
            self.record_compaction(snapshot.index)?;
            return Ok(LogImage::new(snapshot, cache));
        }
        if snapshot.index.next() < first {
            let what =
                format!("the log begins at {first}, but the newest readable snapshot ends at {snapshot}");
            return Err(StoreError::new(StoreErrorKind::Corrupt, what));
        }
        let covered = self.log.get_log(snapshot.index)?;
        let joins = first == snapshot.index.next() || covered.is_some_and(|entry| entry.id == snapshot);
        if !joins {
            self.record_compaction(snapshot.index)?;
            self.log.delete_range(first, last)?;
            return Ok(LogImage::new(snapshot, cache));
        }
        // The base needs a term. The term before the first entry is known only if the snapshot ends
        // there. Otherwise the first entry, which the snapshot includes, becomes the base.
        let joined = first == snapshot.index.next();
        let mut image = if joined { LogImage::new(snapshot, cache) } else { self.based_on(first, cache)? };
        for index in image.base().index.next().0..=last.0 {
            image.push(self.expect_log_after(image.last(), Index(index))?);
        }
        Ok(image)
    }

    /// Records that an empty log begins after a snapshot. A crash may have come after the server stored the
    /// snapshot of a leader, and before the server recorded that this snapshot replaces the log.
    fn record_compaction(&mut self, upto: Index) -> Result<(), StoreError> {
        self.set_log_record(LogRecord { compacted: upto, has_entries: false })
    }

    fn based_on(&self, first: Index, cache: CacheLimits) -> Result<LogImage, StoreError> {
        Ok(LogImage::new(self.expect_log(first)?.id, cache))
    }

    fn expect_log(&self, index: Index) -> Result<Entry, StoreError> {
        let entry = self.log.get_log(index)?;
        entry.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, format!("the log has no entry {index}")))
    }

    fn expect_log_after(&self, last: LogId, index: Index) -> Result<Entry, StoreError> {
        let entry = self.expect_log(index)?;
        if entry.id.may_follow(last) {
            return Ok(entry);
        }
        let what = format!("the log has entry {}, which cannot follow entry {last}", entry.id);
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }

    /// Carries out one write: first the vote record, then the log. When the method returns `Ok`, the write is
    /// durable.
    ///
    /// # Errors
    /// Returns an error if a store fails. In that case the content of the store is unknown, and the server
    /// must stop.
    pub fn persist(&mut self, write: &Write) -> Result<(), StoreError> {
        if let Some(hard_state) = write.hard_state {
            self.persist_hard_state(hard_state)?;
        }
        if matches!(write.log, LogOp::Replace(_) | LogOp::Compact(_)) {
            self.before_deletion(&write.log)?;
        }
        match &write.log {
            LogOp::Keep => Ok(()),
            LogOp::Append(entries) => self.append(entries),
            LogOp::Replace(entries) => {
                let first = entries.first().map_or(Index::ZERO, |entry| entry.id.index);
                self.log.delete_range(first, self.log.last_index()?)?;
                self.append(entries)
            }
            LogOp::Compact(upto) => self.log.delete_range(self.log.first_index()?, *upto),
            LogOp::Discard(upto) => self.discard(*upto),
            LogOp::CatchUp(upto) => self.stable.set(CATCH_UP, &encode_catch_up(*upto)),
        }
    }

    /// Stores the vote record durably.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub fn persist_hard_state(&mut self, hard_state: HardState) -> Result<(), StoreError> {
        self.stable.set(HARD_STATE, &encode_hard_state(hard_state))
    }

    /// Reads entries from `first` up to `last`, within the limits of one message. Returns no entries if the
    /// log does not have the entry at `first`.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the whole log is missing.
    pub fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        for index in first.0..=last.0 {
            let Some(entry) = self.log.get_log(Index(index))? else { break };
            bytes += entry.weight();
            if !entries.is_empty() && settings.max_append_bytes < bytes {
                break;
            }
            entries.push(entry);
        }
        if entries.is_empty() && self.log.first_index()? == Index::ZERO {
            self.log_record()?.expect_empty()?;
        }
        Ok(entries.into())
    }
}

/// Encodes the vote record for the key [`HARD_STATE`]: the term as eight bytes, then the vote (if there is a
/// vote) as eight bytes, all in big-endian order. A store that writes the vote record together with the log
/// needs this function.
#[must_use]
pub fn encode_hard_state(hard_state: HardState) -> Vec<u8> {
    let mut record = Vec::with_capacity(17);
    record.extend_from_slice(&hard_state.term.0.to_be_bytes());
    if let Some(vote) = hard_state.vote {
        record.extend_from_slice(&vote.0.to_be_bytes());
    }
    record
}

fn decode_hard_state(record: &[u8]) -> Result<HardState, StoreError> {
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
    let (term, vote) = record.split_at_checked(8).unwrap_or((record, &[]));
    match (number(term), vote.is_empty(), number(vote)) {
        (Some(term), true, _) => Ok(HardState { term: Term(term), vote: None }),
        (Some(term), false, Some(vote)) => Ok(HardState { term: Term(term), vote: Some(NodeId(vote)) }),
        (None, _, _) | (Some(_), false, None) => {
            let what = format!("the vote record has an invalid length of {} bytes", record.len());
            Err(StoreError::new(StoreErrorKind::Corrupt, what))
        }
    }
}

/// Encodes the position for the key [`CATCH_UP`]: the term as eight bytes, then the index as eight bytes, both
/// in big-endian order.
#[must_use]
pub fn encode_catch_up(upto: LogId) -> [u8; 16] {
    (u128::from(upto.term.0) << 64 | u128::from(upto.index.0)).to_be_bytes()
}

fn decode_catch_up(record: &[u8]) -> Result<LogId, StoreError> {
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
    let (term, index) = record.split_at_checked(8).unwrap_or((record, &[]));
    match (number(term), number(index)) {
        (Some(term), Some(index)) => Ok(LogId { term: Term(term), index: Index(index) }),
        (None, _) | (_, None) => {
            let what = format!("the catch-up record has an invalid length of {} bytes", record.len());
            Err(StoreError::new(StoreErrorKind::Corrupt, what))
        }
    }
}

/// The executor of the snapshot store. This executor reads pieces of snapshots for followers, and writes
/// pieces of snapshots from the leader.
#[derive(Debug)]
pub struct Snapshots<N: SnapshotStore> {
    /// The snapshot store.
    pub store: N,
    incoming: Option<PartialSnapshot<N::Sink>>,
    /// The open snapshots, each with its description. The snapshot that was read most recently comes first.
    /// At most [`SOURCES_MAX`] snapshots are open, because an open snapshot uses space on the disk even after
    /// the store has deleted the snapshot.
    outgoing: Vec<(Arc<SnapshotMeta>, N::Source)>,
}

/// The maximum number of open snapshots. Two followers may receive different snapshots at the same time. A
/// snapshot stays open between two reads, because the store reads a whole snapshot to open the snapshot, and
/// cannot open a deleted snapshot again.
const SOURCES_MAX: usize = 2;

/// A snapshot that is not complete: only the first pieces are written.
#[derive(Debug)]
struct PartialSnapshot<S> {
    last: LogId,
    received: u64,
    sink: S,
}

impl<N: SnapshotStore> Snapshots<N> {
    /// Makes an executor for this store.
    pub const fn new(store: N) -> Self {
        Self { store, incoming: None, outgoing: Vec::new() }
    }

    /// Returns the description of the newest readable snapshot. Returns `None` if the store has no snapshots.
    /// Damaged snapshots are skipped (HashiCorp Raft issue #85).
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the store has snapshots but cannot read any of these
    /// snapshots.
    pub fn newest(&self) -> Result<Option<Arc<SnapshotMeta>>, StoreError> {
        let mut damage = None;
        for meta in self.store.list()? {
            match self.store.open(meta.last) {
                Ok((meta, _)) => return Ok(Some(meta)),
                Err(error) => damage = Some(error),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// Carries out [`StoreJob::ReadSnapshot`](crate::StoreJob::ReadSnapshot). Returns `None` if the store no
    /// longer has the snapshot that ends at `last`.
    ///
    /// # Errors
    /// Returns an error if the store fails, the snapshot is damaged, or `last` is `None` and there is no
    /// snapshot. A leader that cannot read its snapshot must stop. Otherwise a follower that needs the snapshot
    /// would wait forever. After this leader stops, another server can lead.
    pub fn read(
        &mut self,
        last: Option<LogId>,
        offset: u64,
        limit: u64,
    ) -> Result<Option<SnapshotPiece>, StoreError> {
        let last = match last {
            Some(last) => last,
            None => match self.newest()? {
                Some(meta) => meta.last,
                // A leader reads the newest snapshot only after its log was compacted up to this snapshot.
                None => {
                    let what = "the log was compacted, but all snapshots are missing";
                    return Err(StoreError::new(StoreErrorKind::NotFound, what));
                }
            },
        };
        let opened = match self.outgoing.iter().position(|(meta, _)| meta.last == last) {
            Some(at) => self.outgoing.remove(at),
            None => match self.store.open(last) {
                Ok(opened) => opened,
                Err(error) if error.kind == StoreErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        self.outgoing.truncate(SOURCES_MAX - 1);
        self.outgoing.insert(0, opened);
        let (meta, source) = &mut self.outgoing[0];
        let data = source.read_at(offset, limit)?;
        Ok(Some(SnapshotPiece { meta: meta.clone(), offset, data }))
    }

    /// Carries out [`StoreJob::WriteSnapshot`](crate::StoreJob::WriteSnapshot). Returns true if the piece is
    /// stored. If the piece is the last piece, returns true only if the whole snapshot is durable and matches
    /// its description.
    pub fn write(&mut self, meta: &Arc<SnapshotMeta>, offset: u64, data: &[u8], done: bool) -> bool {
        if offset == 0 {
            let sink = self.store.create(meta).ok();
            self.incoming = sink.map(|sink| PartialSnapshot { last: meta.last, received: 0, sink });
        }
        let Some(mut incoming) = self.incoming.take_if(|i| i.last == meta.last && i.received == offset)
        else {
            return false;
        };
        if incoming.sink.write(data).is_err() {
            return false;
        }
        incoming.received += data.len() as u64;
        if done {
            return self.store.close(incoming.sink).is_ok();
        }
        self.incoming = Some(incoming);
        true
    }
}

#[cfg(test)]
mod tests;
