//! The file operations that the stores need. A trait declares these operations, so the simulator can provide
//! another file system.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Provides the file system for the segmented log and for snapshots, the clock for the names of snapshots, and
/// random numbers for the log.
pub trait Files: Clone + Debug + Send + 'static {
    /// An open file.
    type File: Debug + Send;

    /// Creates the directory `path` and the missing parents of the directory. Has no effect if the directory
    /// exists.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// Returns the names of the subdirectories of a directory.
    ///
    /// # Errors
    /// Returns an error if there is no such directory, or if the device fails.
    fn dirs(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Returns the names of the files in a directory.
    ///
    /// # Errors
    /// Returns an error if there is no such directory, or if the device fails.
    fn file_names(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Creates the file `path` if the file does not exist, and locks the file until the returned value is
    /// dropped. Returns `None` if another process, or another part of this process, has locked the file.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Self::File>>;

    /// Creates an empty file for reading and writing. The new file replaces an existing file.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if the device fails.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if the device fails.
    fn open_to_write(&self, path: &Path) -> io::Result<Self::File>;

    /// Writes bytes at the position `offset` of a file. The file grows if necessary.
    ///
    /// # Errors
    /// Returns an error if the device fails, or has no space left.
    fn write_at(&self, file: &mut Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Appends bytes to a file that [`Files::create`] returned.
    ///
    /// # Errors
    /// Returns an error if the device fails, or has no space left.
    fn append(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Reads bytes from the position `offset` of a file into the buffer `into`, until the buffer is full or
    /// the file ends. Returns the number of bytes that were read.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn read_at(&self, file: &mut Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Returns the length of a file in bytes.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// Makes the bytes and all metadata of a file durable.
    ///
    /// # Errors
    /// Returns an error if the device fails. In that case it is unknown which bytes are durable.
    fn sync(&self, file: &mut Self::File) -> io::Result<()>;

    /// Makes the bytes and the length of a file durable. Other metadata of the file may be lost.
    ///
    /// # Errors
    /// Returns an error if the device fails. In that case it is unknown which bytes are durable.
    fn sync_data(&self, file: &mut Self::File) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Returns an error if the device fails. In that case it is unknown which names are durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Renames the file or directory `from` to `to`.
    ///
    /// # Errors
    /// Returns an error if `from` does not exist, or if the device fails.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a directory and the content of the directory.
    ///
    /// # Errors
    /// Returns an error if there is no such directory, or if the device fails.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if the device fails.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Returns the number of milliseconds since the start of 1970 (UTC). The names of snapshots contain this
    /// number.
    fn unix_ms(&self) -> u64;

    /// Returns a random number of 64 bits. Two calls are very unlikely to return the same number, on one
    /// server or on two servers. The log writes one such number into all its segments. A segment with another
    /// number belongs to another log.
    fn unique(&self) -> u64;
}

/// The file system of the operating system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Disk;

impl Disk {
    fn names(path: &Path, are_wanted: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for found in fs::read_dir(path)? {
            let found = found?;
            if are_wanted(&found.file_type()?) {
                names.extend(found.file_name().into_string());
            }
        }
        Ok(names)
    }
}

impl Files for Disk {
    type File = File;

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        Self::names(path, fs::FileType::is_dir)
    }

    fn file_names(&self, path: &Path) -> io::Result<Vec<String>> {
        Self::names(path, fs::FileType::is_file)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<File>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    fn open_to_write(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn write_at(&self, file: &mut File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
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

    fn sync_data(&self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Windows cannot sync a directory.
        if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn unique(&self) -> u64 {
        // The keys of a new `RandomState` are random, so the hash is a random number.
        RandomState::new().hash_one(self.unix_ms())
    }
}
