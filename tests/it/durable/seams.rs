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
    pub(super) syncs: Syncs,
}

/// How a database's syncs are carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Syncs {
    /// The device syncs its data.
    Honest,
    /// The device reports success and syncs nothing.
    Skipped,
}

/// The file system for snapshots, on a simulated device.
#[derive(Clone, Debug)]
pub(super) struct Tree(pub(super) Mount);

/// An open file and the position of its next read or write.
#[derive(Debug)]
pub(super) struct Placed {
    file: OpenFile,
    end: u64,
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
        match self.syncs {
            Syncs::Honest => self.file.sync(),
            Syncs::Skipped => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}

impl Files for Tree {
    type File = Placed;

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.0.make_dir(path)
    }

    fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.dirs(path)
    }

    fn create(&self, path: &Path) -> io::Result<Placed> {
        Ok(Placed { file: self.0.open(path, true)?, end: 0 })
    }

    fn open(&self, path: &Path) -> io::Result<Placed> {
        let file = self.0.open(path, false)?;
        Ok(Placed { end: file.len()?, file })
    }

    fn append(&self, file: &mut Placed, bytes: &[u8]) -> io::Result<()> {
        file.file.write(file.end, bytes)?;
        file.end += bytes.len() as u64;
        Ok(())
    }

    fn read_at(&self, file: &mut Placed, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        file.file.read(offset, into)
    }

    fn length(&self, file: &Placed) -> io::Result<u64> {
        file.file.len()
    }

    fn sync(&self, file: &mut Placed) -> io::Result<()> {
        file.file.sync()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir(path)
    }

    fn unix_ms(&self) -> u64 {
        self.0.tick()
    }
}
