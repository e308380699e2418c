//! The log and the vote record in one file, on [redb](::redb).
//!
//! A group of writes is one transaction with one sync. Therefore a crash loses either the whole group or no
//! part of the group. The space of deleted entries is used again. When the store opens a file that is mostly
//! free, the store compacts the file.

mod preallocate;

use super::codec;
use super::open_error::{OpenError, OpenFailure};
use super::records::newest_records;
use preallocate::Preallocated;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, Table,
    TableDefinition, TableError, WriteTransaction,
};
use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use wavetank_raft::execute::{COMPACTED, LogRecord};
use wavetank_raft::store::{LogStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{Entry, Index, LogOp, Write};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const FORMATS: TableDefinition<'_, &str, u64> = TableDefinition::new("format");

/// The format number of the file. Every change of [`codec`] or of the tables raises the number. Therefore the
/// store recognises a file of another format, and does not report this file as damaged. In format 1, the
/// checksum of an entry did not cover the index.
const FORMAT: u64 = 2;
/// The size of redb's cache, in bytes. Most reads are near the end of the log; for other reads, the page
/// cache of the operating system is enough.
const CACHE_BYTES: usize = 32 << 20;

/// A durable log and vote record in one file. Clones share the file, so one clone can be the log store, and
/// another clone can be the stable store.
#[derive(Clone, Debug)]
pub struct RedbStore {
    database: Arc<Database>,
    name: Arc<str>,
}

type Log<'t> = Table<'t, u64, &'static [u8]>;

impl RedbStore {
    /// Opens the database file `path`. If the file does not exist, creates the file and the missing parent
    /// directories.
    ///
    /// # Errors
    /// Returns an error if the file is in use, is read-only, has another format or is damaged, or if the
    /// device is full or fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let parent =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(parent).map_err(|error| OpenError::io(parent, &error))?;
        let mut database = create(path)?;
        let length = fs::metadata(path).map_err(|error| OpenError::io(path, &error))?.len();
        shrink(&mut database, length).map_err(|error| open_error(path, error))?;
        // The name of the file is durable once the directory is durable.
        let synced = fs::File::open(parent).and_then(|directory| directory.sync_all());
        synced.map_err(|error| OpenError::io(parent, &error))?;
        Self::with_database(database, path)
    }

    /// Opens the store on `backend` in place of a file. Errors contain `name` in place of the path.
    ///
    /// # Errors
    /// Returns the errors of [`RedbStore::open`].
    pub fn on(backend: impl StorageBackend, name: &str) -> Result<Self, OpenError> {
        let path = Path::new(name);
        let database = builder().create_with_backend(backend).map_err(|error| open_error(path, error))?;
        Self::with_database(database, path)
    }

    fn with_database(database: Database, path: &Path) -> Result<Self, OpenError> {
        let this = Self { database: Arc::new(database), name: path.display().to_string().into() };
        let found = this.format().map_err(|error| open_error(path, error))?;
        match found.cmp(&FORMAT) {
            Ordering::Less => Err(OpenError::new(path, OpenFailure::Older { found, known: FORMAT })),
            Ordering::Equal => Ok(this),
            Ordering::Greater => Err(OpenError::new(path, OpenFailure::Newer { found, known: FORMAT })),
        }
    }

    /// Returns the format of the file. A new file gets the current format and all tables.
    fn format(&self) -> Result<u64, redb::Error> {
        let reading = self.database.begin_read()?;
        match reading.open_table(FORMATS) {
            Ok(formats) => return Ok(formats.get("log")?.map_or(u64::MAX, |format| format.value())),
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let writing = self.database.begin_write()?;
        writing.open_table(FORMATS)?.insert("log", FORMAT)?;
        writing.open_table(LOG)?;
        writing.open_table(RECORDS)?;
        writing.commit()?;
        Ok(FORMAT)
    }

    /// Executes a group of writes in order, with one sync. The store executes all of these
    /// writes or none of them. When the method returns `Ok`, the writes are durable.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the entries do not follow the stored entries.
    pub fn persist_group(&self, writes: &[Write]) -> Result<(), StoreError> {
        let records: Vec<_> = newest_records(writes).collect();
        let records = records.iter().map(|(key, record)| (*key, &record[..]));
        self.write(records, writes.iter().map(|write| &write.log))
    }

    /// Writes the records `new`, and then executes the changes `ops` of the log in order, with one sync. The
    /// store executes all of these changes or none of them.
    fn write<'r, 'w>(
        &self,
        new: impl IntoIterator<Item = (&'r [u8], &'r [u8])>,
        ops: impl IntoIterator<Item = &'w LogOp>,
    ) -> Result<(), StoreError> {
        let writing = self.database.begin_write().map_err(|error| self.failed(error))?;
        for (key, value) in new {
            let mut records = writing.open_table(RECORDS).map_err(|error| self.failed(error))?;
            records.insert(key, value).map_err(|error| self.failed(error))?;
        }
        let is_noted = {
            let mut log = writing.open_table(LOG).map_err(|error| self.failed(error))?;
            let (was_empty, mut compacted) = (log.is_empty().map_err(|error| self.failed(error))?, None);
            for op in ops {
                self.carry_out(&mut log, op)?;
                if let LogOp::Compact(upto) | LogOp::Discard(upto) = op {
                    compacted = Some(*upto);
                }
            }
            let is_empty = log.is_empty().map_err(|error| self.failed(error))?;
            (compacted.is_some() || was_empty != is_empty).then_some((compacted, !is_empty))
        };
        if let Some((compacted, has_entries)) = is_noted {
            self.note_log(&writing, compacted, has_entries)?;
        }
        writing.commit().map_err(|error| self.failed(error))
    }

    /// Writes the [`LogRecord`]. If `compacted` is `None`, the compacted index in the record does not change.
    fn note_log(
        &self,
        writing: &WriteTransaction,
        compacted: Option<Index>,
        has_entries: bool,
    ) -> Result<(), StoreError> {
        let mut records = writing.open_table(RECORDS).map_err(|error| self.failed(error))?;
        let known = records.get(COMPACTED).map_err(|error| self.failed(error))?;
        let known = known.map(|record| LogRecord::decode(record.value())).transpose()?.unwrap_or_default();
        let new = LogRecord { compacted: compacted.unwrap_or(known.compacted), has_entries };
        records.insert(COMPACTED, &new.encode()[..]).map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn carry_out(&self, log: &mut Log<'_>, op: &LogOp) -> Result<(), StoreError> {
        match op {
            // The position of a `CatchUp` is a record in another table. The caller writes this record.
            LogOp::Keep | LogOp::CatchUp(_) => Ok(()),
            LogOp::Append(entries) => self.append(log, entries),
            LogOp::Replace(entries) => {
                if let Some(first) = entries.first() {
                    self.drop_range(log, first.id.index.0..=u64::MAX)?;
                }
                self.append(log, entries)
            }
            LogOp::Compact(upto) => self.drop_range(log, 0..=upto.0),
            LogOp::Discard(_) => self.drop_range(log, 0..=u64::MAX),
        }
    }

    fn append(&self, log: &mut Log<'_>, entries: &[Entry]) -> Result<(), StoreError> {
        let last = log.last().map_err(|error| self.failed(error))?.map(|(index, _)| index.value());
        let mut bytes = Vec::new();
        let mut before = last;
        for entry in entries {
            let index = entry.id.index.0;
            if let Some(before) = before.filter(|before| before.checked_add(1) != Some(index)) {
                let what = format!("{}: entry i{index} does not follow entry i{before}", self.name);
                return Err(StoreError::new(StoreErrorKind::Corrupt, what));
            }
            bytes.clear();
            codec::encode(entry, &mut bytes);
            log.insert(index, &bytes[..]).map_err(|error| self.failed(error))?;
            before = Some(index);
        }
        Ok(())
    }

    fn drop_range(&self, log: &mut Log<'_>, range: std::ops::RangeInclusive<u64>) -> Result<(), StoreError> {
        log.retain_in(range, |_, _| false).map_err(|error| self.failed(error))
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
        let log = self.read()?;
        let mut entries = Vec::new();
        for found in log.range(min.0..=max.0).map_err(|error| self.failed(error))? {
            let (index, bytes) = found.map_err(|error| self.failed(error))?;
            let entry = codec::decode(Index(index.value()), bytes.value())?;
            if !take(&entry) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn read(&self) -> Result<redb::ReadOnlyTable<u64, &'static [u8]>, StoreError> {
        let reading = self.database.begin_read().map_err(|error| self.failed(error))?;
        reading.open_table(LOG).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        let error = error.into();
        let what = format!("{}: {error}", self.name);
        let kind = if let redb::Error::Io(error) = &error {
            error.kind().into()
        } else if matches!(error, redb::Error::Corrupted(_) | redb::Error::TableTypeMismatch { .. }) {
            StoreErrorKind::Corrupt
        } else {
            StoreErrorKind::Io
        };
        StoreError::new(kind, what)
    }
}

impl LogStore for RedbStore {
    fn first_index(&self) -> Result<Index, StoreError> {
        let log = self.read()?;
        let first = log.first().map_err(|error| self.failed(error))?;
        Ok(Index(first.map_or(0, |(index, _)| index.value())))
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        let log = self.read()?;
        let last = log.last().map_err(|error| self.failed(error))?;
        Ok(Index(last.map_or(0, |(index, _)| index.value())))
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        let found = self.read()?.get(index.0).map_err(|error| self.failed(error))?;
        found.map(|bytes| codec::decode(index, bytes.value())).transpose()
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.write([], [&LogOp::Append(entries.into())])
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        let writing = self.database.begin_write().map_err(|error| self.failed(error))?;
        {
            let mut log = writing.open_table(LOG).map_err(|error| self.failed(error))?;
            self.drop_range(&mut log, min.0..=max.0)?;
        }
        writing.commit().map_err(|error| self.failed(error))
    }
}

impl StableStore for RedbStore {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write([(key, value)], [])
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let reading = self.database.begin_read().map_err(|error| self.failed(error))?;
        let records = reading.open_table(RECORDS).map_err(|error| self.failed(error))?;
        let found = records.get(key).map_err(|error| self.failed(error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // A file that another program has changed is refused here, because redb may panic on such a file.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

fn create(path: &Path) -> Result<Database, OpenError> {
    let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| OpenError::io(path, &error))?;
    let file = FileBackend::new(file).map_err(|error| open_error(path, error))?;
    let file = Preallocated::new(file).map_err(|error| OpenError::io(path, &error))?;
    builder().create_with_backend(file).map_err(|error| open_error(path, error))
}

/// Compacts the file if most of the file is free. `length` is the length of the file in bytes. A compaction
/// takes as much time as writing the used part of the file again.
fn shrink(database: &mut Database, length: u64) -> Result<(), redb::Error> {
    const NOT_WORTH_IT: u64 = 4 << 20;
    let writing = database.begin_write()?;
    let stats = writing.stats()?;
    let used = stats.allocated_pages() * stats.page_size() as u64;
    writing.abort()?;
    if NOT_WORTH_IT + 2 * used < length {
        database.compact()?;
    }
    Ok(())
}

fn open_error(path: &Path, error: impl Into<redb::Error>) -> OpenError {
    let error = error.into();
    if let redb::Error::Io(error) = &error {
        OpenError::io(path, error)
    } else if matches!(error, redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) {
        OpenError::new(path, OpenFailure::Locked)
    } else {
        OpenError::new(path, OpenFailure::Damaged(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
