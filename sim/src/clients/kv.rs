//! A replicated key-value store, its clients, and the checks that judge the answers to the clients.
//!
//! The module has the state machine ([`Kv`]) with its sessions, the wire format ([`wire`]), the clients
//! ([`clients`]), and the judges of the answers to the clients ([`judges`]). Timeouts and retries are in
//! [`Callers`](crate::clients::callers::Callers). [`wavetank_linear`] decides whether a history is
//! linearizable.

pub mod clients;
pub mod judges;
pub mod wire;

mod image;
mod state;

#[cfg(test)]
mod tests;

use crate::engine::workload::TankFsm;
use state::KvState;
use std::sync::Arc;
use wavetank_raft::Data;
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};

/// A key-value store whose clients have sessions. A command that arrives twice takes effect once and
/// is answered twice (thesis §6.3).
///
/// 1. A key that was never written or was deleted has the empty value.
/// 2. A session's commands take effect in the order of their sequence numbers, each at most once.
/// 3. Equal commands at equal indexes give equal digests, even if a snapshot was loaded between two commands.
#[derive(Clone, Debug, Default)]
pub struct Kv {
    // Snapshots share the state. The state is copied only if a command changes the state while a snapshot is
    // written.
    state: Arc<KvState>,
}

/// The state of a [`Kv`] at one moment.
#[derive(Clone, Debug)]
pub struct KvSnapshot(Arc<KvState>);

impl Fsm for Kv {
    type Snapshot = KvSnapshot;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        Arc::make_mut(&mut self.state).apply(command.index, command.data, command.extensions)
    }

    fn snapshot(&mut self) -> Result<KvSnapshot, StoreError> {
        Ok(KvSnapshot(Arc::clone(&self.state)))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.state = Arc::new(image::read(reader, &self.state)?);
        Ok(())
    }
}

impl FsmSnapshot for KvSnapshot {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        image::write(&self.0, writer)
    }
}

impl TankFsm for Kv {
    fn query(&self, query: &[u8]) -> Data {
        self.state.query(query)
    }

    fn digest(&self) -> u64 {
        self.state.digest()
    }

    fn backup(&self) -> Option<Data> {
        Some(image::backup(&self.state))
    }
}
