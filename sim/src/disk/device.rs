//! A simulated device with a file system, for real stores. Written data stays in a cache until the data is
//! synced. A power cut keeps only some of the unsynced data.
//!
//! The process of a server uses the device through a [`Mount`]. When the process is killed or the power is
//! cut, the mount of this process stops working, even if some code still has the mount. The next process gets
//! a new mount. A fault is armed in advance. The fault occurs after a given number of writes and syncs,
//! possibly while a store executes a job.

#![expect(clippy::disallowed_types, reason = "stores must be `Send`, although the tank runs on one thread")]

use super::names::{Inode, Names};
use super::pages::{Loss, Pages};
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A simulated block device with a file system.
#[derive(Debug)]
pub struct Device(Arc<Mutex<DeviceState>>);

/// One process's access to a device. The mount works until the process ends.
#[derive(Clone, Debug)]
pub struct Mount {
    device: Arc<Mutex<DeviceState>>,
    generation: u64,
}

/// An open file of a mount.
#[derive(Clone, Debug)]
pub struct OpenFile {
    mount: Mount,
    node: Inode,
}

/// The faults that a device can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceFault {
    /// The current operation and all later operations of the process fail. This state ends when the process
    /// is killed or the power is cut.
    Stop,
    /// The device is full: all writes fail until [`Device::disarm`], or until the process ends.
    Full,
    /// One write fails.
    WriteFails,
    /// One sync fails. The cache drops the pages that were not written to the device.
    SyncFails,
}

/// The number of occurrences of each fault of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCounts {
    /// The number of power cuts, whether or not the device had unsynced data.
    pub cuts: u64,
    /// The number of power cuts while there was unsynced data.
    pub cuts_in_writing: u64,
    /// The number of torn pages. A page is torn if only some of its sectors survive a power cut.
    pub torn_pages: u64,
    /// The number of processes that were killed in the middle of an operation.
    pub killed_in_writing: u64,
    /// The number of operations that failed because the device was full.
    pub full: u64,
    /// The number of writes that failed.
    pub failed_writes: u64,
    /// The number of syncs that failed.
    pub failed_syncs: u64,
}

#[derive(Debug)]
struct DeviceState {
    names: Names,
    files: BTreeMap<Inode, Pages>,
    generation: u64,
    is_stopped: bool,
    armed: Option<Armed>,
    operations: u64,
    rng: Stream,
    counts: DeviceCounts,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    fault: DeviceFault,
    after: u64,
}

/// The kinds of operations to which a fault can apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OperationKind {
    Write,
    Sync,
}

impl Device {
    /// Creates an empty device for a server.
    #[must_use]
    pub fn new(seed: u64, idx: ServerIdx) -> Self {
        Self(Arc::new(Mutex::new(DeviceState {
            names: Names::default(),
            files: BTreeMap::new(),
            generation: 0,
            is_stopped: false,
            armed: None,
            operations: 0,
            rng: Stream::new(seed, Domain::Device, u64::from(idx.0), 0),
            counts: DeviceCounts::default(),
        })))
    }

    /// Gives a new process access to the device.
    #[must_use]
    pub fn mount(&self) -> Mount {
        Mount { device: Arc::clone(&self.0), generation: self.lock().generation }
    }

    /// Arms a fault. The new fault replaces a fault that is already armed. The next `after` writes and syncs
    /// succeed. Then the fault occurs at the first operation of a suitable kind: a write, or a sync for
    /// [`DeviceFault::SyncFails`]. [`DeviceFault::Stop`] occurs at any write or sync. The end of the process
    /// removes an armed fault.
    pub fn arm(&self, fault: DeviceFault, after: u64) {
        self.lock().armed = Some(Armed { fault, after });
    }

    /// Removes an armed fault.
    pub fn disarm(&self) {
        self.lock().armed = None;
    }

    /// Kills the process. The unsynced writes of the process stay in the cache and are not lost.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.counts.killed_in_writing += u64::from(state.is_stopped);
        state.end_process();
    }

    /// Cuts the power: the process ends, and some of the unsynced data is lost.
    pub fn cut_power(&self) {
        self.lock().cut_power();
    }

    /// Ends the process and erases all directories and files.
    pub fn wipe(&self) {
        let mut state = self.lock();
        state.end_process();
        state.names = Names::default();
        state.files.clear();
    }

    /// True if [`DeviceFault::Stop`] has occurred and the process still exists.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Returns the number of writes and syncs so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Returns the counts of faults so far.
    #[must_use]
    pub fn counts(&self) -> DeviceCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, DeviceState> {
        lock(&self.0)
    }
}

