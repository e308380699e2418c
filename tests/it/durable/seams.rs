//! Implements the storage interfaces of the real stores with a simulated device.

use redb::StorageBackend;
use std::io;
use std::path::Path;
use wavetank_node::store::Files;
use wavetank_sim::disk::{Mount, OpenFile};

/// The file of a database, on a simulated device.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) file: OpenFile,
    pub(super) bug: Option<Bug>,
}

/// A bug in the way in which the store of the log uses its files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bug {
    /// A sync reports success and syncs nothing.
    SkippedSync,
    /// A write is carried out after the next sync of the file, and not before.
    SwappedWrites,
    /// The name of a second or later segment is not synced.
    UnsyncedNames,
    /// The newest of several segments has vanished when the directory is read.
    MissingSegment,
}

/// The file system for the segmented log and for snapshots, on a simulated device.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) mount: Mount,
    pub(super) bug: Option<Bug>,
}

/// An open file and the position of its next read or write.
#[derive(Debug)]
pub(super) struct Placed {
    file: OpenFile,
    end: u64,
    /// The write that waits for the next sync, with [`Bug::SwappedWrites`].
    late: Option<(u64, Vec<u8>)>,
}

impl Tree {
    fn has_several_segments(&self, path: &Path) -> io::Result<bool> {
        Ok(1 < self.mount.files(path)?.iter().filter(|name| is_segment(name)).count())
    }
}

fn is_segment(name: &str) -> bool {
    name.strip_suffix(".wal").is_some()
}

impl Placed {
    fn write_late(&mut self) -> io::Result<()> {
        self.late.take().map_or(Ok(()), |(offset, bytes)| self.file.write(offset, &bytes))
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = self.file.read(offset, out)?;
        if read == out.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.bug == Some(Bug::SkippedSync) { Ok(()) } else { self.file.sync() }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}

impl Files for Tree {
    type File = Placed;

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.mount.make_dir(path)
    }

    fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        self.mount.dirs(path)
    }

    fn file_names(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = self.mount.files(path)?;
        if self.bug == Some(Bug::MissingSegment) && self.has_several_segments(path)? {
            let newest = names.iter().filter(|name| is_segment(name)).max().cloned();
            names.retain(|name| Some(name) != newest.as_ref());
        }
        Ok(names)
    }

    /// Only one process uses the device at a time.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Placed>> {
        self.create(path).map(Some)
    }

    fn create(&self, path: &Path) -> io::Result<Placed> {
        Ok(Placed { file: self.mount.open(path, true)?, end: 0, late: None })
    }

    fn open(&self, path: &Path) -> io::Result<Placed> {
        let file = self.mount.open(path, false)?;
        Ok(Placed { end: file.len()?, file, late: None })
    }

    fn open_to_write(&self, path: &Path) -> io::Result<Placed> {
        self.open(path)
    }

    fn write_at(&self, file: &mut Placed, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_late()?;
        if self.bug == Some(Bug::SwappedWrites) {
            file.late = Some((offset, bytes.to_vec()));
            return Ok(());
        }
        file.file.write(offset, bytes)
    }

    fn append(&self, file: &mut Placed, bytes: &[u8]) -> io::Result<()> {
        file.file.write(file.end, bytes)?;
        file.end += bytes.len() as u64;
        Ok(())
    }

    fn read_at(&self, file: &mut Placed, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        file.write_late()?;
        file.file.read(offset, into)
    }

    fn length(&self, file: &Placed) -> io::Result<u64> {
        file.file.len()
    }

    fn sync(&self, file: &mut Placed) -> io::Result<()> {
        file.file.sync()
    }

    fn sync_data(&self, file: &mut Placed) -> io::Result<()> {
        if self.bug != Some(Bug::SkippedSync) {
            file.file.sync()?;
        }
        file.write_late()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let is_skipped = self.bug == Some(Bug::UnsyncedNames) && self.has_several_segments(path)?;
        if is_skipped { Ok(()) } else { self.mount.sync_dir(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.mount.rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.mount.remove(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.mount.remove(path)
    }

    fn unix_ms(&self) -> u64 {
        self.mount.tick()
    }

    fn unique(&self) -> u64 {
        self.mount.tick()
    }
}
