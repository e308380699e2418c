//! The store's state as the bytes of a snapshot.
//!
//! The bytes contain the last applied index, the keys with their versions and values, the sessions with their
//! last answers, and a digest of eight bytes. If the state was restored from backups, the number of restores
//! follows. Keys and sessions are sorted, so equal states give equal bytes.
//!
//! A backup contains a mark, the digest of the current state, and the bytes of the same state with a higher
//! number of restores. The store accepts a backup only in the state in which the backup was taken. Therefore
//! a backup undoes no command.

use super::state::{KvSession, KvState};
use super::wire::{CommandOutcome, Response, put_number, take_number};
use wavetank_raft::store::{SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind};
use wavetank_raft::{Data, Index};

pub(super) fn write(state: &KvState, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
    writer.write_all(&encode(state))
}

/// The mark at the start of a backup. No snapshot begins with this mark, because a snapshot begins with an
/// index, and the mark is a greater number than any index.
const BACKUP: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

/// Makes a backup of the state.
pub(super) fn backup(state: &KvState) -> Data {
    let next = state.clone().restored(state.restores() + 1);
    [&BACKUP[..], &state.digest().to_le_bytes(), &encode(&next)].concat().into()
}

/// True if the bytes are a backup.
pub(super) fn is_backup(bytes: &[u8]) -> bool {
    bytes.starts_with(&BACKUP)
}

fn encode(state: &KvState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 << 10);
    put_number(&mut bytes, state.applied().0);
    put_number(&mut bytes, state.cells().len() as u64);
    for (key, cell) in state.cells() {
        put_number(&mut bytes, u64::from(key));
        put_number(&mut bytes, cell.version.0);
        put_number(&mut bytes, cell.value.len() as u64);
        bytes.extend_from_slice(&cell.value);
    }
    put_number(&mut bytes, state.sessions().len() as u64);
    for (number, session) in state.sessions() {
        put_number(&mut bytes, u64::from(number));
        put_number(&mut bytes, u64::from(session.sequence));
        put_number(&mut bytes, u64::from(session.response.outcome.tag()));
        put_number(&mut bytes, session.response.effective.0);
    }
    bytes.extend_from_slice(&state.digest().to_le_bytes());
    if state.restores() != 0 {
        put_number(&mut bytes, state.restores());
    }
    bytes
}

/// Reads a snapshot, or a backup of the state `present`.
pub(super) fn read(reader: &mut SnapshotReader<'_>, present: &KvState) -> Result<KvState, StoreError> {
    let bytes = reader.read_all()?;
    let Some(backup) = bytes.strip_prefix(&BACKUP) else { return decode(&bytes) };
    let mut from = Image(backup);
    if from.take(8)? != present.digest().to_le_bytes() {
        return Err(damaged("the state has changed since this backup was taken"));
    }
    decode(from.0)
}

fn decode(bytes: &[u8]) -> Result<KvState, StoreError> {
    let mut from = Image(bytes);
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
        let tag = u8::try_from(from.number()?).map_err(|_| damaged("it contains an unknown outcome"))?;
        let outcome = CommandOutcome::of(tag).ok_or_else(|| damaged("it contains an unknown outcome"))?;
        let response = Response { outcome, effective: Index(from.number()?) };
        state.put_session(number, KvSession { sequence, response });
    }
    let digest = from.take(8)?;
    let restores = if from.0.is_empty() { 0 } else { from.number()? };
    let state = state.restored(restores);
    if digest != state.digest().to_le_bytes() {
        return Err(damaged("its digest belongs to another state"));
    }
    if !from.0.is_empty() {
        return Err(damaged("it has bytes after its end"));
    }
    Ok(state)
}

fn damaged(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("key-value snapshot: {why}"))
}

/// The bytes of a snapshot that are not decoded yet.
struct Image<'a>(&'a [u8]);

impl<'a> Image<'a> {
    fn number(&mut self) -> Result<u64, StoreError> {
        take_number(&mut self.0).ok_or_else(|| damaged("a number in it is incomplete or too long"))
    }

    fn small(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| damaged("a number in it is too large"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], StoreError> {
        let parts = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = parts.ok_or_else(|| damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }
}
