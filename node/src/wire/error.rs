//! What can be wrong with bytes from a peer.

use core::fmt;
use wavetank_raft::ConfigurationError;

/// Why bytes from a peer are not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WireError {
    /// They end before the message does.
    Truncated,
    /// They go on after the message has ended.
    Trailing(usize),
    /// There is no call of this number.
    UnknownCall(u8),
    /// Something else was expected there.
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What stood there.
        found: &'static str,
    },
    /// A length is above what is taken.
    TooLong {
        /// Of what.
        what: &'static str,
        /// How long it would be.
        length: u64,
        /// How long it may be.
        limit: u64,
    },
    /// A number is not in the range of its field.
    OutOfRange(&'static str),
    /// A name or an address is not UTF-8.
    NotText(&'static str),
    /// A time is in none of the known layouts.
    Time,
    /// There is no log entry of this type.
    UnknownEntryType(u8),
    /// There is no such suffrage.
    UnknownSuffrage(i64),
    /// There is no snapshot of this version.
    UnknownSnapshotVersion(i64),
    /// The membership cannot be.
    Configuration(ConfigurationError),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "message ends too early"),
            Self::Trailing(bytes) => write!(f, "{bytes} bytes after the end of the message"),
            Self::UnknownCall(number) => write!(f, "unknown rpc type {number}"),
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::TooLong { what, length, limit } => {
                write!(f, "{what} of length {length} is above the limit of {limit}")
            }
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
            Self::NotText(what) => write!(f, "{what} is not UTF-8"),
            Self::Time => write!(f, "unknown layout of a time"),
            Self::UnknownEntryType(number) => write!(f, "unknown log entry type {number}"),
            Self::UnknownSuffrage(number) => write!(f, "unknown suffrage {number}"),
            Self::UnknownSnapshotVersion(number) => write!(f, "unsupported snapshot version {number}"),
            Self::Configuration(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for WireError {}

impl From<ConfigurationError> for WireError {
    fn from(error: ConfigurationError) -> Self {
        Self::Configuration(error)
    }
}
