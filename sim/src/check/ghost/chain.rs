//! A log as a chain of digests. Each entry is represented by a digest of eight bytes. The chain also keeps
//! the members and the digest of each configuration.

use crate::check::ghost::conf::{Conf, IndexedConf};
use crate::check::ghost::hash;
use std::collections::VecDeque;
use wavetank_raft::{Entry, Index, LogId, Payload, Term};

/// One entry of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChainLink {
    /// The term of the entry.
    pub(crate) term: Term,
    /// The digest of all entries up to and including this entry.
    pub(crate) prefix: u64,
}

/// The ghost copy of a log.
///
/// 1. `base` is the id of the entry before the first link. The links have consecutive indexes after the base.
/// 2. The configurations in `confs` have indexes above the base, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Chain {
    base: LogId,
    base_prefix: u64,
    base_conf: Option<IndexedConf>,
    links: VecDeque<ChainLink>,
    confs: Vec<IndexedConf>,
}

impl Chain {
    /// Makes a chain with a base and without links. `prefix` is the digest of all entries up to the base.
    /// `conf` is the latest configuration at the base.
    #[must_use]
    pub(crate) const fn above(base: LogId, prefix: u64, conf: Option<IndexedConf>) -> Self {
        Self { base, base_prefix: prefix, base_conf: conf, links: VecDeque::new(), confs: Vec::new() }
    }

    /// Returns the id of the entry before the first link.
    #[must_use]
    pub(crate) const fn base(&self) -> LogId {
        self.base
    }

    /// Returns the id of the last entry. Returns the base if the chain has no links.
    #[must_use]
    pub(crate) fn last(&self) -> LogId {
        match self.links.back() {
            Some(link) => LogId::new(link.term, self.base.index.plus(self.links.len() as u64)),
            None => self.base,
        }
    }

    /// True if the chain has no links.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Returns the link at an index. The base counts as a link. Returns `None` if the index is outside the
    /// chain.
    #[must_use]
    pub(crate) fn link(&self, index: Index) -> Option<ChainLink> {
        if index == self.base.index {
            return Some(ChainLink { term: self.base.term, prefix: self.base_prefix });
        }
        let above = index.0.checked_sub(self.base.index.0 + 1)?;
        self.links.get(usize::try_from(above).ok()?).copied()
    }

    /// True if the chain has an entry with this index and term.
    #[must_use]
    pub(crate) fn has(&self, id: LogId) -> bool {
        self.link(id.index).is_some_and(|link| link.term == id.term)
    }

    /// Returns the latest configuration. Returns `None` if the chain knows no configuration.
    #[must_use]
    pub(crate) fn conf(&self) -> Option<IndexedConf> {
        self.confs.last().copied().or(self.base_conf)
    }

    /// Returns the latest configuration before an index. Returns `None` if the chain knows no such
    /// configuration.
    #[must_use]
    pub(crate) fn conf_before(&self, index: Index) -> Option<IndexedConf> {
        let above = self.confs.iter().rev().find(|placed| placed.index < index);
        above.copied().or_else(|| self.base_conf.filter(|placed| placed.index < index))
    }

    /// Adds an entry at the end and returns the link of the entry. Adds nothing and returns `None` if the
    /// index of the entry does not follow the last index.
    pub(crate) fn push(&mut self, entry: &Entry) -> Option<ChainLink> {
        let last = self.last().index;
        if entry.id.index != last.next() {
            return None;
        }
        let before = self.links.back().map_or(self.base_prefix, |link| link.prefix);
        let link = ChainLink { term: entry.id.term, prefix: hash::prefix(before, entry) };
        self.links.push_back(link);
        if let Payload::Configuration(configuration) = &entry.payload {
            self.confs.push(IndexedConf { index: entry.id.index, conf: Conf::of(configuration) });
        }
        Some(link)
    }

    /// Adds an entry like [`Self::push`]. If `other` has the same entry after the same prefix, and the entry
    /// is not a configuration, the method copies the link from `other` and does not hash the entry again.
    /// Returns `None` in the same case as [`Self::push`].
    pub(crate) fn push_as_in(&mut self, entry: &Entry, other: &Self) -> Option<ChainLink> {
        let same = match (other.link(entry.id.index), other.link(entry.id.index.back())) {
            (Some(link), Some(before)) if link.term == entry.id.term => {
                let mine = self.links.back().map_or(self.base_prefix, |link| link.prefix);
                (before.prefix == mine).then_some(link)
            }
            _ => None,
        };
        let Some(link) = same.filter(|_| !matches!(entry.payload, Payload::Configuration(_))) else {
            return self.push(entry);
        };
        if entry.id.index != self.last().index.next() {
            return None;
        }
        self.links.push_back(link);
        Some(link)
    }

