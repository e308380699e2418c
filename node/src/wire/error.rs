//! Errors that are found in bytes from a peer.

use core::fmt;
use wavetank_raft::ConfigurationError;

/// The reason why bytes from a peer are not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the message is complete.
    Truncated,
    /// There are this many bytes after the end of the message.
    Trailing(usize),
    /// There is no call with this number.
    UnknownCall(u8),
    /// A value has another type than the expected one.
    Unexpected {
        /// The expected type of the value.
        expected: &'static str,
        /// The value that was found.
        found: &'static str,
    },
    /// A length is above its limit.
    TooLong {
        /// The name of the value that is too long.
        what: &'static str,
        /// The length of the value.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// A number is not in the range of its field.
    OutOfRange(&'static str),
    /// A name or an address is not UTF-8.
    NotText(&'static str),
    /// A time is not in a known format.
    Time,
    /// There is no log entry with this type.
    UnknownEntryType(u8),
    /// There is no suffrage with this number.
    UnknownSuffrage(i64),
    /// There is no snapshot format with this version.
    UnknownSnapshotVersion(i64),
    /// The configuration is invalid.
    Configuration(ConfigurationError),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the message ends too early"),
            Self::Trailing(bytes) => write!(f, "{bytes} bytes after the end of the message"),
            Self::UnknownCall(number) => write!(f, "unknown rpc type {number}"),
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::TooLong { what, length, limit } => {
                write!(f, "{what} of length {length} is above the limit of {limit}")
            }
            Self::OutOfRange(what) => write!(f, "{what} is out of range"),
            Self::NotText(what) => write!(f, "{what} is not UTF-8"),
            Self::Time => write!(f, "a time has an unknown format"),
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
