//! Snapshots: the server decides when to take a snapshot, and handles snapshots that were taken or installed.

use super::calls::answer;
use super::io::{Action, Answer, RequestError};
use super::observed::Observed;
use super::{Ctx, Server};
use crate::config::Settings;
use crate::message::SnapshotMeta;
use crate::node::boot::Boot;
use crate::node::io::{Input, StoreJob};
use crate::store::StoreError;
use crate::timeout::Entropy;
use crate::types::{Index, LogId, NodeId, RequestId, Term, Time};
use alloc::sync::Arc;

/// The schedule of the snapshots that a server takes of its own state machine, and the jobs that wait.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Snapshotting {
    entropy: Entropy,
    id: NodeId,
    checks: u64,
    next_check: Time,
    in_progress: bool,
    /// The job that writes the last piece of a snapshot. The job waits until the previous snapshot has been
    /// loaded. `None` if no job waits.
    held: Option<StoreJob>,
    /// The snapshot to load after the server's own snapshot is stored. `None` if no load waits.
    load_next: Option<Arc<SnapshotMeta>>,
}

impl Snapshotting {
    pub(super) fn new(settings: &Settings, boot: &Boot, now: Time) -> Self {
        let checks = u64::from(boot.incarnation) << 32;
        let id = settings.local_id.node();
        let mut new = Self {
            entropy: boot.entropy,
            id,
            checks,
            next_check: now,
            in_progress: false,
            held: None,
            load_next: None,
        };
        new.schedule(settings, now);
        new
    }

    pub(super) const fn deadline(&self) -> Time {
        self.next_check
    }

    /// Draws the time of the next check: one to two times `snapshot_interval` from now. The time is random, so
    /// that not all servers write their snapshots at the same time.
    fn schedule(&mut self, settings: &Settings, now: Time) {
        self.checks += 1;
        self.next_check =
            now + self.entropy.timeout(settings.snapshot_interval(), self.id, Term(0), self.checks);
    }
}

impl Server {
    /// Takes a snapshot if a check is due and the log has grown by at least `snapshot_threshold`
    /// entries since the last snapshot.
    pub(super) fn check_snapshot_due(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.now < self.snapshotting.next_check {
            return;
        }
        let settings = self.node.settings();
        self.snapshotting.schedule(settings, ctx.now);
        let since = self.node.log().last().index.since(self.node.snapshot().index);
        if settings.snapshot_threshold <= since {
            // If nothing was applied since the last snapshot, the next check tries again.
            self.begin_snapshot(ctx);
        }
    }

    /// Takes a snapshot for an operator's call, or joins a snapshot that is under way. The snapshot must
    /// include all entries that the state machine had received before the call. The server answers the call
    /// when such a snapshot is durable. If there is nothing new, the call is refused.
    pub(super) fn on_snapshot_call(&mut self, request: RequestId, ctx: &mut Ctx<'_>) {
        let (last, _) = self.applying.dispatched();
        if self.snapshotting.in_progress || self.begin_snapshot(ctx) {
            self.calls.wait_for_snapshot(request, last.index);
        } else {
            ctx.actions.push(answer(request, Err(RequestError::NothingNewToSnapshot)));
        }
    }

    /// Takes a snapshot for a follower that does not understand the entry at `past`. Does nothing while the
    /// state machine has not received this entry, or while another snapshot is being taken. The leader asks
    /// again at its next heartbeat.
    pub(super) fn snapshot_for(&mut self, peer: NodeId, past: LogId, ctx: &mut Ctx<'_>) {
        let (last, _) = self.applying.dispatched();
        if past.index <= last.index && self.begin_snapshot(ctx) {
            ctx.actions.push(Action::Observe(Observed::NeedsSnapshot { peer, past }));
        }
    }

    /// Asks the state machine for the state after the last entry that was handed to the state machine. Returns
    /// false if a snapshot is under way, or if there is nothing new since the last snapshot.
    fn begin_snapshot(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let (last, configuration) = self.applying.dispatched();
        let Some((configuration_index, configuration)) = configuration else { return false };
        if self.snapshotting.in_progress || last.index <= self.node.snapshot().index {
            return false;
        }
        self.snapshotting.in_progress = true;
        ctx.actions.push(Action::TakeSnapshot(SnapshotMeta {
            last,
            configuration: (**configuration).clone(),
            configuration_index: *configuration_index,
            size: 0,
            checksum: 0,
        }));
        true
    }

    pub(super) fn on_snapshot_taken(
        &mut self,
        result: Result<Arc<SnapshotMeta>, StoreError>,
        ctx: &mut Ctx<'_>,
    ) {
        self.snapshotting.in_progress = false;
        if let Ok(meta) = &result {
            self.step_node(Input::SnapshotTaken(meta.last), ctx);
        }
        let end = result.as_ref().map_or(Index(u64::MAX), |meta| meta.last.index);
        let outcome = result.map(Answer::Snapshotted).map_err(RequestError::Store);
        let later = self.calls.answer_snapshots(end, &outcome, ctx.actions);
        ctx.actions.extend(self.snapshotting.load_next.take().map(Action::Restore));
        for request in later {
            self.on_snapshot_call(request, ctx);
        }
    }

    /// Passes a job to the driver. The last piece of a snapshot waits while the state machine loads another
    /// snapshot. When the new snapshot is complete, the store may delete the other snapshot. If the store
    /// deletes a snapshot during the load, the load fails, and the server stops.
    pub(super) fn store(&mut self, job: StoreJob, ctx: &mut Ctx<'_>) {
        if let StoreJob::WriteSnapshot { done, .. } = &job {
            let is_last = *done;
            // A follower writes one piece at a time, so the follower has given up a piece that still waits.
            self.snapshotting.held = None;
            if is_last && self.applying.is_restoring() {
                self.snapshotting.held = Some(job);
                return;
            }
        }
        ctx.actions.push(Action::Store(job));
    }

    /// Handles an installed snapshot from the leader. The snapshot is durable. If the server is writing a
    /// snapshot of its own state, the load of the leader's snapshot waits until the own snapshot is stored,
    /// because the store may delete other snapshots at that time.
    pub(super) fn on_installed(&mut self, meta: Arc<SnapshotMeta>, ctx: &mut Ctx<'_>) {
        if self.applying.restore(&meta) {
            self.calls.abort_replaced(meta.last.index, ctx.actions);
            if self.snapshotting.in_progress {
                self.snapshotting.load_next = Some(meta);
            } else {
                ctx.actions.push(Action::Restore(meta));
            }
        }
    }

    /// Handles the end of the load of a snapshot into the state machine. If the load failed, the state is
    /// unusable, and the server stops. At its next start, the server tries an older snapshot.
    pub(super) fn on_restored(&mut self, result: Result<LogId, StoreError>, ctx: &mut Ctx<'_>) {
        match self.applying.restored(result) {
            Ok(()) => self.after_progress(ctx),
            Err(error) => self.halt_on(error, ctx),
        }
        if !self.is_halted
            && let Some(job) = self.snapshotting.held.take()
        {
            ctx.actions.push(Action::Store(job));
        }
    }
}
