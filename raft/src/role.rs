//! The roles. Each variant of `Role` owns the data that only this role needs. A change of the role drops this
//! data.
//!
//! A handler returns a [`Transition`]: the change of the role that must follow. Only [`Node`](crate::Node)
//! changes the role.

pub(crate) mod ballot;
pub(crate) mod follower;
pub(crate) mod leader;

use crate::node::io::RoleName;
use crate::types::{NodeId, Term};
use ballot::Ballot;
use follower::Follower;
use leader::Leader;

/// The role of a server, with its data.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) enum Role {
    /// The server follows a leader, or waits for a leader.
    Follower(Follower),
    /// The server asks for pre-votes (thesis §9.6).
    PreCandidate(Ballot),
    /// The server asks for votes (thesis §3.4).
    Candidate(Ballot),
    /// The server is the leader of its current term.
    Leader(Leader),
}

/// The change of role that a handler returns to [`Node`](crate::Node).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    /// The role does not change.
    Stay,
    /// The server becomes a follower of this leader in this term. The leader is `None` if the leader of the
    /// term is not known.
    Follow(Term, Option<NodeId>),
    /// The server becomes a pre-candidate.
    PreCampaign,
    /// The server enters the next term and becomes a candidate.
    Campaign(CampaignCause),
    /// The server becomes the leader of its current term.
    Lead,
}

/// The reason why a campaign begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) enum CampaignCause {
    /// The election timer ran out.
    ElectionTimeout,
    /// The leader sent TimeoutNow (thesis §3.10).
    Transfer,
    /// A voter refused the last vote request of this candidate only because the term of the request was below
    /// the term of the voter.
    RefusedForTerm,
}

impl Role {
    pub(crate) const fn name(&self) -> RoleName {
        match self {
            Self::Follower(_) => RoleName::Follower,
            Self::PreCandidate(_) => RoleName::PreCandidate,
            Self::Candidate(_) => RoleName::Candidate,
            Self::Leader(_) => RoleName::Leader,
        }
    }
}
