//! The executor of the state machine.

use crate::entry::{Data, Entry, Payload};
use crate::message::SnapshotMeta;
use crate::server::io::Batch;
use crate::store::inmem::InmemSource;
use crate::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotStore, SnapshotWriter, StoreError};
use crate::types::{Index, LogId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Stores a captured state as a snapshot, and returns the description of the snapshot. A driver calls this
/// function in place of [`Machine::take_snapshot`] if the state machine must apply entries while the snapshot
/// is stored.
///
/// # Errors
/// Returns an error if the state cannot be read or the store fails. In that case the store has no new
/// snapshot.
pub fn keep_snapshot<S: FsmSnapshot + ?Sized, N: SnapshotStore>(
    captured: &mut S,
    meta: &SnapshotMeta,
    store: &mut N,
) -> Result<Arc<SnapshotMeta>, StoreError> {
    let mut sink = store.create(meta)?;
    captured.persist(&mut SnapshotWriter::new(&mut sink))?;
    store.close(sink)
}

/// Opens the snapshot that ends at `last`, passes the content of the snapshot to `load`, and returns the
/// position of the last entry of the snapshot.
///
/// # Errors
/// Returns an error if the snapshot cannot be read or `load` returns an error.
pub fn load_snapshot<N: SnapshotStore>(
    store: &N,
    last: LogId,
    load: impl FnOnce(&mut SnapshotReader<'_>) -> Result<(), StoreError>,
) -> Result<LogId, StoreError> {
    let (meta, mut source) = store.open(last)?;
    load(&mut SnapshotReader::new(&mut source))?;
    Ok(meta.last)
}

/// The executor of the state machine. This executor applies entries, captures states and loads snapshots.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Machine<F> {
    /// The state machine that the executor runs.
    pub fsm: F,
}

impl<F: Fsm> Machine<F> {
    /// Makes an executor for this state machine.
    pub const fn new(fsm: F) -> Self {
        Self { fsm }
    }

    /// Carries out [`Action::Apply`](crate::Action::Apply). Returns the responses for
    /// [`Event::Applied`](crate::Event::Applied), each with the index of the entry.
    ///
    /// # Panics
    /// Panics if the state machine does not return exactly one response for each command.
    pub fn apply(&mut self, batch: &Batch) -> Vec<(Index, Data)> {
        let mut responses = Vec::new();
        for part in batch.entries.chunk_by(|a, b| restore(a).is_none() && restore(b).is_none()) {
            match part.first().and_then(restore) {
                Some(state) => responses.push((part[0].id.index, self.replace(state))),
                None => self.apply_commands(part, &mut responses),
            }
        }
        responses
    }

    fn apply_commands(&mut self, entries: &[Entry], responses: &mut Vec<(Index, Data)>) {
        let commands: Vec<Command<'_>> = entries.iter().filter_map(command).collect();
        let given = if commands.is_empty() { Vec::new() } else { self.fsm.apply_batch(&commands) };
        assert!(
            given.len() == commands.len(),
            "the state machine returned {} responses for {} commands",
            given.len(),
            commands.len()
        );
        responses.extend(commands.iter().map(|command| command.index).zip(given));
        for entry in entries {
            if let Payload::Configuration(configuration) = &entry.payload {
                self.fsm.configured(entry.id.index, configuration);
            }
        }
    }

    /// Replaces the state of the state machine with a state from a client. If the state machine refuses the new
    /// state, returns the reason. Otherwise returns an empty response.
    fn replace(&mut self, state: &Data) -> Data {
        let mut source = InmemSource::new(state.clone());
        match self.fsm.restore(&mut SnapshotReader::new(&mut source)) {
            Ok(()) => Data::default(),
            Err(error) => error.what.as_bytes().into(),
        }
    }

    /// Carries out [`Action::TakeSnapshot`](crate::Action::TakeSnapshot). Returns the description of the
    /// snapshot.
    ///
    /// # Errors
    /// Returns an error if the state cannot be captured or the store fails. In that case the store has no new
    /// snapshot.
    pub fn take_snapshot<N: SnapshotStore>(
        &mut self,
        meta: &SnapshotMeta,
        store: &mut N,
    ) -> Result<Arc<SnapshotMeta>, StoreError> {
        let mut captured = self.fsm.snapshot()?;
        keep_snapshot(&mut captured, meta, store)
    }

    /// Carries out [`Action::Restore`](crate::Action::Restore). A driver also calls this function when the
    /// server starts, to load the newest snapshot. Returns the position of the last entry of the snapshot.
    ///
    /// # Errors
    /// Returns an error if the snapshot cannot be read or the state machine refuses the state.
    pub fn restore<N: SnapshotStore>(&mut self, last: LogId, store: &N) -> Result<LogId, StoreError> {
        load_snapshot(store, last, |reader| self.fsm.restore(reader))
    }
}

const fn restore(entry: &Entry) -> Option<&Data> {
    match &entry.payload {
        Payload::Restore(state) => Some(state),
        Payload::Noop
        | Payload::Barrier
        | Payload::Command(_)
        | Payload::Extended(_)
        | Payload::Configuration(_) => None,
    }
}

fn command(entry: &Entry) -> Option<Command<'_>> {
    let (data, extensions): (_, &[u8]) = match &entry.payload {
        Payload::Command(data) => (data, &[]),
        Payload::Extended(both) => (&both.data, &both.extensions),
        Payload::Noop | Payload::Barrier | Payload::Restore(_) | Payload::Configuration(_) => return None,
    };
    Some(Command { index: entry.id.index, term: entry.id.term, data, extensions })
}
