//! A device with a file system on it, as a real store sees it: what is written is in a cache until
//! it is synced, and a power cut keeps some of what was not.
//!
//! A server's process reaches it through a [`Mount`]. When the process is killed or the power is
//! cut, its mount is dead, whoever still holds it; the next process has a mount of its own. What is
//! to go wrong is armed beforehand and strikes after so many operations, in the middle of whatever
//! the store is doing then.

#![expect(clippy::disallowed_types, reason = "stores are made for several threads, though none is here")]

use super::names::{Names, Node};
use super::pages::{Loss, Pages};
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::ServerIdx;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A device.
#[derive(Debug)]
pub struct Device(Arc<Mutex<DeviceState>>);

/// A process's way to a device, as long as the process lives.
#[derive(Clone, Debug)]
pub struct Mount {
    device: Arc<Mutex<DeviceState>>,
    life: u64,
}

/// An open file.
#[derive(Clone, Debug)]
pub struct OpenFile {
    mount: Mount,
    node: Node,
}

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The process is stopped.
    Stop,
    /// There is no room, until [`Device::disarm`].
    Full,
    /// A write fails.
    WriteFails,
    /// A sync fails, and what it did not write is thrown away.
    SyncFails,
}

/// What has happened to a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCounts {
    /// Power cuts.
    pub cuts: u64,
    /// Those that found something that was not synced.
    pub cuts_in_writing: u64,
    /// Pages of which a cut kept some sectors.
    pub torn_pages: u64,
    /// Processes that were killed in the middle of something.
    pub killed_in_writing: u64,
    /// Operations for which there was no room.
    pub full: u64,
    /// Writes that failed.
    pub failed_writes: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
}

#[derive(Debug)]
struct DeviceState {
    names: Names,
    files: BTreeMap<Node, Pages>,
    life: u64,
    is_stopped: bool,
    armed: Option<Armed>,
    operations: u64,
    chance: Stream,
    counts: DeviceCounts,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    trouble: Trouble,
    after: u64,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OperationKind {
    Write,
    Sync,
}

impl Device {
    /// A blank device for a server.
    #[must_use]
    pub fn new(seed: u64, idx: ServerIdx) -> Self {
        Self(Arc::new(Mutex::new(DeviceState {
            names: Names::default(),
            files: BTreeMap::new(),
            life: 0,
            is_stopped: false,
            armed: None,
            operations: 0,
            chance: Stream::new(seed, Domain::Device, u64::from(idx.0), 0),
            counts: DeviceCounts::default(),
        })))
    }

    /// For a new process.
    #[must_use]
    pub fn mount(&self) -> Mount {
        Mount { device: Arc::clone(&self.0), life: self.lock().life }
    }

    /// Something is to go wrong, after so many writes and syncs that go well.
    pub fn arm(&self, trouble: Trouble, after: u64) {
        self.lock().armed = Some(Armed { trouble, after });
    }

    /// What has not gone wrong so far does not.
    pub fn disarm(&self) {
        self.lock().armed = None;
    }

    /// The process is gone; what it wrote is in the cache.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.counts.killed_in_writing += u64::from(state.is_stopped);
        state.end_life();
    }

    /// The process is gone, and so is some of what it did not sync.
    pub fn cut_power(&self) {
        self.lock().cut_power();
    }

    /// Everything is gone.
    pub fn wipe(&self) {
        let mut state = self.lock();
        state.end_life();
        state.names = Names::default();
        state.files.clear();
    }

    /// Whether [`Trouble::Stop`] has struck, and the process not been ended yet.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// How many writes and syncs there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// What has happened.
    #[must_use]
    pub fn counts(&self) -> DeviceCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, DeviceState> {
        lock(&self.0)
    }
}

/// The code under test may have panicked in the middle: that has been told by then.
fn lock(state: &Mutex<DeviceState>) -> MutexGuard<'_, DeviceState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mount {
    /// Makes a directory and those above it; none of it need be new.
    ///
    /// # Errors
    /// When something goes wrong, here and below, or the process is gone.
    pub fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.act(OperationKind::Write, |state| {
            state.names.make_directory(path);
            Ok(())
        })
    }

    /// A file to read and write; an empty one, or a new one, if `empty`.
    ///
    /// # Errors
    /// When it is not there, or has no directory to be in.
    pub fn open(&self, path: &Path, empty: bool) -> io::Result<OpenFile> {
        let open = |node| OpenFile { mount: self.clone(), node };
        if !empty {
            return self.look(|state| state.names.find(path).map(open));
        }
        self.act(OperationKind::Write, |state| {
            let node = state.names.make_file(path)?;
            state.files.insert(node, Pages::default());
            Ok(open(node))
        })
    }

    /// The names of the directories in this one.
    ///
    /// # Errors
    /// When it is not there.
    pub fn dirs(&self, path: &Path) -> io::Result<Vec<String>> {
        self.look(|state| state.names.directories(path))
    }

    /// Makes durable which names a directory has.
    ///
    /// # Errors
    /// When it is not there.
    pub fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.act(OperationKind::Sync, |state| state.names.sync(path))
    }

    /// Gives a directory another name.
    ///
    /// # Errors
    /// When it is not there.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(OperationKind::Write, |state| state.names.rename(from, to))
    }

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.act(OperationKind::Write, |state| {
            state.names.remove(path)?;
            state.forget_nameless();
            Ok(())
        })
    }

    /// A number that grows with everything that is written, for a clock.
    #[must_use]
    pub fn tick(&self) -> u64 {
        lock(&self.device).operations
    }

    fn act<T>(
        &self,
        kind: OperationKind,
        operation: impl FnOnce(&mut DeviceState) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.device);
        state.expect_life(self.life)?;
        state.operate(kind)?;
        operation(&mut state)
    }

    fn look<T>(&self, operation: impl FnOnce(&mut DeviceState) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.device);
        state.expect_life(self.life)?;
        operation(&mut state)
    }
}

