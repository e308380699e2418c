//! Hands committed entries to the state machine, and records which entries the state machine has applied.

use super::io::{Action, Batch};
use super::{Ctx, Server};
use crate::configuration::Configuration;
use crate::entry::{Entries, Payload};
use crate::message::SnapshotMeta;
use crate::node::io::StoreJob;
use crate::store::StoreError;
use crate::types::{Index, LogId, RpcId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The maximum number of batches in the queue of the state machine.
const QUEUED_BATCHES_MAX: u64 = 4;

/// This bit is set in the tickets of the server's own fetches. This bit is never set in a ticket of the
/// protocol. Therefore the server knows whether a report belongs to the server or to the protocol.
const SERVER_TICKET: u64 = 1 << 63;

/// The progress of the state machine. The entries up to `allowed` may be applied. The entries up to
/// `dispatched` were handed to the state machine. The state machine has applied the entries up to `applied`.
///
/// 1. `applied ≤ dispatched ≤ allowed`.
/// 2. `configuration` is the newest configuration at or before `dispatched`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Applying {
    allowed: Index,
    dispatched: LogId,
    applied: Index,
    configuration: Option<(Index, Arc<Configuration>)>,
    fetching: Option<RpcId>,
    fetches: u64,
    /// True while the state machine is loading a snapshot.
    is_restoring: bool,
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
            is_restoring: false,
        }
    }

    pub(super) const fn applied(&self) -> Index {
        self.applied
    }

    /// Returns the position of the last entry that was handed to the state machine, and the latest
    /// configuration up to that position, with the index of the configuration. The second value is `None` if
    /// no configuration is known.
    pub(super) fn dispatched(&self) -> (LogId, Option<&(Index, Arc<Configuration>)>) {
        (self.dispatched, self.configuration.as_ref())
    }

    /// Returns the number of entries that were handed to the state machine but not reported as applied yet.
    pub(super) const fn pending(&self) -> u64 {
        self.dispatched.index.since(self.applied)
    }

    /// Allows the entries up to `index` to be applied. These entries are committed and durable on this
    /// server.
    pub(super) fn may_apply(&mut self, index: Index) {
        self.allowed = self.allowed.max(index);
    }

    pub(super) fn on_applied(&mut self, upto: Index) {
        assert!(
            upto <= self.dispatched.index,
            "the state machine reports {upto} as applied, but received entries only up to {}",
            self.dispatched
        );
        self.applied = self.applied.max(upto);
    }

    /// Skips the entries that an installed snapshot includes. Returns false and changes nothing if the state
    /// machine already got all these entries.
    pub(super) fn restore(&mut self, meta: &SnapshotMeta) -> bool {
        if meta.last.index <= self.dispatched.index {
            return false;
        }
        self.dispatched = meta.last;
        self.allowed = self.allowed.max(meta.last.index);
        self.configuration = Some((meta.configuration_index, Arc::new(meta.configuration.clone())));
        self.fetching = None;
        assert!(
            !self.is_restoring,
            "snapshot {} is installed while another snapshot is being loaded",
            meta.last
        );
        self.is_restoring = true;
        true
    }

    /// True while the state machine is loading a snapshot.
    pub(super) const fn is_restoring(&self) -> bool {
        self.is_restoring
    }

    /// Handles the end of the load of a snapshot into the state machine. Returns the error if the load failed.
    pub(super) fn restored(&mut self, result: Result<LogId, StoreError>) -> Result<(), StoreError> {
        self.is_restoring = false;
        self.on_applied(result?.index);
        Ok(())
    }

    fn mark_dispatched(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            assert!(
                entry.id.index == self.dispatched.index.next(),
                "entry {} cannot be applied directly after entry {}",
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
    /// Hands entries to the state machine in batches, until the queue of the state machine is full. Does
    /// nothing while a snapshot is being loaded, because the load replaces the state and the entries must be
    /// applied to the new state.
    pub(super) fn dispatch(&mut self, ctx: &mut Ctx<'_>) {
        let most = self.node.settings().max_append_entries;
        while self.applying.dispatched.index < self.applying.allowed
            && self.applying.pending() < QUEUED_BATCHES_MAX * most
            && self.applying.fetching.is_none()
            && !self.applying.is_restoring
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

    /// Handles entries that were read from the store for a follower or for the state machine.
    pub(super) fn on_fetched(&mut self, ticket: RpcId, entries: Entries, ctx: &mut Ctx<'_>) {
        if ticket.0 & SERVER_TICKET == 0 {
            return self.step_node(crate::node::io::Input::Fetched { ticket, entries }, ctx);
        }
        // A snapshot was installed after this fetch began, so the fetched entries are no longer needed.
        if self.applying.fetching != Some(ticket) {
            return;
        }
        self.applying.fetching = None;
        let next = self.applying.dispatched.index.next();
        let allowed = self.applying.allowed;
        let entries: Vec<_> = entries.iter().filter(|entry| entry.id.index <= allowed).cloned().collect();
        assert!(
            entries.first().is_some_and(|entry| entry.id.index == next),
            "the store lost entry {next}, which is committed, durable and in no snapshot"
        );
        self.dispatch_batch(Batch { entries }, ctx);
    }
}
