//! No two servers commit different entries at the same index.

use crate::explore::history_vars::CommitRecord;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::LogId;

pub(crate) fn breach(committed: &[CommitRecord], now: &[LogId], idx: ServerIdx) -> Option<String> {
    let known = |id: &LogId| committed.iter().find(|other| other.id.index == id.index);
    let other =
        now.iter().find_map(|id| known(id).filter(|known| known.id != *id).map(|known| (id, known)))?;
    let (id, CommitRecord { id: before, .. }) = other;
    Some(format!("{idx} committed {id}, but {before} was committed at the same index"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N2, committed, expect_rows, id};

    #[test]
    fn an_index_has_one_committed_entry() {
        let before = [committed(1, 1, 1), committed(2, 2, 2)];
        let other = "n2 committed t3.i2, but t2.i2 was committed at the same index";
        expect_rows(&[
            ("the same", breach(&before, &[id(1, 1), id(2, 2)], N2), None),
            ("an entry that no server has committed yet", breach(&before, &[id(2, 2), id(3, 3)], N2), None),
            ("another", breach(&before, &[id(3, 2)], N2), Some(other)),
        ]);
    }
}
