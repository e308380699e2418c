//! The roles. Each variant owns what only that role needs; leaving the role drops it.
//!
//! A handler returns a [`Transition`] when the role must change; only [`Node`](crate::Node) changes
//! it.

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
    /// Follows a leader, or waits for one.
    Follower(Follower),
    /// Asks for pre-votes (thesis §9.6).
    PreCandidate(Ballot),
    /// Asks for votes (§3.4).
    Candidate(Ballot),
    /// Leads.
    Leader(Leader),
}

/// The change of role that a handler asks [`Node`](crate::Node) for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    /// Keep the role.
    Stay,
    /// Follow in this term, this leader if one is known.
    Follow(Term, Option<NodeId>),
    /// Ask for pre-votes.
    PreCampaign,
    /// Campaign in the next term.
    Campaign(CampaignCause),
    /// Lead in this term.
    Lead,
}

/// Why a campaign begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CampaignCause {
    /// No leader was heard for the election timeout.
    ElectionTimeout,
    /// The leader asked for it.
    Transfer,
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
