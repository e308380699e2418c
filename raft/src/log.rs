//! The log as the core knows it: every term, and the entries of its end.

use crate::configuration::Configuration;
use crate::entry::Entry;
use crate::vocab::{Index, LogId, Term};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a store still has of a log, gathered entry by entry when a server starts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogImage {
    /// The entry before the first one kept.
    pub base: LogId,
    /// Each term with the index of its first entry.
    pub runs: Vec<(Index, Term)>,
    /// The last entry.
    pub last: LogId,
    /// The configurations in it.
    pub configurations: Vec<(Index, Arc<Configuration>)>,
    /// The last entries themselves, as many as the cache may hold.
    pub tail: Vec<Entry>,
}

/// The log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Log {
    last: LogId,
}

impl Log {
    /// The last entry, or the snapshot's last.
    #[must_use]
    pub fn last(&self) -> LogId {
        self.last
    }

    /// The term of the entry at `index`, if that is known: between the base and the end.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        let _ = index;
        None
    }
    /// base
    #[must_use]
    pub fn base(&self) -> LogId {
        self.last
    }
}
