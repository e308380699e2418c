//! The parts of a server's state. A check states the parts that the check needs.

use super::{Protocol, Subject, is_ours};
use std::fmt;

/// A set of parts of a server's state, for example the role and the term. A subject shows such a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Parts(u16);

impl Parts {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// The role of the server.
    pub const ROLE: Self = Self(1);
    /// The current term of the server.
    pub const TERM: Self = Self(1 << 1);
    /// The vote. The server stores the vote together with the term.
    pub const VOTE: Self = Self(1 << 2);
    /// The leader that the server knows.
    pub const LEADER: Self = Self(1 << 3);
    /// The log. The server stores each entry with the term of the entry.
    pub const LOG: Self = Self(1 << 4);
    /// The commit index that the server knows.
    pub const COMMIT: Self = Self(1 << 5);
    /// The last index that the state machine reported as applied.
    pub const APPLIED: Self = Self(1 << 6);
    /// The id of the last entry of the newest snapshot.
    pub const SNAPSHOT: Self = Self(1 << 7);
    /// The configuration that the server uses, and the index of the configuration.
    pub const CONFIGURATION: Self = Self(1 << 8);
    /// The messages between the servers, if the servers use our protocol.
    pub const MESSAGES: Self = Self(1 << 9);
    /// Our own server, with its settings and the records that a leader keeps of its followers.
    pub const SERVER: Self = Self(1 << 10);
    /// All parts.
    pub const ALL: Self = Self((1 << 11) - 1);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::ROLE, "role"),
        (Self::TERM, "term"),
        (Self::VOTE, "vote"),
        (Self::LEADER, "leader"),
        (Self::LOG, "log"),
        (Self::COMMIT, "commit"),
        (Self::APPLIED, "applied"),
        (Self::SNAPSHOT, "snapshot"),
        (Self::CONFIGURATION, "configuration"),
        (Self::MESSAGES, "messages"),
        (Self::SERVER, "server"),
    ];

    /// Returns the parts that a subject shows.
    #[must_use]
    pub fn of<S: Subject>(subject: &S) -> Self {
        let view = subject.view();
        let shown = [
            (Self::ROLE, view.role.is_some()),
            (Self::TERM, view.term.is_some()),
            (Self::VOTE, view.vote.is_some()),
            (Self::LEADER, view.leader.is_some()),
            (Self::LOG, view.last.is_some()),
            (Self::COMMIT, view.commit.is_some()),
            (Self::APPLIED, view.applied.is_some()),
            (Self::SNAPSHOT, view.snapshot.is_some()),
            (Self::CONFIGURATION, subject.configuration().is_some()),
            (Self::MESSAGES, is_ours::<<S::Protocol as Protocol>::Request>()),
            (Self::SERVER, subject.server().is_some()),
        ];
        shown.iter().filter(|(_, is_shown)| *is_shown).fold(Self::NONE, |all, (part, _)| all.or(*part))
    }

    /// Returns the union of two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the parts that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True if this set has all parts of the set `other`.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the parts of this set that the set `other` does not have.
    #[must_use]
    pub const fn missing_in(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(part, _)| self.has(*part));
        for (at, (_, name)) in names.enumerate() {
            write!(f, "{}{name}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
