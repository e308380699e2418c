//! The errors of decoding bytes from a peer or from a store.

use core::fmt;
use wavetank_raft::ConfigurationError;

/// The reason why bytes cannot be decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the value is complete.
    Truncated,
    /// The input has bytes after the end of the message. The variant contains the number of these bytes.
    Trailing(usize),
    /// No kind of call has this number.
    UnknownCall(u8),
    /// A value does not have the expected type.
    Unexpected {
        /// The expected type of the value.
        expected: &'static str,
        /// The type of the value that was found.
        found: &'static str,
    },
    /// The length of a value is above the limit.
    TooLong {
        /// The name of the value that is too long.
        what: &'static str,
        /// The length of the value: in items for a list, in bytes for any other value.
        length: u64,
        /// The maximum length, in the same unit.
        limit: u64,
    },
    /// A number is outside the range of the field. The text names the field, or the type of the field.
    OutOfRange(&'static str),
    /// A name or an address is not UTF-8. The text names the value.
    NotText(&'static str),
    /// A time is not in a known format.
    Time,
    /// No log entry has this type.
    UnknownEntryType(u8),
    /// No suffrage has this number.
    UnknownSuffrage(i64),
    /// No snapshot format has this version.
    UnknownSnapshotVersion(i64),
    /// The configuration is invalid.
    Configuration(ConfigurationError),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the message ends too early"),
            Self::Trailing(bytes) => write!(f, "the input has {bytes} bytes after the end of the message"),
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
