//! What is true of each log position, by the first server that showed it: H, C and Σ of the catalogue
//! of invariants.

use super::{Chain, ChainLink, IndexedConf, hash};
use crate::plan::server_set::ServerIdx;
use std::collections::{BTreeMap, VecDeque};
use wavetank_raft::{Index, LogId, Term};

/// An entry, and the first server that had it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FirstHolder {
    pub(crate) link: ChainLink,
    pub(crate) by: ServerIdx,
}

/// A committed entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommitRecord {
    pub(crate) link: ChainLink,
    /// The term of the server that declared it first.
    pub(crate) term: Term,
    /// The server that declared it first.
    pub(crate) by: ServerIdx,
}

/// A state machine's digest after an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ReportedState {
    pub(crate) digest: u64,
    /// The server that reported it first.
    pub(crate) by: ServerIdx,
}

/// What is known of one position.
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

/// The position of a snapshot's last entry, kept after the rows around it are removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PinnedPosition {
    pub(crate) link: ChainLink,
    /// The first state that was reported there.
    pub(crate) state: Option<ReportedState>,
}

/// The history of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitHistory {
    /// The index of the first row.
    first: Index,
    rows: VecDeque<HistoryRow>,
    /// Up to where entries are known to be committed.
    committed: Index,
    /// For each term in which something was declared committed, the last such index.
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

    /// The row of an index, made if it is above those that are there; `None` if it was pruned.
    fn row_mut(&mut self, index: Index) -> Option<&mut HistoryRow> {
        let at = usize::try_from(index.0.checked_sub(self.first.0)?).ok()?;
        while self.rows.len() <= at {
            self.rows.push_back(HistoryRow::default());
        }
        self.rows.get_mut(at)
    }

    /// Notes that a server has an entry. For each index and term, the first log is kept.
    pub(crate) fn hold(&mut self, by: ServerIdx, index: Index, link: ChainLink) {
        let Some(row) = self.row_mut(index) else { return };
        if row.first.is_none() {
            row.first = Some(FirstHolder { link, by });
        } else if row.first_holder(link.term).is_none() {
            row.more.push(FirstHolder { link, by });
        }
    }

    /// The first log that had an entry of this index and term.
    #[must_use]
    pub(crate) fn first_holder(&self, index: Index, term: Term) -> Option<FirstHolder> {
        self.row(index)?.first_holder(term)
    }

    /// The greatest index that any server declared committed.
    #[must_use]
    pub(crate) const fn committed(&self) -> Index {
        self.committed
    }

    /// The committed entry at an index, if its row is still there.
    #[must_use]
    pub(crate) fn at(&self, index: Index) -> Option<CommitRecord> {
        self.row(index)?.committed
    }

    /// The committed entry at an index, from its row or from a snapshot's position.
    #[must_use]
    pub(crate) fn link(&self, index: Index) -> Option<ChainLink> {
        let pin = || self.pinned.get(&index).map(|pin| pin.link);
        self.at(index).map(|committed| committed.link).or_else(pin)
    }

    /// The chain that a snapshot replaces: it has no entry above the snapshot's last one.
    #[must_use]
    pub(crate) fn chain_at(&self, last: LogId) -> Chain {
        let known = self.link(last.index).filter(|link| link.term == last.term);
        let prefix = known.map_or_else(|| hash::position(last), |link| link.prefix);
        Chain::above(last, if last == LogId::ZERO { hash::EMPTY } else { prefix }, self.conf_at(last.index))
    }

    /// The committed configuration in force at an index.
    #[must_use]
    pub(crate) fn conf_at(&self, index: Index) -> Option<IndexedConf> {
        self.confs.iter().rev().find(|placed| placed.index <= index).copied()
    }

    /// The greatest index that was declared committed in a term before this one.
    #[must_use]
    pub(crate) fn committed_before(&self, term: Term) -> Index {
        let before = self.declared.iter().rev().find(|(declared, _)| *declared < term);
        before.map_or(Index::ZERO, |(_, index)| *index)
    }

    /// Notes that a server of this term declares its log committed up to an index. What was declared
    /// before stands, and a log that differs from it adds nothing.
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

    /// All configurations of the log above the last one known, up to an index.
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

    /// The first index, up to this one, at which a log is not what was declared committed. With it, the
    /// last entry that was declared and differs.
    // Links hold digests of the whole log up to them: where two are equal, all before are.
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

    /// Notes the digest of a state machine after an entry. The first one stands.
    pub(crate) fn note_state(&mut self, by: ServerIdx, index: Index, digest: u64) {
        if let Some(row) = self.row_mut(index) {
            row.state.get_or_insert(ReportedState { digest, by });
        }
    }

    /// The first state that was reported after an entry.
    #[must_use]
    pub(crate) fn state_at(&self, index: Index) -> Option<ReportedState> {
        let pin = || self.pinned.get(&index).and_then(|pin| pin.state);
        self.row(index).and_then(|row| row.state).or_else(pin)
    }

    /// Keeps a position until the end of the run, since a snapshot ends there.
    pub(crate) fn pin(&mut self, index: Index) {
        if let Some(link) = self.link(index) {
            let state = self.state_at(index);
            self.pinned.insert(index, PinnedPosition { link, state });
        }
    }

    /// How many positions are kept.
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
