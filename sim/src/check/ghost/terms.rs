//! The votes and the leader of each term.

use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::Term;

#[derive(Clone, Debug)]
struct TermRow {
    term: Term,
    votes: [Option<ServerIdx>; ServerIdx::MAX_SERVERS],
    leader: Option<ServerIdx>,
}

/// All votes and leaders of a run. A crash removes no vote and no leader. If a server was removed from the
/// cluster and got a new disk, the votes of this server are removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// The terms, in ascending order. Nearly all searches concern the last terms, so every search begins at
    /// the end.
    rows: Vec<TermRow>,
    /// The newest term in which a server was a candidate or a leader.
    begun: Term,
}

impl Terms {
    fn row(&self, term: Term) -> Option<&TermRow> {
        self.rows.iter().rev().take_while(|row| term <= row.term).find(|row| row.term == term)
    }

    fn row_mut(&mut self, term: Term) -> &mut TermRow {
        let newer = self.rows.iter().rev().take_while(|row| term < row.term).count();
        let at = self.rows.len() - newer;
        if at == 0 || self.rows[at - 1].term != term {
            self.rows.insert(at, TermRow { term, votes: [None; ServerIdx::MAX_SERVERS], leader: None });
            return &mut self.rows[at];
        }
        &mut self.rows[at - 1]
    }

    /// Records a vote. Only the first vote of a server in a term is kept.
    pub(crate) fn vote(&mut self, voter: ServerIdx, term: Term, candidate: ServerIdx) {
        self.row_mut(term).votes[voter.at()].get_or_insert(candidate);
    }

    /// Removes the votes of a server that was removed from the cluster and has a new disk. With the new disk,
    /// the server counts as another server.
    pub(crate) fn forget_votes_of(&mut self, voter: ServerIdx) {
        self.rows.iter_mut().for_each(|row| row.votes[voter.at()] = None);
    }

    /// Records a leader. Only the first leader of a term is kept.
    pub(crate) fn lead(&mut self, term: Term, leader: ServerIdx) {
        self.row_mut(term).leader.get_or_insert(leader);
    }

    /// Records that a server is a candidate or a leader in a term.
    pub(crate) fn begin(&mut self, term: Term) {
        self.begun = self.begun.max(term);
    }

    /// Returns the newest term in which a server was a candidate or a leader. Returns term 0 if no server was
    /// a candidate or a leader.
    #[must_use]
    pub(crate) fn begun(&self) -> Term {
        self.begun
    }

    /// Returns the candidate that got the vote of a server in a term. Returns `None` if the server did not
    /// vote.
    #[must_use]
    pub(crate) fn vote_of(&self, voter: ServerIdx, term: Term) -> Option<ServerIdx> {
        self.row(term)?.votes[voter.at()]
    }

    /// Returns the servers that voted for a candidate in a term.
    #[must_use]
    pub(crate) fn votes_for(&self, candidate: ServerIdx, term: Term) -> ServerSet {
        let Some(row) = self.row(term) else { return ServerSet::NONE };
        let voted = row.votes.iter().zip(0_u8..).filter(|(vote, _)| **vote == Some(candidate));
        voted.map(|(_, voter)| ServerIdx(voter)).collect()
    }

    /// Returns the number of candidates that got votes in a term.
    #[must_use]
    pub(crate) fn candidates(&self, term: Term) -> usize {
        let Some(row) = self.row(term) else { return 0 };
        row.votes.iter().flatten().copied().collect::<ServerSet>().len()
    }

    /// Returns the leader of a term. Returns `None` if the term had no leader.
    #[must_use]
    pub(crate) fn leader(&self, term: Term) -> Option<ServerIdx> {
        self.row(term)?.leader
    }

    /// Returns the newest term that had a leader, and the leader of this term. Returns `None` if no term had
    /// a leader.
    #[must_use]
    pub(crate) fn newest_led(&self) -> Option<(Term, ServerIdx)> {
        self.rows.iter().rev().find_map(|row| Some((row.term, row.leader?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_vote_and_the_first_leader_stand() {
        let (n1, n2, n3) = (ServerIdx(0), ServerIdx(1), ServerIdx(2));
        let mut terms = Terms::default();
        for (term, candidate) in [(4, n1), (2, n2), (4, n2)] {
            terms.vote(n3, Term(term), candidate);
        }
        assert_eq!(terms.vote_of(n3, Term(4)), Some(n1));
        assert_eq!(terms.vote_of(n3, Term(2)), Some(n2), "an older term has its own vote");
        assert_eq!(terms.votes_for(n1, Term(4)), ServerSet::only(n3));

        terms.lead(Term(4), n1);
        terms.lead(Term(4), n3);
        assert_eq!(terms.newest_led(), Some((Term(4), n1)));
        assert_eq!(terms.leader(Term(3)), None);
    }
}
