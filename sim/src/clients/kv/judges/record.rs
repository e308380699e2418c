//! What took effect, as the judges have it: a store of their own, with all its past.

use crate::clients::kv::state::Hash;
use crate::clients::kv::wire::{Command, CommandOutcome, Verb};
use std::collections::BTreeMap;
use std::sync::Arc;
use wavetank_raft::{Data, Index};

/// Everything that was applied anywhere, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// What stands at each index from 1 on.
    log: Vec<LogContent>,
    /// The last index at which a command stands.
    last_command: Index,
    /// What came of each command of each session, the first time that it came.
    effects: BTreeMap<(u32, u32), CommandEffect>,
    /// The last sequence number that took effect in each session.
    sessions: BTreeMap<u32, u32>,
    keys: BTreeMap<u32, KeyHistory>,
    /// The last command that was applied anywhere when each open operation began.
    open: BTreeMap<u64, Index>,
}

/// What stands at an index.
#[derive(Debug)]
enum LogContent {
    /// No state machine was seen to apply it.
    Unseen,
    /// An entry that is no command to the store.
    Other,
    Command(Data),
}

/// What came of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CommandEffect {
    pub(super) index: Index,
    pub(super) outcome: CommandOutcome,
}

/// A key with all the values that it had.
#[derive(Debug, Default)]
struct KeyHistory {
    value: Vec<u8>,
    versions: Vec<KeyVersion>,
}

/// A value that a key had.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct KeyVersion {
    pub(super) index: Index,
    hash: Hash,
}

impl KeyVersion {
    /// Whether this is the value.
    pub(super) fn is(&self, value: &[u8]) -> bool {
        self.hash == Hash::of(value)
    }
}

impl Record {
    /// Whether it was seen what stands at an index, or it was passed over.
    pub(super) fn is_known(&self, index: Index) -> bool {
        index.0 <= self.log.len() as u64
    }

    /// Whether what stands at a known index is this.
    pub(super) fn agrees(&self, index: Index, bytes: Option<&Data>) -> bool {
        match (self.place(index), bytes) {
            (LogContent::Unseen, _) | (LogContent::Other, None) => true,
            // Most often it is the very same memory, shared on its way.
            (LogContent::Command(known), Some(bytes)) => Arc::ptr_eq(known, bytes) || known == bytes,
            (LogContent::Other, Some(_)) | (LogContent::Command(_), None) => false,
        }
    }

    /// The command at an index.
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
        let at = usize::try_from(index.0 - 1).expect("an index into a log in memory");
        &self.log[at]
    }

    /// Takes in what stands at the next index, or at a later one.
    pub(super) fn take(&mut self, index: Index, bytes: Option<&Data>, command: Option<&Command<'_>>) {
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

    /// What came of a command, if it came at all.
    pub(super) fn effect(&self, command: &Command<'_>) -> Option<CommandEffect> {
        self.effects.get(&(command.session, command.sequence)).copied()
    }

    /// The last index at which a command stands that was applied anywhere.
    pub(super) const fn last_command(&self) -> Index {
        self.last_command
    }

    /// What a key held in the state after this index.
    pub(super) fn version(&self, key: u32, at: Index) -> KeyVersion {
        let Some(key) = self.keys.get(&key) else { return KeyVersion::default() };
        let after = key.versions.partition_point(|version| version.index <= at);
        key.versions[..after].last().copied().unwrap_or_default()
    }

    /// An operation begins.
    pub(super) fn open(&mut self, operation: u64) {
        self.open.insert(operation, self.last_command);
    }

    /// An operation is over.
    pub(super) fn close(&mut self, operation: u64) {
        self.open.remove(&operation);
    }

    /// The last command that was applied anywhere when an open operation began.
    pub(super) fn floor(&self, operation: u64) -> Index {
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