impl OpenFile {
    /// How long it is.
    ///
    /// # Errors
    /// When something goes wrong, here and below, or the process is gone.
    pub fn len(&self) -> io::Result<u64> {
        self.mount.look(|state| Ok(state.pages(self.node)?.len()))
    }

    /// Whether it is empty.
    ///
    /// # Errors
    /// As for [`OpenFile::len`].
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes it so long, with zeros at the end if need be.
    ///
    /// # Errors
    /// As for [`OpenFile::len`].
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        self.mount.act(OperationKind::Write, |state| {
            state.written(self.node, |pages, chance| pages.set_len(length, chance))
        })
    }

    /// Reads until `into` is full or the file ends, and says how much.
    ///
    /// # Errors
    /// As for [`OpenFile::len`].
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.mount.look(|state| Ok(state.pages(self.node)?.read(offset, into)))
    }

    /// Writes, beyond the end if need be.
    ///
    /// # Errors
    /// As for [`OpenFile::len`].
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.mount.act(OperationKind::Write, |state| {
            state.written(self.node, |pages, chance| pages.write(offset, bytes, chance))
        })
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// As for [`OpenFile::len`].
    pub fn sync(&self) -> io::Result<()> {
        let mut state = lock(&self.mount.device);
        state.expect_life(self.mount.life)?;
        match state.operate(OperationKind::Sync) {
            Ok(()) => state.written(self.node, |pages, _| pages.sync()),
            Err(error) if state.is_stopped => Err(error),
            Err(error) => state.written(self.node, Pages::drop_unsynced).and(Err(error)),
        }
    }
}

impl DeviceState {
    fn expect_life(&self, life: u64) -> io::Result<()> {
        if life == self.life && !self.is_stopped {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "the process is gone"))
    }

    fn operate(&mut self, kind: OperationKind) -> io::Result<()> {
        self.operations += 1;
        let Some(armed) = &mut self.armed else { return Ok(()) };
        if 0 < armed.after {
            armed.after -= 1;
            return Ok(());
        }
        match (armed.trouble, kind) {
            (Trouble::Stop, OperationKind::Write | OperationKind::Sync) => {
                self.is_stopped = true;
                self.expect_life(self.life)
            }
            (Trouble::Full, OperationKind::Write) => {
                self.counts.full += 1;
                Err(io::ErrorKind::StorageFull.into())
            }
            (Trouble::WriteFails, OperationKind::Write) => {
                self.armed = None;
                self.counts.failed_writes += 1;
                Err(io::Error::other("input/output error"))
            }
            (Trouble::SyncFails, OperationKind::Sync) => {
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
        let loss = self.chance.one_of(&Loss::KINDS);
        self.names.lose(&mut self.chance);
        for pages in self.files.values_mut() {
            self.counts.torn_pages += pages.lose(loss, &mut self.chance);
        }
        self.end_life();
        self.forget_nameless();
    }

    fn end_life(&mut self) {
        self.life += 1;
        (self.is_stopped, self.armed) = (false, None);
    }

    fn forget_nameless(&mut self) {
        let named = self.names.all();
        self.files.retain(|node, _| named.contains(node));
    }

    fn pages(&mut self, node: Node) -> io::Result<&mut Pages> {
        self.files.get_mut(&node).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn written(&mut self, node: Node, operation: impl FnOnce(&mut Pages, &mut Stream)) -> io::Result<()> {
        let pages = self.files.get_mut(&node).ok_or(io::ErrorKind::NotFound)?;
        operation(pages, &mut self.chance);
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
    fn what_is_synced_outlives_the_power_and_a_kill_loses_nothing() {
        let (device, file) = device();
        file.write(0, b"kept").unwrap();
        file.sync().unwrap();
        device.cut_power();
        assert!(file.write(0, b"late").is_err(), "the process is gone");
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
    fn trouble_strikes_after_so_many_operations() {
        let (device, file) = device();
        device.arm(Trouble::Stop, 2);
        file.write(0, b"a").unwrap();
        file.write(0, b"b").unwrap();
        assert!(file.write(0, b"c").is_err());
        assert!(file.len().is_err(), "nothing goes on after that");
        device.kill();
        let file = device.mount().open(Path::new(FILE), false).unwrap();
        device.arm(Trouble::Full, 0);
        assert_eq!(file.write(0, b"d").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.write(0, b"d").unwrap_err().kind(), io::ErrorKind::StorageFull);
        device.disarm();
        device.arm(Trouble::SyncFails, 0);
        file.write(0, b"e").unwrap();
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let counts = device.counts();
        assert_eq!((counts.killed_in_writing, counts.full, counts.failed_syncs), (1, 2, 1));
    }
}
