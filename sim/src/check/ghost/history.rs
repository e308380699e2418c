//! The history of each log index: the entries that servers had, the committed entry, and the state of the
//! state machine. The history also names the first server that had each entry, the first server that
//! committed an entry at the index, and the first server that reported the state.

use super::{Chain, ChainLink, IndexedConf, hash};
use crate::plan::server_set::ServerIdx;
use std::collections::{BTreeMap, VecDeque};
use wavetank_raft::{Index, LogId, Term};

/// An entry, and the first server that had this entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FirstHolder {
    pub(crate) link: ChainLink,
    pub(crate) by: ServerIdx,
}

/// A committed entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommitRecord {
    pub(crate) link: ChainLink,
    /// The term in which the entry was committed first.
    pub(crate) term: Term,
    /// The server that committed the entry first.
    pub(crate) by: ServerIdx,
}

/// The digest of a state machine's state after an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReportedState {
    pub(crate) digest: u64,
    /// The server that reported this digest first.
    pub(crate) by: ServerIdx,
}

/// The history of one index.
#[derive(Clone, Debug, Default)]
struct HistoryRow {
    first: Option<FirstHolder>,
    more: Vec<FirstHolder>,
    committed: Option<CommitRecord>,
    state: Option<ReportedState>,
}

impl HistoryRow {
    fn first_holder(&self, term: Term) -> Option<FirstHolder> {
        self.first.iter().chain(&self.more).find(|first_holder| first_holder.link.term == term).copied()
    }
}

/// The last entry of a snapshot. This record stays after the row of the entry is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PinnedPosition {
    pub(crate) link: ChainLink,
    /// The first state that was reported after this entry. `None` if no state was reported.
    pub(crate) state: Option<ReportedState>,
}

/// For each index of the log, the entries that servers held and committed at this index.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitHistory {
    /// The index of the first row.
    first: Index,
    rows: VecDeque<HistoryRow>,
    /// The greatest index that any server committed.
    committed: Index,
    /// The terms in which entries were committed, and the greatest index that was committed in each term.
    declared: Vec<(Term, Index)>,
    /// The committed configurations.
    confs: Vec<IndexedConf>,
    pinned: BTreeMap<Index, PinnedPosition>,
}

impl CommitHistory {
    fn row(&self, index: Index) -> Option<&HistoryRow> {
        let at = index.0.checked_sub(self.first.0)?;
        self.rows.get(usize::try_from(at).ok()?)
    }

    /// Returns the row of an index. If the index is above the last row, creates all rows up to the index.
    /// Returns `None` if the row was pruned.
    fn row_mut(&mut self, index: Index) -> Option<&mut HistoryRow> {
        let at = usize::try_from(index.0.checked_sub(self.first.0)?).ok()?;
        while self.rows.len() <= at {
            self.rows.push_back(HistoryRow::default());
        }
        self.rows.get_mut(at)
    }

    /// Records that a server has an entry. For each index and term, only the first server is kept.
    pub(crate) fn hold(&mut self, by: ServerIdx, index: Index, link: ChainLink) {
        let Some(row) = self.row_mut(index) else { return };
        if row.first.is_none() {
            row.first = Some(FirstHolder { link, by });
        } else if row.first_holder(link.term).is_none() {
            row.more.push(FirstHolder { link, by });
        }
    }

    /// Returns the first recorded entry with this index and term, and the first server that had this entry.
    /// Returns `None` if no such entry is recorded, or if the row was pruned.
    #[must_use]
    pub(crate) fn first_holder(&self, index: Index, term: Term) -> Option<FirstHolder> {
        self.row(index)?.first_holder(term)
    }

    /// Returns the greatest index that any server committed.
    #[must_use]
    pub(crate) const fn committed(&self) -> Index {
        self.committed
    }

    /// Returns the committed entry at an index. Returns `None` if no entry at the index is committed, or if
    /// the row was pruned.
    #[must_use]
    pub(crate) fn at(&self, index: Index) -> Option<CommitRecord> {
        self.row(index)?.committed
    }

    /// Returns the committed entry at an index. If a snapshot ends at the index, the entry is known even when
    /// the row of the entry was pruned. Returns `None` if the entry is not known.
    #[must_use]
    pub(crate) fn link(&self, index: Index) -> Option<ChainLink> {
        let pin = || self.pinned.get(&index).map(|pin| pin.link);
        self.at(index).map(|committed| committed.link).or_else(pin)
    }

