//! The log in memory: the term of every entry, and a cache of the last entries.
//!
//! The driver keeps the whole log on disk. This module stores the terms as runs of entries with the same
//! term, and limits the cache. This module does not know about commits, leaders or durability.

use crate::config::{CacheLimits, Settings};
use crate::configuration::Configuration;
use crate::entry::{Entries, Entry, Payload};
use crate::types::{Index, LogId, Term};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The stored log at the start of a server. Entries are pushed one by one. Therefore the whole log need not
/// fit in memory.
///
/// 1. The entries follow `base` and each other without a gap.
/// 2. `tail` contains the last entries, within the limits of the cache.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogImage {
    base: LogId,
    runs: Vec<TermRun>,
    last: LogId,
    configurations: Vec<(Index, Arc<Configuration>)>,
    last_beyond_hashicorp: Index,
    tail: VecDeque<Entry>,
    tail_bytes: u64,
    cache: CacheLimits,
}

/// A run of consecutive entries with the same term, from `first` to the entry before the next run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct TermRun {
    first: Index,
    term: Term,
}

impl LogImage {
    /// Makes the image of a log without entries. The first entry that is pushed must have the index directly
    /// after `base`. `cache` limits the number and the bytes of the entries that are kept in memory.
    #[must_use]
    pub fn new(base: LogId, cache: CacheLimits) -> Self {
        Self { base, last: base, cache, ..Self::default() }
    }

    /// Appends the next entry.
    ///
    /// # Panics
    /// Panics if the entry does not follow the last entry: the index of the entry must be one more than the
    /// last index, and the term of the entry must not be below the last term.
    pub fn push(&mut self, entry: Entry) {
        assert!(entry.id.may_follow(self.last), "entry {} cannot follow entry {}", entry.id, self.last);
        if let Payload::Configuration(configuration) = &entry.payload {
            self.configurations.push((entry.id.index, configuration.clone()));
        }
        if entry.payload.is_beyond_hashicorp() {
            self.last_beyond_hashicorp = entry.id.index;
        }
        if self.runs.last().is_none_or(|run| run.term < entry.id.term) {
            self.runs.push(TermRun { first: entry.id.index, term: entry.id.term });
        }
        self.last = entry.id;
        self.tail_bytes += entry.weight();
        self.tail.push_back(entry);
        while !self.cache.hold(self.tail.len(), self.tail_bytes)
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= oldest.weight();
        }
    }

    /// Returns the position before the first entry.
    #[must_use]
    pub const fn base(&self) -> LogId {
        self.base
    }

    /// Returns the position of the last entry, or the base if there are no entries.
    #[must_use]
    pub const fn last(&self) -> LogId {
        self.last
    }

    /// Returns the configurations in the entries, each with the index of the entry.
    #[must_use]
    pub fn configurations(&self) -> &[(Index, Arc<Configuration>)] {
        &self.configurations
    }
}

/// The log in memory.
///
/// 1. `runs` has the terms of the entries after `base` up to `last`; the terms strictly rise.
/// 2. `cache` contains the last entries up to `last`, without a gap.
/// 3. `cache_bytes` is the sum of the weights of the entries in `cache`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Log {
    base: LogId,
    runs: VecDeque<TermRun>,
    last: LogId,
    cache: VecDeque<Entry>,
    cache_bytes: u64,
    /// An index at or after the last entry that servers of HashiCorp Raft do not understand; zero only if the
    /// log has no such entry.
    #[cfg_attr(feature = "serde", serde(skip))]
    last_beyond_hashicorp: Index,
}

impl Log {
    pub(crate) fn restore(image: LogImage) -> Self {
        Self {
            base: image.base,
            runs: image.runs.into(),
            last: image.last,
            cache: image.tail,
            cache_bytes: image.tail_bytes,
            last_beyond_hashicorp: image.last_beyond_hashicorp,
        }
    }

    /// Returns an index at or after the last entry that servers of HashiCorp Raft do not understand. Returns
    /// zero only if the log has no such entry.
    pub(crate) const fn last_beyond_hashicorp(&self) -> Index {
        self.last_beyond_hashicorp
    }

    /// Returns the position of the last entry, or the base if there are no entries.
    #[must_use]
    pub const fn last(&self) -> LogId {
        self.last
    }

    /// Returns the position before the first entry. The entry at this position was compacted, but the log
    /// keeps the term of this entry. The position is zero if the log begins at index 1.
    #[must_use]
    pub const fn base(&self) -> LogId {
        self.base
    }

