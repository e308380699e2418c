//! The server: the protocol with client calls, a state machine, snapshots and statistics.
//!
//! [`Server::step`] takes one [`Event`]. The module `effects` translates the protocol's effects into actions.
//! The module `calls` keeps the client calls that are not answered yet. The module `apply` hands entries to
//! the state machine. The module `snapshots` decides when to take a snapshot.

mod apply;
mod calls;
mod effects;
pub mod io;
pub mod observed;
mod snapshots;
pub mod stats;

use crate::config::Settings;
use crate::configuration::{Member, Suffrage};
use crate::node::Node;
use crate::node::boot::Boot;
use crate::node::io::{Deadline, DeadlineReason, Effects, Input};
use crate::store::StoreError;
use crate::types::{Index, Time};
use alloc::vec::Vec;
use apply::Applying;
use calls::Calls;
use io::{Action, Event, Halt, Leader, RequestError};
use snapshots::Snapshotting;
use stats::{LatestConfiguration, Stats};

/// A complete Raft server. Clocks, threads, sockets and files belong to the driver of the server.
///
/// 1. Every call gets exactly one [`Action::Answer`].
/// 2. After [`Action::Halt`], the only actions are answers to later calls.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Server {
    node: Node,
    calls: Calls,
    applying: Applying,
    snapshotting: Snapshotting,
    leads: bool,
    retirement: Option<Retirement>,
    reported: Reported,
    is_halted: bool,
}

/// The committed removal or demotion of a leader. The server halts when its state machine has applied the
/// change, unless a later configuration cancels the change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Retirement {
    at: Index,
    /// True if the change removed the server; false if the server became a non-voter.
    is_removal: bool,
}

/// The members and the leader that the observers of a server know. When the server starts, the observers know
/// the members of the server's latest configuration, and know no leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Reported {
    members: Vec<Member>,
    leader: Option<Leader>,
}

impl Server {
    /// Starts a server from the content of its stores. If `boot.snapshot` is `Some`, the driver must load this
    /// snapshot into the state machine before this call, except if
    /// [`no_snapshot_restore_on_start`](crate::Config::no_snapshot_restore_on_start) is set.
    ///
    /// # Panics
    /// Panics in the same cases as [`Node::boot`].
    #[must_use]
    pub fn boot(settings: Settings, boot: Boot, now: Time) -> Self {
        let applying = Applying::new(boot.snapshot.as_deref());
        let snapshotting = Snapshotting::new(&settings, &boot, now);
        let node = Node::boot(settings, boot, now);
        let members = node.configuration().into_iter().flat_map(|(_, latest)| latest.members());
        let reported = Reported { members: members.cloned().collect(), leader: None };
        Self {
            node,
            calls: Calls::default(),
            applying,
            snapshotting,
            leads: false,
            retirement: None,
            reported,
            is_halted: false,
        }
    }

    /// Allows the server to grant votes immediately after its start. See [`Node::drop_vote_promise`].
    pub fn drop_vote_promise(&mut self, now: Time) {
        self.node.drop_vote_promise(now);
    }

    /// Handles one event at time `now` and appends the resulting actions to `actions`. `now` must not be
    /// earlier than in the previous call.
    ///
    /// # Panics
    /// Panics if an invariant of this crate is broken, or if the driver reports an impossible result.
    pub fn step(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        self.step_with(now, event, &mut Effects::new(), actions);
    }

    /// Does the same as [`Server::step`], but uses the caller's buffer `fx` for effects, so the step does not
    /// create a buffer. `fx` must be empty before the call, and is empty after the call.
    pub fn step_with(&mut self, now: Time, event: Event, fx: &mut Effects, actions: &mut Vec<Action>) {
        if self.is_halted {
            return self.step_halted(event, actions);
        }
        let mut ctx = Ctx { now, fx, actions };
        match event {
            Event::Timer => {
                self.step_node(Input::Timer, &mut ctx);
                self.check_snapshot_due(&mut ctx);
            }
            Event::Request { from, rpc, request } => {
                self.step_node(Input::Request { from, rpc, request }, &mut ctx);
            }
            Event::Response { from, rpc, response } => {
                self.step_node(Input::Response { from, rpc, response }, &mut ctx);
            }
            Event::Call { request, call } => self.on_call(request, call, &mut ctx),
            Event::ApplyBatch(batch) => self.on_apply_batch(batch, &mut ctx),
            Event::Persisted(token) => {
                self.step_node(Input::Persisted(token), &mut ctx);
                self.on_persisted(token, &mut ctx);
            }
            Event::Fetched { ticket, entries } => self.on_fetched(ticket, entries, &mut ctx),
            Event::SnapshotRead { ticket, piece } => {
                self.step_node(Input::SnapshotRead { ticket, piece }, &mut ctx);
            }
            Event::SnapshotWritten { ticket, ok } => {
                self.step_node(Input::SnapshotWritten { ticket, ok }, &mut ctx);
            }
            Event::Applied { upto, responses } => self.on_applied(upto, responses, &mut ctx),
            Event::SnapshotTaken(result) => self.on_snapshot_taken(result, &mut ctx),
            Event::Restored(result) => self.on_restored(result, &mut ctx),
            Event::PeerSpeaks { peer, dialect } => self.node.set_dialect(peer, dialect),
            Event::StoreFailed(error) => self.halt_on(error, &mut ctx),
        }
        self.dispatch(&mut ctx);
    }

