//! Snapshots in a directory, in HashiCorp's layout: each snapshot has the directory
//! `snapshots/<term>-<index>-<ms>/` with the files `meta.json` and `state.bin`. `<ms>` is the time in
//! milliseconds since 1970. Until a snapshot is complete and durable, the name of the snapshot's directory
//! ends with `.tmp`.

use super::files::{Disk, Files};
use super::io_error::io_error;
use super::meta::{Description, MetaFile};
use super::open_error::OpenError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};
use wavetank_raft::checksum::Checksum;
use wavetank_raft::store::{SnapshotSink, SnapshotSource, SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{ClusterId, Data, Index, LogId, SnapshotMeta, Term};

const TEMPORARY: &str = ".tmp";
const META: &str = "meta.json";
const STATE: &str = "state.bin";
/// The size of the buffers for reading and writing, in bytes.
const PIECE: usize = 256 << 10;
/// The maximum size of a `meta.json`, in bytes. A larger file is not read.
const META_MAX: u64 = 1 << 20;

/// A store that keeps the newest snapshots in a directory. In HashiCorp Raft, this store is
/// `FileSnapshotStore`.
#[derive(Clone, Debug)]
pub struct FileSnapshotStore<F: Files = Disk> {
    files: F,
    directory: PathBuf,
    retain: usize,
    /// The cluster that the `meta.json` of each new snapshot names; `None` if the cluster is unknown.
    cluster: Option<ClusterId>,
}

/// A snapshot that is being written.
pub struct FileSink<F: Files = Disk> {
    files: F,
    /// The directory of the snapshot. The name of the directory ends with `.tmp` until the snapshot is
    /// durable.
    directory: PathBuf,
    name: String,
    state: F::File,
    expected: SnapshotMeta,
    gathered: Vec<u8>,
    checksum: Checksum,
    size: u64,
    is_kept: bool,
}

/// A snapshot that is being read.
#[derive(Debug)]
pub struct FileSource<F: Files = Disk> {
    files: F,
    path: PathBuf,
    state: F::File,
    size: u64,
}

impl FileSnapshotStore {
    /// Makes a store that keeps the `retain` newest snapshots in the subdirectory `snapshots` of `directory`.
    /// Creates both directories if they do not exist.
    ///
    /// # Errors
    /// Returns an error if one of the directories cannot be created, read or written.
    ///
    /// # Panics
    /// Panics if `retain` is zero, because a server that deletes the newest snapshot loses its state.
    pub fn new(directory: impl AsRef<Path>, retain: usize) -> Result<Self, OpenError> {
        Self::on(Disk, directory, retain)
    }
}

impl<F: Files> FileSnapshotStore<F> {
    /// Makes a store like [`FileSnapshotStore::new`], but on the file system `files`.
    ///
    /// # Errors
    /// Returns the errors of [`FileSnapshotStore::new`].
    ///
    /// # Panics
    /// Panics if `retain` is zero.
    pub fn on(files: F, directory: impl AsRef<Path>, retain: usize) -> Result<Self, OpenError> {
        assert!(0 < retain, "the store must keep at least one snapshot");
        let directory = directory.as_ref().join("snapshots");
        let this = Self { files, directory, retain, cluster: None };
        this.prepare().map_err(|error| OpenError::io(&this.directory, &error))?;
        Ok(this)
    }

    /// Creates the directory, checks that the directory can be written, and removes unfinished snapshots of
    /// an earlier run.
    fn prepare(&self) -> io::Result<()> {
        self.files.make_dir(&self.directory)?;
        let probe = self.directory.join(format!("probe{TEMPORARY}"));
        self.files.make_dir(&probe)?;
        for name in self.files.dirs(&self.directory)? {
            if name.ends_with(TEMPORARY) {
                self.files.remove_dir(&self.directory.join(name))?;
            }
        }
        self.files.sync_dir(&self.directory)
    }

    /// Returns the complete snapshots in order, the newest snapshot first. Each pair has the name of the
    /// snapshot's directory and the metadata of the snapshot.
    fn found(&self) -> Result<Vec<(String, Arc<SnapshotMeta>)>, StoreError> {
        let names = self.files.dirs(&self.directory).map_err(|error| io_error(&self.directory, &error))?;
        let mut found: Vec<_> = names
            .into_iter()
            .filter(|name| !name.ends_with(TEMPORARY))
            .filter_map(|name| match self.description(&name) {
                Some(description) => Some((name, description.meta)),
                None => {
                    tracing::warn!(
                        snapshot = name,
                        "the snapshot is ignored, because its meta.json cannot be read"
                    );
                    None
                }
            })
            .collect();
        found.sort_by(|(a_name, a), (b_name, b)| (b.last, b_name).cmp(&(a.last, a_name)));
        Ok(found)
    }

    fn description(&self, name: &str) -> Option<Description> {
        let path = self.directory.join(name).join(META);
        let mut file = self.files.open(&path).ok()?;
        let length = self.files.length(&file).ok().filter(|length| *length <= META_MAX)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let read = self.files.read_at(&mut file, 0, &mut bytes).ok()?;
        MetaFile::read(&bytes[..read])
    }

    /// Returns a name for a new snapshot that ends with the entry at `last`. The name contains the current
    /// time. If another snapshot has this name, the name contains the next free millisecond.
    fn name(&self, last: LogId) -> Result<String, StoreError> {
        let names = self.files.dirs(&self.directory).map_err(|error| io_error(&self.directory, &error))?;
        let mut ms = self.files.unix_ms();
        loop {
            let name = format!("{}-{}-{ms}", last.term.0, last.index.0);
            if !names.iter().any(|taken| taken.trim_end_matches(TEMPORARY) == name) {
                return Ok(name);
            }
            ms += 1;
        }
    }

    /// Deletes all snapshots except the newest `retain` snapshots. Also keeps the snapshot in the directory
    /// `closed` and all newer snapshots, because the server will read one of these snapshots next. If a
    /// deletion fails, the store tries the deletion again when the next snapshot is closed.
    fn reap(&self, closed: &str) -> Result<(), StoreError> {
        let found = self.found()?;
        let upto_closed = found.iter().position(|(name, _)| name == closed).map_or(0, |at| at + 1);
        for (name, _) in found.into_iter().skip(self.retain.max(upto_closed)) {
            if let Err(error) = self.files.remove_dir(&self.directory.join(&name)) {
                tracing::warn!(snapshot = name, %error, "cannot delete an old snapshot");
            }
        }
        Ok(())
    }

    fn write_meta(&self, directory: &Path, file: &MetaFile) -> io::Result<()> {
        let mut meta = self.files.create(&directory.join(META))?;
        self.files.append(&mut meta, &file.line())?;
        self.files.sync(&mut meta)
    }

    /// Makes a snapshot durable. First the content becomes durable in the directory with the temporary name.
    /// Then the directory gets the final name, and the final name becomes durable.
    fn finish(&self, sink: &mut FileSink<F>, meta: &SnapshotMeta) -> io::Result<()> {
        self.files.sync(&mut sink.state)?;
        self.write_meta(&sink.directory, &MetaFile::of(&sink.name, meta, self.cluster, true))?;
        self.files.sync_dir(&sink.directory)?;
        let whole = self.directory.join(&sink.name);
        self.files.rename(&sink.directory, &whole)?;
        // From here on the snapshot has its final name. If this name cannot be made durable, the snapshot is
        // removed under this name.
        sink.directory = whole;
        self.files.sync_dir(&self.directory)?;
        sink.is_kept = true;
        Ok(())
    }

    /// Checks that the size and the checksum of the state file are the values in `meta`.
    fn check(&self, source: &mut FileSource<F>, meta: &SnapshotMeta) -> Result<(), StoreError> {
        let damaged = |what: &str| {
            StoreError::new(StoreErrorKind::Corrupt, format!("{}: {what}", source.path.display()))
        };
        if source.size != meta.size {
            return Err(damaged("size mismatch"));
        }
        let mut checksum = Checksum::default();
        let mut piece = vec![0; PIECE];
        let mut offset = 0;
        loop {
            let read = self.files.read_at(&mut source.state, offset, &mut piece);
            let read = read.map_err(|error| io_error(&source.path, &error))?;
            if read == 0 {
                break;
            }
            checksum.update(&piece[..read]);
            offset += read as u64;
        }
        if checksum.finish() == meta.checksum { Ok(()) } else { Err(damaged("CRC mismatch")) }
    }
}

impl<F: Files> SnapshotStore for FileSnapshotStore<F> {
    type Sink = FileSink<F>;
    type Source = FileSource<F>;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<FileSink<F>, StoreError> {
        let name = self.name(meta.last)?;
        let directory = self.directory.join(format!("{name}{TEMPORARY}"));
        let failed = |error: io::Error| io_error(&directory, &error);
        self.files.make_dir(&directory).map_err(failed)?;
        self.write_meta(&directory, &MetaFile::of(&name, meta, self.cluster, false)).map_err(failed)?;
        let state = self.files.create(&directory.join(STATE)).map_err(failed)?;
        Ok(FileSink {
            files: self.files.clone(),
            directory,
            name,
            state,
            expected: meta.clone(),
            gathered: Vec::new(),
            checksum: Checksum::default(),
            size: 0,
            is_kept: false,
        })
    }

    fn close(&mut self, mut sink: FileSink<F>) -> Result<Arc<SnapshotMeta>, StoreError> {
        sink.flush()?;
        let (size, checksum) = (sink.size, sink.checksum.finish());
        let meta = SnapshotMeta { size, checksum, ..sink.expected.clone() };
        sink.expect(&meta)?;
        self.finish(&mut sink, &meta).map_err(|error| io_error(&sink.directory, &error))?;
        self.reap(&sink.name)?;
        Ok(Arc::new(meta))
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        Ok(self.found()?.into_iter().take(self.retain).map(|(_, meta)| meta).collect())
    }

    /// Returns the position of the last entry in the newest snapshot. Reads this position from the names of
    /// the directories, because a `meta.json` may be unreadable. Returns zero if there is no snapshot.
    fn newest_end(&self) -> Result<LogId, StoreError> {
        let names = self.files.dirs(&self.directory).map_err(|error| io_error(&self.directory, &error))?;
        Ok(names.iter().filter_map(|name| ends_at(name)).max().unwrap_or(LogId::ZERO))
    }

    /// Returns the cluster in the newest `meta.json` that names a cluster. Returns `None` if no `meta.json`
    /// names a cluster.
    fn cluster(&self) -> Result<Option<ClusterId>, StoreError> {
        let found = self.found()?;
        Ok(found.iter().find_map(|(name, _)| self.description(name)?.cluster))
    }

    fn set_cluster(&mut self, cluster: ClusterId) {
        self.cluster = Some(cluster);
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, FileSource<F>), StoreError> {
        let found = self.found()?.into_iter().find(|(_, meta)| meta.last == last);
        let (name, meta) = found.ok_or_else(|| {
            let what = format!("snapshot {last} in {}", self.directory.display());
            StoreError::new(StoreErrorKind::NotFound, what)
        })?;
        let path = self.directory.join(name).join(STATE);
        let failed = |error: io::Error| io_error(&path, &error);
        let state = self.files.open(&path).map_err(failed)?;
        let size = self.files.length(&state).map_err(failed)?;
        let mut source = FileSource { files: self.files.clone(), path: path.clone(), state, size };
        self.check(&mut source, &meta)?;
        Ok((meta, source))
    }
}

/// Returns the term and the index of the last entry in a snapshot. `name` is the name of the snapshot's
/// directory, and contains the term and the index. Returns `None` if `name` is not the name of a complete
/// snapshot.
fn ends_at(name: &str) -> Option<LogId> {
    let mut parts = name.split('-').map(|part| part.parse::<u64>().ok());
    let (term, index, _) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then(|| LogId::new(Term(term), Index(index)))
}

impl<F: Files> FileSink<F> {
    fn flush(&mut self) -> Result<(), StoreError> {
        let appended = self.files.append(&mut self.state, &self.gathered);
        self.gathered.clear();
        appended.map_err(|error| io_error(&self.directory, &error))
    }

    /// Checks that the size and the checksum of the written bytes are the announced values. An announced
    /// value of zero means that the value is unknown.
    fn expect(&self, found: &SnapshotMeta) -> Result<(), StoreError> {
        let expected = &self.expected;
        let is_size = expected.size == 0 || expected.size == found.size;
        let is_checksum = expected.checksum == 0 || expected.checksum == found.checksum;
        if is_size && is_checksum {
            return Ok(());
        }
        let what = format!(
            "snapshot {} has {} bytes with checksum {:016x}, but {} bytes with checksum {:016x} were announced",
            found.last, found.size, found.checksum, expected.size, expected.checksum
        );
        Err(StoreError::new(StoreErrorKind::Corrupt, what))
    }
}

impl<F: Files> SnapshotSink for FileSink<F> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.checksum.update(bytes);
        self.size += bytes.len() as u64;
        self.gathered.extend_from_slice(bytes);
        if PIECE <= self.gathered.len() { self.flush() } else { Ok(()) }
    }
}

impl<F: Files> Drop for FileSink<F> {
    fn drop(&mut self) {
        if !self.is_kept {
            // If the removal fails, the next start removes the temporary directory.
            let _ = self.files.remove_dir(&self.directory);
        }
    }
}

impl<F: Files> fmt::Debug for FileSink<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink").field("directory", &self.directory).field("size", &self.size).finish()
    }
}

impl<F: Files> SnapshotSource for FileSource<F> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, limit: u64) -> Result<Data, StoreError> {
        let length = self.size.saturating_sub(offset).min(limit);
        let length = usize::try_from(length).expect("a piece fits into memory");
        let mut bytes = vec![0; length];
        let read = self.files.read_at(&mut self.state, offset, &mut bytes);
        let read = read.map_err(|error| io_error(&self.path, &error))?;
        if read == length {
            Ok(bytes.into())
        } else {
            let (path, end) = (self.path.display(), offset + read as u64);
            let what = format!("{path}: the file ends at byte {end} of {}", self.size);
            Err(StoreError::new(StoreErrorKind::Corrupt, what))
        }
    }
}

#[cfg(test)]
mod tests;
