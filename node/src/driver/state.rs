//! The state of a server, under the names of HashiCorp's API.

use std::fmt;
use wavetank_raft::RoleName;

/// The state of a server. HashiCorp: `RaftState`, with the same numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u32)]
pub enum RaftState {
    /// The server follows a leader, or waits for one.
    #[default]
    Follower = 0,
    /// The server asks for votes.
    Candidate = 1,
    /// The server leads the cluster.
    Leader = 2,
    /// The server has stopped for good.
    Shutdown = 3,
}

impl RaftState {
    /// Returns the state with this number.
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
