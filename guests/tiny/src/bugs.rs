//! Five bugs that people really make.

use std::sync::OnceLock;

/// A bug that can be switched on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bug {
    /// A voter does not compare the candidate's log with its own (§5.4.1).
    NoLogCheck,
    /// A leader counts the copies of entries of earlier terms (§5.4.2, figure 8).
    CountOldTerms,
    /// The term is on the disk, but the vote is not (figure 2, `votedFor`).
    VoteNotPersisted,
    /// A follower deletes all entries after `prevLogIndex`, even if they agree with the request. A late request
    /// then deletes entries that were acknowledged (figure 2, AppendEntries RPC, step 3).
    TruncateOnStale,
    /// A follower acknowledges entries before they are durable (figure 2, "persistent state").
    AckBeforePersist,
}

impl Bug {
    /// All bugs with their names on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("no-log-check", Self::NoLogCheck),
        ("count-old-terms", Self::CountOldTerms),
        ("vote-not-persisted", Self::VoteNotPersisted),
        ("truncate-on-stale", Self::TruncateOnStale),
        ("ack-before-persist", Self::AckBeforePersist),
    ];

    /// The bug that is on.
    pub(crate) fn chosen() -> Option<Self> {
        CHOSEN.get().copied()
    }
}

static CHOSEN: OnceLock<Bug> = OnceLock::new();

/// Switches a bug on in all servers of this process. The command line does so before the first server starts. Each
/// test that `shrink` prints does so, too.
///
/// # Panics
/// Panics if another bug is on already.
pub fn switch_on(bug: Bug) {
    assert_eq!(*CHOSEN.get_or_init(|| bug), bug, "one bug is enough to be found");
}
