//! The record about the log. The stable store has this record under the key [`COMPACTED`]. The record shows
//! whether the log was lost.
//!
//! The server first makes entries durable, and then records that the log has entries. Before the server
//! deletes the last entries, the server records that the log is empty. After a crash between these writes, the
//! log may have entries although the record says that the log is empty. If the record says that the log has
//! entries but the log is empty, the log was lost.

use super::{COMPACTED, Storage};
use crate::entry::Entry;
use crate::node::io::LogOp;
use crate::store::{LogStore, StableStore, StoreError, StoreErrorKind};
use crate::types::Index;
use alloc::format;

/// The record about the log in the stable store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogRecord {
    /// The index up to which the log was compacted. A snapshot must contain all entries up to this index.
    pub compacted: Index,
    /// True if the log has entries. If the value is true but the log is empty, the log was lost.
    pub has_entries: bool,
}

impl LogRecord {
    /// Encodes the record for the stable store: `compacted` as eight bytes in big-endian order, then one byte
    /// that is 1 if `has_entries` is true and 0 otherwise.
    #[must_use]
    pub fn encode(self) -> [u8; 9] {
        let mut record = [0; 9];
        record[..8].copy_from_slice(&self.compacted.0.to_be_bytes());
        record[8] = u8::from(self.has_entries);
        record
    }

    /// Decodes a record from the stable store.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Corrupt`] if the bytes are not a record about a log.
    pub fn decode(record: &[u8]) -> Result<Self, StoreError> {
        let (compacted, rest) =
            record.split_first_chunk().map_or((None, record), |(head, rest)| (Some(head), rest));
        match (compacted, rest) {
            // Without the last byte, the record is of an earlier version.
            (Some(compacted), [] | [0 | 1]) => {
                let compacted = Index(u64::from_be_bytes(*compacted));
                Ok(Self { compacted, has_entries: rest == [1] })
            }
            (Some(_) | None, _) => {
                let what = format!("the record about the log, of {} bytes, cannot be decoded", record.len());
                Err(StoreError::new(StoreErrorKind::Corrupt, what))
            }
        }
    }

    /// Checks that the log was not lost. The log must be empty when this function is called.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Corrupt`] if the record says that the log has entries.
    pub fn expect_empty(self) -> Result<(), StoreError> {
        if !self.has_entries {
            return Ok(());
        }
        let what = format!("the log is missing: the log had entries after {}", self.compacted);
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }
}

impl<L: LogStore, S: StableStore> Storage<L, S> {
    pub(super) fn log_record(&self) -> Result<LogRecord, StoreError> {
        self.stable
            .get(COMPACTED)?
            .map_or_else(|| Ok(LogRecord::default()), |record| LogRecord::decode(&record))
    }

    /// Stores the record, unless the store already has the same record.
    pub(super) fn set_log_record(&mut self, new: LogRecord) -> Result<(), StoreError> {
        if new == self.log_record()? { Ok(()) } else { self.stable.set(COMPACTED, &new.encode()) }
    }

    /// Stores in the record that the log has entries, if the log has entries. A server also calls this function
    /// at its start, because a crash may have come before the record was stored, and an earlier version of this
    /// library stored no such record.
    pub(super) fn note_entries(&mut self) -> Result<(), StoreError> {
        if self.log.first_index()? == Index::ZERO {
            return Ok(());
        }
        let known = self.log_record()?;
        self.set_log_record(LogRecord { has_entries: true, ..known })
    }

    /// Prepares a deletion of entries: checks that the log was not lost, and stores the record that describes
    /// the log after `op`.
    pub(super) fn before_deletion(&mut self, op: &LogOp) -> Result<(), StoreError> {
        let first = self.log.first_index()?;
        let known = self.log_record()?;
        if first == Index::ZERO {
            known.expect_empty()?;
        }
        let record = match op {
            LogOp::Keep | LogOp::CatchUp(_) | LogOp::Append(_) => known,
            LogOp::Replace(entries) => {
                let keeps_first = entries.first().is_some_and(|entry| first < entry.id.index);
                LogRecord { has_entries: known.has_entries && keeps_first, ..known }
            }
            LogOp::Compact(upto) => {
                LogRecord { compacted: *upto, has_entries: *upto < self.log.last_index()? }
            }
            LogOp::Discard(upto) => LogRecord { compacted: *upto, has_entries: false },
        };
        self.set_log_record(record)
    }

    /// Deletes the whole log. A snapshot that ends at the index `upto` replaces the log.
    pub(crate) fn discard(&mut self, upto: Index) -> Result<(), StoreError> {
        self.before_deletion(&LogOp::Discard(upto))?;
        self.log.delete_range(self.log.first_index()?, self.log.last_index()?)
    }

    /// Stores entries at the end of the log, durably.
    ///
    /// # Errors
    /// Returns an error if a store fails, or if the log was lost.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let is_empty = self.log.first_index()? == Index::ZERO;
        if is_empty {
            self.log_record()?.expect_empty()?;
        }
        self.log.store_logs(entries)?;
        if is_empty { self.note_entries() } else { Ok(()) }
    }
}
