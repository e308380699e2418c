//! The feed of the state machine: which entries it got, and which it reported as applied.

use super::io::{Action, Batch};
use super::{Ctx, Server};
use crate::configuration::{Configuration, Member};
use crate::entry::{Entries, Payload};
use crate::message::SnapshotMeta;
use crate::node::io::StoreJob;
use crate::store::StoreError;
use crate::types::{Index, LogId, RpcId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The number of batches that the state machine may have in its queue.
const QUEUED_BATCHES_MAX: u64 = 4;

/// This bit marks the tickets of the server's own fetches; the protocol's tickets do not have it.
const SERVER_TICKET: u64 = 1 << 63;

/// The progress of entries from the log to the state machine.
///
/// 1. `applied ≤ dispatched ≤ allowed`.
/// 2. `configuration` is the one in force at `dispatched`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Applying {
    allowed: Index,
    dispatched: LogId,
    applied: Index,
    configuration: Option<(Index, Arc<Configuration>)>,
    fetching: Option<RpcId>,
    fetches: u64,
    /// The number of snapshots that the state machine is loading.
    restoring: u32,
    /// The members that were last reported to observers.
    pub(super) members: Vec<Member>,
}

impl Applying {
    pub(super) fn new(snapshot: Option<&SnapshotMeta>) -> Self {
        let last = snapshot.map_or(LogId::ZERO, |meta| meta.last);
        Self {
            allowed: last.index,
            dispatched: last,
            applied: last.index,
            configuration: snapshot
                .map(|meta| (meta.configuration_index, Arc::new(meta.configuration.clone()))),
            fetching: None,
            fetches: 0,
            restoring: 0,
            members: Vec::new(),
        }
    }

    pub(super) const fn applied(&self) -> Index {
        self.applied
    }

    /// The last entry given to the state machine, and the configuration in force there.
    pub(super) fn dispatched(&self) -> (LogId, Option<&(Index, Arc<Configuration>)>) {
        (self.dispatched, self.configuration.as_ref())
    }

    /// The number of entries given to the state machine and not reported as applied.
    pub(super) const fn pending(&self) -> u64 {
        self.dispatched.index.since(self.applied)
    }

    /// Committed and on the local disk up to here.
    pub(super) fn may_apply(&mut self, index: Index) {
        self.allowed = self.allowed.max(index);
    }

    pub(super) fn on_applied(&mut self, upto: Index) {
        assert!(
            upto <= self.dispatched.index,
            "applied {upto}, but only {} was handed over",
            self.dispatched
        );
        self.applied = self.applied.max(upto);
    }

    /// A snapshot is in force: the state machine does not get the entries that it includes.
    pub(super) fn restore(&mut self, meta: &SnapshotMeta) -> bool {
        if meta.last.index <= self.dispatched.index {
            return false;
        }
        self.dispatched = meta.last;
        self.allowed = self.allowed.max(meta.last.index);
        self.configuration = Some((meta.configuration_index, Arc::new(meta.configuration.clone())));
        self.fetching = None;
        self.restoring += 1;
        true
    }

    /// A snapshot was loaded, or could not be.
    pub(super) fn restored(&mut self, result: Result<LogId, StoreError>) -> Result<(), StoreError> {
        self.restoring = self.restoring.saturating_sub(1);
        match result {
            Ok(last) => self.on_applied(last.index),
            // A newer snapshot came meanwhile. The store may have dropped this one, and the newer
            // one replaces any state that is left.
            Err(_) if 0 < self.restoring => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn mark_dispatched(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            assert!(
                entry.id.index == self.dispatched.index.next(),
                "{} cannot be applied after {}",
                entry.id,
                self.dispatched
            );
            self.dispatched = entry.id;
            if let Payload::Configuration(configuration) = &entry.payload {
                self.configuration = Some((entry.id.index, configuration.clone()));
            }
        }
    }
}

impl Server {
    /// Gives the state machine the entries that it may apply, batch by batch, until its queue is
    /// full.
    pub(super) fn dispatch(&mut self, ctx: &mut Ctx<'_>) {
        let most = self.node.settings().max_append_entries;
        while self.applying.dispatched.index < self.applying.allowed
            && self.applying.pending() < QUEUED_BATCHES_MAX * most
            && self.applying.fetching.is_none()
            && self.applying.restoring == 0
            && !self.is_halted
        {
            let first = self.applying.dispatched.index.next();
            let last = self.applying.allowed.min(first.plus(most - 1));
            let entries: Vec<_> =
                (first.0..=last.0).map_while(|index| self.node.entry(Index(index)).cloned()).collect();
            if entries.is_empty() {
                return self.fetch_to_apply(first, last, ctx);
            }
            self.dispatch_batch(Batch { entries }, ctx);
        }
    }

    fn fetch_to_apply(&mut self, first: Index, last: Index, ctx: &mut Ctx<'_>) {
        self.applying.fetches += 1;
        let ticket = RpcId(SERVER_TICKET | self.applying.fetches);
        self.applying.fetching = Some(ticket);
        ctx.actions.push(Action::Store(StoreJob::Fetch { ticket, first, last }));
    }

    fn dispatch_batch(&mut self, batch: Batch, ctx: &mut Ctx<'_>) {
        self.applying.mark_dispatched(&batch);
        ctx.actions.push(Action::Apply(batch));
    }

    /// Entries that were read from the store, for a follower or for the state machine.
    pub(super) fn on_fetched(&mut self, ticket: RpcId, entries: Entries, ctx: &mut Ctx<'_>) {
        if ticket.0 & SERVER_TICKET == 0 {
            return self.step_node(crate::node::io::Input::Fetched { ticket, entries }, ctx);
        }
        if self.applying.fetching != Some(ticket) {
            return;
        }
        self.applying.fetching = None;
        let next = self.applying.dispatched.index.next();
        let allowed = self.applying.allowed;
        let entries: Vec<_> = entries.iter().filter(|entry| entry.id.index <= allowed).cloned().collect();
        assert!(
            entries.first().is_some_and(|entry| entry.id.index == next),
            "the store no longer has {next}, which is committed, durable and not in any snapshot"
        );
        self.dispatch_batch(Batch { entries }, ctx);
    }
}
