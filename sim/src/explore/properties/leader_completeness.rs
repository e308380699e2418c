//! The log of a new leader contains every entry that was committed in earlier terms.

use crate::explore::history_vars::CommitRecord;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Log, Term};

pub(crate) fn breach(committed: &[CommitRecord], log: &Log, leader: ServerIdx, term: Term) -> Option<String> {
    let missing = committed.iter().find(|entry| entry.during < term && !log.contains(entry.id))?;
    let CommitRecord { id, during } = missing;
    Some(format!("{leader} leads {term} without {id}, which was committed in {during}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, ScriptedCluster, committed, expect_rows};

    #[test]
    fn a_leader_has_what_was_committed_before_its_term() {
        let scripted_cluster = ScriptedCluster::led();
        let leads =
            |past: &[CommitRecord], term| breach(past, scripted_cluster.at(N1).node.log(), N1, Term(term));
        let lacks = "n1 leads t3 without t2.i3, which was committed in t2";
        expect_rows(&[
            ("nothing was committed", leads(&[], 3), None),
            ("it has every such entry", leads(&[committed(1, 1, 1), committed(2, 2, 2)], 3), None),
            ("the commit was in its own term", leads(&[committed(2, 3, 3)], 3), None),
            ("it lacks such an entry", leads(&[committed(1, 1, 1), committed(2, 3, 2)], 3), Some(lacks)),
        ]);
    }
}
