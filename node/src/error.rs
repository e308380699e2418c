//! Why a call failed, and why a server could not be started.

use std::fmt;
use wavetank_raft::store::StoreError;
use wavetank_raft::{ConfigError, Refusal};

/// Why a call was not answered as wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The server said so.
    Raft(wavetank_raft::Error),
    /// The call got in, but was not answered within its timeout: whether it takes effect is not
    /// known.
    Timeout,
    /// There is no room for the call, and it was not to wait; nothing was done.
    Overloaded,
}

impl Error {
    /// Whether the call may have taken effect, or may still.
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

    /// Whether another server should be asked, or this one later: it does not lead, or no longer.
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

/// Why a server cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StartError {
    /// A knob has a value that cannot work.
    Config(ConfigError),
    /// A store failed, or what it holds does not fit together, or the state machine refused every
    /// snapshot.
    Store(StoreError),
    /// The system gave no thread.
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