/// Locks the state. Ignores an earlier panic of the code under test while this code had the lock: the panic
/// was already reported.
fn lock(state: &Mutex<DeviceState>) -> MutexGuard<'_, DeviceState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mount {
    /// Creates a directory and all its parents that do not exist yet.
    ///
    /// # Errors
    /// Returns an error if a fault occurs, or if the process has ended. All methods of a mount except
    /// [`Mount::tick`] return an error in these cases.
    pub fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.write_state(OperationKind::Write, |state| {
            state.names.make_directory(path);
            Ok(())
        })
    }

    /// Opens a file to read and write. If `empty` is true, the file is created or truncated.
    ///
    /// # Errors
    /// Returns an error if the directory of the file does not exist, or if `empty` is false and the file does
    /// not exist.
    pub fn open(&self, path: &Path, empty: bool) -> io::Result<OpenFile> {
        let open = |node| OpenFile { mount: self.clone(), node };
        if !empty {
            return self.read_state(|state| state.names.find(path).map(open));
        }
        self.write_state(OperationKind::Write, |state| {
            let node = state.names.make_file(path)?;
            state.files.insert(node, Pages::default());
            Ok(open(node))
        })
    }

    /// Returns the names of the subdirectories of a directory.
    ///
    /// # Errors
    /// Returns an error if the directory does not exist.
    pub fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        self.read_state(|state| state.names.directories(path))
    }

    /// Returns the names of the files in a directory.
    ///
    /// # Errors
    /// Returns an error if the directory does not exist.
    pub fn files(&self, path: &Path) -> io::Result<Vec<String>> {
        self.read_state(|state| state.names.files(path))
    }

    /// Makes the names in a directory durable. [`OpenFile::sync`] makes the content of a file durable.
    ///
    /// # Errors
    /// Returns an error if the directory does not exist.
    pub fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.write_state(OperationKind::Sync, |state| state.names.sync(path))
    }

    /// Renames a file or a directory.
    ///
    /// # Errors
    /// Returns an error if there is no such file or directory.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.write_state(OperationKind::Write, |state| state.names.rename(from, to))
    }

    /// Removes a file, or a directory and the content of the directory.
    ///
    /// # Errors
    /// Returns an error if there is no such file or directory.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.write_state(OperationKind::Write, |state| {
            state.names.remove(path)?;
            state.remove_unlinked();
            Ok(())
        })
    }

    /// Returns the number of writes and syncs so far. Stores use this number in place of a clock.
    #[must_use]
    pub fn tick(&self) -> u64 {
        lock(&self.device).operations
    }

    fn write_state<T>(
        &self,
        kind: OperationKind,
        operation: impl FnOnce(&mut DeviceState) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.device);
        state.expect_current(self.generation)?;
        state.operate(kind)?;
        operation(&mut state)
    }

    fn read_state<T>(&self, operation: impl FnOnce(&mut DeviceState) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.device);
        state.expect_current(self.generation)?;
        operation(&mut state)
    }
}

impl OpenFile {
    /// Returns the length of the file in bytes.
    ///
    /// # Errors
    /// Returns an error if a fault occurs, or if the process has ended. All methods of a file return an error
    /// in these cases.
    pub fn len(&self) -> io::Result<u64> {
        self.mount.read_state(|state| Ok(state.pages(self.node)?.len()))
    }

    /// True if the file is empty.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`OpenFile::len`].
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Sets the length of the file: removes the bytes from `length` on, or adds zeros up to `length`.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`OpenFile::len`].
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        self.mount.write_state(OperationKind::Write, |state| {
            state.written(self.node, |pages, rng| pages.set_len(length, rng))
        })
    }

    /// Reads from `offset` until `into` is full or the file ends. Returns the number of bytes that were
    /// read.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`OpenFile::len`].
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.mount.read_state(|state| Ok(state.pages(self.node)?.read(offset, into)))
    }

    /// Writes `bytes` at `offset`. Extends the file if necessary.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`OpenFile::len`].
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.mount.write_state(OperationKind::Write, |state| {
            state.written(self.node, |pages, rng| pages.write(offset, bytes, rng))
        })
    }

    /// Makes the content of the file durable. If the sync fails, the cache drops the pages that were not
    /// written to the device.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`OpenFile::len`].
    pub fn sync(&self) -> io::Result<()> {
        let mut state = lock(&self.mount.device);
        state.expect_current(self.mount.generation)?;
        match state.operate(OperationKind::Sync) {
            Ok(()) => state.written(self.node, |pages, _| pages.sync()),
            // A stopped process loses no pages: the writes of the process stay in the cache.
            Err(error) if state.is_stopped => Err(error),
            Err(error) => state.written(self.node, Pages::drop_unsynced).and(Err(error)),
        }
    }
}

