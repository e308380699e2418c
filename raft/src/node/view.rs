//! The public, read-only view of a node. Checks and statistics use only this view.

use super::Node;
use crate::configuration::Configuration;
use crate::log::Log;
use crate::message::Dialect;
use crate::node::io::{RoleName, Unsupported};
use crate::quorum::Voters;
use crate::role::Role;
use crate::role::leader::progress::Progress;
use crate::types::{Index, LogId, NodeId, Span, Term, Time, Token};
use crate::{Entry, Settings};
use alloc::sync::Arc;

impl Node {
    /// Returns the id of this server.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.state.id
    }

    /// Returns the current role.
    #[must_use]
    pub fn role(&self) -> RoleName {
        self.role.name()
    }

    /// Returns the newest term that this server has seen. The write of the term may still be pending.
    #[must_use]
    pub fn term(&self) -> Term {
        self.state.term
    }

    /// Returns the candidate that got this server's vote in the current term. Returns `None` if this server
    /// has not voted in this term. The write of the vote may still be pending.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.state.vote
    }

    /// Returns the leader of the current term. Returns `None` if this server does not know the leader.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.state.id),
        }
    }

    /// Returns a member of `configuration` that possibly does not understand restores and joint configurations,
    /// and the reason. Returns `None` if all members are known to understand both. See
    /// [`Node::set_dialect`](crate::Node::set_dialect).
    pub(crate) fn unsupported_by(&self, configuration: &Configuration) -> Option<Unsupported> {
        self.state.unsupported_by(configuration)
    }

    /// Returns the dialect of a peer. Returns `None` if the peer has not answered since the start of this server.
    #[must_use]
    pub fn dialect(&self, peer: NodeId) -> Option<Dialect> {
        self.state.dialects.get(&peer).copied()
    }

    /// Returns the duration since the last contact with the leader. The duration is zero on the leader itself.
    /// Returns `None` if no leader is known.
    #[must_use]
    pub fn last_contact(&self, now: Time) -> Option<Span> {
        match &self.role {
            Role::Follower(follower) => follower.last_contact().map(|contact| now.since(contact)),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(Span::ZERO),
        }
    }

    /// Returns the settings that are in use.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.state.settings
    }

    /// Returns the log: the terms of all entries, and the entries that are in memory.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.state.log
    }

    /// Returns the entry at `index`. Returns `None` if the entry is not in memory.
    #[must_use]
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.state.log.cached(index)
    }

    /// Returns the index of the last entry that this server knows to be committed.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.state.commit
    }

    /// Returns the index of the last entry that is durable on this server.
    #[must_use]
    pub fn durable(&self) -> Index {
        self.state.outbox.durable()
    }

    /// Returns the token of the last write that was issued; `Token(0)` if no write was issued since the start.
    #[must_use]
    pub fn issued(&self) -> Token {
        self.state.outbox.issued()
    }

    /// True if the server has an entry or a snapshot, and its log has reached the position of
    /// [`LogOp::CatchUp`](crate::LogOp::CatchUp). If no such position was stored, any entry or snapshot is
    /// enough. If the result is false, the server does not campaign.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.state.has_caught_up()
    }

    /// Returns the position of the last entry that the newest snapshot includes; [`LogId::ZERO`] if there is no
    /// snapshot.
    #[must_use]
    pub fn snapshot(&self) -> LogId {
        self.state.snapshot
    }

    /// Returns the index of the latest configuration in the log, and the configuration, which may be
    /// uncommitted. Returns `None` if no configuration is known.
    #[must_use]
    pub fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.state.membership.latest()
    }

    /// Returns the voters of the latest configuration.
    #[must_use]
    pub fn voters(&self) -> &Voters {
        self.state.membership.voters()
    }

    /// Returns the id of each follower, and the leader's record of that follower. A removed server is in the
    /// list as long as the leader still sends heartbeats to it. The iterator is empty if this server is not the
    /// leader.
    pub fn followers(&self) -> impl Iterator<Item = (NodeId, &Progress)> + '_ {
        let peers = match &self.role {
            Role::Leader(leader) => leader.peers.as_slice(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        };
        peers.iter().map(|peer| (peer.id, &peer.progress))
    }
}
