//! History variables: the leader of each term and the committed entries. The properties need these facts, but
//! no server remembers these facts.

use super::fingerprint::{self, Permutation};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{LogId, Term};

/// An entry that some server considered committed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CommitRecord {
    /// The id of the entry.
    pub id: LogId,
    /// The term in which a server considered the entry committed for the first time.
    pub during: Term,
}

/// The history of a cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct HistoryVars {
    leaders: Vec<(Term, ServerIdx)>,
    committed: Vec<CommitRecord>,
}

impl HistoryVars {
    /// Returns the first leader of this term, or `None` if the term had no leader.
    #[must_use]
    pub fn leader(&self, term: Term) -> Option<ServerIdx> {
        self.leaders.iter().find(|(led, _)| *led == term).map(|(_, leader)| *leader)
    }

    /// Returns the committed entries, in log order.
    #[must_use]
    pub fn committed(&self) -> &[CommitRecord] {
        &self.committed
    }

    /// Records that `leader` has become leader of a term. If the term had a leader before, the first leader
    /// stays recorded.
    pub fn led(&mut self, term: Term, leader: ServerIdx) {
        if self.leader(term).is_none() {
            self.leaders.push((term, leader));
            self.leaders.sort_unstable();
        }
    }

    /// Records that a server in the term `during` considers entries committed. `ids` are the ids of these
    /// consecutive entries.
    pub fn commit(&mut self, ids: &[LogId], during: Term) {
        let known = self.committed.last().map_or(0, |last| last.id.index.0);
        let new = ids.iter().filter(|id| known < id.index.0);
        self.committed.extend(new.map(|&id| CommitRecord { id, during }));
    }

    /// Hashes the history into 64 bits. `permutation` renumbers the servers.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let leaders =
            self.leaders.iter().map(|(term, idx)| fingerprint::hash_all(&[term.0, permutation.of(*idx)]));
        let entries =
            self.committed.iter().flat_map(|CommitRecord { id, during }| [id.term.0, id.index.0, during.0]);
        fingerprint::hash_all(&leaders.chain(entries).collect::<Vec<_>>())
    }
}
