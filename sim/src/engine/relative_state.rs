//! The state of a cluster, relative to its newest term and its last index. If two moments of a run have equal
//! relative states, the search for a shorter schedule tries to leave out the interval between them.

use crate::observe::digest::Digest;
use crate::plan::server_set::ServerIdx;
use crate::subject::View;
use std::collections::BTreeMap;
use wavetank_raft::{Index, NodeId, Term};

/// The views of the running servers of a cluster.
#[derive(Debug, Default)]
pub(crate) struct RelativeState {
    running: BTreeMap<ServerIdx, View>,
}

impl RelativeState {
    /// Records the view of a server after a step. `None` records that the server is down.
    pub(crate) fn show(&mut self, idx: ServerIdx, view: Option<View>) {
        match view {
            Some(view) => self.running.insert(idx, view),
            None => self.running.remove(&idx),
        };
    }

    /// Returns a hash of the running servers with their roles, votes and leaders, of the difference between
    /// each term and the newest term, and of the difference between each index and the last index. Snapshots,
    /// messages in flight and times do not count.
    pub(crate) fn hash(&self) -> u64 {
        let views = || self.running.values();
        let newest = views().filter_map(|view| view.term).max().unwrap_or_default();
        let last = views().filter_map(|view| Some(view.last?.index)).max().unwrap_or_default();
        let older = |term: Option<Term>| term.map_or(u64::MAX, |term| newest.0.wrapping_sub(term.0));
        let before = |index: Option<Index>| index.map_or(u64::MAX, |index| last.0.wrapping_sub(index.0));
        let who = |node: Option<Option<NodeId>>| node.flatten().map_or(u64::MAX, |node| node.0);
        let mut digest = Digest::default();
        for (idx, view) in &self.running {
            digest.take(u64::from(idx.0) | view.role.map_or(0xff, |role| role as u64) << 8);
            digest.take(older(view.term));
            digest.take(who(view.vote));
            digest.take(who(view.leader));
            digest.take(older(view.last.map(|last| last.term)));
            digest.take(before(view.last.map(|last| last.index)));
            digest.take(before(view.commit));
            digest.take(before(view.applied));
        }
        digest.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::LogId;

    #[test]
    fn terms_and_indexes_that_move_together_give_the_same_state() {
        let state = |term: u64, last: u64, commit: u64| {
            let view = |commit| View {
                term: Some(Term(term)),
                last: Some(LogId { term: Term(term), index: Index(last) }),
                commit: Some(Index(commit)),
                ..View::NOTHING
            };
            let mut state = RelativeState::default();
            state.show(ServerIdx(0), Some(view(last)));
            state.show(ServerIdx(1), Some(view(commit)));
            state
        };
        assert_eq!(state(3, 10, 8).hash(), state(5, 25, 23).hash());
        assert_ne!(state(3, 10, 8).hash(), state(3, 10, 9).hash());
        let mut down = state(3, 10, 8);
        down.show(ServerIdx(1), None);
        assert_ne!(down.hash(), state(3, 10, 8).hash());
        down.show(ServerIdx(1), state(3, 10, 8).running.remove(&ServerIdx(1)));
        assert_eq!(down.hash(), state(3, 10, 8).hash());
    }
}
