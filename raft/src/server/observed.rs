//! The events that observers of a server receive.

use super::io::Leader;
use crate::configuration::Member;
use crate::node::io::{Ignored, RoleName};
use crate::types::{ClusterId, Index, LogId, NodeId, ServerId, Term};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// An event that observers receive: the observations of HashiCorp Raft, and further events.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Observed {
    /// The server has another role, or the same role in another term. In HashiCorp Raft, this observation is
    /// `RaftState`.
    State {
        /// The role after the change.
        role: RoleName,
        /// The term after the change.
        term: Term,
    },
    /// This server knows a new leader, or a new address of the leader. The value is `None` if no leader is
    /// known now. In HashiCorp Raft, this observation is `LeaderObservation`.
    Leader(Option<Leader>),
    /// A member was added, removed or changed. In HashiCorp Raft, this observation is `PeerObservation`.
    Peer {
        /// True if the server is no longer a member.
        removed: bool,
        /// The member after the change. If the member was removed, the value is the member before the
        /// removal.
        peer: Member,
    },
    /// A follower has not answered for longer than the heartbeat timeout. In HashiCorp Raft, this observation
    /// is `FailedHeartbeatObservation`.
    FailedHeartbeat {
        /// The follower that does not answer.
        peer: NodeId,
        /// The time since the last contact with the follower.
        #[cfg_attr(feature = "serde", serde(with = "crate::types::duration_micros"))]
        silent: Duration,
    },
    /// A follower answers again after a [`Observed::FailedHeartbeat`]. In HashiCorp Raft, this observation is
    /// `ResumedHeartbeatObservation`.
    ResumedHeartbeat {
        /// The follower that answers again.
        peer: NodeId,
    },
    /// The log has become shorter, because its last entries conflict with the leader's log and were deleted.
    /// The deleted entries were never committed. The event is not reported if new entries make the log as long
    /// as before, or longer.
    Truncated {
        /// The index of the last entry of the log after the change.
        after: Index,
    },
    /// A follower has lost entries that this follower had acknowledged. The disk of the follower was lost or
    /// replaced, but the follower was not removed from the cluster first. If the follower is a voter, this
    /// leader does not count the follower's copies of entries for a commit until the follower is removed or
    /// demoted. The next leader does not know of the loss. Remove the follower, and add it again.
    LostEntries {
        /// The follower that has lost entries.
        peer: NodeId,
        /// The last index that the follower had acknowledged.
        acknowledged: Index,
        /// The last index of the follower's log after the loss.
        last: Index,
    },
    /// A follower is a server of HashiCorp Raft and does not understand the entry at `past`: a restore or a
    /// joint configuration. This server takes a snapshot and sends the snapshot instead of the entry.
    NeedsSnapshot {
        /// The follower that needs a snapshot.
        peer: NodeId,
        /// The position of the entry that the follower does not understand.
        past: LogId,
    },
    /// An input was ignored for this reason.
    Ignored(Ignored),
    /// A server of another cluster called this server, and this server refuses the call. Only the crate
    /// `wavetank-node` reports this event; [`Server`](crate::Server) does not.
    OtherCluster {
        /// The server that called this server.
        peer: NodeId,
        /// The cluster of this server.
        own: ClusterId,
        /// The cluster of the server `peer`.
        other: ClusterId,
    },
    /// A peer refuses the calls of this server. Only the crate `wavetank-node` reports this event;
    /// [`Server`](crate::Server) does not.
    CallsRefused {
        /// The peer that refuses the calls.
        peer: NodeId,
        /// The reason that the peer gives.
        why: String,
    },
    /// An entry does not fit into a message of the transport, and is not sent. Earlier, a server with higher
    /// limits accepted the entry. Only the crate `wavetank-node` reports this event; [`Server`](crate::Server)
    /// does not.
    EntryTooLarge {
        /// The follower that does not get the entry.
        peer: NodeId,
        /// The position of the entry.
        entry: LogId,
        /// The size of the message in bytes.
        bytes: u64,
        /// The maximum size of a message in bytes.
        limit: u64,
    },
    /// This server leads or knows no leader, and cannot commit: too many voters do not answer this server, or
    /// have lost entries. Only the crate `wavetank-node` reports this event; [`Server`](crate::Server) does
    /// not.
    NoQuorum(NoQuorum),
    /// The reason of the last [`Observed::NoQuorum`] has ended: a quorum of the voters answers again, or this
    /// server follows a leader, or this server is no longer a voter. Only the crate `wavetank-node` reports
    /// this event; [`Server`](crate::Server) does not.
    QuorumAgain,
}

/// The reason why a server has no quorum of the voters. The reason prints as a short text, for example:
/// `no quorum: n2, n3 do not answer`.
///
/// ```
/// use wavetank_raft::NoQuorum;
///
/// let reason = NoQuorum { silent: vec!["n3".into()], lost_entries: vec!["n2".into()] };
/// assert_eq!(reason.to_string(), "no quorum: n3 does not answer; n2 has lost entries");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NoQuorum {
    /// The voters that do not answer.
    pub silent: Vec<ServerId>,
    /// The voters whose copies of entries do not count for a commit. See [`Observed::LostEntries`].
    pub lost_entries: Vec<ServerId>,
}

impl fmt::Display for NoQuorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { silent, lost_entries } = self;
        write!(f, "no quorum")?;
        let parts = [
            (silent, "does not answer", "do not answer"),
            (lost_entries, "has lost entries", "have lost entries"),
        ];
        let mut before = ": ";
        for (ids, one, many) in parts {
            for (at, id) in ids.iter().enumerate() {
                write!(f, "{}{id}", if at == 0 { before } else { ", " })?;
            }
            match ids.len() {
                0 => continue,
                1 => write!(f, " {one}")?,
                _ => write!(f, " {many}")?,
            }
            before = "; ";
        }
        Ok(())
    }
}
