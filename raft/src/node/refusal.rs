//! The reasons why the protocol refuses a request of a client or an operator.

use crate::configuration::ConfigurationError;
use crate::types::{Index, NodeId, ServerId};

/// The reason why a [`ClientRequest`](crate::ClientRequest) is refused. A refused request has not changed the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Refusal {
    /// This server is not the leader. The value is the leader; `None` if this server does not know the
    /// leader.
    NotLeader(Option<NodeId>),
    /// This server led when the request arrived, and does not lead any more.
    LeadershipLost,
    /// A leadership transfer is in progress.
    TransferInProgress,
    /// The previous change of the membership is not committed yet (thesis §4.1), the latest configuration is
    /// joint, or another server is being staged.
    ChangeInProgress,
    /// The leader has not committed an entry of its own term yet. Before such a commit, a change of the
    /// membership is unsafe (Ongaro, raft-dev, July 2015), and a read is unsafe (thesis §6.4).
    NoCommitInTerm,
    /// The index of the latest configuration differs from the index in the request.
    ConfigurationChanged {
        /// The index that the request named.
        since: Index,
        /// The index of the latest configuration.
        latest: Index,
    },
    /// The change is invalid for this reason.
    Configuration(ConfigurationError),
    /// The request needs a higher protocol version of this server, or a member possibly does not understand the
    /// entry that the request needs: a restore or a joint configuration.
    Unsupported(Unsupported),
    /// The log has an entry that the new voters possibly do not understand: a restore or a joint
    /// configuration. Take a snapshot and try again.
    NeedsSnapshot {
        /// The index up to which the snapshot must reach.
        past: Index,
    },
    /// This server already has a vote, entries, a snapshot or a term above 1. Only a new server can
    /// be bootstrapped.
    CantBootstrap,
    /// This server is not a voter in the bootstrap configuration.
    NotVoter,
    /// The leader's lease has expired, or the leader must not use its lease in this term.
    NoLease,
    /// The cluster has no other voter that can become the leader.
    NoTarget,
    /// A transfer to this target is not possible, because the target is not a voter. Or the staging of this
    /// target is not possible, because the target is not a member.
    UnknownTarget(NodeId),
    /// The target of the transfer is the leader itself.
    TransferToSelf,
    /// The target of the transfer did not become the leader within the election timeout. The target may still
    /// become the leader later.
    TransferTimeout,
    /// The command (or the state of a restore) is larger than
    /// [`max_command_bytes`](crate::Config::max_command_bytes).
    TooLarge {
        /// The size of the command with its extensions, or of the state, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The new server did not catch up within the maximum number of rounds (thesis §4.2.1).
    TooSlow,
    /// The staging ended before the new server became a voter, for one of three reasons: the new server was
    /// removed, the new server got another address, or this leader stepped down.
    StagingAborted,
}

/// The reason why a call is not supported. Either this server does not support the call, because of its
/// implementation or its protocol version, or a member possibly does not understand the entry that the call would
/// append. HashiCorp Raft understands neither restores nor joint configurations.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Unsupported {
    /// The implementation of the server does not have the call.
    Call,
    /// The call needs at least this protocol version.
    Version(u8),
    /// The member is a server of HashiCorp Raft.
    HashiCorp(ServerId),
    /// The member has not answered since the start of this server. The member may be a server of HashiCorp
    /// Raft.
    NotHeard(ServerId),
}
