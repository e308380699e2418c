//! The errors of this crate's API: [`CallError`] for a call, [`StartError`] for the start of a server.

use crate::address::AddressError;
use std::fmt;
use wavetank_raft::store::StoreError;
use wavetank_raft::{ClusterId, ConfigError, Leader, NoQuorum, Refusal, RequestError, ServerId, Unsupported};

/// The failure of a call to a running server.
///
/// If HashiCorp Raft has the same error, the variant has HashiCorp's name without `Err`, and the text begins
/// with HashiCorp's text. Only the name of [`CallError::Shutdown`] is different: HashiCorp's name is
/// `ErrRaftShutdown`. [`CallError::is_unknown`] tells whether the call may have taken effect.
///
/// ```
/// use wavetank_node::{CallError, Leader};
///
/// let leader = Leader { id: "n1".into(), address: "10.0.0.1:7000".into() };
/// let error = CallError::NotLeader(Some(leader));
/// assert!(error.is_not_leader() && !error.is_unknown());
/// assert_eq!(error.to_string(), "node is not the leader; call n1 at 10.0.0.1:7000");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CallError {
    /// This server does not lead. Nothing was done. The value is the leader; `None` if this server knows no
    /// leader.
    NotLeader(Option<Leader>),
    /// This server is not a voter in the configuration of the bootstrap call. Nothing was done.
    NotVoter,
    /// The server lost its leadership during the call. If the call has appended an entry, the entry may still
    /// be committed.
    LeadershipLost,
    /// A snapshot replaced the entry. The entry may have been applied.
    AbortedByRestore,
    /// The server has stopped. An entry that the server had appended may still be committed.
    Shutdown,
    /// The server's queue of calls was full until the timeout passed, or
    /// [`Raft::restore_from`](crate::Raft::restore_from) had not read the whole state when the timeout passed.
    /// Nothing was done.
    EnqueueTimeout,
    /// The server accepted the call but did not answer within the timeout. The call may still take effect.
    Timeout,
    /// There is no quorum: too many voters do not answer this server, or have lost entries. The call had the
    /// limit [`CallLimit::or_no_quorum`](crate::CallLimit::or_no_quorum), so the call did not wait for a quorum.
    NoQuorum {
        /// The voters that do not answer, and the voters that have lost entries.
        reason: NoQuorum,
        /// True if the call may still take effect. False if nothing was done.
        is_unknown: bool,
    },
    /// The state for a restore could not be read, or is too large. Nothing was done. The value is the reason.
    Read(String),
    /// The server's queue of calls is full, and [`Raft::try_apply`](crate::Raft::try_apply) does not wait.
    /// Nothing was done.
    Overloaded,
    /// The state machine has applied no entry since the last snapshot.
    NothingNewToSnapshot,
    /// This server or a member does not support the call. Nothing was done. The value is the reason.
    UnsupportedProtocol(Unsupported),
    /// The server has already voted, or already has an entry, a snapshot or a term above 1. The bootstrap
    /// changed nothing.
    CantBootstrap,
    /// The server is transferring its leadership. Nothing was done.
    LeadershipTransferInProgress,
    /// The server refused the call. The value is the reason. Nothing was done, with two exceptions:
    /// [`Raft::add_voter_staged`](crate::Raft::add_voter_staged) may have added the new server as a non-voter,
    /// and the target of a transfer may still become the leader after [`Refusal::TransferTimeout`].
    Refused(Refusal),
    /// A setting has an invalid value. Nothing was changed. The text names the setting.
    Config(String),
    /// The address of a server does not have the required form. Nothing was done.
    Address(AddressError),
    /// A store failed, the state machine refused the state of a restore, or the state machine failed to give its
    /// state for a snapshot. The call may have taken effect.
    Store(StoreError),
}

impl CallError {
    /// True if the call may have taken effect, at least in part, or may take effect later. False if nothing was
    /// done.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::LeadershipLost
            | Self::AbortedByRestore
            | Self::Shutdown
            | Self::Timeout
            | Self::Store(_) => true,
            Self::NoQuorum { is_unknown, .. } => *is_unknown,
            Self::Refused(refusal) => {
                matches!(refusal, Refusal::TransferTimeout | Refusal::TooSlow | Refusal::StagingAborted)
            }
            Self::NotLeader(_)
            | Self::NotVoter
            | Self::EnqueueTimeout
            | Self::Overloaded
            | Self::Read(_)
            | Self::NothingNewToSnapshot
            | Self::UnsupportedProtocol(_)
            | Self::CantBootstrap
            | Self::LeadershipTransferInProgress
            | Self::Config(_)
            | Self::Address(_) => false,
        }
    }

    /// True if this server does not lead. The caller should call the leader, or call this server again later.
    #[must_use]
    pub const fn is_not_leader(&self) -> bool {
        matches!(self, Self::NotLeader(_))
    }
}

