//! What can befall a disk beyond being slow.

use std::fmt;
use wavetank_raft::{Index, LogId};

/// Where something is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Location {
    /// The vote record.
    Record,
    /// An entry of the log.
    Entry(Index),
    /// A snapshot.
    Snapshot(LogId),
}

/// What has befallen a disk. The server does not know of it yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Damage {
    /// A write failed, and a part of it may be there.
    WriteFailed,
    /// The next write will fail, and the one after it will say that all is well.
    Dropped,
    /// There is no room for another write.
    Full,
    /// Bits have flipped in a place.
    Rot(Location),
    /// The next write of entries will land elsewhere.
    Misdirected,
    /// The next read will fail.
    Unreadable,
}

/// What can be done to a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DiskFault {
    /// Bits flip in the vote record, an entry or the newest snapshot.
    Rot,
    /// Bits flip in what is stored there.
    RotIn(Location),
    /// The next write of entries lands elsewhere.
    Misdirect,
    /// The next write fails, and nothing of it is there, though the one after it succeeds.
    DropPages,
    /// The next read fails, and no other.
    FailRead,
    /// Nothing can be written any more.
    Fill,
}

/// What befalls the next write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum WriteFault {
    /// Nothing of it comes to be there; what follows is written as if nothing had been.
    Dropped,
    /// There is no room, for it or any other.
    Full,
    /// Its last entry lands somewhere else: where, the word says.
    Misdirected(u64),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => write!(f, "vote record"),
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Snapshot(last) => write!(f, "snapshot {last}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteFailed => write!(f, "a write fails"),
            Self::Dropped => write!(f, "a sync will fail and drop its pages"),
            Self::Full => write!(f, "the disk is full"),
            Self::Rot(location) => write!(f, "bits flip in {location}"),
            Self::Misdirected => write!(f, "a write will land elsewhere"),
            Self::Unreadable => write!(f, "a read will fail"),
        }
    }
}
