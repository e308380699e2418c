//! The seam between snapshots and the file system: as much of it as they need.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file system, and the clock that names what is put on it.
pub trait Files: Clone + Debug + Send + 'static {
    /// An open file.
    type File: Debug + Send;

    /// Makes the directory and those above it; none of it need be new.
    ///
    /// # Errors
    /// When the device says so.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// The names of the directories in this one.
    ///
    /// # Errors
    /// When the device says so.
    fn dirs(&self, path: &Path) -> io::Result<Vec<String>>;

    /// A new, empty file to write, in place of what was there.
    ///
    /// # Errors
    /// When the device says so.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// A file to read.
    ///
    /// # Errors
    /// When it is not there, or the device says so.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Appends to a file that was created.
    ///
    /// # Errors
    /// When the device says so, or there is no room.
    fn append(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Reads from `offset` on until `into` is full or the file ends, and says how much.
    ///
    /// # Errors
    /// When the device says so.
    fn read_at(&self, file: &mut Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The length of a file.
    ///
    /// # Errors
    /// When the device says so.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// Makes a file's bytes durable.
    ///
    /// # Errors
    /// When the device says so; what is durable is then not known.
    fn sync(&self, file: &mut Self::File) -> io::Result<()>;

    /// Makes durable which names a directory has.
    ///
    /// # Errors
    /// When the device says so; what is durable is then not known.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a directory another name.
    ///
    /// # Errors
    /// When the device says so.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// When the device says so.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Milliseconds since 1970, for the names of snapshots.
    fn unix_ms(&self) -> u64;
}

/// The real one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    type File = File;

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for found in fs::read_dir(path)? {
            let found = found?;
            if found.file_type()?.is_dir() {
                names.extend(found.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn read_at(&self, file: &mut File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        file.seek(SeekFrom::Start(offset))?;
        let mut length = 0;
        while length < into.len() {
            match file.read(&mut into[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        file.metadata().map(|metadata| metadata.len())
    }

    fn sync(&self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Windows has no such thing.
        if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
