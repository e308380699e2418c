//! The state of a server, with the names of HashiCorp's API.

use std::fmt;
use wavetank_raft::RoleName;

/// The state of a server. In HashiCorp Raft, this type is `RaftState`, and the states have the same numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u32)]
pub enum RaftState {
    /// The server follows a leader, or waits for a leader.
    #[default]
    Follower = 0,
    /// The server asks the other servers for votes or pre-votes.
    Candidate = 1,
    /// The server leads the cluster.
    Leader = 2,
    /// The server has stopped permanently.
    Shutdown = 3,
}

impl RaftState {
    /// Returns the state with this number. Any number above 2 stands for `Shutdown`.
    pub(crate) const fn of(number: u32) -> Self {
        match number {
            0 => Self::Follower,
            1 => Self::Candidate,
            2 => Self::Leader,
            _ => Self::Shutdown,
        }
    }
}

impl From<RoleName> for RaftState {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Follower => Self::Follower,
            RoleName::PreCandidate | RoleName::Candidate => Self::Candidate,
            RoleName::Leader => Self::Leader,
        }
    }
}

impl fmt::Display for RaftState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follower => "Follower",
            Self::Candidate => "Candidate",
            Self::Leader => "Leader",
            Self::Shutdown => "Shutdown",
        })
    }
}
