//! Faults of a disk other than delays.

use std::fmt;
use wavetank_raft::{Index, LogId};

/// Where a record is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Location {
    /// The vote record.
    Record,
    /// An entry of the log.
    Entry(Index),
    /// A snapshot.
    Snapshot(LogId),
}

/// Damage to a disk. The server does not know of it yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Damage {
    /// A write failed, and a part of it may be there.
    WriteFailed,
    /// The next write will fail, and the one after it will report success.
    Dropped,
    /// The disk is full.
    Full,
    /// Bits have flipped in a stored record.
    Rot(Location),
    /// The next write of entries will land at another location.
    Misdirected,
    /// The next read will fail.
    Unreadable,
}

/// Faults that can be injected into a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DiskFault {
    /// Bits flip in the vote record, an entry or the newest snapshot.
    Rot,
    /// Bits flip in the record at this location.
    RotIn(Location),
    /// The next write of entries lands at another location.
    Misdirect,
    /// The next write fails and is lost, though the one after it succeeds.
    DropPages,
    /// The next read fails, and no other.
    FailRead,
    /// The disk is full.
    Fill,
}

/// A fault of the next write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum WriteFault {
    /// The write fails and is lost; later writes succeed.
    Dropped,
    /// The disk is full: this write and all others fail.
    Full,
    /// Its last entry lands at another location, chosen by the word.
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
