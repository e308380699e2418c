//! The log as the protocol knows it: the term of every entry, and the last entries in full.
//!
//! The driver keeps the whole log on disk. This module keeps only the runs of equal terms and a
//! bounded cache. It knows nothing of commits, leaders or durability.

use crate::config::Settings;
use crate::configuration::Configuration;
use crate::entry::{Entries, Entry, Payload};
use crate::types::{Index, LogId, Term};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The log that a store has when a server starts, read entry by entry.
///
/// 1. The entries pushed follow `base` and each other without a gap.
/// 2. `tail` holds the last of them, up to the capacity of the cache.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogImage {
    base: LogId,
    runs: Vec<TermRun>,
    last: LogId,
    configurations: Vec<(Index, Arc<Configuration>)>,
    tail: VecDeque<Entry>,
    cache: u64,
}

/// Consecutive entries of one term.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct TermRun {
    first: Index,
    term: Term,
}

impl LogImage {
    /// An image without entries: they would follow `base`.
    #[must_use]
    pub fn new(base: LogId, cache: u64) -> Self {
        Self { base, last: base, cache, ..Self::default() }
    }

    /// Appends the next entry.
    ///
    /// # Panics
    /// When it does not follow the one before.
    pub fn push(&mut self, entry: Entry) {
        assert!(entry.id.may_follow(self.last), "{} cannot follow {}", entry.id, self.last);
        if let Payload::Configuration(configuration) = &entry.payload {
            self.configurations.push((entry.id.index, configuration.clone()));
        }
        if self.runs.last().is_none_or(|run| run.term < entry.id.term) {
            self.runs.push(TermRun { first: entry.id.index, term: entry.id.term });
        }
        self.last = entry.id;
        self.tail.push_back(entry);
        if self.cache < self.tail.len() as u64 {
            self.tail.pop_front();
        }
    }

    /// The entry before the first one.
    #[must_use]
    pub const fn base(&self) -> LogId {
        self.base
    }

    /// The last entry, or the base.
    #[must_use]
    pub const fn last(&self) -> LogId {
        self.last
    }

    /// The configurations in it.
    #[must_use]
    pub fn configurations(&self) -> &[(Index, Arc<Configuration>)] {
        &self.configurations
    }
}

/// The log.
///
/// 1. `runs` are the terms of the entries in `(base, last]`, in order, terms strictly rising.
/// 2. `cache` holds the last entries, without a gap, up to `last`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Log {
    base: LogId,
    runs: VecDeque<TermRun>,
    last: LogId,
    cache: VecDeque<Entry>,
}

impl Log {
    pub(crate) fn restore(image: LogImage) -> Self {
        Self { base: image.base, runs: image.runs.into(), last: image.last, cache: image.tail }
    }

    /// The last entry, or the base if there is none.
    #[must_use]
    pub const fn last(&self) -> LogId {
        self.last
    }

    /// The entry before the first one: compacted away, but its term is known.
    #[must_use]
    pub const fn base(&self) -> LogId {
        self.base
    }

    /// The term of the entry at `index`; `None` before the base and after the end.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        match index.cmp(&self.last.index) {
            Ordering::Greater => None,
            Ordering::Equal => Some(self.last.term),
            Ordering::Less if index == self.base.index => Some(self.base.term),
            // No run begins at or before the base.
            Ordering::Less => self.runs.iter().rev().find(|run| run.first <= index).map(|run| run.term),
        }
    }

    /// The entry at `index` with its term, where the term is known.
    #[must_use]
    pub fn id_at(&self, index: Index) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// Whether `id` is in the log, or is its base.
    #[must_use]
    pub fn contains(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// The last entry at or below `limit.index` whose term is not above `limit.term`; the base if
    /// there is none. With it both sides of a conflict skip a whole term per round trip.
    pub(crate) fn last_not_above(&self, limit: LogId) -> LogId {
        let mut index = limit.index.min(self.last.index);
        for run in self.runs.iter().rev() {
            if run.first <= index {
                if run.term <= limit.term {
                    return LogId { term: run.term, index };
                }
                index = run.first.back();
            }
        }
        self.base
    }

    /// The first index of the cache; after the end if it is empty.
    pub(crate) fn cached_from(&self) -> Index {
        Index(self.last.index.0 + 1 - self.cache.len() as u64)
    }

    /// An entry, if it is in memory.
    #[must_use]
    pub fn cached(&self, index: Index) -> Option<&Entry> {
        let first = self.cached_from();
        if index < first {
            return None;
        }
        self.cache.get(usize::try_from(index.0 - first.0).ok()?)
    }

    /// Entries from `first` on, within the limits of one message; `None` if the first of them is
    /// not in memory. The first is always among them, however large.
    pub(crate) fn slice(&self, first: Index, settings: &Settings) -> Option<Entries> {
        let from = self.cached_from();
        if first < from || self.last.index < first {
            return None;
        }
        let skip = usize::try_from(first.0 - from.0).expect("the cache fits in memory");
        let most = usize::try_from(settings.max_append_entries).expect("checked to be small");
        let mut bytes = 0;
        let count = self
            .cache
            .range(skip..)
            .take(most)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry.weight();
                first || bytes <= settings.max_append_bytes
            })
            .count();
        Some(self.cache.range(skip..skip + count).cloned().collect())
    }

    /// Puts an entry at the end.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert!(entry.id.may_follow(self.last), "{} cannot follow {}", entry.id, self.last);
        if self.last.term < entry.id.term || self.runs.is_empty() {
            self.runs.push_back(TermRun { first: entry.id.index, term: entry.id.term });
        }
        self.last = entry.id;
        self.cache.push_back(entry);
    }

    /// Drops everything from `from` on.
    pub(crate) fn truncate(&mut self, from: Index) {
        assert!(self.base.index < from, "cannot cut the log back to {from}, base is {}", self.base);
        assert!(from <= self.last.index, "nothing to cut at {from}, last is {}", self.last);
        let keep = from.since(self.cached_from());
        self.cache.truncate(usize::try_from(keep).expect("the cache fits in memory"));
        while self.runs.back().is_some_and(|run| from <= run.first) {
            self.runs.pop_back();
        }
        let index = from.back();
        let term = self.runs.back().map_or(self.base.term, |run| run.term);
        self.last = LogId { term, index };
    }

    /// Drops everything up to and with `upto`.
    pub(crate) fn compact(&mut self, upto: Index) {
        let base = self.id_at(upto).expect("only what is in the log can be compacted");
        while self.cached_from() <= upto && !self.cache.is_empty() {
            self.cache.pop_front();
        }
        while self.runs.get(1).is_some_and(|second| second.first <= upto.next()) {
            self.runs.pop_front();
        }
        if upto == self.last.index {
            self.runs.clear();
        } else if let Some(run) = self.runs.front_mut() {
            run.first = run.first.max(upto.next());
        }
        self.base = base;
    }

    /// Drops all entries: a snapshot that ends at `base` replaces them.
    pub(crate) fn reset(&mut self, base: LogId) {
        self.runs.clear();
        self.cache.clear();
        self.base = base;
        self.last = base;
    }

    /// Evicts cached entries beyond the capacity, but only those that can be read back from disk.
    pub(crate) fn evict(&mut self, capacity: u64, durable: Index) {
        while capacity < self.cache.len() as u64 && self.cached_from() <= durable {
            self.cache.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
