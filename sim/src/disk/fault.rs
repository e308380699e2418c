//! Faults that change the content of a disk or make jobs of the disk fail, and faults of the state machine
//! that loads and writes snapshots. Slow jobs are not among these faults: [`Disk`](super::Disk) draws the
//! delays.

use std::fmt;
use wavetank_raft::{Index, LogId};

/// The location of a stored record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Location {
    /// The vote record: the current term and the vote.
    Record,
    /// The entry of the log at this index.
    Entry(Index),

    /// The snapshot whose last entry has this id.
    Snapshot(LogId),
}

/// Damage that a fault has caused, or will cause, on a disk or in a state machine. The server does not know
/// of the damage yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Damage {
    /// A write has failed. A part of the write may be on the disk.
    WriteFailed,
    /// The next write will fail and be lost. Later writes will succeed.
    Dropped,
    /// The disk is full: every write fails.
    Full,
    /// Bits have flipped in a stored record.
    Rot(Location),
    /// A stored record is missing. If the record is a snapshot, all older snapshots are missing too.
    Vanished(Location),
    /// The log is missing.
    LogVanished,
    /// The next write of entries will store the last of these entries at a wrong location.
    Misdirected,
    /// The next read will fail.
    Unreadable,
    /// The state machine has this fault.
    Machine(MachineFault),
}

/// The faults that can be injected into a state machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MachineFault {
    /// The next load of a snapshot fails. The state is lost.
    FailLoad,
    /// Every later load of a snapshot fails. The state is lost at each of these loads.
    NeverLoad,
    /// The next attempt to take a snapshot fails. The first bytes of the snapshot may be written.
    FailSnapshot,
    /// Every later attempt to take a snapshot fails.
    NeverSnapshot,
}

/// The faults that can be injected into a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DiskFault {
    /// Bits flip in the vote record, in an entry or in the newest snapshot. A random draw selects one of the
    /// three.
    Rot,
    /// Bits flip in the record at this location.
    RotIn(Location),
    /// The vote record, the log or all snapshots are removed. A draw selects one of the three. The vote record
    /// and the log are not removed if the server could not notice the loss. Snapshots are not removed if the
    /// log begins at index 1, because this log still has all entries.
    Vanish,
    /// The next write of entries stores the last of these entries at a wrong location.
    Misdirect,
    /// The next write fails and is lost. Later writes succeed.
    DropPages,
    /// Only the next read fails.
    FailRead,
    /// The disk is full until space is freed.
    Fill,
}

/// A fault that the next write will have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum WriteFault {
    /// The write fails and is lost. Later writes succeed.
    Dropped,
    /// The disk is full. The write fails, and all later writes fail too.
    Full,
    /// The last entry of the write is stored at a wrong location. The random word selects this location.
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
            Self::Dropped => write!(f, "a sync will fail and drop unsynced pages"),
            Self::Full => write!(f, "the disk is full"),
            Self::Rot(location) => write!(f, "bits flip in {location}"),
            Self::Vanished(location) => write!(f, "{location} vanishes"),
            Self::LogVanished => write!(f, "the log vanishes"),
            Self::Misdirected => write!(f, "a write will be misdirected"),
            Self::Unreadable => write!(f, "a read will fail"),
            Self::Machine(MachineFault::FailLoad) => write!(f, "a load of a snapshot will fail"),
            Self::Machine(MachineFault::NeverLoad) => write!(f, "all loads of snapshots will fail"),
            Self::Machine(MachineFault::FailSnapshot) => write!(f, "an attempt to take a snapshot will fail"),
            Self::Machine(MachineFault::NeverSnapshot) => {
                write!(f, "all attempts to take a snapshot will fail")
            }
        }
    }
}
