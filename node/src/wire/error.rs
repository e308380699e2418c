//! Errors in bytes from a peer.

use core::fmt;
use wavetank_raft::ConfigurationError;

/// The reason why bytes from a peer are not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WireError {
    /// They end before the message does.
    Truncated,
    /// They go on after the message has ended.
    Trailing(usize),
    /// There is no call of this number.
    UnknownCall(u8),
    /// A value is of another kind than expected.
    Unexpected {
        /// The expected kind of value.
        expected: &'static str,
        /// The value that was found.
        found: &'static str,
    },
    /// A length is above its limit.
    TooLong {
        /// The thing with this length.
        what: &'static str,
        /// Its length.
        length: u64,
        /// The limit.
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
    /// The configuration is invalid.
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
