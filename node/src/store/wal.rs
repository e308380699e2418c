//! The log and the vote record in a directory of segments. A segment is a file of frames. The first frame is
//! the base: all records and the range of the log at the beginning of the segment. Each later frame is one
//! group of writes. A frame without a body is a seal: the segment is full, and the next segment exists.
//! `docs/storage.md` describes the format.

mod frame;
mod recovery;
mod scan;
mod segment;
mod state;
mod writer;

use self::state::{Group, State};
use self::writer::Wal;
use super::files::{Disk, Files};
use super::open_error::OpenError;
use super::records::newest_records;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use wavetank_raft::execute::{COMPACTED, LogRecord};
use wavetank_raft::store::{LogStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{Entry, Index, LogOp, Write};

/// A durable log and vote record in a directory of segments. A group of writes costs one sync. Clones share
/// the directory, so one clone can be the log store, and another clone can be the stable store.
#[derive(Debug)]
pub struct WalStore<F: Files = Disk>(Arc<Mutex<Wal<F>>>);

impl<F: Files> Clone for WalStore<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The sizes of a [`WalStore`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WalOptions {
    /// The length after which a segment is full, in bytes. A value above 2 GiB counts as 2 GiB. The store
    /// deletes only whole segments.
    pub segment_bytes: u64,
    /// The minimum number of zero bytes that the store adds to the file of a segment when the file must grow.
    /// Later groups of writes overwrite these zeros.
    pub ahead_bytes: u64,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, ahead_bytes: 512 << 10 }
    }
}

impl WalStore {
    /// Opens the log in a directory. If the directory does not exist, creates the directory and the missing
    /// parent directories. Use the directory for this log only.
    ///
    /// # Errors
    /// Returns an error if the directory is in use or read-only, if a segment is missing or damaged, if a
    /// segment belongs to another directory or has another format, or if the device is full or fails.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::on(Disk, directory, WalOptions::default())
    }
}

impl<F: Files> WalStore<F> {
    /// Opens the log like [`WalStore::open`], but with the sizes `options` and on the file system `files`.
    ///
    /// # Errors
    /// Returns the errors of [`WalStore::open`].
    pub fn on(files: F, directory: impl AsRef<Path>, options: WalOptions) -> Result<Self, OpenError> {
        Wal::open(files, directory.as_ref(), options).map(|wal| Self(Arc::new(Mutex::new(wal))))
    }

    /// Executes a group of writes in order, with one sync. The store executes all of these
    /// writes or none of them. When the method returns `Ok`, the writes are durable.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the entries do not follow the stored entries. After the
    /// device has failed, the store refuses all later writes.
    pub fn persist_group(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.lock().write(|group, state| {
            for (key, record) in newest_records(writes) {
                group.set(key, &record)?;
            }
            let mut compacted = None;
            for write in writes {
                carry_out(group, &write.log)?;
                if let LogOp::Compact(upto) | LogOp::Discard(upto) = write.log {
                    compacted = Some(upto);
                }
            }
            note_log(group, state, compacted)
        })
    }

    /// Reads the stored entries from `min` to `max` (inclusive) in order, and passes each entry to `take`. If
    /// `take` returns false for an entry, the method stops, and returns only the earlier entries.
    ///
    /// # Errors
    /// Returns an error if the store fails or an entry is damaged.
    pub fn range(
        &self,
        min: Index,
        max: Index,
        mut take: impl FnMut(&Entry) -> bool,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut wal = self.lock();
        let mut entries = Vec::new();
        let range = wal.state.range;
        for index in min.0.max(range.first)..=max.0.min(range.last) {
            let Some(entry) = wal.entry(Index(index))? else { break };
            if !take(&entry) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn lock(&self) -> MutexGuard<'_, Wal<F>> {
        self.0.lock().expect("no code panics while the log is locked")
    }
}

fn carry_out(group: &mut Group<'_>, op: &LogOp) -> Result<(), String> {
    match op {
        // The position of a `CatchUp` is a record, and not a part of the log. The caller sets this record.
        LogOp::Keep | LogOp::CatchUp(_) => {}
        LogOp::Append(entries) => group.append(entries)?,
        LogOp::Replace(entries) => {
            if let Some(first) = entries.first() {
                group.delete_from(first.id.index.0);
            }
            group.append(entries)?;
        }
        LogOp::Compact(upto) => group.delete_upto(upto.0),
        LogOp::Discard(_) => group.delete_from(0),
    }
    Ok(())
}

/// Writes the [`LogRecord`] if the record changes. `compacted` is the index up to which this group compacts
/// the log; `None` if the group does not compact the log.
fn note_log(group: &mut Group<'_>, state: &State, compacted: Option<Index>) -> Result<(), String> {
    let has_entries = !group.range().is_empty();
    if compacted.is_none() && has_entries != state.range.is_empty() {
        return Ok(());
    }
    let known = state.records.get(COMPACTED).map(|record| LogRecord::decode(record)).transpose();
    let known = known.map_err(|error| error.what)?.unwrap_or_default();
    let new = LogRecord { compacted: compacted.unwrap_or(known.compacted), has_entries };
    group.set(COMPACTED, &new.encode())
}

impl<F: Files> LogStore for WalStore<F> {
    fn first_index(&self) -> Result<Index, StoreError> {
        Ok(Index(self.lock().state.range.first))
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        Ok(Index(self.lock().state.range.last))
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        self.lock().entry(index)
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.lock().write(|group, state| {
            group.append(entries)?;
            note_log(group, state, None)
        })
    }

    /// Deletes the entries from `min` to `max` (inclusive) at the beginning or the end of the log.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if entries before `min` and entries after `max` are stored.
    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        let mut wal = self.lock();
        let range = wal.state.range;
        if range.is_empty() || max < min || max.0 < range.first || range.last < min.0 {
            return Ok(());
        }
        if range.first < min.0 && max.0 < range.last {
            let what = format!(
                "the deletion of the entries {min} to {max} leaves a gap before entry i{}",
                range.last
            );
            return Err(wal.refused(StoreErrorKind::Corrupt, &what));
        }
        wal.write(|group, _| {
            if min.0 <= range.first {
                group.delete_upto(max.0);
            } else {
                group.delete_from(min.0);
            }
            Ok(())
        })
    }
}

impl<F: Files> StableStore for WalStore<F> {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.lock().write(|group, _| group.set(key, value))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().state.records.get(key).cloned())
    }
}

#[cfg(test)]
mod tests;
