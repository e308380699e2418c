//! What is true of each log position, whoever says so first: H, C and Σ of the catalogue of
//! invariants. The core's opinion of itself never enters.

use crate::ledger::chain::{Chain, Link};
use crate::ledger::conf::Placed;
use crate::ledger::hash;
use crate::slot::Slot;
use std::collections::{BTreeMap, VecDeque};
use wavetank_raft::{Index, LogId, Term};

/// The first who had a certain entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The entry's term and the digest of the log up to it.
    pub link: Link,
    /// Who.
    pub by: Slot,
}

/// A committed entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The entry's term and the digest of the log up to it.
    pub link: Link,
    /// The term of the server that declared it first.
    pub term: Term,
    /// That server.
    pub by: Slot,
}

/// A state machine's digest after an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// The digest.
    pub digest: u64,
    /// Who reported it first.
    pub by: Slot,
}

/// What is known of one position.
#[derive(Clone, Debug, Default)]
struct Row {
    first: Option<Head>,
    more: Vec<Head>,
    committed: Option<Committed>,
    state: Option<State>,
}

/// A position that a snapshot stands on, kept when the rows around it are gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pillar {
    /// The entry's term and the digest of the log up to it.
    pub link: Link,
    /// The digest of the state there.
    pub state: Option<u64>,
}

/// The history of the log.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The index of the first row.
    first: Index,
    rows: VecDeque<Row>,
    /// Up to where entries are known to be committed.
    committed: Index,
    /// For each term in which something was declared committed, the last such index.
    declared: Vec<(Term, Index)>,
    /// The committed configurations.
    confs: Vec<Placed>,
    pillars: BTreeMap<Index, Pillar>,
}

impl History {
    fn row(&self, index: Index) -> Option<&Row> {
        let at = index.0.checked_sub(self.first.0)?;
        self.rows.get(usize::try_from(at).ok()?)
    }

    /// The row of an index, made if it is above those that are there; `None` if it was pruned.
    fn row_mut(&mut self, index: Index) -> Option<&mut Row> {
        let at = usize::try_from(index.0.checked_sub(self.first.0)?).ok()?;
        while self.rows.len() <= at {
            self.rows.push_back(Row::default());
        }
        self.rows.get_mut(at)
    }

    /// Notes that a server has an entry, and says who had another one of the same name before
    /// (the Log Matching Property broken).
    pub fn hold(&mut self, by: Slot, index: Index, link: Link) -> Option<Head> {
        let row = self.row_mut(index)?;
        let Some(first) = row.first else {
            row.first = Some(Head { link, by });
            return None;
        };
        if first.link.term == link.term {
            return (first.link != link).then_some(first);
        }
        match row.more.iter().find(|head| head.link.term == link.term) {
            Some(head) => (head.link != link).then_some(*head),
            None => {
                row.more.push(Head { link, by });
                None
            }
        }
    }

    /// The greatest index that any server declared committed.
    #[must_use]
    pub const fn committed(&self) -> Index {
        self.committed
    }

    /// The committed entry at an index, if its row is still there.
    #[must_use]
    pub fn at(&self, index: Index) -> Option<Committed> {
        self.row(index)?.committed
    }

    /// What stood at a committed index, rows gone or not.
    #[must_use]
    pub fn link(&self, index: Index) -> Option<Link> {
        let pillar = || self.pillars.get(&index).map(|pillar| pillar.link);
        self.at(index).map(|committed| committed.link).or_else(pillar)
    }

    /// The chain that a snapshot stands for: nothing above its last entry.
    #[must_use]
    pub fn chain_at(&self, last: LogId) -> Chain {
        let known = self.link(last.index).filter(|link| link.term == last.term);
        let prefix = known.map_or_else(|| hash::position(last), |link| link.prefix);
        Chain::above(last, if last == LogId::ZERO { hash::EMPTY } else { prefix }, self.conf_at(last.index))
    }

    /// The committed configuration in force at an index.
    #[must_use]
    pub fn conf_at(&self, index: Index) -> Option<Placed> {
        self.confs.iter().rev().find(|placed| placed.index <= index).copied()
    }

    /// The greatest index that was declared committed in a term before this one.
    #[must_use]
    pub fn committed_before(&self, term: Term) -> Index {
        let before = self.declared.iter().rev().find(|(declared, _)| *declared < term);
        before.map_or(Index::ZERO, |(_, index)| *index)
    }

    /// Notes that a server of this term declares its log committed up to an index. What was
    /// declared before is compared; the first difference comes back.
    pub fn commit(&mut self, by: Slot, term: Term, log: &Chain, upto: Index) -> Option<(Index, Committed)> {
        let known = self.committed.min(upto);
        if let (Some(before), Some(link)) = (self.at(known), log.link(known))
            && before.link != link
        {
            return Some((self.first_difference(log, known), before));
        }
        if self.committed < upto {
            self.declare(by, term, log, upto);
        }
        None
    }

    fn declare(&mut self, by: Slot, term: Term, log: &Chain, upto: Index) {
        let mut index = self.committed.next();
        while index <= upto {
            if let Some(link) = log.link(index)
                && let Some(row) = self.row_mut(index)
            {
                row.committed = Some(Committed { link, term, by });
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
            Some(_) | None => self.declared.push((term, upto)),
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

    /// The first index at which a log is not what was committed, at or below one where it is not.
    fn first_difference(&self, log: &Chain, from: Index) -> Index {
        let mut index = from;
        while let (Some(committed), Some(link)) = (self.at(index.back()), log.link(index.back())) {
            if committed.link == link {
                break;
            }
            index = index.back();
        }
        index
    }

    /// Notes the digest of a state machine after an entry, and says who reported another one.
    pub fn state(&mut self, by: Slot, index: Index, digest: u64) -> Option<State> {
        if let Some(state) = self.pillars.get(&index).and_then(|pillar| pillar.state) {
            return (state != digest).then_some(State { digest: state, by });
        }
        let row = self.row_mut(index)?;
        match row.state {
            Some(state) => (state.digest != digest).then_some(state),
            None => {
                row.state = Some(State { digest, by });
                None
            }
        }
    }

    /// The digest of the state at an index, if anybody reported it.
    #[must_use]
    pub fn state_at(&self, index: Index) -> Option<u64> {
        let pillar = || self.pillars.get(&index).and_then(|pillar| pillar.state);
        self.row(index).and_then(|row| row.state).map(|state| state.digest).or_else(pillar)
    }

    /// Keeps a position for as long as the run lasts: a snapshot stands on it.
    pub fn pillar(&mut self, index: Index) {
        if let Some(link) = self.link(index) {
            let state = self.state_at(index);
            self.pillars.insert(index, Pillar { link, state });
        }
    }

    /// How many positions are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no position is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Forgets everything below an index.
    pub fn prune(&mut self, below: Index) {
        let count = below.since(self.first).min(self.rows.len() as u64);
        self.rows.drain(..usize::try_from(count).expect("a log fits into memory"));
        self.first = self.first.plus(count);
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
