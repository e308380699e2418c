//! The state machine: a map from keys to texts, and the HTTP address of each server.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use wavetank_node::{Command, Data, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};

/// A command of the key-value store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum KvCommand {
    /// Sets the value of the key. If `expected` is `Some`, the key must have the expected value. A missing key
    /// counts as an empty value.
    Put { key: String, value: String, expected: Option<String> },
    /// Deletes the key.
    Delete { key: String },
    /// Records the HTTP address of a server.
    Serve { id: String, http: String },
}

/// The response to a command that took effect.
pub(crate) const DONE: &[u8] = b"done";
/// The response to a [`KvCommand::Put`] if the key does not have the expected value.
pub(crate) const MISMATCH: &[u8] = b"mismatch";

impl KvCommand {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text can always be written as JSON")
    }
}

/// The replicated state: the value of each key, and the HTTP address of each server by the server's id.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    values: BTreeMap<String, String>,
    servers: BTreeMap<String, String>,
}

impl State {
    pub(crate) fn value(&self, key: &str) -> Option<&String> {
        self.values.get(key)
    }

    pub(crate) fn server(&self, id: &str) -> Option<&String> {
        self.servers.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    fn apply(&mut self, kv_command: KvCommand) -> &'static [u8] {
        match kv_command {
            KvCommand::Put { key, value, expected } => {
                let now = self.values.get(&key).map_or("", String::as_str);
                if expected.is_some_and(|expected| expected != now) {
                    return MISMATCH;
                }
                self.values.insert(key, value);
            }
            KvCommand::Delete { key } => drop(self.values.remove(&key)),
            KvCommand::Serve { id, http } => drop(self.servers.insert(id, http)),
        }
        DONE
    }
}

/// The replicated state. The state machine shares this state with the HTTP handlers, which only read the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<RwLock<Arc<State>>>);

impl Shared {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Arc<State>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // The state is copied only while a snapshot of the state is being written.
        how(Arc::make_mut(&mut state))
    }
}

/// The key-value state machine.
#[derive(Debug, Default)]
pub(crate) struct Kv {
    shared: Shared,
}

impl Kv {
    pub(crate) fn shared(&self) -> Shared {
        self.shared.clone()
    }
}

/// A snapshot: the replicated state at the moment of the snapshot.
pub(crate) struct Captured(Arc<State>);

impl Fsm for Kv {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        // Every server fails to parse the same bytes, so all states stay equal.
        let Ok(kv_command) = serde_json::from_slice(command.data) else {
            return b"unknown command"[..].into();
        };
        self.shared.change(|state| state.apply(kv_command)).into()
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.shared.read().clone()))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let state = serde_json::from_reader(reader).map_err(io::Error::from)?;
        self.shared.change(|now| *now = state);
        Ok(())
    }
}

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        Ok(serde_json::to_writer(writer, &*self.0).map_err(io::Error::from)?)
    }
}
