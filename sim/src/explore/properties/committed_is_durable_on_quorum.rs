//! What a leader commits is on the disks of a quorum of its voters.

use crate::explore::server_state::Local;
use crate::plan::server_set::Slot;
use wavetank_raft::{LogId, Voters};

/// `servers` are all of them, by their places.
pub(crate) fn breach<'a>(
    leader: Slot,
    voters: &Voters,
    newest: LogId,
    server: impl Fn(Slot) -> &'a Local,
) -> Option<String> {
    let has = |node| Slot::of(node).is_some_and(|slot| server(slot).disk.holds(newest));
    (!voters.is_quorum(has)).then(|| format!("{leader} has committed {newest}, which no quorum has on disk"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{Cast, N1, N2, N3, id, says};

    /// What is said when `n1` commits what only these have on disk.
    fn on_disk_of(holders: &[Slot]) -> Option<String> {
        let mut cast = Cast::settled();
        for slot in [N1, N2, N3].into_iter().filter(|slot| !holders.contains(slot)) {
            cast.at_mut(slot).disk.log.truncate(1);
        }
        breach(N1, cast.at(N1).node.voters(), id(2, 2), |slot| cast.at(slot))
    }

    #[test]
    fn a_quorum_has_what_is_committed() {
        let none = Some("n1 has committed t2.i2, which no quorum has on disk");
        says(&[
            ("all", on_disk_of(&[N1, N2, N3]), None),
            ("two of three", on_disk_of(&[N1, N3]), None),
            ("two without the leader", on_disk_of(&[N2, N3]), None),
            ("the leader alone", on_disk_of(&[N1]), none),
            ("nobody", on_disk_of(&[]), none),
        ]);
    }
}
