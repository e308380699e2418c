//! One server with its disk and its state machine, run by the executors.

use super::call_model::CallModel;
use super::command_log::CommandLog;
use super::{Envelope, NAMES};
use std::collections::VecDeque;
use wavetank_raft::execute::{Machine, Snapshots, Storage};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::{
    Action, Batch, Boot, Entropy, Event, Halt, Index, NodeId, Server, Settings, SnapshotMeta, StoreJob, Time,
    Write,
};

pub(super) struct Host {
    pub(super) server: Server,
    /// Writes that are not persisted yet.
    pub(super) writes: VecDeque<Write>,
    settings: Settings,
    storage: Storage<InmemStore, InmemStore>,
    snapshots: Snapshots<InmemSnapshotStore>,
    machine: Machine<CommandLog>,
    boots: u32,
}

impl Host {
    pub(super) fn new(settings: Settings) -> Self {
        let mut storage = Storage::default();
        let snapshots = Snapshots::new(InmemSnapshotStore::new(2));
        let server = boot(&settings, &mut storage, &snapshots, 0, Time(0));
        let machine = Machine::new(CommandLog::default());
        Self { server, writes: VecDeque::new(), settings, storage, snapshots, machine, boots: 0 }
    }

    /// Persists the first write of the queue.
    pub(super) fn write(&mut self) -> Option<Event> {
        let write = self.writes.pop_front()?;
        self.storage.persist(&write).expect("memory does not fail");
        Some(Event::Persisted(write.token))
    }

    /// Persists this many writes, crashes, and starts again from its disk.
    pub(super) fn crash(&mut self, writes: u64, now: Time) {
        (0..writes).for_each(|_| drop(self.write()));
        self.writes.clear();
        self.boots += 1;
        self.snapshots = Snapshots::new(self.snapshots.store.clone());
        self.machine = Machine::new(CommandLog::default());
        if let Some(meta) = self.snapshots.newest().expect("memory does not fail") {
            self.machine.restore(meta.last, &self.snapshots.store).expect("it was kept whole");
        }
        self.server = boot(&self.settings, &mut self.storage, &self.snapshots, self.boots, now);
    }

    /// Carries out an action, except writes, and returns the event that reports it.
    pub(super) fn execute_action(
        &mut self,
        action: Action,
        at: usize,
        call_model: &mut CallModel,
        envelopes: &mut Vec<Envelope>,
    ) -> Option<Event> {
        let from = NodeId::of(NAMES[at]);
        match action {
            Action::Send { to, rpc, request } => {
                envelopes
                    .push(Envelope { to: server_index(to), event: Event::Request { from, rpc, request } });
                None
            }
            Action::Reply { to, rpc, response } => {
                envelopes
                    .push(Envelope { to: server_index(to), event: Event::Response { from, rpc, response } });
                None
            }
            Action::Answer { request, outcome } => {
                call_model.end(at, request, &outcome);
                None
            }
            Action::Store(job) => self.run_store_job(job),
            Action::Apply(batch) => Some(self.apply(&batch, call_model)),
            Action::Restore(meta) => Some(self.restore(&meta, call_model)),
            Action::Halt(halt) => {
                assert!(halt == Halt::Removed, "{halt:?}");
                None
            }
            Action::Observe(_) => None,
            Action::TakeSnapshot(meta) => {
                Some(Event::SnapshotTaken(self.machine.take_snapshot(&meta, &mut self.snapshots.store)))
            }
        }
    }

    /// Writes wait until the test says that they are durable.
    fn run_store_job(&mut self, job: StoreJob) -> Option<Event> {
        Some(match job {
            StoreJob::Persist(write) => {
                self.writes.push_back(write);
                return None;
            }
            StoreJob::Fetch { ticket, first, last } => {
                let entries = self.storage.fetch(first, last, &self.settings);
                Event::Fetched { ticket, entries: entries.expect("memory does not fail") }
            }
            StoreJob::ReadSnapshot { ticket, last, offset, limit } => {
                let piece = self.snapshots.read(last, offset, limit).expect("memory does not fail");
                Event::SnapshotRead { ticket, piece }
            }
            StoreJob::WriteSnapshot { ticket, meta, offset, data, done } => {
                Event::SnapshotWritten { ticket, ok: self.snapshots.write(&meta, offset, &data, done) }
            }
        })
    }

    fn apply(&mut self, batch: &Batch, call_model: &mut CallModel) -> Event {
        let before = self.machine.fsm.0.len();
        let responses = self.machine.apply(batch);
        for (index, command) in &self.machine.fsm.0[before..] {
            call_model.apply(*index, command);
        }
        let upto = batch.entries.last().expect("at least one").id.index;
        call_model.holds(upto, self.machine.fsm.0.len());
        Event::Applied { upto, responses }
    }

    fn restore(&mut self, meta: &SnapshotMeta, call_model: &CallModel) -> Event {
        let restored = self.machine.restore(meta.last, &self.snapshots.store);
        call_model.holds(meta.last.index, self.machine.fsm.0.len());
        assert!(self.machine.fsm.0.last().map_or(Index::ZERO, |(index, _)| *index) <= meta.last.index);
        Event::Restored(restored)
    }
}

fn server_index(id: NodeId) -> usize {
    NAMES.iter().position(|name| NodeId::of(name) == id).expect("one of the four")
}

fn boot(
    settings: &Settings,
    storage: &mut Storage<InmemStore, InmemStore>,
    snapshots: &Snapshots<InmemSnapshotStore>,
    incarnation: u32,
    now: Time,
) -> Server {
    let newest = snapshots.newest().expect("memory does not fail");
    let found = storage.recover(newest, settings.cache_limits()).expect("what was written joins");
    let boot = Boot {
        entropy: Entropy(u64::from(settings.local_id.as_str().as_bytes()[1])),
        incarnation,
        hard_state: found.hard_state,
        log: found.log,
        snapshot: found.snapshot,
        catch_up: found.catch_up,
    };
    Server::boot(settings.clone(), boot, now)
}
