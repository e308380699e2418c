//! A backend that fills a part of a file with zeros before redb writes into this part.
//!
//! When a file grows, the file system allocates blocks at the first write, and records the blocks in a
//! journal. The sync of the file then waits for the journal, and all files share this journal. If the blocks
//! were written before, the sync waits only for the bytes of this file.

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

/// The number of zero bytes that the backend writes ahead of a write of redb. Of a thousand groups of writes,
/// only a few wait for these zeros. Each of these groups waits for some milliseconds. The other groups wait
/// neither for zeros nor for the journal. If other programs use the same disk, a wait for the journal may
/// take much longer than a wait for the zeros.
const AHEAD: u64 = 4 << 20;
/// The maximum size of one write of zeros, in bytes.
const PIECE: usize = 64 << 10;

/// A backend that writes zeros ahead of the writes of redb.
///
/// `reserved` is an offset in the file. The file contains no data of redb at or after this offset. Therefore
/// the zeros overwrite no data.
#[derive(Debug)]
pub(super) struct Preallocated<B> {
    inner: B,
    reserved: Mutex<u64>,
    zeros: Box<[u8]>,
}

impl<B: StorageBackend> Preallocated<B> {
    /// Makes a backend on `inner`. The existing part of the file does not change.
    pub(super) fn new(inner: B) -> io::Result<Self> {
        let reserved = Mutex::new(inner.len()?);
        Ok(Self { inner, reserved, zeros: vec![0; PIECE].into() })
    }

    fn reserved(&self) -> MutexGuard<'_, u64> {
        self.reserved.lock().expect("no code panics while the offset is locked")
    }

    /// Prepares a write from the offset `begin` to the offset `end`. Writes zeros up to `AHEAD` bytes after
    /// `end`, and raises `reserved`. If the device refuses the zeros, the function returns no error, because
    /// the write itself may need less space.
    fn preallocate(&self, reserved: &mut u64, begin: u64, end: u64) -> io::Result<()> {
        let from = if begin <= *reserved + AHEAD { *reserved } else { begin };
        let upto = (end + AHEAD).min(self.inner.len()?);
        let mut at = from;
        while at < upto {
            let length = (upto - at).min(self.zeros.len() as u64);
            if self.inner.write(at, &self.zeros[..length as usize]).is_err() {
                break;
            }
            at += length;
        }
        *reserved = end.max(upto);
        Ok(())
    }
}

impl<B: StorageBackend> StorageBackend for Preallocated<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut reserved = self.reserved();
        self.inner.set_len(len)?;
        *reserved = len.min(*reserved);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        let mut reserved = self.reserved();
        if *reserved < end {
            self.preallocate(&mut reserved, offset, end)?;
        }
        drop(reserved);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    fn bytes(file: &Preallocated<InMemoryBackend>, offset: u64) -> [u8; 4] {
        let mut bytes = [0; 4];
        file.read(offset, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_written_is_never_overwritten_by_zeros() {
        let inner = InMemoryBackend::new();
        inner.set_len(8).unwrap();
        inner.write(4, b"here").unwrap();
        let file = Preallocated::new(inner).unwrap();
        let far = 10 * AHEAD;
        file.set_len(far).unwrap();
        let places = [8, AHEAD, far - 4, 3 * AHEAD, AHEAD + 4, 12];
        for place in places {
            file.write(place, b"word").unwrap();
        }
        file.set_len(AHEAD + 4).unwrap();
        file.set_len(far).unwrap();
        file.write(AHEAD + 8, b"then").unwrap();
        assert_eq!(bytes(&file, 4), *b"here");
        for place in [8, AHEAD, 12] {
            assert_eq!(bytes(&file, place), *b"word", "at {place}");
        }
        assert_eq!(bytes(&file, AHEAD + 4), [0; 4]);
        assert_eq!(bytes(&file, AHEAD + 8), *b"then");
    }
}