impl From<RequestError> for CallError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NotLeader(leader) => Self::NotLeader(leader),
            RequestError::NotVoter => Self::NotVoter,
            RequestError::LeadershipLost => Self::LeadershipLost,
            RequestError::AbortedByRestore => Self::AbortedByRestore,
            RequestError::Shutdown => Self::Shutdown,
            RequestError::EnqueueTimeout => Self::EnqueueTimeout,
            RequestError::NothingNewToSnapshot => Self::NothingNewToSnapshot,
            RequestError::UnsupportedProtocol(unsupported) => Self::UnsupportedProtocol(unsupported),
            RequestError::CantBootstrap => Self::CantBootstrap,
            RequestError::LeadershipTransferInProgress => Self::LeadershipTransferInProgress,
            RequestError::Refused(refusal) => Self::Refused(refusal),
            RequestError::Config(what) => Self::Config(what),
            RequestError::Store(error) => Self::Store(error),
        }
    }
}

impl From<AddressError> for CallError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader(Some(leader)) => write!(f, "node is not the leader; call {leader}"),
            Self::NotLeader(None) => f.write_str("node is not the leader, and no leader is known"),
            Self::NotVoter => f.write_str("node is not a voter"),
            Self::LeadershipLost => f.write_str("leadership lost while committing log"),
            Self::AbortedByRestore => f.write_str("snapshot restored while committing log"),
            Self::Shutdown => f.write_str("raft is already shutdown"),
            Self::EnqueueTimeout => f.write_str("timed out enqueuing operation"),
            Self::Timeout => {
                f.write_str("timed out: the server accepted the call, so the call may still take effect")
            }
            Self::NoQuorum { reason, is_unknown: true } => {
                write!(f, "{reason}; the call may still take effect")
            }
            Self::NoQuorum { reason, is_unknown: false } => write!(f, "{reason}; nothing was done"),
            Self::Read(why) => write!(f, "cannot read the state: {why}"),
            Self::Overloaded => f.write_str("overloaded: the queue is full, and nothing was done"),
            Self::NothingNewToSnapshot => f.write_str("nothing new to snapshot"),
            Self::UnsupportedProtocol(unsupported) => write!(f, "{unsupported}"),
            Self::CantBootstrap => f.write_str("bootstrap only works on new clusters"),
            Self::LeadershipTransferInProgress => f.write_str("leadership transfer in progress"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Config(what) => f.write_str(what),
            Self::Address(error) => write!(f, "{error}"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CallError {}

/// The reason why a server cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting has an invalid value.
    Config(ConfigError),
    /// A limit is above another limit that must be at least as large.
    Limits {
        /// The name of the limit that is too large.
        limit: &'static str,
        /// The value of the limit, in bytes or as a number of calls.
        value: u64,
        /// The name of the other limit: the maximum for the first limit.
        other: &'static str,
        /// The value of the other limit, in the same unit.
        bound: u64,
    },
    /// The address of a server does not have the required form.
    Address(AddressError),
    /// The stores belong to another server.
    OtherServer {
        /// The server to which the stores belong.
        owner: ServerId,
        /// The name of the server that cannot start with these stores.
        started_as: ServerId,
    },
    /// The log belongs to one cluster, and the snapshots belong to another cluster.
    OtherCluster {
        /// The cluster of the log.
        log: ClusterId,
        /// The cluster of the snapshots.
        snapshots: ClusterId,
    },
    /// A store failed, the contents of the stores contradict each other, or the state machine refused every
    /// snapshot.
    Store(StoreError),
    /// The operating system could not start a thread. The value is the text of the I/O error.
    Thread(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "configuration: {error}"),
            Self::Limits { limit, value, other, bound } => {
                write!(f, "{limit} is {value}, but must not be above {other}, which is {bound}")
            }
            Self::Address(error) => write!(f, "{error}"),
            Self::OtherServer { owner, started_as } => write!(
                f,
                "the stores belong to server {owner}, so server {started_as} cannot use these stores: start server {owner} with these stores, or start server {started_as} with empty stores"
            ),
            Self::OtherCluster { log, snapshots } => write!(
                f,
                "the log belongs to cluster {log}, and the snapshots belong to cluster {snapshots}: \
                 start the server with a log and snapshots of the same cluster"
            ),
            Self::Store(error) => write!(f, "{error}"),
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AddressError> for StartError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
