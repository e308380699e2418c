//! The store's state as the bytes of a snapshot, written and read in pieces.
//!
//! The bytes hold the last index, the keys with version and value, the sessions with their last answers,
//! and eight bytes of digest. Keys and sessions are sorted, so equal states give equal bytes.

use super::state::{KvSession, KvState};
use super::wire::{CommandOutcome, Response, put_number, take_number};
use wavetank_raft::Index;
use wavetank_raft::store::{SnapshotSink, SnapshotSource, StoreError, StoreErrorKind};

/// The number of bytes that are written or read in one piece.
const PIECE: usize = 16 << 10;

/// The size of the longest encoded number, in bytes.
const NUMBER: u64 = 10;

pub(super) fn write(state: &KvState, sink: &mut dyn SnapshotSink) -> Result<(), StoreError> {
    let mut out = SnapshotWriter { sink, bytes: Vec::with_capacity(1 << 10) };
    out.number(state.applied().0);
    out.number(state.cells().len() as u64);
    for (key, cell) in state.cells() {
        out.number(u64::from(key));
        out.number(cell.version.0);
        out.number(cell.value.len() as u64);
        out.bytes.extend_from_slice(&cell.value);
        out.flush(PIECE)?;
    }
    out.number(state.sessions().len() as u64);
    for (number, session) in state.sessions() {
        out.number(u64::from(number));
        out.number(u64::from(session.sequence));
        out.number(u64::from(session.response.outcome.tag()));
        out.number(session.response.effective.0);
        out.flush(PIECE)?;
    }
    out.bytes.extend_from_slice(&state.digest().to_le_bytes());
    out.flush(1)
}

pub(super) fn read(source: &mut dyn SnapshotSource) -> Result<KvState, StoreError> {
    let mut from = SnapshotReader { offset: 0, source, bytes: Vec::new(), at: 0 };
    let mut state = KvState::at(Index(from.number()?));
    for _ in 0..from.number()? {
        let key = from.small()?;
        let version = Index(from.number()?);
        let length = from.number()?;
        state.put_cell(key, version, from.take(length)?.to_vec());
    }
    for _ in 0..from.number()? {
        let number = from.small()?;
        let sequence = from.small()?;
        let tag = u8::try_from(from.number()?).map_err(|_| damaged("no such outcome"))?;
        let outcome = CommandOutcome::of(tag).ok_or_else(|| damaged("no such outcome"))?;
        let response = Response { outcome, effective: Index(from.number()?) };
        state.put_session(number, KvSession { sequence, response });
    }
    let digest = from.take(8)?;
    if digest != state.digest().to_le_bytes() {
        return Err(damaged("its digest is of another state"));
    }
    if from.left() != 0 {
        return Err(damaged("bytes follow its end"));
    }
    Ok(state)
}

fn damaged(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("key-value snapshot: {why}"))
}

struct SnapshotWriter<'a> {
    sink: &'a mut dyn SnapshotSink,
    bytes: Vec<u8>,
}

impl SnapshotWriter<'_> {
    fn number(&mut self, number: u64) {
        put_number(&mut self.bytes, number);
    }

    /// Writes the collected bytes to the sink if there are at least this many.
    fn flush(&mut self, least: usize) -> Result<(), StoreError> {
        if least <= self.bytes.len() {
            self.sink.write(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

/// Reads one piece ahead. It never allocates more memory than the snapshot has bytes.
struct SnapshotReader<'a> {
    source: &'a mut dyn SnapshotSource,
    /// The position in the source up to which bytes were read.
    offset: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl SnapshotReader<'_> {
    /// The number of bytes that are not decoded yet.
    fn left(&self) -> u64 {
        self.source.size() - self.offset + (self.bytes.len() - self.at) as u64
    }

    /// Makes this number of bytes available, or all remaining bytes if there are fewer.
    fn fill(&mut self, want: u64) -> Result<(), StoreError> {
        while ((self.bytes.len() - self.at) as u64) < want && self.offset < self.source.size() {
            self.bytes.drain(..self.at);
            self.at = 0;
            let piece = self.source.read_at(self.offset, want.max(PIECE as u64))?;
            if piece.is_empty() || self.source.size() - self.offset < piece.len() as u64 {
                return Err(damaged("it is not as long as it says"));
            }
            self.offset += piece.len() as u64;
            self.bytes.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        self.fill(NUMBER)?;
        let mut rest = &self.bytes[self.at..];
        let number = take_number(&mut rest).ok_or_else(|| damaged("a number is cut off or too long"))?;
        self.at = self.bytes.len() - rest.len();
        Ok(number)
    }

    fn small(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| damaged("a number is too large"))
    }

    fn take(&mut self, length: u64) -> Result<&[u8], StoreError> {
        if self.left() < length {
            return Err(damaged("it is cut off"));
        }
        self.fill(length)?;
        let from = self.at;
        self.at += usize::try_from(length).map_err(|_| damaged("a value is too long"))?;
        Ok(&self.bytes[from..self.at])
    }
}
