//! The writer and the reader of a state machine's state in a snapshot.
//!
//! The methods `write_all` and `read_exact` have the names of methods of `std::io`, so the same code compiles
//! with and without the feature `std`. With this feature, [`SnapshotWriter`] also implements `std::io::Write`,
//! and [`SnapshotReader`] also implements `std::io::Read`.

use super::{SnapshotSink, SnapshotSource, StoreError, StoreErrorKind};
use crate::entry::Data;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

/// The minimum number of bytes that a small read requests from the store. If fewer bytes remain in the
/// snapshot, the read requests all of these bytes.
const PIECE: usize = 64 << 10;

/// Writes a state into a snapshot. With the feature `std`, the writer implements `std::io::Write`.
pub struct SnapshotWriter<'a> {
    sink: &'a mut dyn SnapshotSink,
}

impl<'a> SnapshotWriter<'a> {
    /// Makes a writer that writes into this sink.
    #[must_use]
    pub fn new(sink: &'a mut dyn SnapshotSink) -> Self {
        Self { sink }
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sink.write(bytes)
    }
}

/// Reads a state from the bytes of a snapshot, in order. The reader reads ahead, so small reads take little
/// time. With the feature `std`, the reader implements `std::io::Read`.
pub struct SnapshotReader<'a> {
    source: &'a mut dyn SnapshotSource,
    /// The number of bytes that were read from the source.
    offset: u64,
    piece: Data,
    /// The number of bytes of `piece` that the caller has received.
    used: usize,
}

impl<'a> SnapshotReader<'a> {
    /// Makes a reader at the first byte of this source.
    #[must_use]
    pub fn new(source: &'a mut dyn SnapshotSource) -> Self {
        Self { source, offset: 0, piece: Data::default(), used: 0 }
    }

    /// Returns the number of bytes that the caller has not received yet.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.source.size().saturating_sub(self.offset) + self.ahead().len() as u64
    }

    /// Fills the buffer with the next bytes.
    ///
    /// # Errors
    /// Returns [`StoreErrorKind::Corrupt`] if the snapshot has too few remaining bytes to fill the buffer.
    /// Returns the store's error if the store fails.
    pub fn read_exact(&mut self, mut buffer: &mut [u8]) -> Result<(), StoreError> {
        if self.remaining() < buffer.len() as u64 {
            return Err(self.too_short(buffer.len() as u64));
        }
        while !buffer.is_empty() {
            let count = self.take(buffer)?;
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// Reads all remaining bytes.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the source returns fewer bytes than the size that the source
    /// reports.
    pub fn read_all(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = self.ahead().to_vec();
        self.used = self.piece.len();
        while 0 < self.remaining() {
            self.read_piece(self.remaining())?;
            bytes.extend_from_slice(&self.piece);
            self.used = self.piece.len();
        }
        Ok(bytes)
    }

    fn ahead(&self) -> &[u8] {
        &self.piece[self.used..]
    }

    /// Copies bytes into the buffer and returns the number of copied bytes. The number is zero only if the
    /// buffer is empty or no bytes remain.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        if self.ahead().is_empty() && 0 < self.remaining() && !buffer.is_empty() {
            self.read_piece(buffer.len().max(PIECE) as u64)?;
        }
        let count = buffer.len().min(self.ahead().len());
        buffer[..count].copy_from_slice(&self.ahead()[..count]);
        self.used += count;
        Ok(count)
    }

    fn read_piece(&mut self, limit: u64) -> Result<(), StoreError> {
        let left = self.source.size().saturating_sub(self.offset);
        let piece = self.source.read_at(self.offset, limit.min(left))?;
        // Without this check, a store that gives nothing would be asked forever.
        if piece.is_empty() || left < piece.len() as u64 {
            return Err(self.too_short(left));
        }
        self.offset += piece.len() as u64;
        (self.piece, self.used) = (piece, 0);
        Ok(())
    }

    #[cold]
    fn too_short(&self, wanted: u64) -> StoreError {
        let at = self.offset - self.ahead().len() as u64;
        let what = format!(
            "cannot read {wanted} bytes at offset {at}: the snapshot has only {} bytes",
            self.source.size()
        );
        StoreError::new(StoreErrorKind::Corrupt, what)
    }
}

impl fmt::Debug for SnapshotWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for SnapshotReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

#[cfg(feature = "std")]
mod std_io {
    use super::{SnapshotReader, SnapshotWriter};
    use crate::store::{StoreError, StoreErrorKind};
    use alloc::string::ToString as _;
    use std::io::{Error, ErrorKind, Read, Result, Write};

    impl Write for SnapshotWriter<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.sink.write(bytes)?;
            Ok(bytes.len())
        }

        /// Does nothing. The store makes the snapshot durable when the snapshot is complete.
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    impl Read for SnapshotReader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            Ok(self.take(buffer)?)
        }
    }

    /// Converts an I/O error. If the I/O error contains a [`StoreError`], the result is this `StoreError`.
    impl From<Error> for StoreError {
        fn from(error: Error) -> Self {
            let kind = error.kind().into();
            error.downcast().unwrap_or_else(|error| Self::new(kind, error.to_string()))
        }
    }

    impl From<StoreError> for Error {
        fn from(error: StoreError) -> Self {
            let kind = match error.kind {
                StoreErrorKind::Io => ErrorKind::Other,
                StoreErrorKind::Full => ErrorKind::StorageFull,
                StoreErrorKind::Corrupt => ErrorKind::InvalidData,
                StoreErrorKind::NotFound => ErrorKind::NotFound,
                StoreErrorKind::Refused => ErrorKind::InvalidInput,
            };
            Self::new(kind, error)
        }
    }

    impl From<ErrorKind> for StoreErrorKind {
        fn from(kind: ErrorKind) -> Self {
            if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) {
                Self::Full
            } else if matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::InvalidData) {
                Self::Corrupt
            } else if kind == ErrorKind::NotFound {
                Self::NotFound
            } else {
                Self::Io
            }
        }
    }
}

#[cfg(test)]
mod tests;
