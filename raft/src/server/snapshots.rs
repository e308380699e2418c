//! Snapshots: when to take one, and the handling of taken and installed ones.

use super::calls::answer;
use super::io::{Action, Answer, Error};
use super::{Ctx, Server};
use crate::config::Settings;
use crate::message::SnapshotMeta;
use crate::node::boot::Boot;
use crate::node::io::Input;
use crate::store::StoreError;
use crate::timeout::Entropy;
use crate::types::{LogId, NodeId, RequestId, Term, Time};
use alloc::sync::Arc;

/// The snapshots a server takes of itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Snapshotting {
    entropy: Entropy,
    id: NodeId,
    checks: u64,
    next_check: Time,
    in_progress: bool,
}

impl Snapshotting {
    pub(super) fn new(settings: &Settings, boot: &Boot, now: Time) -> Self {
        let checks = u64::from(boot.incarnation) << 32;
        let id = settings.local_id.node();
        let mut new = Self { entropy: boot.entropy, id, checks, next_check: now, in_progress: false };
        new.schedule(settings, now);
        new
    }

    pub(super) const fn deadline(&self) -> Time {
        self.next_check
    }

    /// One to two intervals from now, so that not all servers write at once.
    fn schedule(&mut self, settings: &Settings, now: Time) {
        self.checks += 1;
        self.next_check =
            now + self.entropy.timeout(settings.snapshot_interval, self.id, Term(0), self.checks);
    }
}

impl Server {
    /// Takes a snapshot if its time has come and the log has grown enough since the last one.
    pub(super) fn check_snapshot_due(&mut self, ctx: &mut Ctx<'_>) {
        if ctx.now < self.snapshotting.next_check {
            return;
        }
        let settings = self.node.settings();
        self.snapshotting.schedule(settings, ctx.now);
        let since = self.node.log().last().index.since(self.node.snapshot().index);
        if settings.snapshot_threshold <= since {
            // Nothing applied since the last snapshot is no failure: the next check comes.
            let _ = self.begin_snapshot(ctx);
        }
    }

    /// Takes a snapshot because an operator asked for it.
    pub(super) fn on_snapshot_call(&mut self, request: RequestId, ctx: &mut Ctx<'_>) {
        match self.begin_snapshot(ctx) {
            Ok(()) => self.calls.wait_for_snapshot(request),
            Err(error) => ctx.actions.push(answer(request, Err(error))),
        }
    }

    /// Captures the state machine at the last entry that it got.
    fn begin_snapshot(&mut self, ctx: &mut Ctx<'_>) -> Result<(), Error> {
        if self.snapshotting.in_progress {
            return Err(Error::SnapshotInProgress);
        }
        let (last, configuration) = self.applying.dispatched();
        let Some((configuration_index, configuration)) = configuration else {
            return Err(Error::NothingNewToSnapshot);
        };
        if last.index <= self.node.snapshot().index {
            return Err(Error::NothingNewToSnapshot);
        }
        self.snapshotting.in_progress = true;
        ctx.actions.push(Action::TakeSnapshot(SnapshotMeta {
            last,
            configuration: (**configuration).clone(),
            configuration_index: *configuration_index,
            size: 0,
            checksum: 0,
        }));
        Ok(())
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
        let outcome = result.map(Answer::Snapshotted).map_err(Error::Store);
        for request in self.calls.take_snapshots() {
            ctx.actions.push(answer(request, outcome.clone()));
        }
    }

    /// A snapshot from the leader is in force.
    pub(super) fn on_installed(&mut self, meta: Arc<SnapshotMeta>, ctx: &mut Ctx<'_>) {
        if self.applying.restore(&meta) {
            self.calls.abort_replaced(meta.last.index, ctx.actions);
            ctx.actions.push(Action::Restore(meta));
        }
    }

    /// The state machine was loaded from a snapshot. If this failed, the server has no state: it
    /// stops, and tries an older snapshot at its next start.
    pub(super) fn on_restored(&mut self, result: Result<LogId, StoreError>, ctx: &mut Ctx<'_>) {
        match self.applying.restored(result) {
            Ok(()) => self.after_progress(ctx),
            Err(error) => self.halt_on(error, ctx),
        }
    }
}
