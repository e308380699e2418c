//! What one observation changed, as bits: they select the checks that run.

use std::ops::BitOr;

/// A set of facts about one observation.
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
    /// A server died.
    CRASHED = 1,
    /// A server stopped by its own decision.
    HALTED = 2,
    /// A write reached the disk.
    DURABLE = 3,
    /// A state machine reported a batch.
    APPLIED = 4,
    /// A state machine was captured.
    CAPTURED = 5,
    /// A state machine was loaded.
    RESTORED = 6,
    /// No more faults from here on.
    HEALED = 7,
    /// The term moved.
    TERM = 8,
    /// The role changed.
    ROLE = 9,
    /// A server leads that did not lead in this term before.
    LEADS = 10,
    /// A server began to ask for votes or pre-votes.
    CAMPAIGNED = 11,
    /// The vote in memory changed.
    VOTED = 12,
    /// Entries were added to the log in memory.
    APPENDED = 13,
    /// Entries were removed from the end of the log in memory.
    CUT = 14,
    /// Entries were removed from the beginning of the log in memory.
    COMPACTED = 15,
    /// The commit index moved.
    COMMIT = 16,
    /// The applied index moved.
    APPLY = 17,
    /// The server's snapshot changed.
    SNAPSHOT = 18,
    /// Another configuration is in force on the server.
    CONFIGURED = 19,
    /// A leader's belief of its followers was looked at.
    PROGRESS = 20,
    /// The server took a message of an older term.
    STALE = 21,
    /// The server took an append or a snapshot of the term it is in now.
    CONTACT = 22,
    /// The server took a request for a pre-vote.
    PRE_VOTE = 23,
    /// The server took a TimeoutNow request.
    TIMEOUT_NOW = 24,
    /// The server sent a granted vote.
    SENT_GRANT = 25,
    /// The server sent a vote request.
    SENT_CANDIDACY = 26,
    /// The server sent an acknowledgement of entries.
    SENT_ACK = 27,
    /// The server sent an acknowledgement of a whole snapshot.
    SENT_SNAPSHOT_ACK = 28,
    /// The server sent a TimeoutNow request.
    SENT_TIMEOUT_NOW = 29,
    /// The server sent a message with a term that it has not entered.
    TERM_AHEAD = 30,
    /// Entries were handed to the state machine.
    HANDED = 31,
    /// A read was allowed, or leadership confirmed.
    READABLE = 32,
    /// A leader added a configuration.
    CHANGED = 33,
    /// The server requests a snapshot of its state machine.
    CAPTURING = 34,
    /// The log in memory does not end where the writes say.
    UNWRITTEN = 35,
    /// A commit index is lower than before, or above the end of the log.
    COMMIT_ODD = 36,
    /// The state machine's position is beyond the commit index, or lower than before.
    APPLY_ODD = 37,
    /// A transfer of leadership is pending, or was.
    TRANSFER = 38,
    /// The server's snapshot was installed, not taken.
    INSTALLED = 39,
    /// Only part of a write survived.
    TORN = 40,
    /// A store failed.
    FAILED = 41,
    /// The server took a request for a vote.
    VOTE_ASKED = 42,
    /// The network's topology changed.
    NETWORK = 43,
    /// A server was to start, and refused.
    REFUSED = 44,
}

impl Facts {
    /// Nothing of interest.
    pub(crate) const NONE: Self = Self(0);

    /// Either of two sets, where `const` is needed.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many there can be.
    pub(crate) const MOST: usize = 64;

    /// Whether the fact of this number is among them.
    pub(crate) const fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The numbers of the facts.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(next)
        })
    }

    /// Whether any fact is in both.
    #[must_use]
    pub(crate) const fn touches(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Adds facts if something holds.
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