    /// Handles an event after the server halted. Refuses calls and ignores all other events.
    fn step_halted(&mut self, event: Event, actions: &mut Vec<Action>) {
        let refuse = |request| Action::Answer { request, outcome: Err(RequestError::Shutdown) };
        match event {
            Event::Call { request, .. } => actions.push(refuse(request)),
            Event::ApplyBatch(batch) => {
                actions.extend(batch.into_iter().map(|(request, _)| refuse(request)));
            }
            Event::Timer
            | Event::Request { .. }
            | Event::Response { .. }
            | Event::Persisted(_)
            | Event::Fetched { .. }
            | Event::SnapshotRead { .. }
            | Event::SnapshotWritten { .. }
            | Event::Applied { .. }
            | Event::SnapshotTaken(_)
            | Event::Restored(_)
            | Event::PeerSpeaks { .. }
            | Event::StoreFailed(_) => {}
        }
    }

    /// Returns the time at which [`Event::Timer`] is due, and the reason for this time. The deadline may
    /// change with every step.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        if self.is_halted {
            return Deadline { at: Time::NEVER, reason: DeadlineReason::Idle };
        }
        let snapshot = Deadline { at: self.snapshotting.deadline(), reason: DeadlineReason::Snapshot };
        let node = self.node.deadline();
        if node.at <= snapshot.at { node } else { snapshot }
    }

    /// Returns the state of the protocol.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the index of the last entry that the state machine reported as applied.
    #[must_use]
    pub const fn applied(&self) -> Index {
        self.applying.applied()
    }

    /// True if the server has emitted [`Action::Halt`].
    #[must_use]
    pub const fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Returns the statistics that HashiCorp's `Stats()` reports.
    #[must_use]
    pub fn stats(&self, now: Time) -> Stats {
        let node = &self.node;
        let latest = node
            .configuration()
            .map(|(index, latest)| LatestConfiguration { index, configuration: latest.clone() });
        let peers = latest.as_ref().map_or(0, |LatestConfiguration { configuration, .. }| {
            let me = node.id();
            let voters = configuration.servers().iter().filter(|s| s.suffrage == Suffrage::Voter);
            let others = voters.filter(|voter| voter.id.node() != me).count() as u64;
            if node.voters().contains(me) { others } else { 0 }
        });
        Stats {
            state: node.role(),
            term: node.term(),
            last_log: node.log().last(),
            commit_index: node.commit(),
            applied_index: self.applied(),
            fsm_pending: self.applying.pending(),
            last_snapshot: node.snapshot(),
            protocol_version: node.settings().protocol_version,
            latest_configuration: latest,
            num_peers: peers,
            last_contact: node.last_contact(now).map(Into::into),
        }
    }

    fn halt_on(&mut self, error: StoreError, ctx: &mut Ctx<'_>) {
        let outcome = RequestError::Store(error.clone());
        self.halt(Halt::Store(error), outcome, ctx);
    }

    /// Stops the server permanently and answers all waiting calls with `error`.
    fn halt(&mut self, why: Halt, error: RequestError, ctx: &mut Ctx<'_>) {
        self.is_halted = true;
        self.calls.fail_all(&error, ctx.actions);
        ctx.actions.push(Action::Halt(why));
    }
}

/// The time of a step and the buffers for its results.
struct Ctx<'a> {
    now: Time,
    fx: &'a mut Effects,
    actions: &'a mut Vec<Action>,
}
