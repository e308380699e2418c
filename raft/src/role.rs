//! The roles. Each variant owns what only that role needs; leaving the role drops it.
//!
//! A handler says with a [`Transition`] that the role must change; only
//! [`Node`](crate::Node) changes it.

pub(crate) mod ballot;
pub(crate) mod follower;
pub(crate) mod leader;

use crate::node::io::RoleName;
use crate::types::{NodeId, Term};
use ballot::Ballot;
use follower::Follower;
use leader::Leader;

/// What a server is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) enum Role {
    /// Follows a leader, or waits for one.
    Follower(Follower),
    /// Asks whether it would be elected (thesis §9.6).
    PreCandidate(Ballot),
    /// Asks to be elected (§3.4).
    Candidate(Ballot),
    /// Leads.
    Leader(Leader),
}

/// What a handler wants of the one who owns the role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    /// Nothing.
    Stay,
    /// Follow in this term, this leader if one is known.
    Follow(Term, Option<NodeId>),
    /// Ask whether it would be elected.
    PreCampaign,
    /// Campaign in the next term.
    Campaign(CampaignCause),
    /// Lead in this term.
    Lead,
}

/// Why a campaign begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CampaignCause {
    /// Nobody led.
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