    /// Returns a chain without links. The base of the chain is the last entry of a snapshot.
    #[must_use]
    pub(crate) fn chain_at(&self, last: LogId) -> Chain {
        let known = self.link(last.index).filter(|link| link.term == last.term);
        let prefix = known.map_or_else(|| hash::position(last), |link| link.prefix);
        Chain::above(last, if last == LogId::ZERO { hash::EMPTY } else { prefix }, self.conf_at(last.index))
    }

    /// Returns the latest committed configuration up to and including an index. Returns `None` if there is no
    /// such configuration.
    #[must_use]
    pub(crate) fn conf_at(&self, index: Index) -> Option<IndexedConf> {
        self.confs.iter().rev().find(|placed| placed.index <= index).copied()
    }

    /// Returns the greatest index that was committed in a term before this term. Returns zero if there is no
    /// such index.
    #[must_use]
    pub(crate) fn committed_before(&self, term: Term) -> Index {
        let before = self.declared.iter().rev().find(|(declared, _)| *declared < term);
        before.map_or(Index::ZERO, |(_, index)| *index)
    }

    /// Records that a server in this term commits its log up to an index. Records nothing if the index is
    /// already committed, or if the log differs from the entries that were committed before.
    pub(crate) fn commit(&mut self, by: ServerIdx, term: Term, log: &Chain, upto: Index) {
        if self.committed < upto && self.first_difference(log, upto).is_none() {
            self.declare(by, term, log, upto);
        }
    }

    fn declare(&mut self, by: ServerIdx, term: Term, log: &Chain, upto: Index) {
        let mut index = self.committed.next();
        while index <= upto {
            if let Some(link) = log.link(index)
                && let Some(row) = self.row_mut(index)
            {
                row.committed = Some(CommitRecord { link, term, by });
            }
            index = index.next();
        }
        if let Some(conf) = log.conf_before(upto.next())
            && self.confs.last().is_none_or(|last| last.index < conf.index)
        {
            self.note_confs(log, upto);
        }
        self.committed = upto;
        match self.declared.last_mut() {
            Some((last, index)) if *last == term => *index = upto,
            _ => self.declared.push((term, upto)),
        }
    }

    /// Records the configurations in the log up to an index. Ignores configurations that are already
    /// recorded.
    fn note_confs(&mut self, log: &Chain, upto: Index) {
        let known = self.confs.last().map_or(Index::ZERO, |last| last.index);
        let mut found = Vec::new();
        let mut below = upto.next();
        while let Some(placed) = log.conf_before(below).filter(|placed| known < placed.index) {
            below = placed.index;
            found.push(placed);
        }
        self.confs.extend(found.into_iter().rev());
    }

    /// Returns the first index up to `upto` at which a log differs from the committed entries. Also returns
    /// the last committed entry up to `upto`, because the log differs from this entry, too. Returns `None` if
    /// the log does not differ.
    // A link holds the digest of the whole log up to the link. If two links are equal, all links before are
    // equal.
    #[must_use]
    pub(crate) fn first_difference(&self, log: &Chain, upto: Index) -> Option<(Index, CommitRecord)> {
        let mut index = self.committed.min(upto);
        let differs =
            |index| self.at(index).filter(|there| log.link(index).is_some_and(|link| link != there.link));
        let last = differs(index)?;
        while differs(index.back()).is_some() {
            index = index.back();
        }
        Some((index, last))
    }

    /// Records the digest of a state machine's state after the entry at an index. For each index, only the
    /// first digest is kept.
    pub(crate) fn note_state(&mut self, by: ServerIdx, index: Index, digest: u64) {
        if let Some(row) = self.row_mut(index) {
            row.state.get_or_insert(ReportedState { digest, by });
        }
    }

    /// Returns the first state that was reported after the entry at an index. Returns `None` if no state is
    /// recorded.
    #[must_use]
    pub(crate) fn state_at(&self, index: Index) -> Option<ReportedState> {
        let pin = || self.pinned.get(&index).and_then(|pin| pin.state);
        self.row(index).and_then(|row| row.state).or_else(pin)
    }

    /// Keeps the entry and the state at an index until the end of the run, because a snapshot ends at this
    /// index.
    pub(crate) fn pin(&mut self, index: Index) {
        if let Some(link) = self.link(index) {
            let state = self.state_at(index);
            self.pinned.insert(index, PinnedPosition { link, state });
        }
    }

    /// Returns the number of indexes that are kept.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Removes all rows below an index.
    pub(crate) fn prune(&mut self, below: Index) {
        let count = below.since(self.first).min(self.rows.len() as u64);
        self.rows.drain(..usize::try_from(count).expect("a log fits into memory"));
        self.first = self.first.plus(count);
    }
}

#[cfg(test)]
mod tests;
