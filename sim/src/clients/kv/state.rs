//! The state of the store: the value of every key, and the last answer of every session.

use super::wire::{Command, CommandOutcome, Got, Response, Verb, has_its_extensions, queried};
use std::collections::BTreeMap;
use wavetank_raft::{Data, Index};

/// The keys, the sessions, and a digest of all keys and sessions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct KvState {
    applied: Index,
    cells: BTreeMap<u32, KeyValue>,
    sessions: BTreeMap<u32, KvSession>,
    // The wrapping sum of the digests of all cells and sessions. Each part can be
    // updated alone, so the cost of a command does not depend on the number of keys.
    sum: u64,
    /// The number of backups from which the state was restored.
    restores: u64,
}

/// The value of a key. A deleted key keeps this record with an empty value, so that a deleted key also has a
/// version.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct KeyValue {
    pub(super) version: Index,
    pub(super) value: Vec<u8>,
    hash: Hash,
}

/// The last command of a session, and the answer to this command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KvSession {
    pub(super) sequence: u32,
    pub(super) response: Response,
}

/// An FNV-1a hash. More bytes can extend the hash: after an append, only the appended bytes are hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)),
        )
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::default().with(bytes)
    }

    pub(super) const fn bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// Hashes three numbers. Each bit of the numbers can change every bit of the result.
fn mix(numbers: [u64; 3]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |mixed, number| {
        let mixed = (mixed ^ number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 32
    })
}

impl KeyValue {
    fn digest(&self, key: u32) -> u64 {
        mix([u64::from(key), self.version.0, self.hash.0])
    }
}

impl KvSession {
    fn digest(&self, session: u32) -> u64 {
        let place = u64::from(self.sequence) << 8 | u64::from(self.response.outcome.tag());
        // The top bit keeps the digest of a session different from the digest of a key with the same number.
        mix([1 << 63 | u64::from(session), place, self.response.effective.0])
    }
}

impl KvState {
    /// Applies the command at this index and returns the response.
    pub(super) fn apply(&mut self, index: Index, bytes: &[u8], extensions: &[u8]) -> Data {
        self.applied = index;
        let command = Command::decode(bytes).filter(|_| has_its_extensions(bytes, extensions));
        let response = match command {
            Some(command) => self.once(index, &command),
            None => Response { outcome: CommandOutcome::Malformed, effective: index },
        };
        response.encode()
    }

    /// Executes a command and returns the answer. If the session has already executed the command, only
    /// returns the stored answer (thesis §6.3). If the session has executed a later command, returns
    /// [`CommandOutcome::Outdated`].
    fn once(&mut self, index: Index, command: &Command<'_>) -> Response {
        let last = self.sessions.get(&command.session).copied();
        if let Some(last) = last.filter(|last| command.sequence <= last.sequence) {
            return if command.sequence == last.sequence {
                last.response
            } else {
                Response { outcome: CommandOutcome::Outdated, effective: index }
            };
        }
        let outcome = self.perform(index, command);
        let response = Response { outcome, effective: index };
        let session = KvSession { sequence: command.sequence, response };
        self.put_session(command.session, session);
        response
    }

    fn perform(&mut self, index: Index, command: &Command<'_>) -> CommandOutcome {
        if let Verb::Cas { expected, .. } = command.verb
            && self.value(command.key) != expected
        {
            return CommandOutcome::Mismatch;
        }
        let cell = self.cells.entry(command.key).or_default();
        if cell.version != Index::ZERO {
            self.sum = self.sum.wrapping_sub(cell.digest(command.key));
        }
        match command.verb {
            Verb::Put(value) | Verb::Cas { new: value, .. } => cell.set(value),
            Verb::Append(value) => cell.extend(value),
            Verb::Delete => cell.set(&[]),
        }
        cell.version = index;
        self.sum = self.sum.wrapping_add(cell.digest(command.key));
        CommandOutcome::Done
    }

    fn value(&self, key: u32) -> &[u8] {
        self.cells.get(&key).map_or(&[], |cell| &cell.value)
    }

    /// Returns the encoded answer to an encoded query. If the bytes are not a query, the answer is the same as
    /// for a key that was never written.
    pub(super) fn query(&self, query: &[u8]) -> Data {
        let cell = queried(query).and_then(|key| self.cells.get(&key));
        let (version, value) = cell.map_or((Index::ZERO, &[][..]), |cell| (cell.version, &cell.value[..]));
        Got { applied: self.applied, version, value }.encode()
    }

    /// Returns the digest of the state: the last applied index, all keys and sessions, and the number of
    /// restores.
    pub(super) fn digest(&self) -> u64 {
        mix([self.applied.0, self.sum, self.restores])
    }

    pub(super) const fn restores(&self) -> u64 {
        self.restores
    }

    /// Returns the same state with this number of restores.
    pub(super) fn restored(self, restores: u64) -> Self {
        Self { restores, ..self }
    }

    pub(super) const fn applied(&self) -> Index {
        self.applied
    }

    pub(super) fn cells(&self) -> impl ExactSizeIterator<Item = (u32, &KeyValue)> {
        self.cells.iter().map(|(&key, cell)| (key, cell))
    }

    pub(super) fn sessions(&self) -> impl ExactSizeIterator<Item = (u32, KvSession)> {
        self.sessions.iter().map(|(&number, &session)| (number, session))
    }

    /// Returns a state without keys and sessions, with this last applied index.
    pub(super) fn at(applied: Index) -> Self {
        Self { applied, ..Self::default() }
    }

    pub(super) fn put_cell(&mut self, key: u32, version: Index, value: Vec<u8>) {
        let cell = KeyValue { version, hash: Hash::of(&value), value };
        self.sum = self.sum.wrapping_add(cell.digest(key));
        if let Some(old) = self.cells.insert(key, cell) {
            self.sum = self.sum.wrapping_sub(old.digest(key));
        }
    }

    pub(super) fn put_session(&mut self, number: u32, session: KvSession) {
        self.sum = self.sum.wrapping_add(session.digest(number));
        if let Some(old) = self.sessions.insert(number, session) {
            self.sum = self.sum.wrapping_sub(old.digest(number));
        }
    }
}

impl KeyValue {
    // The buffer of the old value is reused, so a put seldom allocates.
    fn set(&mut self, value: &[u8]) {
        self.value.clear();
        self.value.extend_from_slice(value);
        self.hash = Hash::of(value);
    }

    fn extend(&mut self, value: &[u8]) {
        self.value.extend_from_slice(value);
        self.hash = self.hash.with(value);
    }
}
