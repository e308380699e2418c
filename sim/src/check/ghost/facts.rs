//! The facts of one observation, as a set of bits. A fact tells what happened or changed in the observed step.
//! A check runs only if the set contains a fact that the check watches.

use std::ops::BitOr;

/// A set of facts of one observation, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Facts(u64);

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident = $bit:literal),* $(,)?) => {
        impl Facts {
            $($(#[$doc])* pub(crate) const $name: Self = Self(1 << $bit);)*
        }
    };
}

facts! {
    /// A server started.
    BOOTED = 0,
    /// A server crashed.
    CRASHED = 1,
    /// A server stopped by its own decision.
    HALTED = 2,
    /// A write reached the disk.
    DURABLE = 3,
    /// A state machine applied a batch.
    APPLIED = 4,
    /// A state machine wrote a snapshot.
    CAPTURED = 5,
    /// A state machine loaded a snapshot.
    RESTORED = 6,
    /// All faults ended.
    HEALED = 7,
    /// The server's term changed.
    TERM = 8,
    /// The server's role changed.
    ROLE = 9,
    /// A server became leader of its term.
    LEADS = 10,
    /// A server began to ask for votes or pre-votes.
    CAMPAIGNED = 11,
    /// The server's vote in memory changed.
    VOTED = 12,
    /// Entries were added to the server's log in memory.
    APPENDED = 13,
    /// Entries were removed from the end of the server's log in memory.
    CUT = 14,
    /// Entries were removed from the beginning of the server's log in memory.
    COMPACTED = 15,
    /// The server's commit index changed.
    COMMIT = 16,
    /// The server's applied index changed.
    APPLY = 17,
    /// The server's snapshot changed.
    SNAPSHOT = 18,
    /// The server uses a new configuration.
    CONFIGURED = 19,
    /// The leader's progress records of its followers changed.
    PROGRESS = 20,
    /// The server received a message of an older term.
    STALE = 21,
    /// The server received an append or a snapshot of its current term.
    CONTACT = 22,
    /// The server received a request for a pre-vote.
    PRE_VOTE = 23,
    /// The server received a TimeoutNow request.
    TIMEOUT_NOW = 24,
    /// The server sent a reply that grants a vote.
    SENT_GRANT = 25,
    /// The server sent a vote request.
    SENT_CANDIDACY = 26,
    /// The server sent an acknowledgement of entries.
    SENT_ACK = 27,
    /// The server sent an acknowledgement of a whole snapshot.
    SENT_SNAPSHOT_ACK = 28,
    /// The server sent a TimeoutNow request.
    SENT_TIMEOUT_NOW = 29,
    /// The server sent a message with a term above its own term.
    TERM_AHEAD = 30,
    /// Entries were handed to the state machine.
    HANDED = 31,
    /// The server allowed a read or confirmed its leadership.
    READABLE = 32,
    /// A leader appended a configuration.
    CHANGED = 33,
    /// The server asked its state machine for a snapshot.
    CAPTURING = 34,
    /// The last entry of the server's log in memory is not the last entry of the log that the server's writes
    /// produce.
    UNWRITTEN = 35,
    /// The server's commit index is lower than before, or above the end of its log.
    COMMIT_ODD = 36,
    /// The server's applied index is above its commit index, or lower than before.
    APPLY_ODD = 37,
    /// A transfer of leadership was pending before the step.
    TRANSFER = 38,
    /// The server installed a snapshot from its leader.
    INSTALLED = 39,
    /// Only a part of a write reached the disk.
    TORN = 40,
    /// A store failed.
    FAILED = 41,
    /// The server received a request for a vote.
    VOTE_ASKED = 42,
    /// The network's topology changed.
    NETWORK = 43,
    /// A server refused to start.
    REFUSED = 44,
    /// A state machine failed to load a snapshot.
    LOAD_FAILED = 45,
    /// A leader sent an append with entries.
    SENT_ENTRIES = 46,
    /// A snapshot has been due for so long that the server must take the snapshot in this step.
    SNAPSHOT_LATE = 47,
    /// The server learned that its state machine has taken a snapshot.
    SNAPSHOT_ENDED = 48,
    /// A leader made a staged server a voter, or gave up the staging because the server was too slow.
    STAGED = 49,
    /// A leader has had time for a few heartbeats since it committed a removal.
    REMOVED = 50,
    /// The server received a call that the ghost records.
    CALLED = 51,
    /// The server answered a call that the ghost records.
    ANSWERED = 52,
    /// The leader that the server follows changed, or the server reported its leader to its observers.
    LEADER = 53,
    /// The server returned an action that makes no sense in any protocol.
    ODD_ACTION = 54,
    /// A timer of a leader fired.
    LEADER_TIMER = 55,
}

impl Facts {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);

    /// Returns the union of two sets. A constant must use this function, because `|` is not a `const`
    /// function.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The maximum number of facts.
    pub(crate) const MOST: usize = 64;

    /// True if the set contains the fact with this number.
    pub(crate) const fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Returns the numbers of the facts in the set, in ascending order.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(next)
        })
    }

    /// True if the two sets have a fact in common.
    #[must_use]
    pub(crate) const fn touches(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Adds facts if `holds` is true.
    pub(crate) const fn add_if(&mut self, holds: bool, other: Self) {
        if holds {
            self.0 |= other.0;
        }
    }
}

impl BitOr for Facts {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}
