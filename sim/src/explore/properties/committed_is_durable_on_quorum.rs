//! Every entry that a leader commits is durable on a quorum of the voters in the leader's configuration.

use crate::explore::server_state::ServerState;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{LogId, Voters};

/// Tests whether the entry `newest`, which the leader has committed, is durable on a quorum. `server` returns
/// the server with a given index. Returns the violation in words, or `None`.
pub(crate) fn breach<'a>(
    leader: ServerIdx,
    voters: &Voters,
    newest: LogId,
    server: impl Fn(ServerIdx) -> &'a ServerState,
) -> Option<String> {
    let has = |node| ServerIdx::of(node).is_some_and(|idx| server(idx).disk.holds(newest));
    (!voters.is_quorum(has)).then(|| format!("{leader} committed {newest}, which is not durable on a quorum"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, N3, ScriptedCluster, expect_rows, id};

    /// The breach when `n1` commits an entry that only these servers have on disk.
    fn on_disk_of(holders: &[ServerIdx]) -> Option<String> {
        let mut scripted_cluster = ScriptedCluster::settled();
        for idx in [N1, N2, N3].into_iter().filter(|idx| !holders.contains(idx)) {
            scripted_cluster.at_mut(idx).disk.log.truncate(1);
        }
        breach(N1, scripted_cluster.at(N1).node.voters(), id(2, 2), |idx| scripted_cluster.at(idx))
    }

    #[test]
    fn a_quorum_has_what_is_committed() {
        let none = Some("n1 committed t2.i2, which is not durable on a quorum");
        expect_rows(&[
            ("all", on_disk_of(&[N1, N2, N3]), None),
            ("two of three", on_disk_of(&[N1, N3]), None),
            ("two without the leader", on_disk_of(&[N2, N3]), None),
            ("the leader alone", on_disk_of(&[N1]), none),
            ("no server", on_disk_of(&[]), none),
        ]);
    }
}
