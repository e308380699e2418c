//! What must be remembered of the history of a cluster, because no server may remember it: who led which
//! term, and what was committed.

use super::fingerprint::{self, Permutation};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{LogId, Term};

/// An entry that a server has called committed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CommitRecord {
    /// Which.
    pub id: LogId,
    /// In whose term it was first called so.
    pub during: Term,
}

/// The history.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct HistoryVars {
    leaders: Vec<(Term, ServerIdx)>,
    committed: Vec<CommitRecord>,
}

impl HistoryVars {
    /// Who was the first to lead this term.
    #[must_use]
    pub fn leader(&self, term: Term) -> Option<ServerIdx> {
        self.leaders.iter().find(|(led, _)| *led == term).map(|(_, leader)| *leader)
    }

    /// What was committed, in the order of the log.
    #[must_use]
    pub fn committed(&self) -> &[CommitRecord] {
        &self.committed
    }

    /// Somebody has come to lead.
    pub fn led(&mut self, term: Term, leader: ServerIdx) {
        if self.leader(term).is_none() {
            self.leaders.push((term, leader));
            self.leaders.sort_unstable();
        }
    }

    /// A server of this term calls these committed, which follow each other.
    pub fn commit(&mut self, ids: &[LogId], during: Term) {
        let known = self.committed.last().map_or(0, |last| last.id.index.0);
        let new = ids.iter().filter(|id| known < id.index.0);
        self.committed.extend(new.map(|&id| CommitRecord { id, during }));
    }

    /// The history in 64 bits, when servers have changed places.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let leaders =
            self.leaders.iter().map(|(term, idx)| fingerprint::hash_words(&[term.0, permutation.of(*idx)]));
        let entries =
            self.committed.iter().flat_map(|CommitRecord { id, during }| [id.term.0, id.index.0, during.0]);
        fingerprint::hash_words(&leaders.chain(entries).collect::<Vec<_>>())
    }
}
