//! What others may see of a node. Read-only, and all that checks and statistics are made of.

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

    /// Whom it gave its vote in this term, durable or not.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.state.vote
    }

    /// The leader it knows of in this term.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.state.id),
        }
    }

    /// How long ago the leader was heard: zero on the leader itself, `None` without one.
    #[must_use]
    pub fn last_contact(&self, now: Time) -> Option<Span> {
        match &self.role {
            Role::Follower(follower) => follower.last_contact().map(|contact| now.since(contact)),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(Span::ZERO),
        }
    }

    /// The knobs.
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

    /// How far its own log is durable.
    #[must_use]
    pub fn durable(&self) -> Index {
        self.state.outbox.durable()
    }

    /// The last write it has asked for.
    #[must_use]
    pub fn issued(&self) -> Token {
        self.state.outbox.issued()
    }

    /// The last entry of its newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> LogId {
        self.state.snapshot
    }

    /// The latest configuration, committed or not, and where it stands.
    #[must_use]
    pub fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.state.membership.latest()
    }

    /// The voters of the latest configuration.
    #[must_use]
    pub fn voters(&self) -> &Voters {
        self.state.membership.voters()
    }

    /// What a leader believes of each follower. Nothing unless leading.
    pub fn followers(&self) -> impl Iterator<Item = (NodeId, &Progress)> + '_ {
        let peers = match &self.role {
            Role::Leader(leader) => leader.peers.as_slice(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        };
        peers.iter().map(|peer| (peer.id, &peer.progress))
    }
}
