//! The worker of the state machine: it applies commands in order, takes snapshots and loads them.

use crate::driver::metrics::FsmMetrics;
use crate::driver::shared_snapshots::SharedSnapshots;
use crate::driver::worker_queue::{Worker, WorkerSenders};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use wavetank_raft::execute::{Machine, keep_snapshot};
use wavetank_raft::store::{Fsm, SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{Batch, Event, SnapshotMeta};

/// The most entries that are applied before the server gets a report.
const APPLY_MAX: usize = 1024;

/// A job for the state machine.
#[derive(Debug)]
pub(crate) enum MachineJob {
    /// [`Action::Apply`](wavetank_raft::Action::Apply).
    Apply(Batch),
    /// [`Action::TakeSnapshot`](wavetank_raft::Action::TakeSnapshot).
    TakeSnapshot(SnapshotMeta),
    /// [`Action::Restore`](wavetank_raft::Action::Restore).
    Restore(Arc<SnapshotMeta>),
}

/// The worker of the state machine.
pub(crate) struct MachineWorker<F: Fsm, N: SnapshotStore> {
    machine: Machine<F>,
    snapshots: SharedSnapshots<N>,
    senders: WorkerSenders,
    metrics: FsmMetrics,
}

impl<F, N> MachineWorker<F, N>
where
    F: Fsm<Snapshot: Send + 'static>,
    N: SnapshotStore<Sink: Send> + Send + 'static,
{
    pub(crate) fn new(machine: Machine<F>, snapshots: SharedSnapshots<N>, senders: WorkerSenders) -> Self {
        Self { machine, snapshots, senders, metrics: FsmMetrics::new() }
    }

    /// Applies the consecutive batches at the head of the queue.
    fn apply(&mut self, first: &Batch, jobs: &mut VecDeque<MachineJob>) -> Option<Event> {
        let _span = tracing::trace_span!("apply").entered();
        let since = Instant::now();
        let mut responses = self.machine.apply(first);
        let mut upto = first.entries.last()?.id.index;
        while responses.len() < APPLY_MAX {
            match jobs.pop_front() {
                Some(MachineJob::Apply(batch)) => {
                    upto = batch.entries.last().map_or(upto, |entry| entry.id.index);
                    responses.extend(self.machine.apply(&batch));
                }
                Some(other) => {
                    jobs.push_front(other);
                    break;
                }
                None => break,
            }
        }
        self.metrics.applied(responses.len(), since);
        Some(Event::Applied { upto, responses })
    }

    fn restore(&mut self, meta: &SnapshotMeta) -> Event {
        let _span = tracing::debug_span!("restore", last = %meta.last).entered();
        let since = Instant::now();
        let restored = self.machine.restore(meta.last, &self.snapshots);
        self.metrics.restored(since);
        Event::Restored(restored)
    }

    /// Captures the state. A thread persists it while the next commands are applied. `None` if that
    /// thread will report.
    fn take_snapshot(&mut self, meta: SnapshotMeta) -> Option<Event> {
        let began = Instant::now();
        let mut captured = match self.machine.fsm.snapshot() {
            Ok(captured) => captured,
            Err(error) => return Some(Event::SnapshotTaken(Err(error))),
        };
        self.metrics.captured(began);
        let (mut snapshots, senders, metrics) =
            (self.snapshots.clone(), self.senders.clone(), self.metrics.clone());
        let span = tracing::debug_span!("snapshot", last = %meta.last);
        let keeping = thread::Builder::new().name("raft-snapshot".to_owned()).spawn(move || {
            let _span = span.entered();
            let report = SnapshotReporter(senders);
            let since = Instant::now();
            let kept = keep_snapshot(&mut captured, &meta, &mut snapshots);
            metrics.kept(began, since);
            drop(snapshots);
            report.send(kept);
        });
        keeping.err().map(|error| {
            let what = format!("no thread for a snapshot: {error}");
            Event::SnapshotTaken(Err(StoreError::new(StoreErrorKind::Io, what)))
        })
    }
}

/// Reports the result of a snapshot, also if its thread panics.
struct SnapshotReporter(WorkerSenders);

impl SnapshotReporter {
    fn send(&self, kept: Result<Arc<SnapshotMeta>, StoreError>) {
        // The server may have stopped meanwhile.
        let _ = self.0.reports.send(Event::SnapshotTaken(kept));
    }
}

impl Drop for SnapshotReporter {
    fn drop(&mut self) {
        if thread::panicking() {
            let what = "the state machine panicked while a snapshot of it was kept";
            self.send(Err(StoreError::new(StoreErrorKind::Io, what)));
        }
    }
}

impl<F, N> Worker<MachineJob> for MachineWorker<F, N>
where
    F: Fsm<Snapshot: Send + 'static> + Send,
    N: SnapshotStore<Sink: Send> + Send + 'static,
{
    fn work(&mut self, jobs: &mut VecDeque<MachineJob>, reports: &mut Vec<Event>) {
        let Some(job) = jobs.pop_front() else { return };
        reports.extend(match job {
            MachineJob::Apply(batch) => self.apply(&batch, jobs),
            MachineJob::TakeSnapshot(meta) => self.take_snapshot(meta),
            MachineJob::Restore(meta) => Some(self.restore(&meta)),
        });
    }
}
