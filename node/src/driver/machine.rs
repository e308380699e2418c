//! The worker of the state machine. The worker applies commands in order, takes snapshots and loads
//! snapshots.

use crate::driver::metrics::FsmMetrics;
use crate::driver::shared_snapshots::SharedSnapshots;
use crate::driver::worker_queue::{Place, Worker, WorkerSenders};
use crate::panic::panicked;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use wavetank_raft::execute::{Machine, keep_snapshot};
use wavetank_raft::store::{Fsm, SnapshotStore, StoreError, StoreErrorKind};
use wavetank_raft::{Batch, Event, SnapshotMeta};

/// A report with at least this number of responses takes no further batch.
const APPLY_MAX: usize = 1024;

/// A job for the state machine.
#[derive(Debug)]
pub(crate) enum MachineJob {
    /// The state machine applies the entries of this batch. See
    /// [`Action::Apply`](wavetank_raft::Action::Apply).
    Apply(Batch),
    /// The worker takes a snapshot with this description. See
    /// [`Action::TakeSnapshot`](wavetank_raft::Action::TakeSnapshot).
    TakeSnapshot(SnapshotMeta),
    /// The worker loads the snapshot with this description. See
    /// [`Action::Restore`](wavetank_raft::Action::Restore).
    Restore(Arc<SnapshotMeta>),
}

/// The worker of the state machine.
pub(crate) struct MachineWorker<F: Fsm, N: SnapshotStore> {
    machine: Machine<F>,
    snapshots: SharedSnapshots<N>,
    senders: WorkerSenders,
    metrics: FsmMetrics,
    /// The place where the work of storing a snapshot is done: a new thread, or the worker itself.
    place: Place,
}

impl<F, N> MachineWorker<F, N>
where
    F: Fsm<Snapshot: Send + 'static>,
    N: SnapshotStore<Sink: Send> + Send + 'static,
{
    pub(crate) fn new(
        machine: Machine<F>,
        snapshots: SharedSnapshots<N>,
        senders: WorkerSenders,
        place: Place,
    ) -> Self {
        Self { machine, snapshots, senders, metrics: FsmMetrics::new(), place }
    }

    /// Applies the batch `first`, and then the batches at the head of `jobs`. Returns one report for all
    /// these batches, or `None` if `first` has no entries.
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

    /// Captures the state of the state machine, and stores the captured state as a snapshot. With
    /// [`Place::Thread`], a new thread stores the snapshot while the worker applies the next commands. In
    /// that case the thread reports the result, and this function returns `None`.
    fn take_snapshot(&mut self, meta: SnapshotMeta) -> Option<Event> {
        let began = Instant::now();
        let mut captured = match self.machine.fsm.snapshot() {
            Ok(captured) => captured,
            Err(error) => return Some(Event::SnapshotTaken(Err(error))),
        };
        self.metrics.captured(began);
        if self.place == Place::Inline {
            let since = Instant::now();
            let kept = keep_snapshot(&mut captured, &meta, &mut self.snapshots);
            self.metrics.kept(began, since);
            return Some(Event::SnapshotTaken(kept));
        }
        let (mut snapshots, senders, metrics) =
            (self.snapshots.clone(), self.senders.clone(), self.metrics.clone());
        let span = tracing::debug_span!("snapshot", last = %meta.last);
        let keeping = thread::Builder::new().name("raft-snapshot".to_owned()).spawn(move || {
            let _span = span.entered();
            let since = Instant::now();
            let keeping = AssertUnwindSafe(|| keep_snapshot(&mut captured, &meta, &mut snapshots));
            let report = match catch_unwind(keeping) {
                Ok(kept) => Event::SnapshotTaken(kept),
                Err(panic) => Event::StoreFailed(panicked("raft-snapshot", &*panic)),
            };
            metrics.kept(began, since);
            drop(snapshots);
            // The server may have stopped meanwhile.
            let _ = senders.reports.send(report);
        });
        keeping.err().map(|error| {
            let what = format!("cannot start a thread for a snapshot: {error}");
            Event::SnapshotTaken(Err(StoreError::new(StoreErrorKind::Io, what)))
        })
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