    /// Returns the term of the entry at `index`. Returns `None` if `index` is before the base or after the
    /// end of the log.
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

    /// Returns the position of the entry at `index`. Returns `None` if `index` is before the base or after the
    /// end of the log.
    #[must_use]
    pub fn id_at(&self, index: Index) -> Option<LogId> {
        self.term_at(index).map(|term| LogId { term, index })
    }

    /// True if the log contains the entry at the position `id`, or if `id` is the base.
    #[must_use]
    pub fn contains(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// Returns the last position whose index is at most `limit.index` and whose term is at most `limit.term`.
    /// Returns the base if there is no such position. The leader and the follower use this function to skip a
    /// whole term per round trip while the leader looks for the last matching entry (thesis §3.5).
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

    /// Returns the index of the first cached entry. Returns the index after the last entry if the cache is
    /// empty.
    pub(crate) fn cached_from(&self) -> Index {
        Index(self.last.index.0 + 1 - self.cache.len() as u64)
    }

    /// Returns the entry at `index`. Returns `None` if the entry is not in memory.
    #[must_use]
    pub fn cached(&self, index: Index) -> Option<&Entry> {
        let first = self.cached_from();
        if index < first {
            return None;
        }
        self.cache.get(usize::try_from(index.0 - first.0).ok()?)
    }

    /// Returns entries from `first` on, within the limits of one message. Returns `None` if the entry at
    /// `first` is not in memory. The entry at `first` is always included, even if this entry is larger than
    /// `max_append_bytes`. Otherwise the leader would never send this entry.
    pub(crate) fn slice(&self, first: Index, settings: &Settings) -> Option<Entries> {
        let from = self.cached_from();
        if first < from || self.last.index < first {
            return None;
        }
        let skip = usize::try_from(first.0 - from.0).expect("the cache fits in memory");
        let most = usize::try_from(settings.max_append_entries).expect("Settings limits max_append_entries");
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

    /// Appends an entry.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert!(entry.id.may_follow(self.last), "entry {} cannot follow entry {}", entry.id, self.last);
        if self.last.term < entry.id.term || self.runs.is_empty() {
            self.runs.push_back(TermRun { first: entry.id.index, term: entry.id.term });
        }
        if entry.payload.is_beyond_hashicorp() {
            self.last_beyond_hashicorp = entry.id.index;
        }
        self.last = entry.id;
        self.cache_bytes += entry.weight();
        self.cache.push_back(entry);
    }

    /// Drops the entries from index `from` on.
    pub(crate) fn truncate(&mut self, from: Index) {
        assert!(self.base.index < from, "cannot truncate at {from} because the base is {}", self.base);
        assert!(from <= self.last.index, "cannot truncate at {from} because the log ends at {}", self.last);
        let keep = from.since(self.cached_from());
        for dropped in self.cache.drain(usize::try_from(keep).expect("the cache fits in memory")..) {
            self.cache_bytes -= dropped.weight();
        }
        while self.runs.back().is_some_and(|run| from <= run.first) {
            self.runs.pop_back();
        }
        let index = from.back();
        let term = self.runs.back().map_or(self.base.term, |run| run.term);
        self.last = LogId { term, index };
        self.last_beyond_hashicorp = self.last_beyond_hashicorp.min(index);
    }

    /// Drops the entries up to and including index `upto`.
    pub(crate) fn compact(&mut self, upto: Index) {
        let base = self.id_at(upto).expect("the log knows the term of the new base");
        while self.cached_from() <= upto && !self.cache.is_empty() {
            self.uncache_oldest();
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

    /// Drops all entries. A snapshot that ends at `base` replaces the entries.
    pub(crate) fn reset(&mut self, base: LogId) {
        self.runs.clear();
        self.cache.clear();
        self.cache_bytes = 0;
        self.base = base;
        self.last = base;
        self.last_beyond_hashicorp = Index::ZERO;
    }

    /// Drops the oldest cached entries while the cache is above the limits. An entry that is not durable stays
    /// in the cache, because this entry cannot be read from disk yet.
    pub(crate) fn evict(&mut self, limits: CacheLimits, durable: Index) {
        while !limits.hold(self.cache.len(), self.cache_bytes) && self.cached_from() <= durable {
            self.uncache_oldest();
        }
    }

    fn uncache_oldest(&mut self) {
        if let Some(oldest) = self.cache.pop_front() {
            self.cache_bytes -= oldest.weight();
        }
    }
}

#[cfg(test)]
mod tests;