    /// Removes the entry at an index and all entries after this entry. Calls `gone` with the index and the
    /// link of each removed entry, the last entry first.
    pub(crate) fn cut(&mut self, first: Index, mut gone: impl FnMut(Index, ChainLink)) {
        while first <= self.last().index {
            let index = self.last().index;
            match self.links.pop_back() {
                Some(link) => gone(index, link),
                None => break,
            }
        }
        self.confs.retain(|placed| placed.index < first);
    }

    /// Removes all entries up to an index. The entry at this index becomes the base. Does nothing if the
    /// index is outside the chain.
    pub(crate) fn compact(&mut self, index: Index) {
        let Some(link) = self.link(index) else { return };
        let count = index.since(self.base.index);
        self.links.drain(..usize::try_from(count).expect("a log fits into memory"));
        (self.base, self.base_prefix) = (LogId::new(link.term, index), link.prefix);
        let below = self.confs.partition_point(|placed| placed.index <= index);
        if let Some(placed) = self.confs.drain(..below).next_back() {
            self.base_conf = Some(placed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use wavetank_raft::{Configuration, Member};

    fn command(term: u64, index: u64) -> Entry {
        Entry::new(Term(term), Index(index), Payload::Command([1, 2, 3].as_slice().into()))
    }

    fn configuration(term: u64, index: u64, voters: &[&str]) -> Entry {
        let members = voters.iter().map(|&id| Member::voter(id, id)).collect();
        let configuration = Configuration::new(members).expect("a sound configuration");
        Entry::new(Term(term), Index(index), Payload::Configuration(Arc::new(configuration)))
    }

    fn sample() -> Chain {
        let mut chain = Chain::default();
        chain.push(&configuration(1, 1, &["n1"]));
        chain.push(&command(1, 2));
        chain.push(&configuration(2, 3, &["n1", "n2"]));
        chain.push(&command(2, 4));
        chain
    }

    #[test]
    fn a_cut_gives_the_older_configuration_back() {
        let mut chain = sample();
        let mut gone = Vec::new();
        chain.cut(Index(3), |index, link| gone.push((index, link.term)));

        assert_eq!(gone, [(Index(4), Term(2)), (Index(3), Term(2))]);
        assert_eq!(chain.last(), LogId::new(Term(1), Index(2)));
        assert_eq!(chain.conf().map(|placed| placed.index), Some(Index(1)));
    }

    #[test]
    fn compaction_changes_no_digest_and_no_configuration() {
        let (whole, mut chain) = (sample(), sample());
        chain.compact(Index(3));

        assert_eq!(chain.base(), LogId::new(Term(2), Index(3)));
        assert_eq!(chain.link(Index(4)), whole.link(Index(4)));
        assert_eq!(chain.link(Index(3)), whole.link(Index(3)));
        assert_eq!(chain.link(Index(2)), None);
        assert_eq!(chain.conf(), whole.conf());
        assert_eq!(chain.conf_before(Index(3)), None, "the configuration was compacted with the entries");
    }

    #[test]
    fn a_copied_digest_equals_the_computed_one() {
        let whole = sample();
        let mut borrowed = Chain::default();
        for entry in [configuration(1, 1, &["n1"]), command(1, 2), configuration(2, 3, &["n1", "n2"])] {
            borrowed.push_as_in(&entry, &whole);
        }
        assert_eq!(borrowed.link(Index(3)), whole.link(Index(3)));
        let elsewhere = command(3, 4);
        assert_ne!(borrowed.push_as_in(&elsewhere, &whole), whole.link(Index(4)));
    }

    #[test]
    fn an_entry_after_a_hole_is_rejected() {
        let mut chain = sample();
        assert_eq!(chain.push(&command(2, 6)), None);
        assert_eq!(chain.push(&command(2, 4)), None);
        assert_eq!(chain.last().index, Index(4));
    }
}
