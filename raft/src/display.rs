//! `Display` for roles, refusals, and the reasons why an input was ignored.

use crate::node::io::{Ignored, Refusal, RoleName, Unsupported};
use core::fmt;

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // HashiCorp's API has no pre-candidates: it reports a server that asks for pre-votes as a
        // Candidate.
        f.write_str(match self {
            Self::Follower => "Follower",
            Self::PreCandidate | Self::Candidate => "Candidate",
            Self::Leader => "Leader",
        })
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownRpc => "the response belongs to no open request",
            Self::UnknownTicket => "the report belongs to no open job",
            Self::Malformed => "the fields of the message contradict each other",
            Self::SecondLeader => "the message is from a second leader of this term",
            Self::BelowCommit => "the message conflicts with committed entries",
            Self::StaleTimeoutNow => {
                "the TimeoutNow request is not from the current leader, or this server must not campaign"
            }
            Self::UnknownToken => "the report is about a write that was never issued",
            Self::FromSelf => "the sender of the message is this server itself",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => {
                write!(f, "node is not the leader; the leader is server {leader}")
            }
            Self::NotLeader(None) => write!(f, "node is not the leader, and no leader is known"),
            Self::LeadershipLost => write!(f, "leadership lost"),
            Self::TransferInProgress => write!(f, "leadership transfer in progress"),
            Self::ChangeInProgress => {
                write!(f, "another change of the membership is in progress: try again later")
            }
            Self::NoCommitInTerm => {
                write!(f, "the leader has not committed an entry of its term yet: try again later")
            }
            Self::ConfigurationChanged { since, latest } => {
                write!(f, "configuration changed since {} (latest is {})", since.0, latest.0)
            }
            Self::Configuration(error) => write!(f, "{error}"),
            Self::CantBootstrap => write!(f, "bootstrap only works on new clusters"),
            Self::NotVoter => write!(f, "node is not a voter"),
            Self::NoLease => write!(f, "the leader has no valid lease: use a read by index instead"),
            Self::NoTarget => write!(f, "cannot find peer: there is no other voter"),
            Self::UnknownTarget(node) => {
                write!(f, "cannot find replication state for {node}: it is not a member, or not a voter")
            }
            Self::TransferToSelf => write!(f, "cannot transfer leadership to itself"),
            Self::TransferTimeout => write!(f, "leadership transfer timeout"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "the command or state has {bytes} bytes, but max_command_bytes is {limit}")
            }
            Self::TooSlow => write!(f, "the new server did not catch up and remains a non-voter"),
            Self::Unsupported(unsupported) => write!(f, "{unsupported}"),
            Self::NeedsSnapshot { past } => write!(
                f,
                "the new voters may not understand a restore or a joint configuration in the log: take a \
                 snapshot up to {past} or later, and try again"
            ),
            Self::StagingAborted => write!(
                f,
                "the staging ended early: the new server was removed or got another address, or the leader stepped down"
            ),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation not supported with current protocol version: ")?;
        match self {
            Self::Call => write!(f, "this server does not have the call"),
            Self::Version(needed) => write!(f, "the call needs version {needed}"),
            Self::HashiCorp(member) => write!(f, "{member} is a server of HashiCorp Raft"),
            Self::NotHeard(member) => write!(
                f,
                "{member} has not answered since this server started; if {member} is new, add it as a non-voter first"
            ),
        }
    }
}
