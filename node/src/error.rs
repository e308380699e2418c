//! Why a call failed, and why a server could not be started.

use std::fmt;
use wavetank_raft::store::StoreError;
use wavetank_raft::{ConfigError, Refusal};

/// The failure of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The server refused or aborted the call.
    Raft(wavetank_raft::Error),
    /// The server took the call, but did not answer within the timeout. The call may still take
    /// effect.
    Timeout,
    /// The queue is full, and the call was made without waiting. Nothing was done.
    Overloaded,
}

impl Error {
    /// True if the call may have taken effect, or may still do so.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Overloaded => false,
            Self::Raft(error) => matches!(
                error,
                wavetank_raft::Error::LeadershipLost
                    | wavetank_raft::Error::AbortedByRestore
                    | wavetank_raft::Error::Shutdown
                    | wavetank_raft::Error::Store(_)
            ),
        }
    }

    /// True if the caller should ask another server, or this one later, since it does not lead.
    #[must_use]
    pub const fn is_not_leader(&self) -> bool {
        matches!(self, Self::Raft(wavetank_raft::Error::NotLeader(_)))
    }
}

impl From<wavetank_raft::Error> for Error {
    fn from(error: wavetank_raft::Error) -> Self {
        Self::Raft(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Raft(wavetank_raft::Error::Refused(refusal))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raft(error) => write!(f, "{error}"),
            Self::Timeout => write!(f, "timed out: the call got in and may or may not take effect"),
            Self::Overloaded => write!(f, "overloaded: there is no room for another call"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Raft(error) => Some(error),
            Self::Timeout | Self::Overloaded => None,
        }
    }
}

/// The reason why a server cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StartError {
    /// A setting has a value that cannot work.
    Config(ConfigError),
    /// A store failed, its contents contradict each other, or the state machine refused every
    /// snapshot.
    Store(StoreError),
    /// The operating system could not start a thread.
    Thread(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "configuration: {error}"),
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

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
