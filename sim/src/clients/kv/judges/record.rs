//! The reference store of the client checks. The store keeps the whole history of each key.

use crate::clients::kv::state::Hash;
use crate::clients::kv::wire::{Command, CommandOutcome, Verb};
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetank_raft::{Data, Index};

/// All commands that any server applied, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The content of each index, from index 1 on.
    log: Vec<LogContent>,
    /// The index of the last command.
    last_command: Index,
    /// The effect of each command at its first occurrence. The key is the session and the sequence number.
    effects: BTreeMap<(u32, u32), CommandEffect>,
    /// The last sequence number that took effect in each session. The key is the number of the session.
    sessions: BTreeMap<u32, u32>,
    keys: BTreeMap<u32, KeyHistory>,
    /// The key is the number of an open operation. The value is the index of the last command that was applied
    /// before the operation began.
    open: BTreeMap<u64, Index>,
}

/// The content of the log at one index.
#[derive(Debug)]
enum LogContent {
    /// No state machine has reported the content of this index.
    Unseen,
    /// An entry that is not a command.
    Other,
    Command(Data),
}

/// The effect of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CommandEffect {
    pub(super) index: Index,
    pub(super) outcome: CommandOutcome,
}

/// The present value of a key, and all versions of the key.
#[derive(Debug, Default)]
struct KeyHistory {
    value: Vec<u8>,
    versions: Vec<KeyVersion>,
}

/// A version of a key: the index of the command that wrote the value, and the hash of the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct KeyVersion {
    pub(super) index: Index,
    hash: Hash,
}

impl KeyVersion {
    /// True if the version has this value.
    pub(super) fn is(&self, value: &[u8]) -> bool {
        self.hash == Hash::of(value)
    }
}

impl Record {
    /// True if the content of an index is recorded, or the index was skipped.
    pub(super) fn is_known(&self, index: Index) -> bool {
        index.0 <= self.log.len() as u64
    }

    /// True if a recorded index has this content, or if the content of the index is unknown. `bytes` is
    /// `None` for an entry that is not a command.
    pub(super) fn agrees(&self, index: Index, bytes: Option<&Data>) -> bool {
        match (self.place(index), bytes) {
            (LogContent::Unseen, _) | (LogContent::Other, None) => true,
            // The bytes are usually shared, so compare the pointers first.
            (LogContent::Command(known), Some(bytes)) => Arc::ptr_eq(known, bytes) || known == bytes,
            (LogContent::Other, Some(_)) | (LogContent::Command(_), None) => false,
        }
    }

    /// Returns the bytes of the command at an index. Returns `None` if no command at the index is known.
    pub(super) fn command(&self, index: Index) -> Option<&Data> {
        if index == Index::ZERO || !self.is_known(index) {
            return None;
        }
        match self.place(index) {
            LogContent::Command(bytes) => Some(bytes),
            LogContent::Unseen | LogContent::Other => None,
        }
    }

    fn place(&self, index: Index) -> &LogContent {
        let at = usize::try_from(index.0 - 1).expect("an index into a log in memory fits into usize");
        &self.log[at]
    }

    /// Records the content of the next index or of a later index. `bytes` is `None` for an entry that is not a
    /// command. `command` is the decoded command.
    pub(super) fn record(&mut self, index: Index, bytes: Option<&Data>, command: Option<&Command<'_>>) {
        while (self.log.len() as u64) + 1 < index.0 {
            self.log.push(LogContent::Unseen);
        }
        self.log.push(bytes.map_or(LogContent::Other, |bytes| LogContent::Command(Data::clone(bytes))));
        if bytes.is_some() {
            self.last_command = index;
        }
        if let Some(command) = command {
            self.perform(index, command);
        }
    }

    fn perform(&mut self, index: Index, command: &Command<'_>) {
        let name = (command.session, command.sequence);
        if self.effects.contains_key(&name) {
            return;
        }
        let last = self.sessions.entry(command.session).or_default();
        let outcome = if command.sequence < *last {
            CommandOutcome::Outdated
        } else {
            *last = command.sequence;
            self.keys.entry(command.key).or_default().perform(index, command.verb)
        };
        self.effects.insert(name, CommandEffect { index, outcome });
    }

    /// Returns the effect of a command. Returns `None` if the command was not applied.
    pub(super) fn effect(&self, command: &Command<'_>) -> Option<CommandEffect> {
        self.effects.get(&(command.session, command.sequence)).copied()
    }

    /// Returns the index of the last command that any server applied.
    pub(super) const fn last_command(&self) -> Index {
        self.last_command
    }

    /// Returns the version of a key after the entry at the index `at`. If no command has written the key up to
    /// this index, the version has the index zero and the empty value.
    pub(super) fn version(&self, key: u32, at: Index) -> KeyVersion {
        let Some(key) = self.keys.get(&key) else { return KeyVersion::default() };
        let after = key.versions.partition_point(|version| version.index <= at);
        key.versions[..after].last().copied().unwrap_or_default()
    }

    /// Records that an operation begins.
    pub(super) fn open(&mut self, operation: u64) {
        self.open.insert(operation, self.last_command);
    }

    /// Records that an operation has ended.
    pub(super) fn close(&mut self, operation: u64) {
        self.open.remove(&operation);
    }

    /// Returns the index of the last command that was applied before an operation began. Returns zero if the
    /// operation is not open.
    pub(super) fn applied_at_start(&self, operation: u64) -> Index {
        self.open.get(&operation).copied().unwrap_or(Index::ZERO)
    }
}

impl KeyHistory {
    fn perform(&mut self, index: Index, verb: Verb<'_>) -> CommandOutcome {
        match verb {
            Verb::Cas { expected, .. } if self.value != expected => return CommandOutcome::Mismatch,
            Verb::Put(value) | Verb::Cas { new: value, .. } => value.clone_into(&mut self.value),
            Verb::Append(value) => self.value.extend_from_slice(value),
            Verb::Delete => self.value.clear(),
        }
        self.versions.push(KeyVersion { index, hash: Hash::of(&self.value) });
        CommandOutcome::Done
    }
}
