//! The name and the address of a leader.

use std::fmt;
use wavetank_raft::{ServerAddress, ServerId};

/// The leader of a cluster. Its text is `n1 at 10.0.0.1:7000`.
///
/// ```
/// use wavetank_node::Leader;
///
/// let leader = Leader { id: "n1".into(), address: "10.0.0.1:7000".into() };
/// assert_eq!(leader.to_string(), "n1 at 10.0.0.1:7000");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Leader {
    /// The name of the server.
    pub id: ServerId,
    /// The address at which other servers reach it.
    pub address: ServerAddress,
}

impl Leader {
    pub(crate) fn of((id, address): (ServerId, ServerAddress)) -> Self {
        Self { id, address }
    }
}

impl fmt::Display for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.id, self.address)
    }
}
