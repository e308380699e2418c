//! The protocol as a function.

use crate::*;
use alloc::sync::Arc;

/// What a server starts from: what its stores still have, and what tells this start apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Boot {
    /// What timeouts are drawn from.
    pub entropy: Entropy,
    /// Larger at every start of this server; keeps its calls apart from those of earlier starts.
    pub incarnation: u32,
    /// The vote record.
    pub hard_state: HardState,
    /// The log.
    pub log: LogImage,
    /// The newest snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}

/// A Raft node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    id: NodeId,
    term: Term,
    log: Log,
}

impl Node {
    /// A node from what its stores still had.
    #[must_use]
    pub fn boot(settings: Settings, boot: Boot, now: Time) -> Self {
        let _ = (settings, boot, now);
        unreachable!("skeleton")
    }

    /// Takes one input.
    pub fn step(&mut self, now: Time, input: Input, fx: &mut Effects) {
        let _ = (now, input, fx);
    }

    /// When [`Input::Timer`] is due, and why.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Deadline { at: Time::NEVER, why: Why::Idle }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> RoleName {
        RoleName::Follower
    }

    /// The newest term it has seen, durable or not.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Whom it gave its vote in this term, durable or not.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        None
    }

    /// The leader it knows of in this term.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        None
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The commit index, as far as it knows.
    #[must_use]
    pub fn commit(&self) -> Index {
        Index::ZERO
    }

    /// How far its own log is durable.
    #[must_use]
    pub fn durable(&self) -> Index {
        Index::ZERO
    }

    /// The last entry of its newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> LogId {
        LogId::ZERO
    }

    /// The latest configuration, committed or not, and where it stands.
    #[must_use]
    pub fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        None
    }

    /// The voters of the latest configuration.
    #[must_use]
    pub fn voters(&self) -> &Voters {
        unreachable!("skeleton")
    }

    /// What a leader believes of each other member: how far its log matches, and what it would
    /// send next. Nothing unless leading.
    pub fn followers(&self) -> impl Iterator<Item = (NodeId, Index, Index)> + '_ {
        core::iter::empty()
    }
}
