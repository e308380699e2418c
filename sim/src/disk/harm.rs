//! What can befall a disk beyond being slow.

use std::fmt;
use wavetank_raft::{Index, LogId};

/// Where something is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// The vote record.
    Record,
    /// An entry of the log.
    Entry(Index),
    /// A snapshot.
    Snapshot(LogId),
}

/// What has befallen a disk. The server does not know of it yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Harm {
    /// A write failed, and a part of it may be there.
    WriteFailed,
    /// A write failed, nothing of it is there, and the next one says that all is well.
    Dropped,
    /// A write failed for want of room, and nothing of it is there.
    Full,
    /// Bits have flipped in a place.
    Rot(Place),
    /// A write landed in another place.
    Misdirected(Index),
    /// A read failed, once.
    Unreadable,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => write!(f, "vote record"),
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Snapshot(last) => write!(f, "snapshot {last}"),
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteFailed => write!(f, "a write fails"),
            Self::Dropped => write!(f, "a sync fails and its pages are dropped"),
            Self::Full => write!(f, "the disk is full"),
            Self::Rot(place) => write!(f, "bits flip in {place}"),
            Self::Misdirected(index) => write!(f, "entry {index} lands elsewhere"),
            Self::Unreadable => write!(f, "a read fails"),
        }
    }
}