impl DeviceState {
    fn expect_current(&self, generation: u64) -> io::Result<()> {
        if generation == self.generation && !self.is_stopped {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "the process has ended"))
    }

    fn operate(&mut self, kind: OperationKind) -> io::Result<()> {
        self.operations += 1;
        let Some(armed) = &mut self.armed else { return Ok(()) };
        if 0 < armed.after {
            armed.after -= 1;
            return Ok(());
        }
        match (armed.fault, kind) {
            (DeviceFault::Stop, OperationKind::Write | OperationKind::Sync) => {
                self.is_stopped = true;
                self.expect_current(self.generation)
            }
            (DeviceFault::Full, OperationKind::Write) => {
                self.counts.full += 1;
                Err(io::ErrorKind::StorageFull.into())
            }
            (DeviceFault::WriteFails, OperationKind::Write) => {
                self.armed = None;
                self.counts.failed_writes += 1;
                Err(io::Error::other("input/output error"))
            }
            (DeviceFault::SyncFails, OperationKind::Sync) => {
                self.armed = None;
                self.counts.failed_syncs += 1;
                Err(io::Error::other("input/output error"))
            }
            _ => Ok(()),
        }
    }

    fn cut_power(&mut self) {
        let is_writing = self.names.is_dirty() || self.files.values().any(Pages::is_dirty);
        self.counts.cuts += 1;
        self.counts.cuts_in_writing += u64::from(is_writing);
        let loss = self.rng.one_of(&Loss::KINDS);
        self.names.cut_power(&mut self.rng);
        for pages in self.files.values_mut() {
            self.counts.torn_pages += pages.cut_power(loss, &mut self.rng);
        }
        self.end_process();
        self.remove_unlinked();
    }

    fn end_process(&mut self) {
        self.generation += 1;
        (self.is_stopped, self.armed) = (false, None);
    }

    fn remove_unlinked(&mut self) {
        let named = self.names.all();
        self.files.retain(|node, _| named.contains(node));
    }

    fn pages(&mut self, node: Inode) -> io::Result<&mut Pages> {
        self.files.get_mut(&node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn written(&mut self, node: Inode, operation: impl FnOnce(&mut Pages, &mut Stream)) -> io::Result<()> {
        let pages = self.files.get_mut(&node).ok_or(io::ErrorKind::NotFound)?;
        operation(pages, &mut self.rng);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "file";

    fn device() -> (Device, OpenFile) {
        let device = Device::new(1, ServerIdx(0));
        let file = device.mount().open(Path::new(FILE), true).unwrap();
        device.mount().sync_dir(Path::new("")).unwrap();
        (device, file)
    }

    #[test]
    fn synced_data_survives_a_power_cut_and_a_kill_loses_nothing() {
        let (device, file) = device();
        file.write(0, b"kept").unwrap();
        file.sync().unwrap();
        device.cut_power();
        assert!(file.write(0, b"late").is_err(), "the process has ended");
        let file = device.mount().open(Path::new(FILE), false).unwrap();
        file.write(4, b" too").unwrap();
        device.kill();
        let file = device.mount().open(Path::new(FILE), false).unwrap();
        let mut read = [0; 8];
        assert_eq!(file.read(0, &mut read).unwrap(), 8);
        assert_eq!(&read, b"kept too");
        assert_eq!(device.counts(), DeviceCounts { cuts: 1, ..DeviceCounts::default() });
    }

    #[test]
    fn a_fault_occurs_after_the_armed_number_of_operations() {
        let (device, file) = device();
        device.arm(DeviceFault::Stop, 2);
        file.write(0, b"a").unwrap();
        file.write(0, b"b").unwrap();
        assert!(file.write(0, b"c").is_err());
        assert!(file.len().is_err(), "no operation works after the stop");
        device.kill();
        let file = device.mount().open(Path::new(FILE), false).unwrap();
        device.arm(DeviceFault::Full, 0);
        assert_eq!(file.write(0, b"d").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.write(0, b"d").unwrap_err().kind(), io::ErrorKind::StorageFull);
        device.disarm();
        device.arm(DeviceFault::SyncFails, 0);
        file.write(0, b"e").unwrap();
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let counts = device.counts();
        assert_eq!((counts.killed_in_writing, counts.full, counts.failed_syncs), (1, 2, 1));
    }
}
