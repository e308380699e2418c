//! The public, read-only view of a node. Checks and statistics use nothing else.

use super::Node;
use crate::configuration::Configuration;
use crate::log::Log;
use crate::node::io::RoleName;
use crate::quorum::Voters;
use crate::role::Role;
use crate::role::leader::progress::Progress;
use crate::types::{Index, LogId, NodeId, Span, Term, Time, Token};
use crate::{Entry, Settings};
use alloc::sync::Arc;

impl Node {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.state.id
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> RoleName {
        self.role.name()
    }

    /// The newest term it has seen, durable or not.
    #[must_use]
    pub fn term(&self) -> Term {
        self.state.term
    }

    /// The candidate that got its vote in this term, durable or not.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.state.vote
    }

    /// The leader that it knows in this term.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.state.id),
        }
    }

    /// The time since the last contact with the leader: zero on the leader itself, `None` without a
    /// leader.
    #[must_use]
    pub fn last_contact(&self, now: Time) -> Option<Span> {
        match &self.role {
            Role::Follower(follower) => follower.last_contact().map(|contact| now.since(contact)),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(Span::ZERO),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.state.settings
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.state.log
    }

    /// An entry, if it is in memory.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.state.log.cached(index)
    }

    /// The commit index, as far as it knows.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.state.commit
    }

    /// The last durable index of its own log.
    #[must_use]
    pub fn durable(&self) -> Index {
        self.state.outbox.durable()
    }

    /// The token of the last write that it issued.
    #[must_use]
    pub fn issued(&self) -> Token {
        self.state.outbox.issued()
    }

    /// The last entry of its newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> LogId {
        self.state.snapshot
    }

    /// The latest configuration, committed or not, and its index.
    #[must_use]
    pub fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.state.membership.latest()
    }

    /// The voters of the latest configuration.
    #[must_use]
    pub fn voters(&self) -> &Voters {
        self.state.membership.voters()
    }

    /// The leader's progress record of each follower. Empty unless it leads.
    pub fn followers(&self) -> impl Iterator<Item = (NodeId, &Progress)> + '_ {
        let peers = match &self.role {
            Role::Leader(leader) => leader.peers.as_slice(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        };
        peers.iter().map(|peer| (peer.id, &peer.progress))
    }
}
